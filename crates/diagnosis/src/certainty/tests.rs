//! What a run is told to rest on.

use super::*;
use crate::case::{Case, Need, UnfinishedLayer};
use crate::inspect::{Asked, HostAsked, Inspection, inspect};
use crate::target::{Target, TargetKind};
use crate::workload::{Command, Engine};
use execfit_image::digest::Digest;
use execfit_image::index::Entry;
use execfit_image::witness::{Kind, Piece, Witness};
use serde_json::{from_value, json};

const NAME: &str = "app:1";

fn asked(words: &[&str], user: Option<&str>) -> Asked {
    let entry_point = Some(words.iter().map(|word| (*word).to_string()).collect());
    let command = Command { entry_point, user: user.map(String::from), ..Command::default() };
    let platforms = vec!["linux/amd64".parse().unwrap()];
    Asked {
        reference: NAME.into(),
        platforms,
        command,
        host: HostAsked::default(),
        engine: Engine::Containerd,
        all: None,
    }
}

/// A case of which manifest and config are known.
fn opened() -> Case {
    let digest = Digest::of(b"manifest");
    let mut case = Case::new(Target::new(TargetKind::Image { reference: NAME.into() }));
    let entry = serde_json::to_value(Entry::of_platform(digest.clone(), "linux/amd64")).unwrap();
    case.images = from_value(json!([{
        "name": NAME, "digest": digest, "entries": [entry],
        "children": [{"digest": digest, "os": "linux", "architecture": "amd64", "libraries": true}],
    }]))
    .unwrap();
    case
}

fn child(case: &mut Case) -> &mut ChildFacts {
    &mut case.images[0].children[0]
}

fn witness(kind: Kind, verified: bool) -> Witness {
    let bytes = if kind == Kind::Regular { crate::fixture::elf(crate::fixture::AMD64) } else { Vec::new() };
    let size = bytes.len() as u64;
    Witness {
        kind,
        mode: 0o755,
        uid: 0,
        gid: 0,
        mode_unread: false,
        implicit: false,
        size,
        capability: None,
        pieces: vec![Piece { offset: 0, bytes }],
        origin: Some(Origin {
            layer: 2,
            layers: 5,
            digest: Digest::of(b"layer"),
            instruction: None,
            verified,
            as_listed: false,
        }),
    }
}

/// Asks until there is an answer, or what was assumed is no answer; what is not in `seen` is assumed.
fn likely(case: &mut Case, asked: &Asked, seen: &[(&str, Kind)]) -> Result<Inspection, Need> {
    loop {
        let mut needs = match inspect(case, asked) {
            Ok(inspection) => return Ok(inspection),
            Err(needs) => needs,
        };
        match needs.remove(0) {
            Need::File { path, .. } => match seen.iter().find(|(name, _)| name.as_bytes() == path) {
                Some((_, kind)) => child(case).insert(&path, Some(witness(kind.clone(), false))),
                None => child(case).assume(&path),
            },
            need => return Err(need),
        }
    }
}

#[test]
fn a_bare_name_is_found_and_earlier_directories_are_assumed_to_lack_it() {
    let mut case = opened();
    child(&mut case).unfinished = vec![UnfinishedLayer { layer: 2, read: 3_000_000, size: 120_000_000 }];
    let seen =
        [("/usr", Kind::Directory), ("/usr/bin", Kind::Directory), ("/usr/bin/python3", Kind::Regular)];
    let inspection = likely(&mut case, &asked(&["python3"], None), &seen).unwrap();
    let run = &inspection.runs[0];
    assert_eq!((run.verdict, run.certainty), (VerdictName::Runs, Some(Certainty::Likely)));
    assert_eq!(
        run.assumed,
        [
            "layer 2 of 5: 3.0 of 120.0 MB read, digest not verified",
            "nothing at /usr/local",
            "nothing at /usr/sbin"
        ]
    );
    assert_eq!(inspection.certainty, Some(Certainty::Likely));
    // Replayed it is the same, byte for byte.
    let saved = serde_json::to_string(&case).unwrap();
    let replayed: Case = serde_json::from_str(&saved).unwrap();
    assert_eq!(inspect(&replayed, &asked(&["python3"], None)).unwrap(), inspection);
}

#[test]
fn an_absence_that_is_only_assumed_is_no_answer() {
    let need = likely(&mut opened(), &asked(&["python3"], None), &[]).unwrap_err();
    let Need::AnyFile { paths, .. } = need else { panic!("{need:?}") };
    let paths: Vec<String> = paths.iter().map(|path| show(path)).collect();
    assert_eq!(paths, ["/bin", "/sbin", "/usr"], "the places where it may be, as far as is known");
    let user = likely(&mut opened(), &asked(&["/app"], Some("ann")), &[("/app", Kind::Regular)]);
    assert!(matches!(user, Err(Need::AnyFile { .. })), "{user:?}");
}

#[test]
fn what_was_verified_is_proven() {
    let mut case = opened();
    let asked = asked(&["/app"], None);
    child(&mut case).insert(b"/app", Some(witness(Kind::Regular, true)));
    let run = inspect(&case, &asked).unwrap().runs.remove(0);
    assert_eq!((run.certainty, run.assumed.len()), (Some(Certainty::Proven), 0));
    child(&mut case).insert(b"/app", None);
    let run = inspect(&case, &asked).unwrap().runs.remove(0);
    assert_eq!((run.verdict, run.certainty), (VerdictName::Fails, Some(Certainty::Proven)));
}

#[test]
fn the_mode_of_an_implied_directory_matters_to_those_whom_it_may_stop() {
    let mut case = opened();
    let directory = Witness { mode_unread: true, ..witness(Kind::Directory, true) };
    child(&mut case).insert(b"/srv", Some(directory.clone()));
    child(&mut case).insert(b"/srv/app", Some(witness(Kind::Regular, true)));
    let run = inspect(&case, &asked(&["/srv/app"], None)).unwrap().runs.remove(0);
    assert_eq!(run.certainty, Some(Certainty::Proven), "root passes over it");
    let (digest, path) = (Digest::of(b"manifest"), b"/srv".to_vec());
    child(&mut case).insert(b"/etc", None);
    let root = Witness { origin: None, ..witness(Kind::Directory, true) };
    child(&mut case).insert(b"/", Some(root));
    let ann = asked(&["/srv/app"], Some("7:7"));
    let need = Need::File { name: NAME.into(), digest, path, privileged: false };
    assert_eq!(inspect(&case, &ann).unwrap_err(), [need]);
    child(&mut case).assume(b"/srv");
    let run = inspect(&case, &ann).unwrap().runs.remove(0);
    assert_eq!(
        (run.certainty, &run.assumed[..]),
        (Some(Certainty::Likely), &["mode 0755 of /srv, root's".to_string()][..])
    );
}

#[test]
fn a_whole_is_as_sure_as_what_decides_it() {
    use Certainty::{Likely, Proven};
    use VerdictName::{Fails, Runs, Unknown};
    let whole = |verdict, parts: &[_]| Certainty::of_whole(verdict, parts.iter().copied());
    assert_eq!(whole(Runs, &[(Runs, Some(Proven)), (Runs, Some(Likely))]), Some(Likely));
    assert_eq!(
        whole(Fails, &[(Fails, Some(Likely)), (Fails, Some(Proven)), (Runs, Some(Likely))]),
        Some(Proven)
    );
    assert_eq!(whole(Fails, &[(Fails, Some(Likely)), (Runs, Some(Proven))]), Some(Likely));
    assert_eq!(whole(Unknown, &[(Unknown, None), (Runs, Some(Proven))]), None);
}
