//! The policy that the manual gives for `fix` (`examples/iam/fix.json`), tried by users of a MiniStack that checks signatures
//! and policies: one who may do all of it, and for each action one who may not do that.

use crate::{lab, variable};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;
use tempfile::TempDir;

/// Actions of the policy that nothing asks for here, and when they are asked for.
const NOT_ASKED_HERE: &[(&str, &str)] = &[
    ("ecs:DescribeClusters", "of services without a launch type, and of tasks of no service"),
    ("ecs:DescribeCapacityProviders", "of clusters and services with capacity providers"),
    ("ecs:DescribeExpressGatewayService", "of services of ECS Express"),
    ("ecs:DescribeServiceDeployments", "MiniStack lists no service deployments"),
    ("ecs:DescribeServiceRevisions", "MiniStack lists no service deployments"),
    ("ecs:StopServiceDeployment", "MiniStack lists no service deployments"),
    ("ecs:UpdateExpressGatewayService", "of services of ECS Express"),
    ("ecs:TagResource", "AWS asks for it where a revision is registered with tags, MiniStack does not"),
    ("iam:PassRole", "AWS asks for it where a revision has roles, MiniStack does not"),
    ("ecr:BatchGetImage", "of images of ECR, which here are of another registry"),
    ("ecr:DescribeImages", "of images of ECR"),
    ("ecr:GetAuthorizationToken", "of images of ECR"),
    ("ecr:GetDownloadUrlForLayer", "of images of ECR"),
    ("autoscaling:DescribeAutoScalingGroups", "of capacity providers"),
    ("autoscaling:DescribeLaunchConfigurations", "of capacity providers"),
    ("ec2:DescribeLaunchTemplateVersions", "of capacity providers"),
    ("events:ListTargetsByRule", "of rules that start tasks of the family: there are none"),
    ("scheduler:GetSchedule", "of schedules: there are none"),
];

/// `execfit fix ARGUMENTS --format json` as one of those users: its code, and everything that it says.
fn fix(user: &str, arguments: &[&str]) -> (i32, String) {
    let keys = std::fs::read_to_string(variable("EXECFIT_LAB_FIXERS")).unwrap();
    let keys: BTreeMap<String, (String, String)> = serde_json::from_str(&keys).unwrap();
    let (id, secret) = &keys[user];
    let state = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_execfit"));
    command.env_clear().arg("fix").args(arguments).args(["--format", "json"]);
    command.envs([
        ("AWS_ENDPOINT_URL", variable("EXECFIT_LAB_AUTH_ENDPOINT").as_str()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", id),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("EXECFIT_STATE_DIR", state.path().to_str().unwrap()),
        ("EXECFIT_CACHE_SIZE", "0"),
    ]);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(!said.contains("panicked") && !said.contains(secret.as_str()), "{user}: {said}");
    (output.status.code().unwrap(), said)
}

/// Every action of the policy, in its order.
fn actions() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/iam/fix.json");
    let policy: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let listed = statements.flat_map(|statement| match &statement["Action"] {
        Value::Array(actions) => actions.clone(),
        action => vec![action.clone()],
    });
    listed.map(|action| action.as_str().unwrap().to_owned()).collect()
}

/// It leaves the services as they were: one user may not change `broken`, and what is deployed to `hopeless` goes back.
#[test]
fn the_policy_has_what_fix_asks_for_and_nothing_else() {
    if !lab() {
        return;
    }
    let mut named: Vec<String> = Vec::new();
    for action in actions() {
        let ways =
            [("broken", "repin"), ("broken", "rollback"), ("hopeless", "retarget"), ("hopeless", "rollback")];
        for (service, by) in ways {
            let (_, said) = fix(&action, &[&format!("fix/{service}"), "--by", by, "--dry-run"]);
            if said.contains(&action) && !named.contains(&action) {
                named.push(action.clone());
            }
        }
    }
    for action in ["ecs:RegisterTaskDefinition", "ecs:UpdateService"] {
        let (code, said) = fix(action, &["fix/broken", "--by", "repin", "--yes", "--settle", "1"]);
        assert!(code == 4 && said.contains(action), "{action}: {code}: {said}");
        named.push(action.to_owned());
    }
    // What is deployed there fails, so it goes back, and its revision is to be withdrawn.
    let action = "ecs:DeregisterTaskDefinition";
    let (code, said) = fix(action, &["fix/hopeless", "--by", "retarget", "--yes", "--settle", "1"]);
    assert!(code == 8 && said.contains(action), "{action}: {code}: {said}");
    assert!(
        said.contains("aws ecs deregister-task-definition --region us-east-1 --task-definition hopeless:"),
        "{said}"
    );
    named.push(action.to_owned());

    let unasked: Vec<String> = actions().into_iter().filter(|action| !named.contains(action)).collect();
    let mut known: Vec<&str> = NOT_ASKED_HERE.iter().map(|(action, _)| *action).collect();
    known.sort_by_key(|known| actions().iter().position(|action| action == known));
    assert_eq!(unasked, known);
    // Whoever may do all of it meets no refusal, there and back.
    let (code, said) = fix("all", &["fix/hopeless", "--by", "retarget", "--yes", "--settle", "1"]);
    assert!(code == 8 && said.contains("rolled-back") && !said.contains("access denied"), "{code}: {said}");
}
