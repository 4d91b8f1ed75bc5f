//! What a test puts into the double before anything is asked.

use super::behaviour::Behaviour;
use super::world::World;
use super::{Double, shapes};
use serde_json::{Value, json};

impl Double {
    /// Puts a cluster.
    pub fn cluster(&self, cluster: Value) -> &Double {
        self.put(|world| world.clusters.push(cluster))
    }

    /// Puts a service.
    pub fn service(&self, service: Value) -> &Double {
        self.put(|world| world.services.push(service))
    }

    /// Puts a service of ECS Express: what DescribeExpressGatewayService answers. See [`shapes::express_service`].
    pub fn express_service(&self, service: Value) -> &Double {
        self.put(|world| world.express.push(service))
    }

    /// Puts a task, running or stopped.
    pub fn task(&self, task: Value) -> &Double {
        self.put(|world| world.tasks.push(task))
    }

    /// Puts a task definition.
    pub fn task_definition(&self, definition: Value) -> &Double {
        self.put(|world| world.task_definitions.push(definition))
    }

    /// The tags of a task definition (`FAMILY:REVISION`): pairs of key and value.
    pub fn tagged(&self, definition: &str, tags: &[(&str, &str)]) -> &Double {
        let arn = shapes::arn(&format!("task-definition/{definition}"));
        let tags = tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        self.put(|world| {
            world.definition_tags.insert(arn, tags);
        })
    }

    /// Puts a container instance.
    pub fn container_instance(&self, instance: Value) -> &Double {
        self.put(|world| world.container_instances.push(instance))
    }

    /// Puts a capacity provider.
    pub fn capacity_provider(&self, provider: Value) -> &Double {
        self.put(|world| world.capacity_providers.push(provider))
    }

    /// Puts a service deployment.
    pub fn service_deployment(&self, deployment: Value) -> &Double {
        self.put(|world| world.service_deployments.push(deployment))
    }

    /// Puts a service revision.
    pub fn service_revision(&self, revision: Value) -> &Double {
        self.put(|world| world.service_revisions.push(revision))
    }

    /// Puts an image of ECR, as DescribeImages tells it. See [`shapes::pushed`].
    pub fn ecr_image(&self, image: Value) -> &Double {
        self.put(|world| world.ecr_images.push(image))
    }

    /// Puts a log stream.
    pub fn log(&self, group: &str, stream: &str, lines: &[&str]) -> &Double {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        self.put(|world| world.logs.push(((group.into(), stream.into()), lines)))
    }

    /// Puts a secret.
    pub fn secret(&self, arn: &str, text: &str) -> &Double {
        self.put(|world| world.secrets.push((arn.into(), text.into())))
    }

    /// What the tasks of a revision (`FAMILY:REVISION`) do once they are deployed. They run, if nothing is said.
    pub fn behaves(&self, definition: &str, behaviour: Behaviour) -> &Double {
        self.put(|world| {
            world.behaviours.insert(definition.into(), behaviour);
        })
    }

    /// How a deployment resolves an image to its digest: of the whole reference. References with a digest need none.
    pub fn resolves(&self, digest_of: impl Fn(&str) -> Option<String> + Send + 'static) -> &Double {
        self.put(|world| world.resolver = Some(Box::new(digest_of)))
    }

    /// Changes what is there, as another deployer would.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.lock().world)
    }

    /// The service as it is now.
    pub fn service_now(&self, cluster: &str, name: &str) -> Value {
        self.change(|world| world.service(cluster, name).clone())
    }

    /// The revision (`FAMILY:REVISION`) as it is now, with `tags` beside it; `null` where there is none.
    pub fn definition_now(&self, definition: &str) -> Value {
        let arn = shapes::arn(&format!("task-definition/{definition}"));
        self.change(|world| {
            let mut found = world.task_definitions.iter().filter(|known| known["taskDefinitionArn"] == *arn);
            let tags = world.definition_tags.get(&arn).cloned().unwrap_or_default();
            found.next().map_or(Value::Null, |found| json!({"taskDefinition": found, "tags": tags}))
        })
    }

    fn put(&self, change: impl FnOnce(&mut World)) -> &Double {
        change(&mut self.lock().world);
        self
    }
}
