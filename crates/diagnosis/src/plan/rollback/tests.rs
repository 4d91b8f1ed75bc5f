use crate::case::TroubleKind;
use crate::fixture::{AMD64, ARM64, Picture, Room, elf, manifest};
use crate::plan::shown::shown;
use crate::plan::{Method, Wish};
use insta::assert_snapshot;
use serde_json::{Value, json};

const ARN: &str = "arn:aws:ecs:eu-west-1:111122223333";

fn good() -> Picture {
    Picture::of_app("amd64", &elf(AMD64))
}

fn bad() -> Picture {
    Picture::of_app("arm64", &elf(ARM64))
}

fn wish() -> Wish {
    Wish { by: Some(Method::Rollback), settle_seconds: 20, force_live: false }
}

fn definition(number: u64) -> String {
    format!("{ARN}:task-definition/api:{number}")
}

/// A revision of the family with one container.
fn revision(number: u64, image: &str) -> Value {
    json!({"taskDefinition": {"taskDefinitionArn": definition(number), "family": "api", "revision": number, "status": "ACTIVE",
        "containerDefinitions": [{"name": "app", "image": image, "essential": true}]}})
}

/// What ECS answers to ListTaskDefinitions.
fn listed(numbers: impl IntoIterator<Item = u64>) -> Value {
    json!({"taskDefinitionArns": numbers.into_iter().map(definition).collect::<Vec<_>>()})
}

fn service_revision(number: u64, of: u64) -> Value {
    json!({"serviceRevisionArn": format!("{ARN}:service-revision/demo/api/{number}"), "taskDefinition": definition(of),
        "launchType": "FARGATE", "createdAt": 1_790_000_000 + number})
}

fn deployment(number: u64, status: &str, target: u64) -> Value {
    json!({"serviceDeploymentArn": format!("{ARN}:service-deployment/demo/api/d{number}"), "status": status,
        "serviceArn": format!("{ARN}:service/demo/api"), "createdAt": 1_790_000_000 + number,
        "targetServiceRevisionArn": format!("{ARN}:service-revision/demo/api/{target}")})
}

/// A service at revision 7, which fails.
fn room() -> Room {
    Room::new().image("app:1", bad())
}

/// The plan, or why there is none.
fn told(room: Room) -> String {
    shown(&room.proposal(&wish()))
}

#[test]
fn the_revision_before_runs() {
    let room = room().document(revision(6, "app:0")).image("app:0", good());
    assert_snapshot!(told(room), @"
    rollback: go back to api:6: all its containers run by the model
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app:0 sha256:70b704b6
      if service at api:7 ecs-svc/1
      if revision api:6
      if image app:0 sha256:70b704b6
      * update from api:7 to api:6
          undo: aws ecs update-service --region eu-west-1 --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7
    ");
}

#[test]
fn the_newest_earlier_revision_that_runs() {
    let room = room()
        .document(revision(6, "app:1"))
        .document(listed([9, 8, 7, 6, 5, 3, 2, 1]))
        .document(revision(5, "gone:1"))
        .document(revision(3, "app:0"))
        .document(revision(2, "app:0"))
        .image("app:0", good());
    assert_snapshot!(told(room), @"
    rollback: go back to api:3: all its containers run by the model
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app:0 sha256:70b704b6
      if service at api:7 ecs-svc/1
      if revision api:3
      if image app:0 sha256:70b704b6
      * update from api:7 to api:3
          undo: aws ecs update-service --region eu-west-1 --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7
      warning: api:6 is passed over: container app of app:1 would fail: exec: ENOEXEC (exec format error)
      warning: api:5 is passed over: container app of gone:1 may or may not run: there is no image `gone:1`
    ");
}

#[test]
fn a_deregistered_revision_is_no_place() {
    let mut inactive = revision(6, "app:0");
    inactive["taskDefinition"]["status"] = json!("INACTIVE");
    assert_snapshot!(told(room().document(inactive).image("app:0", good())), @"
    not rollback
      because: there is no revision before api:7 that a service could go back to and that runs by the model
    Refused
    ");
}

#[test]
fn no_more_than_ten_of_a_thousand() {
    let mut room = room().document(listed((8..1008).rev()));
    for number in 900..1008 {
        room = room.document(revision(number, "app:1"));
    }
    let room = room.definition(json!({"revision": 1007, "taskDefinitionArn": definition(1007)}));
    let text = told(room.service(json!({"deployments": [{"id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": definition(1007)}]})));
    assert_eq!(text.matches("is passed over").count(), 10, "{text}");
    assert!(text.contains("api:997 ") && !text.contains("api:996 "), "{text}");
}

#[test]
fn a_service_far_behind_the_newest_revisions() {
    let room =
        room().document(listed((800..1000).rev())).document(revision(5, "app:0")).image("app:0", good());
    assert_snapshot!(told(room), @"
    rollback: go back to api:5: all its containers run by the model
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app:0 sha256:70b704b6
      if service at api:7 ecs-svc/1
      if revision api:5
      if image app:0 sha256:70b704b6
      * update from api:7 to api:5
          undo: aws ecs update-service --region eu-west-1 --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7
    ");
}

#[test]
fn the_last_deployment_that_succeeded() {
    let pinned = |mut revision: Value| {
        revision["platformVersion"] = json!("1.3.0");
        revision["networkConfiguration"] =
            json!({"awsvpcConfiguration": {"subnets": ["b", "a"], "securityGroups": []}});
        revision["loadBalancers"] =
            json!([{"targetGroupArn": "tg", "containerName": "app", "containerPort": 80}]);
        revision
    };
    let room = room()
        .service(json!({"platformVersion": "LATEST", "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["a", "b"]}},
            "deployments": [{"id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": definition(7), "platformVersion": "1.4.0"}]}))
        .document(json!({"serviceDeployments": [deployment(9, "IN_PROGRESS", 9), deployment(8, "ROLLBACK_SUCCESSFUL", 8),
            deployment(4, "SUCCESSFUL", 4), deployment(3, "SUCCESSFUL", 3)]}))
        .document(json!({"serviceRevisions": [service_revision(3, 3), pinned(service_revision(4, 4)), service_revision(9, 7)]}))
        .document(revision(6, "app:0"))
        .document(revision(4, "app:0"))
        .image("app:0", good());
    assert_snapshot!(told(room), @r#"
    rollback: go back to api:4: its deployment of 2026-09-21T14:13:24Z succeeded, and all its containers run by the model
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app:0 sha256:70b704b6
      if service at api:7 ecs-svc/1
      if revision api:4
      if image app:0 sha256:70b704b6
      * update from api:7 to api:4
          /platformVersion: "LATEST" => "1.3.0"
          /loadBalancers: - => [{"targetGroupArn":"tg","containerName":"app","containerPort":80}]
          undo: aws ecs update-service --region eu-west-1 --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7 --platform-version LATEST --load-balancers '[]'
    "#);
}

#[test]
fn an_older_deployment_that_still_has_tasks() {
    let room = room()
        .service(
            json!({"deployments": [{"id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": definition(7)},
            {"id": "ecs-svc/0", "status": "ACTIVE", "taskDefinition": definition(5), "runningCount": 2},
            {"id": "ecs-svc/2", "status": "ACTIVE", "taskDefinition": definition(6), "runningCount": 0}]}),
        )
        .document(revision(6, "app:0"))
        .document(revision(5, "app:0"))
        .image("app:0", good());
    assert_snapshot!(told(room), @"
    rollback: go back to api:5: 2 tasks of it are still running, and all its containers run by the model
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app:0 sha256:70b704b6
      if service at api:7 ecs-svc/1
      if revision api:5
      if image app:0 sha256:70b704b6
      * update from api:7 to api:5
          undo: aws ecs update-service --region eu-west-1 --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7
    ");
}

/// A deployment of revision 7 under way from a service revision of revision 6.
fn under_way(sources: &[u64]) -> Room {
    let full = |number: u64, status: &str| {
        let mut full = deployment(number, status, 9);
        let sources: Vec<Value> = sources
            .iter()
            .map(|source| json!({"arn": format!("{ARN}:service-revision/demo/api/{source}")}))
            .collect();
        full["sourceServiceRevisions"] = json!(sources);
        full
    };
    room()
        .service(json!({"currentServiceDeployment": format!("{ARN}:service-deployment/demo/api/d9")}))
        .document(
            json!({"serviceDeployments": [deployment(9, "IN_PROGRESS", 9), deployment(4, "SUCCESSFUL", 4)]}),
        )
        .document(json!({"serviceDeployments": [full(9, "IN_PROGRESS")]}))
        .document(json!({"serviceRevisions": [service_revision(4, 6), service_revision(9, 7)]}))
        .document(revision(6, "app:0"))
        .image("app:0", good())
}

#[test]
fn a_deployment_under_way_is_stopped() {
    assert_snapshot!(told(under_way(&[4])), @"
    rollback: go back to api:6: its deployment of 2026-09-21T14:13:24Z succeeded, and all its containers run by the model; the deployment under way is stopped, and ECS goes back by itself
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app:0 sha256:70b704b6
      if service at api:7 ecs-svc/1
      if revision api:6
      if image app:0 sha256:70b704b6
      * stop d9 for api:6
          undo: aws ecs update-service --region eu-west-1 --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7
    ");
    assert!(
        told(under_way(&[4, 8])).contains("update from api:7 to api:6"),
        "where it goes back to is not clear"
    );
    assert!(told(under_way(&[])).contains("update from api:7 to api:6"));
}

#[test]
fn what_ran_may_not_run_again() {
    let ran = json!({"taskDefinitionArn": definition(6), "containers": [{"name": "app", "lastStatus": "RUNNING",
        "imageDigest": manifest("app:old", "")}]});
    let overwritten = |room: Room| {
        room.image("app:old", good())
            .image("app:latest", bad())
            .document(revision(6, "app:latest"))
            .document(listed([7, 6, 5]))
            .document(revision(5, "app:0"))
            .image("app:0", good())
    };
    let same = overwritten(room()).container(json!({"image": "app:latest"})).task("RUNNING", ran.clone());
    assert_snapshot!(told(same), @"
    not rollback
      because: going back to api:6 alone would not cure it
      because: container app: the tag app:latest was overwritten since api:6 ran: sha256:4b540752 ran, and now container app of app:latest would fail: exec: ENOEXEC (exec format error)
      help: pin what ran instead: execfit fix demo/api --by repin
    Refused
    ");
    let other = overwritten(room())
        .container(json!({"image": "other:1"}))
        .image("other:1", bad())
        .task("RUNNING", ran);
    assert!(
        told(other).starts_with("rollback: go back to api:5"),
        "there is nothing to pin in another repository"
    );
}

#[test]
fn a_tag_that_cannot_be_resolved_proves_nothing() {
    let ran = json!({"taskDefinitionArn": definition(6), "containers": [{"name": "app", "lastStatus": "RUNNING",
        "imageDigest": manifest("app:old", "")}]});
    let room =
        room().image("app:old", good()).unreadable("app:0", TroubleKind::Denied, "app:0: access denied");
    assert_snapshot!(told(room.document(revision(6, "app:0")).task("RUNNING", ran)), @"
    not rollback
      because: there is no revision before api:7 that a service could go back to and that runs by the model
      because: api:6 is passed over: container app of app:0 may or may not run: app:0: access denied
    Refused
    ");
}

#[test]
fn denied_calls_are_named() {
    let room = room().refusal("ecs:ListServiceDeployments", false).refusal("ecs:ListTaskDefinitions", false);
    assert_snapshot!(told(room), @"
    not rollback
      because: there is no revision before api:7 that a service could go back to and that runs by the model
      because: which deployments succeeded, and what they ran, is not fully known: ecs:ListServiceDeployments is denied
      because: which earlier revisions there are is not known: ecs:ListTaskDefinitions is denied
    Refused
    ");
}

#[test]
fn service_revisions_that_ecs_does_not_describe() {
    let room = room()
        .document(json!({"serviceDeployments": [deployment(4, "SUCCESSFUL", 4)]}))
        .document(json!({"serviceRevisions": [], "failures": [{"arn": "x", "reason": "MISSING"}]}))
        .document(revision(6, "app:0"))
        .image("app:0", good());
    assert_snapshot!(told(room), @"
    rollback: go back to api:6: all its containers run by the model
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app:0 sha256:70b704b6
      if service at api:7 ecs-svc/1
      if revision api:6
      if image app:0 sha256:70b704b6
      * update from api:7 to api:6
          undo: aws ecs update-service --region eu-west-1 --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7
      warning: what the service revision 4 ran, whose deployment succeeded, is not known: ECS does not describe it
    ");
}

#[test]
fn the_same_revision_with_other_pins() {
    let mut then = service_revision(4, 7);
    then["platformVersion"] = json!("1.3.0");
    let room = room()
        .service(json!({"platformVersion": "1.4.0"}))
        .document(json!({"serviceDeployments": [deployment(4, "SUCCESSFUL", 4)]}))
        .document(json!({"serviceRevisions": [service_revision(3, 7)]}));
    let same = |room: Room, then: Value| told(room.document(json!({"serviceRevisions": [then]})));
    assert_snapshot!(same(room, then), @"
    not rollback
      because: there is no revision before api:7 that a service could go back to and that runs by the model
      because: api:7 is passed over: container app of app:1 would fail: exec: ENOEXEC (exec format error)
    Refused
    ");
    let room = Room::new()
        .image("app:1", bad())
        .document(json!({"serviceDeployments": [deployment(4, "SUCCESSFUL", 4)]}));
    assert_snapshot!(same(room, service_revision(4, 7)), @"
    not rollback
      because: there is no revision before api:7 that a service could go back to and that runs by the model
      because: api:7 is what the service is at, and its deployment of 2026-09-21T14:13:24Z succeeded: it is its image that changed
    Refused
    ");
}

#[test]
fn another_family_and_another_architecture_are_told() {
    let mut of_other = revision(3, "app:1");
    of_other["taskDefinition"]["family"] = json!("old-api");
    of_other["taskDefinition"]["taskDefinitionArn"] = json!(format!("{ARN}:task-definition/old-api:3"));
    of_other["taskDefinition"]["runtimePlatform"] = json!({"cpuArchitecture": "ARM64"});
    let mut then = service_revision(4, 3);
    then["taskDefinition"] = of_other["taskDefinition"]["taskDefinitionArn"].clone();
    let room = room()
        .document(json!({"serviceDeployments": [deployment(4, "SUCCESSFUL", 4)]}))
        .document(json!({"serviceRevisions": [then]}))
        .document(of_other);
    assert_snapshot!(told(room), @"
    rollback: go back to old-api:3: its deployment of 2026-09-21T14:13:24Z succeeded, and all its containers run by the model
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app:1 sha256:9891d097
      capacity: Fargate brings arm64 machines
      if service at api:7 ecs-svc/1
      if revision old-api:3
      if image app:1 sha256:9891d097
      * update from api:7 to old-api:3
          undo: aws ecs update-service --region eu-west-1 --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7
      warning: it is a revision of another family: old-api
      warning: old-api:3 asks for ARM64, and api:7 for no cpuArchitecture (ECS takes X86_64)
    ");
}

#[test]
fn ecs_would_not_take_it() {
    let mut of_ec2 = revision(6, "app:0");
    of_ec2["taskDefinition"]["compatibilities"] = json!(["EC2"]);
    let text = told(room().document(of_ec2).document(listed([7, 6])).image("app:0", good()));
    assert!(
        text.contains("api:6 is passed over: it is not compatible with the launch type FARGATE"),
        "{text}"
    );
    let balanced = room().service(json!({"loadBalancers": [{"containerName": "web", "containerPort": 80}]}));
    let text = told(balanced.document(revision(6, "app:0")).document(listed([7, 6])).image("app:0", good()));
    assert!(text.contains("api:6 is passed over: it has no container web"), "{text}");
}

#[test]
fn hostile_documents() {
    let room = room()
        .service(json!({"deployments": [{"id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": definition(7)},
            {"status": "ACTIVE", "taskDefinition": 5, "runningCount": 3}, 7, {"status": "ACTIVE", "runningCount": -1}],
            "currentServiceDeployment": {"x": 1}, "currentServiceRevisions": "none"}))
        .document(json!({"taskDefinitionArns": ["", "::", "arn:x:api:99999999999999999999", "api:0", "api:-1", 7, null, "other:3"]}))
        .document(json!({"serviceDeployments": [7, {"status": "SUCCESSFUL"}, {"status": "SUCCESSFUL", "targetServiceRevisionArn": ""}]}))
        .document(json!({"serviceRevisions": [{"taskDefinition": "x"}, {"serviceRevisionArn": "", "taskDefinition": ""}]}));
    assert_snapshot!(told(room), @"
    not rollback
      because: there is no revision before api:7 that a service could go back to and that runs by the model
    Refused
    ");
    let huge = Room::new().image("app:1", bad()).definition(json!({"revision": u64::MAX}));
    assert!(told(huge.document(listed(1..200))).contains("is passed over"));
}

#[test]
fn without_a_service_there_is_nothing_to_roll_back() {
    let mut room = room();
    room.target = crate::target::TargetKind::TaskDefinition { family: "api".into(), revision: Some(7) };
    room.service = json!({});
    assert_snapshot!(told(room), @"
    not rollback
      because: no service runs api:7 here: there is none to go back
    Refused
    ");
}

#[test]
fn ecs_goes_back_by_itself_already() {
    let room = room()
        .service(json!({"currentServiceDeployment": format!("{ARN}:service-deployment/demo/api/d9")}))
        .document(json!({"serviceDeployments": [deployment(9, "ROLLBACK_IN_PROGRESS", 9)]}));
    assert_snapshot!(told(room.document(revision(6, "app:0")).image("app:0", good())), @"
    not rollback
      because: ECS goes back by itself: the deployment d9 is ROLLBACK_IN_PROGRESS
      help: wait for its end, then look again
    Refused
    ");
}

#[test]
fn a_service_of_ecs_express_is_not_updated_plainly() {
    let express = json!({"resourceManagementType": "ECS"});
    let room = room().service(express.clone()).document(revision(6, "app:0")).image("app:0", good());
    assert_snapshot!(told(room), @"
    not rollback
      because: the service is one of ECS Express: it is updated as a whole, with its primary container, which only you have
      because: otherwise it could go back to api:6: all its containers run by the model
      help: give it the image of that revision: aws ecs update-express-gateway-service --service-arn arn:aws:ecs:eu-west-1:111122223333:service/demo/api --primary-container FILE
    Refused
    ");
    assert!(
        told(under_way(&[4]).service(express)).contains("* stop d9 for api:6"),
        "ECS goes back by itself"
    );
}

/// A revision of the family that asks for an architecture.
fn of_cpu(number: u64, image: &str, cpu: &str) -> Value {
    let mut revision = revision(number, image);
    revision["taskDefinition"]["runtimePlatform"] = json!({"cpuArchitecture": cpu});
    revision
}

#[test]
fn on_instances_the_hosts_of_the_present_tasks_count() {
    let on = |cpu: &str| json!({"attributes": [{"name": "ecs.cpu-architecture", "value": cpu}], "launchType": "EC2"});
    let room = |then: &str| {
        Room::unseen()
            .service(json!({"launchType": "EC2"}))
            .image("app:1", good())
            .image("app:0", bad())
            .task("STOPPED", on("arm64"))
            .document(revision(6, then))
    };
    assert!(told(room("app:0")).starts_with("rollback: go back to api:6"), "its machines are arm64 ones");
    let refused = told(room("app:1"));
    assert!(refused.contains("api:6 is passed over: container app of app:1 would fail"), "{refused}");
}

#[test]
fn the_machines_for_another_architecture_must_be_there() {
    let room = Room::unseen()
        .service(json!({"launchType": "EC2", "desiredCount": 1}))
        .definition(json!({"runtimePlatform": {"cpuArchitecture": "X86_64"}}))
        .instances("x86_64", 1, json!({"agentConnected": true}))
        .image("app:1", bad())
        .document(of_cpu(6, "app:1", "ARM64"))
        .document(listed([7, 6]));
    assert_snapshot!(told(room), @"
    not rollback
      because: there is no revision before api:7 that a service could go back to and that runs by the model
      because: api:6 is passed over: container app of app:1 would fail: exec: ENOEXEC (exec format error) (it may meet x86_64 and arm64)
    Refused
    ");
}

#[test]
fn a_provider_is_gone_back_to_with_its_machines() {
    let strategy = |name: &str| json!([{"capacityProvider": name, "weight": 1, "base": 0}]);
    let mut then = service_revision(4, 7);
    then["capacityProviderStrategy"] = strategy("arm");
    then["launchType"] = Value::Null;
    let of = |name: &str| json!({"capacityProviderName": name, "agentConnected": true});
    let room = Room::unseen()
        .service(json!({"launchType": null, "capacityProviderStrategy": strategy("intel")}))
        .instances("x86_64", 1, of("intel"))
        .instances("arm64", 1, of("arm"))
        .image("app:1", bad())
        .document(json!({"serviceDeployments": [deployment(4, "SUCCESSFUL", 4)]}))
        .document(json!({"serviceRevisions": [then]}));
    assert_snapshot!(told(room), @r#"
    rollback: go back to api:7: its deployment of 2026-09-21T14:13:24Z succeeded, and all its containers run by the model
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app:1 sha256:9891d097
      capacity: room for any number of tasks of nothing on the 1 arm64 container instance of the capacity provider arm (1 needed)
      if service at api:7 ecs-svc/1
      if revision api:7
      if image app:1 sha256:9891d097
      * update from api:7 to api:7, anew
          /capacityProviderStrategy: [{"capacityProvider":"intel","weight":1,"base":0}] => [{"capacityProvider":"arm","weight":1,"base":0}]
          undo: aws ecs update-service --region eu-west-1 --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7 --capacity-provider-strategy '[{"capacityProvider":"intel","weight":1,"base":0}]'
    "#);
}
