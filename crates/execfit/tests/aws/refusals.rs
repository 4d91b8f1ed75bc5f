//! Every way in which AWS gives no answer.

use super::double::{Double, Reply, bare_env, shapes};
use super::{alone, connect, logged_in, strings};
use execfit::aws::{Aws, AwsError, AwsErrorKind as Kind, Options};
use serde_json::json;
use std::net::TcpListener;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// What DescribeServices says when the double replies so.
fn refusal(runtime: &Runtime, reply: &Reply) -> AwsError {
    let double = Double::start();
    double.on("DescribeServices", reply.clone());
    runtime.block_on(async {
        let aws = connect(&double).await;
        aws.describe_services("demo", &strings(&["api"])).await.expect_err("no answer")
    })
}

#[test]
fn every_kind_of_refusal_is_told() {
    let mut env = logged_in();
    env.push(("AWS_MAX_ATTEMPTS", "1".into()));
    alone("refusals::every_kind_of_refusal_is_told", env, |runtime| {
        let told = |reply: Reply| {
            let error = refusal(runtime, &reply);
            (error.kind, error.to_string())
        };
        let on = "ecs:DescribeServices on service demo/api: ";
        for (reply, kind, text) in [
            (
                Reply::denied("ecs:DescribeServices"),
                Kind::Denied,
                "access denied (AccessDeniedException: User: arn:aws:iam::111122223333:user/double is not authorized \
                 to perform: ecs:DescribeServices on resource: * because no identity-based policy allows the \
                 ecs:DescribeServices action); allow the IAM action ecs:DescribeServices",
            ),
            (
                Reply::error(400, "AccessDeniedException", "no"),
                Kind::Denied,
                "access denied (AccessDeniedException: no); allow the IAM action ecs:DescribeServices",
            ),
            (
                Reply::error(
                    400,
                    "UnrecognizedClientException",
                    "The security token included in the request is invalid.",
                ),
                Kind::Unauthorised,
                "AWS does not accept the credentials (UnrecognizedClientException: The security token included in the \
                 request is invalid); check which credentials are in use (`aws sts get-caller-identity`)",
            ),
            (
                Reply::error(
                    400,
                    "ExpiredTokenException",
                    "The security token included in the request is expired",
                ),
                Kind::Unauthorised,
                "AWS does not accept the credentials (ExpiredTokenException: The security token included in the \
                 request is expired); log in again: the credentials have expired",
            ),
            (
                Reply::error(
                    403,
                    "InvalidSignatureException",
                    "It does not match.\n\nThe Canonical String was\nPOST",
                ),
                Kind::Unauthorised,
                "AWS does not accept the credentials (InvalidSignatureException: It does not match); check the secret \
                 access key, and this machine's clock",
            ),
            (
                Reply::error(400, "ClusterNotFoundException", "Cluster not found."),
                Kind::NotFound,
                "not found (ClusterNotFoundException: Cluster not found); check the name, the region and the account",
            ),
            (
                Reply::error(400, "ClientException", "Unable to describe task definition."),
                Kind::NotFound,
                "not found (ClientException: Unable to describe task definition); check the name, the region and the \
                 account",
            ),
            (
                Reply::error(400, "ThrottlingException", "Rate exceeded"),
                Kind::Throttled,
                "too many requests (ThrottlingException: Rate exceeded); try again later, or raise AWS_MAX_ATTEMPTS",
            ),
            (
                Reply::error(400, "InvalidAction", "The action is not valid for this web service."),
                Kind::Unsupported,
                "not supported (InvalidAction: The action is not valid for this web service); this endpoint does not \
                 offer the call",
            ),
            (
                Reply::error(400, "InvalidParameterException", "Services cannot be empty."),
                Kind::Invalid,
                "InvalidParameterException: Services cannot be empty",
            ),
            (
                Reply::error(500, "ServerException", "Service Unavailable."),
                Kind::Server,
                "the service failed (ServerException: Service Unavailable); try again later",
            ),
        ] {
            assert_eq!(told(reply), (kind, format!("{on}{text}")));
        }
        let page = Reply::text(502, "text/html", "<html>Bad Gateway</html>");
        let (kind, text) = told(page);
        assert!(kind == Kind::Server && text.contains("answered HTTP 502"), "{text}");
        let (kind, text) = told(Reply::text(200, "text/html", "<html>Welcome to our Wi-Fi</html>"));
        assert!(
            kind == Kind::Unreachable && text.contains("answered 200 with something other than JSON"),
            "{text}"
        );
        let (kind, _) = told(Reply::text(403, "text/plain", "no"));
        assert_eq!(kind, Kind::Denied);
        for reply in [Reply::hang_up(), Reply::json(&json!({"services": []})).cut_short()] {
            let (kind, text) = told(reply);
            assert!(kind == Kind::Unreachable && text.contains("http://127.0.0.1:"), "{text}");
        }
    });
}

#[test]
fn no_secret_is_in_a_message() {
    let mut env = logged_in();
    env.push(("AWS_MAX_ATTEMPTS", "1".into()));
    env.push(("AWS_SESSION_TOKEN", "double-session-token".into()));
    alone("refusals::no_secret_is_in_a_message", env, |runtime| {
        let echo = "Authorization header requires 'Signature'. Authorization=AWS4-HMAC-SHA256 Signature=abc123, \
                    x-amz-security-token:double-session-token";
        let error = refusal(runtime, &Reply::error(400, "IncompleteSignatureException", echo));
        assert_eq!(error.kind, Kind::Unauthorised);
        let text = format!("{error} {error:?}");
        assert!(!text.contains("abc123") && !text.contains("double-session-token"), "{text}");
        let aws = runtime.block_on(connect(&Double::start()));
        let text = format!("{aws:?}");
        assert!(!text.contains("double-secret-key") && !text.contains("double-session-token"), "{text}");
    });
}

#[test]
fn a_passing_failure_is_tried_again() {
    alone("refusals::a_passing_failure_is_tried_again", logged_in(), |runtime| {
        let double = Double::start();
        double
            .cluster(shapes::cluster("demo"))
            .once("ListServices", Reply::error(400, "ThrottlingException", "slow"));
        double.once("ListServices", Reply::error(500, "ServerException", "oops"));
        runtime.block_on(async {
            let answer =
                connect(&double).await.list_services("demo", usize::MAX).await.expect("the third is good");
            assert_eq!(answer.body, json!({"serviceArns": []}));
        });
        assert_eq!(double.asked().len(), 3);
    });
}

#[test]
fn without_a_region_the_message_says_what_to_give() {
    alone("refusals::without_a_region_the_message_says_what_to_give", bare_env(), |runtime| {
        let error = runtime.block_on(Aws::connect(&Options::default())).expect_err("no region");
        assert_eq!(error.kind, Kind::NoRegion);
        assert_eq!(error.to_string(), "no AWS region is set; give `--region` or set AWS_REGION");
    });
}

#[test]
fn without_credentials_the_answer_is_quick_though_the_instance_is_silent() {
    // A metadata service that accepts connections and never answers: the slowest that there is.
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let mut env: Vec<_> =
        bare_env().into_iter().filter(|(name, _)| *name != "AWS_EC2_METADATA_DISABLED").collect();
    env.push(("AWS_EC2_METADATA_SERVICE_ENDPOINT", url));
    alone(
        "refusals::without_credentials_the_answer_is_quick_though_the_instance_is_silent",
        env,
        |runtime| {
            let start = Instant::now();
            let error = runtime.block_on(Aws::connect(&Options::default())).expect_err("no region");
            assert_eq!(error.kind, Kind::NoRegion);
            let double = Double::start();
            let options =
                Options { region: Some("us-east-1".into()), endpoint_url: Some(double.url()), profile: None };
            let error = runtime.block_on(async {
                let aws = Aws::connect(&options).await.expect("a connection");
                aws.list_services("demo", usize::MAX).await.expect_err("no credentials")
            });
            assert_eq!(error.kind, Kind::NoCredentials);
            assert_eq!(
                error.to_string(),
                "ecs:ListServices on cluster demo: no AWS credentials were found; log in (`aws sso login`), give \
             `--profile`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            );
            assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
            assert_eq!(double.asked(), [] as [String; 0]);
        },
    );
}

#[test]
fn an_endpoint_that_is_down_is_named() {
    let mut env = logged_in();
    env.push(("AWS_ENDPOINT_URL_ECS", "http://someone:hunter2@127.0.0.1:1".into()));
    alone("refusals::an_endpoint_that_is_down_is_named", env, |runtime| {
        let error = runtime.block_on(async {
            let aws = Aws::connect(&Options::default()).await.expect("a connection");
            aws.list_services("demo", usize::MAX).await.expect_err("nobody listens")
        });
        assert_eq!(error.kind, Kind::Unreachable);
        let text = error.to_string();
        assert!(
            text.starts_with("ecs:ListServices on cluster demo: http://127.0.0.1:1 could not be reached: tcp connect error: "),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
        let options = Options { endpoint_url: Some("localhost:4566".into()), ..Options::default() };
        let error = runtime.block_on(Aws::connect(&options)).expect_err("no URL");
        assert_eq!(error.to_string(), "the endpoint \"localhost:4566\" is not an http:// or https:// URL");
    });
}

#[test]
fn a_wrong_endpoint_is_told_as_that() {
    let mut env = logged_in();
    env.push(("AWS_ENDPOINT_URL", "localhost:4566".into()));
    alone("refusals::a_wrong_endpoint_is_told_as_that", env, |runtime| {
        let asked =
            async { Aws::connect(&Options::default()).await?.list_services("demo", usize::MAX).await };
        let error = runtime.block_on(asked).expect_err("no scheme");
        assert_eq!(error.kind, Kind::Invalid);
        assert_eq!(
            error.to_string(),
            "ecs:ListServices on cluster demo: failed to apply endpoint `localhost:4566`: endpoint must contain scheme"
        );
    });
}
