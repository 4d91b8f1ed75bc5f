//! The services that speak XML: what is read of their answers, and every way in which they give none.

use super::double::{Double, Reply};
use super::{alone, connect, logged_in};
use execfit::aws::{AwsErrorKind as Kind, Options};
use serde_json::json;

const GROUP: &str = r#"<DescribeAutoScalingGroupsResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/">
  <DescribeAutoScalingGroupsResult><AutoScalingGroups><member>
    <AutoScalingGroupName>g &amp; h</AutoScalingGroupName><MinSize>0</MinSize><MaxSize>5</MaxSize><DesiredCapacity>1</DesiredCapacity>
    <Tags><member><Key>password</Key><Value>hunter2</Value></member></Tags>
    <MixedInstancesPolicy><LaunchTemplate>
      <LaunchTemplateSpecification><LaunchTemplateId>lt-1</LaunchTemplateId><Version>$Latest</Version></LaunchTemplateSpecification>
      <Overrides><member><InstanceType>m7g.large</InstanceType><WeightedCapacity>2</WeightedCapacity></member>
        <member><InstanceRequirements><VCpuCount><Min>1</Min></VCpuCount>
          <ExcludedInstanceTypes><member>t4g.*</member></ExcludedInstanceTypes></InstanceRequirements></member></Overrides>
    </LaunchTemplate></MixedInstancesPolicy>
    <Instances><member><InstanceId>i-1</InstanceId><InstanceType>m7g.large</InstanceType></member></Instances>
    <SuspendedProcesses><member><ProcessName>Launch</ProcessName></member></SuspendedProcesses>
  </member></AutoScalingGroups></DescribeAutoScalingGroupsResult>
  <ResponseMetadata><RequestId>double</RequestId></ResponseMetadata>
</DescribeAutoScalingGroupsResponse>"#;

const VERSIONS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeLaunchTemplateVersionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>double</requestId>
  <launchTemplateVersionSet><item>
    <launchTemplateId>lt-1</launchTemplateId><launchTemplateName>n</launchTemplateName><versionNumber>7</versionNumber>
    <defaultVersion>true</defaultVersion>
    <launchTemplateData><instanceType>m7g.large</instanceType><userData>aHVudGVyMg==</userData></launchTemplateData>
  </item></launchTemplateVersionSet>
</DescribeLaunchTemplateVersionsResponse>"#;

const CONFIGURATIONS: &str = r#"<DescribeLaunchConfigurationsResponse><DescribeLaunchConfigurationsResult>
  <LaunchConfigurations><member><LaunchConfigurationName>c</LaunchConfigurationName><InstanceType>a1.large</InstanceType>
    <UserData>aHVudGVyMg==</UserData></member></LaunchConfigurations>
  </DescribeLaunchConfigurationsResult></DescribeLaunchConfigurationsResponse>"#;

fn xml(status: u16, body: &str) -> Reply {
    Reply::text(status, "text/xml", body)
}

#[test]
fn few_members_become_json_and_no_secret_does() {
    alone("query::few_members_become_json_and_no_secret_does", logged_in(), |runtime| {
        let double = Double::start();
        double.on("DescribeAutoScalingGroups", xml(200, GROUP));
        double.on("DescribeLaunchTemplateVersions", xml(200, VERSIONS));
        double.on("DescribeLaunchConfigurations", xml(200, CONFIGURATIONS));
        runtime.block_on(async {
            let aws = connect(&double).await;
            let group = aws.describe_auto_scaling_group("g & h").await.expect("a group");
            assert_eq!((group.service, group.operation), ("autoscaling", "DescribeAutoScalingGroups"));
            assert_eq!(
                group.body,
                json!({"AutoScalingGroups": [{"AutoScalingGroupName": "g & h", "MinSize": 0, "MaxSize": 5,
                    "DesiredCapacity": 1, "MixedInstancesPolicy": {"LaunchTemplate": {
                        "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-1", "Version": "$Latest"},
                        "Overrides": [{"InstanceType": "m7g.large", "WeightedCapacity": "2"},
                            {"InstanceRequirements": {"ExcludedInstanceTypes": ["t4g.*"]}}]}},
                    "Instances": [{"InstanceType": "m7g.large"}], "SuspendedProcesses": [{"ProcessName": "Launch"}]}]})
            );
            let versions = aws.describe_launch_template("lt-1", "$Latest").await.expect("a version");
            assert_eq!(
                versions.body,
                json!({"LaunchTemplateVersions": [{"LaunchTemplateId": "lt-1", "LaunchTemplateName": "n",
                    "VersionNumber": 7, "DefaultVersion": true, "LaunchTemplateData": {"InstanceType": "m7g.large"}}]})
            );
            aws.describe_launch_template("my template", "3").await.expect("a version");
            let configuration = aws.describe_launch_configuration("c").await.expect("a configuration");
            assert_eq!(
                configuration.body,
                json!({"LaunchConfigurations": [{"LaunchConfigurationName": "c", "InstanceType": "a1.large"}]})
            );
        });
        let requests = double.requests();
        assert_eq!(
            requests[0].body,
            json!({"Action": "DescribeAutoScalingGroups", "Version": "2011-01-01", "AutoScalingGroupNames.member.1": "g & h"})
        );
        let signed = requests[0].header("authorization").expect("a signature");
        assert!(signed.contains("/eu-central-1/autoscaling/aws4_request"), "{signed}");
        assert!(requests[1].header("authorization").is_some_and(|signed| signed.contains("/ec2/")));
        assert_eq!(requests[1].body["LaunchTemplateVersion.1"], "$Latest");
        assert_eq!(requests[2].body["LaunchTemplateName"], "my template");
    });
}

#[test]
fn every_refusal_is_told() {
    let mut env = logged_in();
    env.push(("AWS_MAX_ATTEMPTS", "1".into()));
    alone("query::every_refusal_is_told", env, |runtime| {
        let of_scaling = |code: &str, message: &str| {
            format!(
                "<ErrorResponse xmlns=\"http://x/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
            )
        };
        let of_ec2 = |code: &str, message: &str| {
            format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>"
            )
        };
        let many = "<a/>".repeat(1_100_000);
        let deep = "<a>".repeat(200_000);
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]><DescribeLaunchTemplateVersionsResponse>&b;</DescribeLaunchTemplateVersionsResponse>";
        for (reply, kind, words) in [
            (
                xml(
                    403,
                    &of_ec2(
                        "UnauthorizedOperation",
                        "You are not authorized to perform this operation. User: u is not authorized to perform: ec2:DescribeLaunchTemplateVersions because of policy",
                    ),
                ),
                Kind::Denied,
                "allow the IAM action ec2:DescribeLaunchTemplateVersions",
            ),
            (xml(403, &of_scaling("AccessDenied", "no")), Kind::Denied, "access denied (AccessDenied: no)"),
            (
                xml(503, &of_ec2("RequestLimitExceeded", "Request limit exceeded.")),
                Kind::Throttled,
                "too many requests",
            ),
            (xml(400, &of_ec2("InvalidLaunchTemplateId.NotFound", "gone")), Kind::NotFound, "not found"),
            (xml(400, &of_scaling("ExpiredToken", "old")), Kind::Unauthorised, "log in again"),
            (xml(500, "<html>"), Kind::Server, "HTTP 500"),
            (Reply::error(400, "InvalidAction", "no such action"), Kind::Unsupported, "not supported"),
            (
                xml(200, "<DescribeLaunchTemplateVersionsResponse>"),
                Kind::Unreachable,
                "something other than XML",
            ),
            (xml(200, "<html></html>"), Kind::Unreachable, "something other than XML"),
            (xml(200, GROUP), Kind::Unreachable, "something other than XML"),
            (xml(200, ""), Kind::Unreachable, "something other than XML"),
            (xml(200, bomb), Kind::Unreachable, "something other than XML"),
            (xml(200, &deep), Kind::Unreachable, "something other than XML"),
            (xml(200, &many), Kind::Unreachable, "something other than XML"),
            (xml(200, VERSIONS).cut_short(), Kind::Unreachable, "broke off"),
            (Reply::hang_up(), Kind::Unreachable, "could not be reached"),
        ] {
            let double = Double::start();
            double.on("DescribeLaunchTemplateVersions", reply.clone());
            let error = runtime.block_on(async {
                let aws = connect(&double).await;
                aws.describe_launch_template("lt-1", "1").await.expect_err("no answer")
            });
            let text = error.to_string();
            assert!(error.kind == kind && text.contains(words), "{:?} {text}", error.kind);
            assert!(
                text.starts_with("ec2:DescribeLaunchTemplateVersions on launch template lt-1 version 1: "),
                "{text}"
            );
            assert!(text.len() < 1000, "{text}");
        }
    });
}

#[test]
fn an_answer_without_end_is_not_read() {
    let mut env = logged_in();
    env.push(("AWS_MAX_ATTEMPTS", "1".into()));
    alone("query::an_answer_without_end_is_not_read", env, |runtime| {
        let double = Double::start();
        let huge = format!("<DescribeLaunchTemplateVersionsResponse>{}", " ".repeat(70 * 1024 * 1024));
        double
            .on("DescribeLaunchTemplateVersions", xml(200, &huge))
            .on("DescribeClusters", Reply::text(200, "", &huge));
        runtime.block_on(async {
            let aws = connect(&double).await;
            for error in [
                aws.describe_launch_template("lt-1", "1").await.expect_err("no answer"),
                aws.describe_clusters(&[]).await.expect_err("no answer"),
            ] {
                assert!(
                    error.kind == Kind::Unreachable && error.to_string().contains("length limit exceeded"),
                    "{error}"
                );
            }
        });
    });
}

#[test]
fn throttling_is_waited_out() {
    alone("query::throttling_is_waited_out", logged_in(), |runtime| {
        let double = Double::start();
        let busy = "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";
        double
            .once("DescribeAutoScalingGroups", xml(400, busy))
            .once("DescribeAutoScalingGroups", xml(503, ""));
        double.on("DescribeAutoScalingGroups", xml(200, GROUP));
        let answer =
            runtime.block_on(async { connect(&double).await.describe_auto_scaling_group("g").await });
        assert_eq!(answer.expect("the third answer").array("AutoScalingGroups").len(), 1);
        assert_eq!(double.requests().len(), 3);
    });
}

#[test]
fn an_endpoint_of_the_service_alone() {
    let one = Double::start();
    one.on("DescribeAutoScalingGroups", xml(200, GROUP));
    let mut env = logged_in();
    env.push(("AWS_ENDPOINT_URL", "http://127.0.0.1:1".into()));
    env.push(("AWS_ENDPOINT_URL_AUTO_SCALING", one.url()));
    alone("query::an_endpoint_of_the_service_alone", env, |runtime| {
        runtime.block_on(async {
            let aws = execfit::aws::Aws::connect(&Options::default()).await.expect("a connection");
            aws.describe_auto_scaling_group("g").await.expect("the service's own endpoint");
            let error = aws.describe_launch_template("lt-1", "1").await.expect_err("nobody is there");
            assert!(error.to_string().contains("http://127.0.0.1:1 could not be reached"), "{error}");
        });
    });
}

#[test]
fn without_credentials_nothing_is_sent() {
    alone("query::without_credentials_nothing_is_sent", super::double::bare_env(), |runtime| {
        let double = Double::start();
        let options = Options {
            endpoint_url: Some(double.url()),
            region: Some("eu-west-1".into()),
            ..Options::default()
        };
        let error = runtime.block_on(async {
            let aws = execfit::aws::Aws::connect(&options).await.expect("a connection");
            aws.describe_launch_configuration("c").await.expect_err("no credentials")
        });
        assert_eq!((error.kind, double.requests().len()), (Kind::NoCredentials, 0), "{error}");
    });
}
