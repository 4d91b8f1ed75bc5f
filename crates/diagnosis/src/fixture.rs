//! A room for tests: a service around images made of a few files, asked the way the observer asks.

use crate::case::{Case, ChildFacts, ImageFacts, Log, Need, Refusal, Trouble, TroubleKind};
use crate::finding::Finding;
use crate::linked::Linked;
use crate::plan::{Offer, Plan, Proposal, Wish, propose};
use crate::report::{Pending, Report, diagnose};
use crate::target::{Target, TargetKind};
use execfit_image::digest::Digest;
use execfit_image::history::{Attribution, Certainty};
use execfit_image::index::Entry;
use execfit_image::layer::{Bearing, Note};
use execfit_image::reference::Reference;
use execfit_image::source::LayerNote;
use execfit_image::witness::{Kind, Origin, Piece, Witness};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(crate) const AMD64: u16 = 62;
pub(crate) const ARM64: u16 = 183;
/// The loader of [`Picture::linked`].
pub(crate) const LD_SO: &str = "/lib64/ld-linux-x86-64.so.2";
const ACCOUNT: &str = "arn:aws:ecs:eu-west-1:111122223333";

/// A statically linked ELF64 program with one segment.
pub(crate) fn elf(machine: u16) -> Vec<u8> {
    program(machine, None)
}

/// A dynamically linked one.
pub(crate) fn dynamic(machine: u16, interpreter: &str) -> Vec<u8> {
    program(machine, Some(interpreter))
}

fn program(machine: u16, interpreter: Option<&str>) -> Vec<u8> {
    let count = if interpreter.is_some() { 2 } else { 1 };
    let text = interpreter.map(|path| [path.as_bytes(), b"\0"].concat()).unwrap_or_default();
    let headers = 64 + 56 * count;
    let size = (headers + text.len()) as u64;
    let mut bytes = vec![0; 64];
    bytes[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    bytes[16..18].copy_from_slice(&2u16.to_le_bytes());
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[20] = 1;
    bytes[24..32].copy_from_slice(&(0x40_0000 + headers as u64).to_le_bytes());
    (bytes[32], bytes[52], bytes[54], bytes[56]) = (64, 64, 56, count as u8);
    let mut segment = |kind: u32, offset: u64, address: u64, size: u64, align: u64| {
        bytes.extend(kind.to_le_bytes());
        bytes.extend(5u32.to_le_bytes());
        [offset, address, address, size, size, align]
            .iter()
            .for_each(|field| bytes.extend(field.to_le_bytes()));
    };
    if interpreter.is_some() {
        segment(3, headers as u64, 0x40_0000 + headers as u64, text.len() as u64, 1);
    }
    segment(1, 0, 0x40_0000, size, 0x1000);
    bytes.extend(text);
    bytes
}

/// One manifest of an image: its config and its files.
#[derive(Clone)]
pub(crate) struct Picture {
    child: ChildFacts,
    files: BTreeMap<String, Witness>,
    layer: (usize, String),
}

impl Picture {
    pub(crate) fn new(architecture: &str) -> Picture {
        let child: ChildFacts = serde_json::from_value(
            json!({"digest": Digest::of(b""), "os": "linux", "architecture": architecture}),
        )
        .unwrap();
        let picture = Picture { child, files: BTreeMap::new(), layer: (1, "ADD rootfs.tar /".into()) };
        picture.directory("/", 0o755)
    }

    /// An image that holds this file as `/app` and runs it.
    pub(crate) fn of_app(architecture: &str, bytes: &[u8]) -> Picture {
        Picture::new(architecture).layer(2, "COPY app /app").file("/app", 0o755, bytes).entrypoint(&["/app"])
    }

    /// The image of a dynamically linked program with Debian's C library, of which a loader's questions are answered.
    pub(crate) fn linked(program: &Linked) -> Picture {
        let picture = Picture::of_app("amd64", &program.bytes()).libraries(true).layer(1, "FROM debian");
        let mut loader = Linked::library(AMD64, "ld-linux-x86-64.so.2").bytes();
        loader.extend(b"\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0");
        let core = Linked::library(AMD64, "libc.so.6").defines("GLIBC_2.2.5").defines("GLIBC_2.33");
        picture
            .file(LD_SO, 0o755, &loader)
            .file("/lib/x86_64-linux-gnu/libc.so.6", 0o755, &core.bytes())
            .layer(3, "COPY --from=build /out /")
    }

    /// Whether a loader's questions are answered of it.
    pub(crate) fn libraries(mut self, kept: bool) -> Picture {
        self.child.libraries = kept;
        self
    }

    pub(crate) fn entrypoint(mut self, words: &[&str]) -> Picture {
        self.child.entrypoint = words.iter().map(|word| word.to_string()).collect();
        self
    }

    pub(crate) fn cmd(mut self, words: &[&str]) -> Picture {
        self.child.cmd = words.iter().map(|word| word.to_string()).collect();
        self
    }

    pub(crate) fn user(mut self, user: &str) -> Picture {
        self.child.user = user.into();
        self
    }

    pub(crate) fn working_dir(mut self, path: &str) -> Picture {
        self.child.working_dir = path.into();
        self
    }

    pub(crate) fn trouble(mut self, kind: TroubleKind, message: &str) -> Picture {
        self.child.trouble = Some(Trouble { kind, message: message.into() });
        self
    }

    /// Something odd about the second layer.
    pub(crate) fn note(mut self, bearing: Bearing, text: &str) -> Picture {
        let (note, digest) = (Note { text: text.into(), bearing }, Digest::of(b"layer 2"));
        self.child.notes.push(LayerNote { layer: 2, digest, note });
        self
    }

    /// The layer and instruction of the files that come next.
    pub(crate) fn layer(mut self, number: usize, instruction: &str) -> Picture {
        self.layer = (number, instruction.into());
        self
    }

    pub(crate) fn file(self, path: &str, mode: u32, bytes: &[u8]) -> Picture {
        let pieces = vec![Piece { offset: 0, bytes: bytes[..bytes.len().min(64 * 1024)].to_vec() }];
        self.put(path, Kind::Regular, mode, bytes.len() as u64, pieces)
    }

    pub(crate) fn directory(self, path: &str, mode: u32) -> Picture {
        self.put(path, Kind::Directory, mode, 0, Vec::new())
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Picture {
        self.put(path, Kind::Symlink(target.into()), 0o777, target.len() as u64, Vec::new())
    }

    /// Gives a file to somebody.
    pub(crate) fn owned(mut self, path: &str, uid: u32, gid: u32) -> Picture {
        let file = self.files.get_mut(path).unwrap();
        (file.uid, file.gid) = (uid, gid);
        self
    }

    fn put(mut self, path: &str, kind: Kind, mode: u32, size: u64, pieces: Vec<Piece>) -> Picture {
        let parent = path.rsplit_once('/').map(|(parent, _)| parent).filter(|parent| !parent.is_empty());
        if let Some(parent) = parent.filter(|parent| !self.files.contains_key(*parent)) {
            self = self.directory(parent, 0o755);
        }
        let (layer, instruction) = &self.layer;
        let attribution = Attribution { text: instruction.clone(), certainty: Certainty::Certain };
        let origin = Origin {
            layer: *layer,
            layers: 3,
            digest: Digest::of(format!("layer {layer}").as_bytes()),
            instruction: Some(attribution),
            verified: true,
            as_listed: false,
        };
        let witness = Witness {
            kind,
            mode,
            uid: 0,
            gid: 0,
            mode_unread: false,
            size,
            capability: None,
            pieces,
            implicit: false,
            origin: Some(origin),
        };
        self.files.insert(path.into(), witness);
        self
    }
}

enum Named {
    Manifests { index: bool, digest: Digest, entries: Vec<Entry> },
    Unreadable(Trouble),
}

/// A service with one container `app` of the image `app:1`, until told otherwise.
pub(crate) struct Room {
    pub(crate) definition: Value,
    pub(crate) service: Value,
    pub(crate) documents: Vec<Value>,
    pub(crate) target: TargetKind,
    tasks: Vec<Value>,
    logs: Vec<Log>,
    refusals: Vec<Refusal>,
    names: BTreeMap<String, Named>,
    pictures: BTreeMap<String, Picture>,
    asked: usize,
}

impl Room {
    /// With a task that stopped, as a crash loop leaves them.
    pub(crate) fn new() -> Room {
        Room::unseen()
            .task("STOPPED", json!({"containers": [{"name": "app", "lastStatus": "STOPPED", "exitCode": 1}]}))
    }

    /// Without tasks.
    pub(crate) fn unseen() -> Room {
        let arn = format!("{ACCOUNT}:task-definition/api:7");
        Room {
            definition: json!({"taskDefinitionArn": arn, "family": "api", "revision": 7,
                "containerDefinitions": [{"name": "app", "image": "app:1", "essential": true}]}),
            service: json!({"serviceName": "api", "serviceArn": format!("{ACCOUNT}:service/demo/api"),
                "clusterArn": format!("{ACCOUNT}:cluster/demo"), "taskDefinition": arn, "launchType": "FARGATE",
                "deployments": [{"id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": arn}]}),
            documents: Vec::new(),
            target: TargetKind::Service { cluster: "demo".into(), service: "api".into() },
            tasks: Vec::new(),
            logs: Vec::new(),
            refusals: Vec::new(),
            names: BTreeMap::new(),
            pictures: BTreeMap::new(),
            asked: 0,
        }
    }

    pub(crate) fn definition(mut self, change: Value) -> Room {
        merge(&mut self.definition, change);
        self
    }

    /// Changes the container `app`.
    pub(crate) fn container(mut self, change: Value) -> Room {
        merge(&mut self.definition["containerDefinitions"][0], change);
        self
    }

    /// Adds a container.
    pub(crate) fn beside(mut self, container: Value) -> Room {
        self.definition["containerDefinitions"].as_array_mut().unwrap().push(container);
        self
    }

    pub(crate) fn service(mut self, change: Value) -> Room {
        merge(&mut self.service, change);
        self
    }

    pub(crate) fn document(mut self, document: Value) -> Room {
        self.documents.push(document);
        self
    }

    /// The revision before.
    pub(crate) fn previous(self, change: Value) -> Room {
        let mut previous = self.definition.clone();
        merge(
            &mut previous,
            json!({"revision": 6, "taskDefinitionArn": format!("{ACCOUNT}:task-definition/api:6")}),
        );
        merge(&mut previous, change);
        self.document(json!({"taskDefinition": previous}))
    }

    /// A task; later ones are newer.
    pub(crate) fn task(mut self, status: &str, change: Value) -> Room {
        let number = self.tasks.len();
        let mut task = json!({"taskArn": format!("{ACCOUNT}:task/demo/t{number}"), "lastStatus": status,
            "taskDefinitionArn": self.definition["taskDefinitionArn"], "group": "service:api", "createdAt": 1_790_000_000 + number});
        merge(&mut task, change);
        self.tasks.push(task);
        self
    }

    /// Container instances of one kind.
    pub(crate) fn instances(self, architecture: &str, count: usize, change: Value) -> Room {
        let instance = |number| {
            let mut instance = json!({"containerInstanceArn": format!("{ACCOUNT}:container-instance/demo/{architecture}{number}"),
                "status": "ACTIVE", "attributes": [{"name": "ecs.cpu-architecture", "value": architecture}]});
            merge(&mut instance, change.clone());
            instance
        };
        let instances: Vec<Value> = (0..count).map(instance).collect();
        self.document(json!({"containerInstances": instances}))
    }

    /// A log line of the newest task.
    pub(crate) fn log(mut self, line: &str) -> Room {
        let task = format!("{ACCOUNT}:task/demo/t{}", self.tasks.len() - 1);
        self.logs.push(Log {
            task,
            container: "app".into(),
            stream: "/ecs/api:x".into(),
            lines: vec![line.into()],
        });
        self
    }

    pub(crate) fn refusal(mut self, action: &str, decides: bool) -> Room {
        let message = format!("{action} is denied");
        self.refusals.push(Refusal { action: action.into(), message, decides });
        self
    }

    /// An image of one manifest.
    pub(crate) fn image(mut self, name: &str, picture: Picture) -> Room {
        let (digest, entry) = self.keep(name, "", picture);
        let entries = vec![Entry { platform: None, ..entry }];
        self.names.insert(name.into(), Named::Manifests { index: false, digest, entries });
        self
    }

    /// An image of several manifests.
    pub(crate) fn index(mut self, name: &str, pictures: &[(&str, Picture)]) -> Room {
        let entries: Vec<Entry> =
            pictures.iter().map(|(platform, picture)| self.keep(name, platform, picture.clone()).1).collect();
        let digest = Digest::of(format!("index {name}").as_bytes());
        self.names.insert(name.into(), Named::Manifests { index: true, digest, entries });
        self
    }

    pub(crate) fn unreadable(mut self, name: &str, kind: TroubleKind, message: &str) -> Room {
        self.names.insert(name.into(), Named::Unreadable(Trouble { kind, message: message.into() }));
        self
    }

    fn keep(&mut self, name: &str, platform: &str, mut picture: Picture) -> (Digest, Entry) {
        let digest = manifest(name, platform);
        picture.child.digest = digest.clone();
        self.pictures.insert(digest.to_string(), picture);
        (digest.clone(), Entry::of_platform(digest, platform))
    }

    /// The case before anything of an image is known.
    pub(crate) fn case(&self) -> Case {
        let mut case = Case::new(Target::new(self.target.clone()));
        let documents = [
            json!({"services": [self.service]}),
            json!({"taskDefinition": self.definition}),
            json!({"tasks": self.tasks}),
        ];
        documents
            .into_iter()
            .chain(self.documents.iter().cloned())
            .for_each(|document| case.add_answer("", document));
        case.logs.clone_from(&self.logs);
        case.refusals.clone_from(&self.refusals);
        case
    }

    /// Asks until there is an answer.
    pub(crate) fn ask(&mut self) -> (Case, Result<Report, String>) {
        self.asked_until(diagnose)
    }

    /// The plan that is offered; AWS's answers are the documents that were put.
    pub(crate) fn proposal(mut self, wish: &Wish) -> Proposal {
        let proposal = self.asked_until(|case| propose(case, wish)).1.unwrap();
        if let Offer::Plan(plan) = &proposal.offer {
            // Whatever is offered can be saved and read again.
            let saved = serde_json::to_vec(plan).unwrap();
            assert_eq!(Plan::read(&saved).as_ref(), Ok(&**plan));
        }
        proposal
    }

    fn asked_until<T>(
        &mut self,
        question: impl Fn(&Case) -> Result<T, Pending>,
    ) -> (Case, Result<T, String>) {
        let mut case = self.case();
        for _ in 0..200 {
            match question(&case) {
                Ok(answer) => return (case, Ok(answer)),
                Err(Pending::Nothing(nothing)) => return (case, Err(nothing.to_string())),
                Err(Pending::Needs(needs)) => needs.into_iter().for_each(|need| self.fulfil(&mut case, need)),
            }
        }
        panic!("the questions do not end")
    }

    pub(crate) fn report(mut self) -> Report {
        self.ask().1.unwrap()
    }

    /// Verdicts, hosts and the ids of findings.
    pub(crate) fn brief(self) -> String {
        brief(&self.report())
    }

    /// One finding in full, below the brief.
    pub(crate) fn finding(self, id: &str) -> String {
        let report = self.report();
        let found = report
            .workloads
            .iter()
            .flat_map(|workload| &workload.findings)
            .filter(|finding| finding.id == id);
        let found: String = found.map(full).collect();
        brief(&report) + if found.is_empty() { "no such finding\n" } else { &found }
    }

    /// The findings' ids of the first container.
    pub(crate) fn ids(self) -> Vec<&'static str> {
        self.report().workloads[0].findings.iter().map(|finding| finding.id).collect()
    }

    fn fulfil(&mut self, case: &mut Case, need: Need) {
        self.asked += 1;
        match need {
            Need::Image { name, .. } => case.images.push(self.facts(name)),
            Need::Child { name, digest } => {
                let child =
                    ChildFacts { files: BTreeMap::new(), ..self.pictures[&digest.to_string()].child.clone() };
                let image = case.images.iter_mut().find(|image| image.name == name).unwrap();
                image.children.push(child);
            }
            Need::AnyFile { .. } => unreachable!("nothing is assumed here"),
            Need::File { name, digest, path, .. } => {
                let image = case.images.iter_mut().find(|image| image.name == name).unwrap();
                let child = image.children.iter_mut().find(|child| child.digest == digest).unwrap();
                let file = self.pictures[&digest.to_string()].files.get(std::str::from_utf8(&path).unwrap());
                child.insert(&path, file.cloned());
            }
            Need::Survey { .. } => unreachable!("only an inspection asks for all files"),
            Need::Aws(question) => {
                case.asked.insert(question);
            }
        }
    }

    /// By tag, or by the digest of an image or of one of its manifests, as a registry answers.
    fn facts(&self, name: String) -> ImageFacts {
        let reference: Option<Reference> = name.parse().ok();
        let wanted = reference.and_then(|reference| reference.digest);
        let by_digest = |wanted: &Digest| {
            let named = self.names.values().find_map(|named| match named {
                Named::Manifests { index, digest, entries } if digest == wanted => {
                    Some((*index, digest.clone(), entries.clone()))
                }
                _ => None,
            });
            named.or_else(|| {
                self.pictures.contains_key(&wanted.to_string()).then(|| {
                    let entry = Entry::of_platform(wanted.clone(), "");
                    (false, wanted.clone(), vec![Entry { platform: None, ..entry }])
                })
            })
        };
        let found = match (&wanted, self.names.get(&name)) {
            (_, Some(Named::Unreadable(trouble))) => return ImageFacts::unreadable(name, trouble.clone()),
            (Some(wanted), _) => by_digest(wanted),
            (None, Some(Named::Manifests { index, digest, entries })) => {
                Some((*index, digest.clone(), entries.clone()))
            }
            (None, None) => None,
        };
        let missing =
            || Trouble { kind: TroubleKind::NotFound, message: format!("there is no image `{name}`") };
        match found {
            Some((index, digest, entries)) => {
                ImageFacts { name, digest: Some(digest), index, entries, children: Vec::new(), trouble: None }
            }
            None => ImageFacts::unreadable(name.clone(), missing()),
        }
    }
}

/// The digest of an image's manifest; `platform` is empty where it has only one.
pub(crate) fn manifest(name: &str, platform: &str) -> Digest {
    Digest::of(format!("{name} {platform}").as_bytes())
}

/// The digest of an image's index.
pub(crate) fn index(name: &str) -> Digest {
    Digest::of(format!("index {name}").as_bytes())
}

fn merge(into: &mut Value, change: Value) {
    match (into, change) {
        (Value::Object(into), Value::Object(change)) => {
            for (key, value) in change {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, change) => *into = change,
    }
}

pub(crate) fn brief(report: &Report) -> String {
    let mut text = String::new();
    for workload in &report.workloads {
        let place = [workload.phase, workload.errno, workload.signal]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ");
        let verdict = format!("{:?} {place}", workload.verdict).to_lowercase();
        let reason = workload.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        writeln!(text, "{}: {}{reason}", workload.container, verdict.trim_end()).unwrap();
        for host in &workload.hosts {
            let source = serde_json::to_value(host.source).unwrap();
            let verdict = format!("{:?}", host.verdict).to_lowercase();
            writeln!(
                text,
                "  host {} ({}, {}): {verdict}",
                host.architecture,
                source.as_str().unwrap(),
                host.instances
            )
            .unwrap();
        }
        let ids: Vec<&str> = workload.findings.iter().map(|finding| finding.id).collect();
        writeln!(text, "  findings: {}", ids.join(", ")).unwrap();
    }
    shortened(&text)
}

/// One finding in full.
pub(crate) fn full(finding: &Finding) -> String {
    let mut text = String::new();
    let severity = format!("{:?}", finding.severity).to_lowercase();
    writeln!(text, "{severity}[{}]: {}", finding.id, finding.message).unwrap();
    for rung in &finding.evidence {
        let origin = match (&rung.layer, &rung.instruction) {
            (Some(layer), Some(instruction)) => format!(" (layer {layer}, {instruction})"),
            _ => String::new(),
        };
        let source = rung.source.as_ref().map(|source| format!(" [{source}]")).unwrap_or_default();
        writeln!(text, "  | {}{origin}{source}", rung.text).unwrap();
    }
    for remedy in &finding.remedies {
        writeln!(text, "  = {:?} {:?}: {}", remedy.kind, remedy.safety, remedy.title).unwrap();
        remedy.commands.iter().for_each(|command| writeln!(text, "    $ {command}").unwrap());
    }
    shortened(&text)
}

/// Digests by their first eight digits.
pub(crate) fn shortened(text: &str) -> String {
    let mut pieces = text.split("sha256:");
    let mut short = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_hexdigit).count();
        write!(short, "sha256:{}{}", &piece[..digits.min(8)], &piece[digits..]).unwrap();
    }
    short
}
