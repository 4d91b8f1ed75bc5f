use crate::case::TroubleKind;
use crate::fixture::{AMD64, ARM64, Picture, Room, elf, manifest};
use crate::plan::shown::shown;
use crate::plan::{Method, Wish};
use insta::assert_snapshot;
use serde_json::{Value, json};

const ARN: &str = "arn:aws:ecs:eu-west-1:111122223333";
const ECR: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/api";

fn good() -> Picture {
    Picture::of_app("amd64", &elf(AMD64))
}

fn bad() -> Picture {
    Picture::of_app("arm64", &elf(ARM64))
}

fn told(room: Room) -> String {
    shown(&room.proposal(&Wish { by: Some(Method::Repin), settle_seconds: 20, force_live: false }))
}

/// A task's container with the digest of this image.
fn of(image: &str) -> Value {
    json!({"containers": [{"name": "app", "lastStatus": "STOPPED", "image": "app:1", "imageDigest": manifest(image, "")}]})
}

/// Revision 7 whose tag was overwritten by an image for arm64.
fn overwritten() -> Room {
    Room::unseen().image("app:1", bad()).image("app:1 of old", good()).image("app:1 of older", good())
}

#[test]
fn what_earlier_tasks_ran() {
    let older = json!({"taskDefinitionArn": format!("{ARN}:task-definition/api:6")});
    let with = |mut task: Value, more: &Value| {
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        task
    };
    let room = overwritten()
        .task("STOPPED", with(of("app:1 of older"), &older))
        .task("STOPPED", with(of("app:1 of old"), &older))
        .task("STOPPED", of("app:1"));
    assert_snapshot!(told(room), @r#"
    repin: pin container app to sha256:69988862: the task t1 of 2026-09-21T14:13:21Z had it; with that, all containers run by the model
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app@sha256:69988862 sha256:69988862
      if service at api:7 ecs-svc/1
      if image app@sha256:69988862 sha256:69988862
      * register from api:7
          /containerDefinitions/0/image: "app:1" => "app@sha256:69988862"
          undo: aws ecs deregister-task-definition --region eu-west-1 --task-definition api:REVISION
      * update from api:7 to the new revision
          undo: aws ecs update-service --region eu-west-1 --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7
      warning: container app stays at sha256:69988862 until its definition is changed again: a push to a tag does not reach it
    "#);
}

#[test]
fn what_an_earlier_service_revision_had() {
    let revision = |number: u64, image: &str, container: &str| {
        json!({"serviceRevisionArn": format!("{ARN}:service-revision/demo/api/{number}"),
        "taskDefinition": format!("{ARN}:task-definition/api:6"), "createdAt": 1_780_000_000 + number,
        "containerImages": [{"containerName": container, "image": "app:1", "imageDigest": manifest(image, "")}]})
    };
    let gone = revision(3, "deleted since", "app");
    let room = overwritten()
        .task("STOPPED", of("app:1"))
        .document(json!({"serviceRevisions": [revision(1, "app:1 of old", "app"), gone, revision(4, "app:1 of old", "other")]}));
    assert_snapshot!(told(room), @r#"
    repin: pin container app to sha256:69988862: the service revision 1 of 2026-05-28T20:26:41Z had it; with that, all containers run by the model
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app@sha256:69988862 sha256:69988862
      if service at api:7 ecs-svc/1
      if image app@sha256:69988862 sha256:69988862
      * register from api:7
          /containerDefinitions/0/image: "app:1" => "app@sha256:69988862"
          undo: aws ecs deregister-task-definition --region eu-west-1 --task-definition api:REVISION
      * update from api:7 to the new revision
          undo: aws ecs update-service --region eu-west-1 --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7
      warning: container app stays at sha256:69988862 until its definition is changed again: a push to a tag does not reach it
      warning: container app: sha256:267afb08 is passed over: nobody can tell whether it runs: there is no image `app:1@sha256:267afb08` (the service revision 3 of 2026-05-28T20:26:43Z had it)
    "#);
}

#[test]
fn other_repositories_and_families_are_no_kin() {
    let mut other_image = of("app:1 of old");
    other_image["containers"][0]["image"] = json!("example.com/app:1");
    let mut other_family = of("app:1 of old");
    other_family["taskDefinitionArn"] = json!(format!("{ARN}:task-definition/web:6"));
    other_family["group"] = json!("service:api");
    let room =
        overwritten().task("STOPPED", other_family).task("STOPPED", other_image).task("STOPPED", of("app:1"));
    assert_snapshot!(told(room), @"
    not repin
      because: container app: no image of app:1 is known to run on x86_64 that it could be pinned to
    Refused
    ");
}

#[test]
fn the_tag_was_mended_since() {
    let room =
        Room::unseen().image("app:1", good()).image("app:broken", bad()).task("STOPPED", of("app:broken"));
    assert_snapshot!(told(room), @r#"
    repin: pin container app to sha256:9891d097: app:1 names it by now; with that, all containers run by the model
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app@sha256:9891d097 sha256:9891d097
      if service at api:7 ecs-svc/1
      if image app@sha256:9891d097 sha256:9891d097
      * register from api:7
          /containerDefinitions/0/image: "app:1" => "app@sha256:9891d097"
          undo: aws ecs deregister-task-definition --region eu-west-1 --task-definition api:REVISION
      * update from api:7 to the new revision
          undo: aws ecs update-service --region eu-west-1 --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7
      warning: container app stays at sha256:9891d097 until its definition is changed again: a push to a tag does not reach it
    "#);
}

#[test]
fn a_pin_of_one_platform_becomes_the_index() {
    let pictures = [("linux/amd64", good()), ("linux/arm64", bad())];
    let pin = format!("app:1@{}", manifest("app:1", "linux/arm64"));
    let room = Room::unseen().index("app:1", &pictures).container(json!({"image": pin}));
    assert_snapshot!(told(room), @r#"
    repin: pin container app to sha256:f70e479c: the index that the pinned manifest belongs to; with that, all containers run by the model
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app:1@sha256:f70e479c sha256:5b8d2415 sha256:f70e479c
      if service at api:7 ecs-svc/1
      if image app:1@sha256:f70e479c sha256:f70e479c
      * register from api:7
          /containerDefinitions/0/image: "app:1@sha256:bf6e7804" => "app:1@sha256:f70e479c"
          undo: aws ecs deregister-task-definition --region eu-west-1 --task-definition api:REVISION
      * update from api:7 to the new revision
          undo: aws ecs update-service --region eu-west-1 --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7
      warning: container app stays at sha256:f70e479c until its definition is changed again: a push to a tag does not reach it
    "#);
    let of_another_build = format!("app:1@{}", manifest("app:0", ""));
    let room = Room::unseen()
        .index("app:1", &pictures)
        .image("app:0", bad())
        .container(json!({"image": of_another_build}));
    assert!(told(room).contains("app:1 names another build than the one that is pinned"));
}

#[test]
fn all_other_containers_must_run() {
    let room = || overwritten().task("STOPPED", of("app:1 of old")).task("STOPPED", of("app:1"));
    let sidecar = |essential: bool| json!({"name": "log", "image": "log:1", "essential": essential});
    let runs = told(room().beside(sidecar(true)).image("log:1", good()));
    assert!(
        runs.contains("/containerDefinitions/0/image") && !runs.contains("/containerDefinitions/1/image"),
        "{runs}"
    );
    assert!(runs.contains("if image log:1 "), "its tag must stay the same: {runs}");
    let fails = told(room().beside(sidecar(false)).image("log:1", bad()));
    assert_snapshot!(fails, @"
    not repin
      because: container log: no image of log:1 is known to run on x86_64 that it could be pinned to
    Refused
    ");
    let unknown =
        room().beside(sidecar(false)).unreadable("log:1", TroubleKind::Denied, "log:1: access denied");
    assert_snapshot!(told(unknown), @"
    not repin
      because: with its failing containers pinned, the task would still not run
      because: container log of log:1 may or may not run: log:1: access denied
    Refused
    ");
}

/// Things of an ECR repository, the first pushed last.
fn pushes(room: Room, images: &[Value]) -> Room {
    let images: Vec<Value> = images
        .iter()
        .enumerate()
        .map(|(at, image)| {
            let mut image = image.clone();
            let details = image.as_object_mut().unwrap();
            details.insert("repositoryName".into(), json!("team/api"));
            details.insert("registryId".into(), json!("111122223333"));
            details.insert("imagePushedAt".into(), json!(1_790_000_000 - at));
            image
        })
        .collect();
    room.document(json!({"imageDetails": images}))
}

fn in_ecr() -> Room {
    let name = |tag: &str| format!("{ECR}:{tag}");
    Room::unseen()
        .container(json!({"image": name("1")}))
        .image(&name("1"), bad())
        .image(&name("old"), good())
        .image(
            &name("other"),
            Picture::new("amd64").file("/other", 0o755, &elf(AMD64)).entrypoint(&["/other"]),
        )
}

fn digest(tag: &str) -> Value {
    json!(manifest(&format!("{ECR}:{tag}"), ""))
}

#[test]
fn what_was_pushed_before() {
    let room = pushes(
        in_ecr(),
        &[
            json!({"imageDigest": digest("1"), "imageTags": ["1"]}),
            json!({"imageDigest": "sha256:ab", "imageTags": ["garbage"]}),
            json!({"imageDigest": digest("signature"), "artifactMediaType": "application/vnd.dev.cosign.artifact.sig.v1+json"}),
            json!({"imageDigest": digest("archived"), "imageStatus": "ARCHIVED"}),
            json!({"imageDigest": digest("other"), "imageTags": ["other"]}),
            json!({"imageDigest": digest("old"), "artifactMediaType": "application/vnd.docker.container.image.v1+json"}),
        ],
    );
    assert_snapshot!(told(room), @r#"
    repin: pin container app to sha256:804848f4: it was pushed 2026-09-21T14:13:15Z, without a tag by now; with that, all containers run by the model
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: 111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/api@sha256:804848f4 sha256:804848f4
      if service at api:7 ecs-svc/1
      if image 111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/api@sha256:804848f4 sha256:804848f4
      * register from api:7
          /containerDefinitions/0/image: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/api:1" => "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/api@sha256:804848f4"
          undo: aws ecs deregister-task-definition --region eu-west-1 --task-definition api:REVISION
      * update from api:7 to the new revision
          undo: aws ecs update-service --region eu-west-1 --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7
      warning: container app: it was not seen in any task of this service, and without a tag a lifecycle policy of the repository may delete it
      warning: container app stays at sha256:804848f4 until its definition is changed again: a push to a tag does not reach it
      warning: sha256:0a9789d7, pushed 2026-09-21T14:13:17Z, is passed over: ECR has archived it
      warning: container app: sha256:294d6643 is passed over: it starts another command, so it may be of another program (it was pushed 2026-09-21T14:13:16Z, tagged other)
    "#);
}

#[test]
fn only_its_own_repository_counts() {
    let room = in_ecr().document(json!({"imageDetails": [
        {"imageDigest": digest("old"), "repositoryName": "team/web", "registryId": "111122223333", "imagePushedAt": 1},
        {"imageDigest": digest("old"), "repositoryName": "team/api", "registryId": "999999999999", "imagePushedAt": 1},
        {"imageDigest": digest("old")}, 7, null]}));
    assert_snapshot!(told(room), @"
    not repin
      because: container app: no image of 111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/api:1 is known to run on x86_64 that it could be pinned to
    Refused
    ");
}

#[test]
fn a_denied_history_is_named() {
    assert_snapshot!(told(in_ecr().refusal("ecr:DescribeImages", false)), @"
    not repin
      because: container app: no image of 111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/api:1 is known to run on x86_64 that it could be pinned to
      because: what was pushed before is not known: ecr:DescribeImages is denied
      help: allow the IAM action ecr:DescribeImages on the repository
    Refused
    ");
}

#[test]
fn no_more_than_ten_images_are_looked_at() {
    let images: Vec<Value> =
        (0..1000).map(|number| json!({"imageDigest": digest(&format!("no{number}"))})).collect();
    let text = told(pushes(in_ecr(), &images));
    assert_eq!(text.matches("is passed over").count(), 10, "{text}");
}

#[test]
fn a_revision_alone_is_only_registered() {
    let mut room = pushes(in_ecr(), &[json!({"imageDigest": digest("old")})]);
    room.target = crate::target::TargetKind::TaskDefinition { family: "api".into(), revision: Some(7) };
    room.service = json!({});
    assert_snapshot!(told(room), @r#"
    repin: pin container app to sha256:804848f4: it was pushed 2026-09-21T14:13:20Z, without a tag by now; with that, all containers run by the model
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: 111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/api@sha256:804848f4 sha256:804848f4
      if image 111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/api@sha256:804848f4 sha256:804848f4
      * register from api:7
          /containerDefinitions/0/image: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/api:1" => "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/api@sha256:804848f4"
          undo: aws ecs deregister-task-definition --region eu-west-1 --task-definition api:REVISION
      warning: container app: it was not seen in any task of this service, and without a tag a lifecycle policy of the repository may delete it
      warning: container app stays at sha256:804848f4 until its definition is changed again: a push to a tag does not reach it
      left: the plan only registers the new revision: start tasks of it with `aws ecs run-task --task-definition api`, which takes the family's newest
      left: see who else names api:7, since it cannot be listed: callers of RunTask, state machines of Step Functions, rules of other event buses, pipelines
    "#);
}

#[test]
fn digests_that_are_garbage_and_nothing_to_pin() {
    let task =
        |digest: Value| json!({"containers": [{"name": "app", "imageDigest": digest}, 7, {"name": 7}]});
    let room = overwritten()
        .task("STOPPED", task(json!("sha256:")))
        .task("STOPPED", task(json!(7)))
        .task("STOPPED", json!({"containers": {}}))
        .document(json!({"serviceRevisions": [{"taskDefinition": "x", "containerImages": [7, {"containerName": "app", "imageDigest": "md5:1"}]}]}));
    assert_snapshot!(told(room), @"
    not repin
      because: container app: no image of app:1 is known to run on x86_64 that it could be pinned to
    Refused
    ");
    assert_snapshot!(told(Room::unseen().image("app:1", good())), @"Nothing");
}
