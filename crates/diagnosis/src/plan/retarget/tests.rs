//! The remedy `retarget`, sentence by sentence.

use crate::case::TroubleKind;
use crate::fixture::{AMD64, ARM64, Picture, Room, elf};
use crate::plan::shown::shown;
use crate::plan::{Method, Wish};
use insta::assert_snapshot;
use serde_json::json;

fn wish() -> Wish {
    Wish { by: Some(Method::Retarget), settle_seconds: 20, force_live: false }
}

/// Without what the machines are like: `plan::capacity` has its own tests.
fn proposed(room: Room) -> String {
    let text = shown(&room.proposal(&wish()));
    let lines =
        text.lines().filter(|line| !line.starts_with("  capacity: ") && !line.contains("machines would"));
    lines.collect::<Vec<_>>().join("\n")
}

fn arm64() -> Picture {
    Picture::of_app("arm64", &elf(ARM64))
}

fn amd64() -> Picture {
    Picture::of_app("amd64", &elf(AMD64))
}

fn room() -> Room {
    Room::unseen().image("app:1", arm64())
}

#[test]
fn an_arm64_image_on_the_default_host() {
    assert_snapshot!(proposed(room()), @r#"
    retarget: run the tasks of the service api on ARM64 instead of X86_64
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app:1 sha256:9891d097
      if service at api:7 ecs-svc/1
      if image app:1 sha256:9891d097
      * register from api:7
          /runtimePlatform/cpuArchitecture: - => "ARM64"
          /runtimePlatform/operatingSystemFamily: - => "LINUX"
          undo: aws ecs deregister-task-definition --task-definition REVISION
      * update from api:7 to the new revision
          undo: aws ecs update-service --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7
      warning: while it rolls out, tasks of X86_64 and ARM64 run side by side: AWS documents that the task definitions of one service share an architecture, and such rolling updates are reported to work
    "#);
}

#[test]
fn the_container_that_cannot_follow_is_named_with_what_would_become_of_it() {
    let agent = json!({"name": "agent", "image": "agent:1", "essential": false});
    let init = json!({"name": "init", "image": "init:1", "essential": false});
    let waits = json!({"dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]});
    let room = room().container(waits).beside(agent).beside(init).image("agent:1", amd64());
    let room = room.index("init:1", &[("linux/amd64", amd64())]);
    assert_snapshot!(proposed(room), @"
    not retarget
      because: container agent: /app is a program for x86_64, and the host is arm64: execve answers ENOEXEC (exec format error) (wrong-architecture)
      because: container init: the index init:1 has no linux/arm64, only linux/amd64: it cannot be pulled (missing-platform)
    Refused
    ");
}

#[test]
fn what_is_not_known_is_no_container_that_runs() {
    let room = room().beside(json!({"name": "agent", "image": "agent:1"}));
    let room = room.unreadable("agent:1", TroubleKind::Denied, "the registry answers 403");
    assert_snapshot!(proposed(room), @"
    not retarget
      because: container agent: it is not known whether it runs on arm64: the registry answers 403
    Refused
    ");
}
