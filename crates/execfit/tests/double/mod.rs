//! A double of AWS for tests: an HTTP server on a loopback port that speaks `x-amz-json-1.1` for ECS, CloudWatch Logs,
//! ECR log-in and Secrets Manager.
//!
//! ```ignore
//! mod double;
//! use double::{Double, Reply, shapes};
//!
//! let aws = Double::start();
//! aws.cluster(shapes::cluster("demo"))
//!     .task_definition(shapes::task_definition("api", 1, json!([shapes::container_definition("api", "repo/api:1")])))
//!     .service(shapes::service("demo", "api", "api:1"))
//!     .task(shapes::task("demo", "api", "0123", "api:1", "x86_64"));
//! aws.on("ListServiceDeployments", Reply::denied("ecs:ListServiceDeployments"));  // wins over what was put above
//! let output = Command::new(env!("CARGO_BIN_EXE_execfit")).env_clear().envs(aws.env()).args([...]).output();
//! assert!(aws.asked().contains(&"DescribeServices".into()));
//! ```
//!
//! What was put into it ([`Double::service`] and so on) is found again by the read operations, filtered as AWS filters; the
//! documents come out as they went in. It is for what no emulator models: task attributes, service revisions, container
//! instances, capacity providers. It checks no signatures.
//!
//! Writing operations keep their effects, by the shapes and errors of the official API model (botocore's
//! `ecs/2014-11-13/service-2.json`); what AWS says beside that (texts, defaults, order) is as far as it is known. A deployment
//! moves on with every DescribeServices of its service; what its tasks do is scripted:
//!
//! ```ignore
//! aws.behaves("api:2", Behaviour::wrong_format("/app"));                          // others run
//! aws.fail(Call::Nth("UpdateService", 1), Reply::throttled());                    // once
//! aws.fail(Call::Every("DeregisterTaskDefinition"), Reply::denied("ecs:DeregisterTaskDefinition"));
//! aws.fail_after(Call::Nth("RegisterTaskDefinition", 1), Reply::hang_up());       // done, but the answer is lost
//! aws.meanwhile(Call::Nth("UpdateService", 1), When::Before, |world| world.deploy("demo", "api", "api:7"));
//! let gate = aws.hang(Call::Any(9), When::After);                                 // gate.reached(..), kill, gate.abandon()
//! assert_eq!(aws.writes(), ["RegisterTaskDefinition", "UpdateService"]);
//! ```

#![allow(dead_code, unreachable_pub, unused_imports, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod behaviour;
mod definitions;
mod deploy;
mod express;
mod hooks;
mod http;
mod put;
mod reply;
mod rollout;
mod search;
pub mod shapes;
mod tasks;
mod update;
mod world;

pub use behaviour::Behaviour;
pub use hooks::{Call, Gate, WRITES, When};
pub use http::Request;
pub use reply::Reply;
pub use world::World;

use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

type Handler = Box<dyn FnMut(&Value) -> Reply + Send>;

/// The running server; it stops when dropped.
pub struct Double {
    port: u16,
    inner: Arc<Mutex<Inner>>,
    stopped: Arc<AtomicBool>,
}

#[derive(Default)]
struct Inner {
    world: World,
    handlers: HashMap<String, Handler>,
    once: HashMap<String, VecDeque<Reply>>,
    requests: Vec<Request>,
    hooks: Vec<hooks::Hook>,
    counts: hooks::Counts,
}

impl Double {
    /// Starts one with nothing in it.
    pub fn start() -> Double {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
        let port = listener.local_addr().expect("an address").port();
        let double = Double { port, inner: Arc::default(), stopped: Arc::default() };
        let (inner, stopped) = (Arc::clone(&double.inner), Arc::clone(&double.stopped));
        thread::spawn(move || {
            for connection in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let (Ok(connection), inner) = (connection, Arc::clone(&inner)) else { continue };
                thread::spawn(move || http::serve(connection, |request| answer(&inner, request)));
            }
        });
        double
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The environment in which the AWS SDK finds this double and nothing of the machine's own. To be used after
    /// `env_clear()`.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        let mut env = bare_env();
        env.extend([
            ("AWS_ENDPOINT_URL", self.url()),
            ("AWS_REGION", shapes::REGION.into()),
            ("AWS_ACCESS_KEY_ID", "AKIADOUBLE".into()),
            ("AWS_SECRET_ACCESS_KEY", "double-secret-key".into()),
        ]);
        env
    }

    /// Answers an operation always so, whatever is asked: a JSON body (then with status 200) or a [`Reply`].
    pub fn on(&self, operation: &str, reply: impl Into<Reply>) -> &Double {
        let reply = reply.into();
        self.on_call(operation, move |_| reply.clone())
    }

    /// Answers an operation by a function of the request's body.
    pub fn on_call(&self, operation: &str, handler: impl FnMut(&Value) -> Reply + Send + 'static) -> &Double {
        self.lock().handlers.insert(operation.into(), Box::new(handler));
        self
    }

    /// Answers the next request for an operation so, once; several are used up in their order, before all else.
    pub fn once(&self, operation: &str, reply: impl Into<Reply>) -> &Double {
        self.lock().once.entry(operation.into()).or_default().push_back(reply.into());
        self
    }

    /// Lets lists come in pages of this size.
    pub fn pages_of(&self, size: usize) -> &Double {
        self.lock().world.page_size = Some(size);
        self
    }

    /// Everything that was asked, in its order.
    pub fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    /// What was asked of one operation.
    pub fn requests_for(&self, operation: &str) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.operation == operation).collect()
    }

    /// The names of the operations that were asked, in their order.
    pub fn asked(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.operation).collect()
    }

    /// Asks as somebody else does, who is not in the log and meets no hooks: status and body.
    pub fn ask(&self, operation: &str, body: &Value) -> (u16, Value) {
        let reply = self.lock().reply(operation, body);
        (reply.status, serde_json::from_slice(&reply.body).unwrap_or_default())
    }

    /// The names of the operations that change something and were asked, in their order.
    pub fn writes(&self) -> Vec<String> {
        self.asked().into_iter().filter(|operation| WRITES.contains(&operation.as_str())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.lock().give_up();
        // Wakes the listener, so that it sees the flag.
        let _ = std::net::TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// An environment for the AWS SDK without credentials, region, profile or instance.
pub fn bare_env() -> Vec<(&'static str, String)> {
    vec![
        ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ("AWS_CONFIG_FILE", "/nonexistent/config".into()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials".into()),
        ("HOME", "/nonexistent".into()),
        // What one test read is not to answer another.
        ("EXECFIT_CACHE_SIZE", "0".into()),
    ]
}

fn answer(inner: &Mutex<Inner>, request: Request) -> Reply {
    let lock = || inner.lock().unwrap_or_else(PoisonError::into_inner);
    let (operation, body) = (request.operation.clone(), request.body.clone());
    let (numbers, caught) = {
        let mut inner = lock();
        inner.requests.push(request);
        let numbers = inner.counts.count(&operation);
        let caught = inner.catch(&numbers, When::Before);
        (numbers, caught)
    };
    if !caught.gates.iter().all(Gate::pass) {
        return Reply::hang_up();
    }
    if let Some(reply) = caught.answer {
        return reply;
    }
    let (reply, caught) = {
        let mut inner = lock();
        let reply = inner.reply(&operation, &body);
        let caught = inner.catch(&numbers, When::After);
        (reply, caught)
    };
    if !caught.gates.iter().all(Gate::pass) {
        return Reply::hang_up();
    }
    caught.answer.unwrap_or(reply)
}

impl Inner {
    fn reply(&mut self, operation: &str, body: &Value) -> Reply {
        if let Some(reply) = self.once.get_mut(operation).and_then(VecDeque::pop_front) {
            return reply;
        }
        if let Some(handler) = self.handlers.get_mut(operation) {
            return handler(body);
        }
        self.world.answer(operation, body).unwrap_or_else(|| {
            let message = format!("The action {operation} is not valid for this web service.");
            Reply::error(400, "InvalidAction", &message)
        })
    }
}
