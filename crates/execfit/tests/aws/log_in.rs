//! Log-in to registries: ECR's own, and secrets of others.

use super::double::{Double, Reply};
use super::{alone, connect, logged_in};
use execfit::aws::{AwsErrorKind as Kind, EcrLogin};
use execfit_image::source::Authenticator;
use serde_json::json;

#[test]
fn ecr_gives_a_log_in_for_its_hosts_and_a_fresh_one_when_asked_again() {
    let mut env = logged_in();
    env.push(("AWS_MAX_ATTEMPTS", "1".into()));
    alone("log_in::ecr_gives_a_log_in_for_its_hosts_and_a_fresh_one_when_asked_again", env, |runtime| {
        let double = Double::start();
        let login = EcrLogin::new(runtime.block_on(connect(&double)), runtime.handle().clone());
        let host = "444455556666.dkr.ecr.us-west-2.amazonaws.com";
        let password = |host: &str, again| {
            let credentials = login.credentials(host, "team/api", again).expect("a log-in").expect("for ECR");
            assert_eq!(credentials.username, "AWS");
            credentials.password
        };
        assert_eq!(password(host, false), "password-1");
        assert_eq!(password("777788889999.dkr.ecr.us-west-2.amazonaws.com", false), "password-1");
        assert_eq!(password(host, true), "password-2");
        assert_eq!(password(host, false), "password-2");
        assert_eq!(password("444455556666.dkr.ecr.eu-north-1.amazonaws.com", false), "password-3");
        let regions: Vec<_> = double.requests().iter().map(|r| r.region().map(str::to_owned)).collect();
        assert_eq!(
            regions.iter().map(Option::as_deref).collect::<Vec<_>>(),
            [Some("us-west-2"), Some("us-west-2"), Some("eu-north-1")]
        );
        for other in ["docker.io", "public.ecr.aws", "127.0.0.1:5000"] {
            assert_eq!(login.credentials(other, "library/busybox", false), Ok(None));
        }
        double.on("GetAuthorizationToken", Reply::denied("ecr:GetAuthorizationToken"));
        let refused = login.credentials(host, "team/api", true).expect_err("denied");
        assert!(refused.contains("allow the IAM action ecr:GetAuthorizationToken"), "{refused}");
        double.on("GetAuthorizationToken", json!({"authorizationData": [{"authorizationToken": "!"}]}));
        let broken = login.credentials(host, "team/api", true).expect_err("no base64");
        assert_eq!(broken, "ecr:GetAuthorizationToken gave no token that we understand");
        // From a thread of the runtime that may block, as the observer asks.
        double
            .on("GetAuthorizationToken", json!({"authorizationData": [{"authorizationToken": "QVdTOng="}]}));
        let asked = runtime.block_on(async {
            let handle = tokio::runtime::Handle::current();
            handle.spawn_blocking(move || login.credentials(host, "team/api", true)).await
        });
        assert_eq!(asked.expect("a thread").expect("a log-in").expect("for ECR").password, "x");
    });
}

#[test]
fn a_registry_secret_is_read_where_it_lies() {
    alone("log_in::a_registry_secret_is_read_where_it_lies", logged_in(), |runtime| {
        let double = Double::start();
        let arn = |name: &str| format!("arn:aws:secretsmanager:us-east-2:111122223333:secret:{name}-AbCdEf");
        double
            .secret(&arn("hub"), r#"{"username":"ann","password":"hunter2"}"#)
            .secret(&arn("odd"), "hunter2");
        runtime.block_on(async {
            let aws = connect(&double).await;
            let credentials = aws.repository_credentials(&arn("hub")).await.expect("a secret");
            assert_eq!((credentials.username.as_str(), credentials.password.as_str()), ("ann", "hunter2"));
            assert_eq!(double.requests()[0].region(), Some("us-east-2"));
            let odd = aws.repository_credentials(&arn("odd")).await.expect_err("no JSON");
            assert!(!format!("{odd} {odd:?}").contains("hunter2"));
            assert!(odd.to_string().contains(r#"is not JSON with "username" and "password""#), "{odd}");
            let gone = aws.repository_credentials(&arn("gone")).await.expect_err("no secret");
            assert_eq!(gone.kind, Kind::NotFound);
            let kms = "User: x is not authorized to perform: kms:Decrypt on resource: y";
            double.on("GetSecretValue", Reply::error(400, "AccessDeniedException", kms));
            let denied = aws.repository_credentials(&arn("hub")).await.expect_err("denied");
            assert_eq!(denied.action(), "kms:Decrypt");
        });
    });
}
