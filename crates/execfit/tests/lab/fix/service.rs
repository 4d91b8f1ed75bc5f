//! A service of a test's own.

use crate::{aws, ecs, execfit, variable};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const CLUSTER: &str = "fix";
const PATIENCE: Duration = Duration::from_secs(60);
const MANIFESTS: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// The service `fix/NAME`, of the family NAME; both are gone with it.
pub(super) struct Fixable {
    pub(super) name: String,
    pub(super) state: TempDir,
    fargate: bool,
}

impl Fixable {
    pub(super) fn new(name: &str) -> Fixable {
        ecs("CreateCluster", &json!({"clusterName": CLUSTER}));
        let name = format!("{name}-{}", std::process::id());
        Fixable { name, state: TempDir::new().unwrap(), fargate: false }
    }

    pub(super) fn on_fargate(name: &str) -> Fixable {
        let mut fixable = Fixable::new(name);
        fixable.fargate = true;
        fixable
    }

    /// A revision of this image of the lab.
    pub(super) fn register(&self, image: &str) -> &Fixable {
        self.register_image(&format!("{}/fixable:{image}", variable("EXECFIT_LAB_REGISTRY")))
    }

    /// A revision of this tag of the service's own repository.
    pub(super) fn register_tag(&self, tag: &str) -> &Fixable {
        self.register_image(&format!("{}/fixable:{}", variable("EXECFIT_LAB_REGISTRY"), self.own(tag)))
    }

    fn register_image(&self, image: &str) -> &Fixable {
        let mut definition = json!({"family": self.name, "containerDefinitions": [{
            "name": "main",
            "image": image,
            "memory": 64,
            "essential": true,
            "environment": [{"name": "PASSWORD", "value": "hunter2"}],
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": "/ecs/fix",
                "awslogs-region": "us-east-1",
                "awslogs-stream-prefix": self.name,
                "awslogs-create-group": "true"
            }}
        }]});
        if self.fargate {
            definition["requiresCompatibilities"] = json!(["FARGATE"]);
            definition["networkMode"] = json!("awsvpc");
            definition["cpu"] = json!("256");
            definition["memory"] = json!("512");
        }
        ecs("RegisterTaskDefinition", &definition);
        self
    }

    /// Gives the service's own tag the content of an image of the lab, and returns its digest.
    pub(super) fn tag(&self, image: &str, tag: &str) -> String {
        let (_, manifest) = registry("GET", image, "");
        let (head, _) = registry("PUT", &self.own(tag), &manifest);
        let digest = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("Docker-Content-Digest").then(|| value.trim().to_owned())
        });
        digest.unwrap_or_else(|| panic!("{head}"))
    }

    fn own(&self, tag: &str) -> String {
        format!("{}-{tag}", self.name)
    }

    /// Creates the service of this revision.
    pub(super) fn create(&self, revision: u32) -> &Fixable {
        self.create_as(revision, 1, false);
        self
    }

    /// The same, with a circuit breaker that ends the crash loop, and waits for that: nothing is started any more.
    pub(super) fn create_with_breaker(&self) -> &Fixable {
        self.create_as(1, 0, true);
        // MiniStack's breaker works from the second deployment on.
        let body =
            json!({"cluster": CLUSTER, "service": self.name, "desiredCount": 1, "forceNewDeployment": true});
        ecs("UpdateService", &body);
        self.wait_until("the circuit breaker ends it", |service| {
            service["deployments"][0]["rolloutState"] == "FAILED" && service["runningCount"] == 0
        });
        self
    }

    fn create_as(&self, revision: u32, desired: u32, breaker: bool) {
        let mut service = json!({
            "cluster": CLUSTER,
            "serviceName": self.name,
            "taskDefinition": format!("{}:{revision}", self.name),
            "desiredCount": desired,
            "deploymentConfiguration": {
                "maximumPercent": 200,
                "minimumHealthyPercent": 100,
                "deploymentCircuitBreaker": {"enable": breaker, "rollback": false}
            }
        });
        if self.fargate {
            service["launchType"] = json!("FARGATE");
            service["networkConfiguration"] = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"]}});
        }
        ecs("CreateService", &service);
    }

    pub(super) fn update(&self, revision: u32) -> &Fixable {
        let definition = format!("{}:{revision}", self.name);
        ecs(
            "UpdateService",
            &json!({"cluster": CLUSTER, "service": self.name, "taskDefinition": definition}),
        );
        self
    }

    /// A new deployment of the same revision.
    pub(super) fn deploy_anew(&self) -> &Fixable {
        ecs("UpdateService", &json!({"cluster": CLUSTER, "service": self.name, "forceNewDeployment": true}));
        self
    }

    pub(super) fn now(&self) -> Value {
        let answer = ecs("DescribeServices", &json!({"cluster": CLUSTER, "services": [self.name]}));
        answer["services"][0].clone()
    }

    /// Waits until all tasks of its primary deployment run, and no others; the number of its revision.
    #[track_caller]
    pub(super) fn runs(&self) -> String {
        self.wait_until("it runs", |service| {
            let newest = &service["deployments"][0];
            newest["rolloutState"] == "COMPLETED"
                && newest["runningCount"] == service["desiredCount"]
                && service["runningCount"] == service["desiredCount"]
        });
        self.runs_or_not()
    }

    /// The number of the revision of its primary deployment.
    pub(super) fn runs_or_not(&self) -> String {
        let now = self.now();
        short(&now["taskDefinition"]).rsplit(':').next().unwrap().to_owned()
    }

    /// Waits until a task of its primary deployment has died.
    #[track_caller]
    pub(super) fn crashes(&self) -> &Fixable {
        let since = self.now()["deployments"][0]["createdAt"].as_f64().unwrap();
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            let died =
                |task: &Value| task["createdAt"].as_f64() >= Some(since) && task["lastStatus"] == "STOPPED";
            if self.tasks("STOPPED").iter().any(died) {
                return self;
            }
            sleep(Duration::from_millis(100));
        }
        panic!("{}: no task dies: {:#}", self.name, self.now());
    }

    fn tasks(&self, status: &str) -> Vec<Value> {
        let body = json!({"cluster": CLUSTER, "serviceName": self.name, "desiredStatus": status});
        let listed = ecs("ListTasks", &body);
        let described = ecs("DescribeTasks", &json!({"cluster": CLUSTER, "tasks": listed["taskArns"]}));
        described["tasks"].as_array().cloned().unwrap_or_default()
    }

    #[track_caller]
    fn wait_until(&self, what: &str, holds: impl Fn(&Value) -> bool) {
        let begin = Instant::now();
        while !holds(&self.now()) {
            assert!(begin.elapsed() < PATIENCE, "{}: not so: {what}: {:#}", self.name, self.now());
            sleep(Duration::from_millis(100));
        }
    }

    /// A revision, with its tags.
    pub(super) fn definition(&self, revision: u32) -> Value {
        let name = format!("{}:{revision}", self.name);
        ecs("DescribeTaskDefinition", &json!({"taskDefinition": name, "include": ["TAGS"]}))
    }

    /// How many active revisions its family has.
    pub(super) fn revisions(&self) -> usize {
        let listed = ecs("ListTaskDefinitions", &json!({"familyPrefix": self.name}));
        listed["taskDefinitionArns"].as_array().unwrap().len()
    }

    /// The image of the container that runs.
    pub(super) fn running_image(&self) -> String {
        self.runs();
        let tasks = self.tasks("RUNNING");
        tasks[0]["containers"][0]["image"].as_str().unwrap().to_owned()
    }

    /// What its running task has printed.
    pub(super) fn log_of_running(&self) -> Vec<String> {
        let tasks = self.tasks("RUNNING");
        let stream = format!("{}/main/{}", self.name, short(&tasks[0]["taskArn"]));
        let begin = Instant::now();
        loop {
            let body = json!({"logGroupName": "/ecs/fix", "logStreamName": stream});
            let answer = aws("Logs_20140328.GetLogEvents", &body);
            let events = answer["events"].as_array().cloned().unwrap_or_default();
            if !events.is_empty() || begin.elapsed() > PATIENCE {
                let text = |event: &Value| event["message"].as_str().unwrap_or_default().trim().to_owned();
                return events.iter().map(text).collect();
            }
            sleep(Duration::from_millis(200));
        }
    }

    /// Lets the Engine forget an image of the lab.
    pub(super) fn forget_image(&self, image: &str) {
        let reference = format!("{}/fixable", variable("EXECFIT_LAB_REGISTRY"));
        let mut docker = Command::new("docker");
        docker.env("DOCKER_HOST", variable("DOCKER_HOST")).env("DOCKER_CONFIG", "/nonexistent");
        let listed = docker.args(["images", "--no-trunc", "--digests", "--format"]);
        let listed = listed.arg("{{.ID}} {{.Digest}}").arg(&reference).output().unwrap();
        let (head, _) = registry("GET", image, "");
        for line in String::from_utf8_lossy(&listed.stdout).lines() {
            let (id, digest) = line.split_once(' ').unwrap();
            if head.contains(digest) {
                let mut docker = Command::new("docker");
                docker.env("DOCKER_HOST", variable("DOCKER_HOST")).args(["rmi", "--force", id]);
                assert!(docker.output().unwrap().status.success(), "{line}");
            }
        }
    }

    /// `execfit fix fix/NAME ARGUMENTS`, not yet started.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_execfit"));
        command.env_clear().args(["fix", &self.target()]).args(arguments).envs(self.environment());
        for name in ["AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            command.env(name, variable(name));
        }
        command
    }

    fn target(&self) -> String {
        format!("{CLUSTER}/{}", self.name)
    }

    fn environment(&self) -> [(&'static str, String); 2] {
        let state = self.state.path().join("state");
        [("EXECFIT_STATE_DIR", state.to_str().unwrap().to_owned()), ("EXECFIT_CACHE_SIZE", "0".to_owned())]
    }

    /// `execfit fix fix/NAME ARGUMENTS --format json`: its code and answer.
    fn ask(&self, arguments: &[&str]) -> (i32, Value) {
        let arguments = [arguments, &["--format", "json"]].concat();
        let (code, stdout, stderr) = execfit(&arguments, &self.environment());
        assert!(!format!("{stdout}{stderr}").contains("hunter2"), "{stdout}{stderr}");
        let answer = serde_json::from_str(&stdout);
        (code, answer.unwrap_or_else(|error| panic!("{error}: code {code}\n{stdout}\n{stderr}")))
    }

    /// The same, which must end with this code.
    #[track_caller]
    pub(super) fn fix(&self, code: i32, arguments: &[&str]) -> Value {
        let (ended, answer) = self.ask(&[&["fix", &self.target()], arguments].concat());
        assert_eq!(ended, code, "{answer:#}");
        answer
    }

    /// The same, however it ends.
    pub(super) fn fix_as_it_ends(&self, arguments: &[&str]) -> Value {
        self.ask(&[&["fix", &self.target()], arguments].concat()).1
    }

    /// The same, carried out and settled soon.
    #[track_caller]
    pub(super) fn fixed(&self, code: i32, arguments: &[&str]) -> Value {
        self.fix(code, &[arguments, &["--yes", "--settle", "3"]].concat())
    }

    /// A saved plan, carried out.
    #[track_caller]
    pub(super) fn carry_out(&self, code: i32, plan: &str) -> Value {
        let (ended, answer) = self.ask(&["fix", "--plan", plan, "--yes"]);
        assert_eq!(ended, code, "{answer:#}");
        answer
    }

    /// Runs it until there is nothing left to fix; what came of it on the way.
    #[track_caller]
    pub(super) fn finished(&self) -> Vec<Value> {
        let mut answers = Vec::new();
        while answers.len() < 3 {
            let answer = self.fix(0, &["--yes", "--settle", "2"]);
            let over = answer["offer"] == "nothing";
            answers.push(answer);
            if over {
                return answers;
            }
        }
        panic!("it is not finished: {answers:#?}");
    }

    /// How many lines the journals have.
    pub(super) fn journal_lines(&self) -> usize {
        let Ok(files) = std::fs::read_dir(self.state.path().join("state")) else { return 0 };
        let journals =
            files.flatten().filter(|file| file.path().extension().is_some_and(|end| end == "jsonl"));
        journals.map(|file| std::fs::read(file.path()).unwrap_or_default()).map(lines).sum()
    }
}

impl Drop for Fixable {
    fn drop(&mut self) {
        ecs("DeleteService", &json!({"cluster": CLUSTER, "service": self.name, "force": true}));
    }
}

fn lines(bytes: Vec<u8>) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// What stands after the last `/` of an ARN.
pub(super) fn short(arn: &Value) -> &str {
    arn.as_str().unwrap().rsplit('/').next().unwrap()
}

/// Head and body of what the registry answers about a manifest of `fixable`.
fn registry(method: &str, tag: &str, body: &str) -> (String, String) {
    let address = variable("EXECFIT_LAB_REGISTRY");
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = format!(
        "{method} /v2/fixable/manifests/{tag} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Accept: {MANIFESTS}, application/vnd.docker.distribution.manifest.list.v2+json\r\n\
         Content-Type: {MANIFESTS}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 2"), "{method} {tag}: {reply}");
    (head.to_owned(), body.to_owned())
}
