//! In which order the remedies are tried.

use super::{Method, Refused, Setting, Wish};
use crate::remedy::{RemedyKind, Safety};

/// The remedies to try: the one that was asked for, else those that `diagnose` tells, in its order, then the others, the
/// smaller change first. Nobody is moved to the other architecture unasked for a fault that has nothing to do with it.
pub(super) fn ranked(setting: &Setting<'_>, wish: &Wish) -> (Vec<Method>, Vec<Refused>) {
    if let Some(method) = wish.by {
        return (vec![method], Vec::new());
    }
    let mut methods = Method::ALL.to_vec();
    methods.sort_by_key(|method| place(setting, *method));
    let foreign = setting.subjects.iter().any(|subject| subject.is_architecture_fault());
    if foreign {
        return (methods, Vec::new());
    }
    methods.retain(|method| *method != Method::Retarget);
    let reason = "no container fails because of its architecture; `--by retarget` tries it nonetheless";
    (methods, vec![Refused::because(Method::Retarget, reason)])
}

/// The place of a remedy in the diagnosis, where it tells of it; else after all that it tells of.
fn place(setting: &Setting<'_>, method: Method) -> (bool, Option<(Safety, RemedyKind)>, Method) {
    let findings = setting.report.workloads.iter().flat_map(|workload| &workload.findings);
    let remedies = findings.flat_map(|finding| &finding.remedies);
    let told = remedies.filter(|remedy| remedy.kind == kind(method));
    let best = told.map(|remedy| (remedy.safety, remedy.kind)).min();
    (best.is_none(), best, method)
}

fn kind(method: Method) -> RemedyKind {
    match method {
        Method::Repin => RemedyKind::Repin,
        Method::Retarget => RemedyKind::Retarget,
        Method::Rollback => RemedyKind::Rollback,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, ARM64, Picture, Room, elf, index, manifest};
    use crate::plan::{Offer, Plan};
    use serde_json::json;

    fn amd64() -> Picture {
        Picture::of_app("amd64", &elf(AMD64))
    }

    fn arm64() -> Picture {
        Picture::of_app("arm64", &elf(ARM64))
    }

    /// The room of a service that is deployed from `app:old`, while the tag names `app:1` now.
    fn moved(old: Picture, new: Picture) -> Room {
        let container = json!({"name": "app", "lastStatus": "STOPPED", "exitCode": 1, "imageDigest": manifest("app:old", "")});
        Room::unseen()
            .image("app:old", old)
            .image("app:1", new)
            .task("STOPPED", json!({"containers": [container]}))
    }

    fn rooms() -> Vec<(&'static str, Room)> {
        let both = [("linux/amd64", amd64()), ("linux/arm64", arm64())];
        let of = |image: &str| json!({"containerDefinitions": [{"name": "app", "image": image}]});
        let pinned = |name: &str| format!("app:1@{}", manifest(name, "linux/arm64"));
        let script = Picture::of_app("amd64", b"echo\n");
        let platform = |word: &str| json!({"runtimePlatform": {"cpuArchitecture": word}});
        let lost = || Room::new().image("app:1", arm64()).previous(platform("ARM64"));
        let express = json!({"resourceManagementType": "ECS"});
        let stack = json!({"tags": [{"key": "aws:cloudformation:stack-name", "value": "shop"}]});
        vec![
            ("arm64 only", Room::new().image("app:1", arm64())),
            ("lost platform", lost()),
            ("lost platform, of a stack", lost().service(stack)),
            ("lost platform, of ECS Express", lost().service(express.clone())),
            ("mended tag, of ECS Express", moved(arm64(), amd64()).service(express)),
            (
                "earlier image",
                Room::new().image("app:1", arm64()).image("app:0", amd64()).previous(of("app:0")),
            ),
            (
                "earlier image, foreign too",
                Room::new().image("app:1", arm64()).image("app:0", arm64()).previous(of("app:0")),
            ),
            ("script", Room::new().image("app:1", script.clone())),
            (
                "script after a program",
                Room::new().image("app:1", script).image("app:0", amd64()).previous(of("app:0")),
            ),
            ("pinned", Room::new().index("app:1", &both).container(json!({"image": pinned("app:1")}))),
            ("mended tag", moved(arm64(), amd64())),
            ("tag that moved on to nothing better", moved(arm64(), arm64())),
            ("index", Room::new().index("app:1", &both[1..])),
            (
                "index, seen",
                Room::new().index("app:1", &both[1..]).task(
                    "STOPPED",
                    json!({"containers": [
                {"name": "app", "lastStatus": "STOPPED", "imageDigest": index("app:1")}]}),
                ),
            ),
        ]
    }

    fn wish(by: Option<Method>) -> Wish {
        Wish { by, settle_seconds: 20, force_live: false }
    }

    /// What a diagnosis calls safe, `fix --by` plans; and what `fix` chooses is the first of them.
    #[test]
    fn what_is_safe_is_planned() {
        let (mut safe, mut planned) = (0, 0);
        for (at, (name, room)) in rooms().into_iter().enumerate() {
            let report = room.report();
            let findings = report.workloads.iter().flat_map(|workload| &workload.findings);
            let mut remedies: Vec<_> = findings.flat_map(|finding| &finding.remedies).collect();
            remedies.sort_by_key(|remedy| (remedy.safety, remedy.kind));
            let again = || rooms().swap_remove(at).1;
            for method in Method::ALL {
                let proven =
                    remedies.iter().any(|one| one.kind == kind(method) && one.safety == Safety::Safe);
                let offer = again().proposal(&wish(Some(method)));
                let is_plan = matches!(offer.offer, Offer::Plan(_));
                assert!(is_plan || !proven, "{name}: {method:?}: {:#?}", offer.passed_over);
                safe += usize::from(proven);
            }
            let first = remedies.first().filter(|first| first.safety == Safety::Safe);
            let Offer::Plan(plan) = again().proposal(&wish(None)).offer else {
                assert!(first.is_none(), "{name}: nothing is planned");
                continue;
            };
            planned += 1;
            let saved = serde_json::to_vec(&plan).unwrap();
            assert_eq!(Plan::read(&saved).as_ref(), Ok(&*plan), "{name}");
            let Offer::Plan(same) = again().proposal(&wish(None)).offer else { panic!("{name}: no plan") };
            assert_eq!(serde_json::to_vec(&same).unwrap(), saved, "{name}");
            assert!(
                first.is_none_or(|first| first.kind == kind(plan.by)),
                "{name}: {:?}, not {first:?}",
                plan.by
            );
        }
        assert!(safe >= 8 && planned >= 8, "{safe} safe, {planned} planned");
    }

    #[test]
    fn nobody_is_moved_for_a_script() {
        let room = || Room::new().image("app:1", Picture::of_app("amd64", b"echo\n"));
        let reasons = |by| room().proposal(&wish(by)).passed_over[0].reasons.clone();
        assert_eq!(
            reasons(None),
            ["no container fails because of its architecture; `--by retarget` tries it nonetheless"]
        );
        assert!(reasons(Some(Method::Retarget))[0].starts_with("container app: /app"));
    }
}
