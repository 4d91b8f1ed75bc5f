use super::*;
use crate::fixture::{AMD64, ARM64, Picture, Room, elf};
use crate::plan::{Deploy, Edit, Offer};

const WISH: Wish = Wish { by: None, settle_seconds: 20, force_live: false };
const LIVE: Wish = Wish { by: None, settle_seconds: 20, force_live: true };

fn arm64() -> Draft {
    let edits = vec![
        Edit::set("/runtimePlatform/cpuArchitecture", None, "ARM64"),
        Edit::set("/runtimePlatform/operatingSystemFamily", None, "LINUX"),
    ];
    drafted(NewDefinition::Edited { from: revision(7), edits })
}

fn pinned() -> Draft {
    let image = json!(format!("111122223333.dkr.ecr.eu-west-1.amazonaws.com/app@sha256:{}", "ab".repeat(32)));
    let edits = vec![Edit::set("/containerDefinitions/0/image", Some(&json!("app:1")), image)];
    drafted(NewDefinition::Edited { from: revision(7), edits })
}

fn back() -> Draft {
    drafted(NewDefinition::Existing { arn: revision(6) })
}

fn revision(number: u32) -> String {
    format!("arn:aws:ecs:eu-west-1:111122223333:task-definition/api:{number}")
}

fn drafted(definition: NewDefinition) -> Draft {
    Draft {
        title: "a change".into(),
        definition,
        deploy: Deploy::Update { edits: Vec::new() },
        containers: Vec::new(),
        capacity: Vec::new(),
        preconditions: Vec::new(),
        warnings: Vec::new(),
    }
}

fn room() -> Room {
    Room::unseen().image("app:1", Picture::of_app("amd64", &elf(AMD64)))
}

fn tagged(tags: &[(&str, &str)]) -> Room {
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    room().service(json!({"tags": tags}))
}

/// What is said of a draft: what is refused, why, and what helps; or what a plan says besides.
fn said(mut room: Room, wish: &Wish, draft: &Draft) -> String {
    let (case, _) = room.ask();
    let answer = Setting::with(&case, |setting| Ok(consent(setting, wish, Method::Retarget, draft))).unwrap();
    let list = |word: &str, lines: &[String]| {
        lines.iter().map(|line| format!("{word}: {line}\n")).collect::<String>()
    };
    match answer {
        Ok(aside) => list("warning", &aside.warnings) + &list("left", &aside.left_to_do),
        Err(refused) => list("refused", &refused.reasons) + &list("help", &refused.help),
    }
}

const STACK: [(&str, &str); 2] =
    [("aws:cloudformation:stack-name", "prod"), ("aws:cloudformation:logical-id", "Service")];
const CDK: [(&str, &str); 2] =
    [("aws:cloudformation:stack-name", "prod"), ("aws:cloudformation:logical-id", "Service9571FDD8")];
const COPILOT: [(&str, &str); 3] =
    [("copilot-application", "shop"), ("copilot-environment", "test"), ("copilot-service", "app")];

#[test]
fn nobody_owns_it() {
    assert_eq!(said(room(), &WISH, &arm64()), "");
    assert_eq!(said(tagged(&[("team", "payments"), ("Terraform", "false")]), &WISH, &arm64()), "");
}

#[test]
fn a_stack_owns_it() {
    insta::assert_snapshot!(said(tagged(&STACK), &WISH, &arm64()), @r"
    refused: the service demo/api belongs to the CloudFormation stack prod, where it is `Service` (so says its tag `aws:cloudformation:stack-name`)
    refused: a change behind its back does not last: the next deployment of the stack fails, or puts its own task definition back
    help: in the template, in the properties of `AWS::ECS::TaskDefinition`: `RuntimePlatform: {CpuArchitecture: ARM64, OperatingSystemFamily: LINUX}`
    help: or change the live service now, and its source after it: with `--force-live`
    ");
    insta::assert_snapshot!(said(tagged(&STACK), &WISH, &pinned()), @r"
    refused: the service demo/api belongs to the CloudFormation stack prod, where it is `Service` (so says its tag `aws:cloudformation:stack-name`)
    refused: a change behind its back does not last: the next deployment of the stack fails, or puts its own task definition back
    help: in the template, in the properties of `AWS::ECS::TaskDefinition`, container app: `Image: 111122223333.dkr.ecr.eu-west-1.amazonaws.com/app@sha256:abababababababababababababababababababababababababababababababab`
    help: or change the live service now, and its source after it: with `--force-live`
    ");
    insta::assert_snapshot!(said(tagged(&STACK), &WISH, &back()), @r"
    refused: the service demo/api belongs to the CloudFormation stack prod, where it is `Service` (so says its tag `aws:cloudformation:stack-name`)
    refused: a change behind its back does not last: the next deployment of the stack fails, or puts its own task definition back
    help: deploy the template again that made api:6 (while the stack is still updating, `aws cloudformation cancel-update-stack --stack-name prod` goes back to it), or set in the properties of `AWS::ECS::Service`: `TaskDefinition: arn:aws:ecs:eu-west-1:111122223333:task-definition/api:6`
    help: or change the live service now, and its source after it: with `--force-live`
    ");
    let mut whole = back();
    whole.deploy = Deploy::Update {
        edits: vec![Edit::set(
            "/placementConstraints",
            None,
            json!([{"type": "memberOf", "expression": "a == b"}]),
        )],
    };
    insta::assert_snapshot!(said(tagged(&STACK), &WISH, &whole).lines().nth(3).unwrap(), @r#"help: in the template, in the properties of `AWS::ECS::Service`: `PlacementConstraints: [{"Type":"memberOf","Expression":"a == b"}]`"#);
}

#[test]
fn no_other_remedy_goes_around_the_owner() {
    let tags: Vec<Value> = STACK.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    let room = || {
        Room::new()
            .image("app:1", Picture::of_app("arm64", &elf(ARM64)))
            .image("app:0", Picture::of_app("amd64", &elf(AMD64)))
            .previous(json!({"containerDefinitions": [{"name": "app", "image": "app:0", "essential": true}]}))
            .service(json!({"tags": tags.clone()}))
    };
    let offered = room().proposal(&WISH);
    assert_eq!(offered.offer, Offer::Refused);
    let last = offered.passed_over.last().unwrap();
    assert!(
        last.reasons[0].contains("belongs to the CloudFormation stack prod"),
        "{:?}",
        offered.passed_over
    );
    for by in [Method::Retarget, Method::Rollback] {
        let one = room().proposal(&Wish { by: Some(by), ..WISH });
        assert_eq!((one.offer, one.passed_over.len(), one.passed_over[0].by), (Offer::Refused, 1, by));
        let live = room().proposal(&Wish { by: Some(by), ..LIVE });
        let Offer::Plan(plan) = live.offer else { panic!("{:?}", live.passed_over) };
        assert!(
            plan.warnings.iter().any(|line| line.contains("drifts from its source")),
            "{:?}",
            plan.warnings
        );
        assert!(!plan.left_to_do.is_empty());
    }
}

#[test]
fn a_change_of_what_a_stack_owns_is_made_live_with_a_warning() {
    insta::assert_snapshot!(said(tagged(&STACK), &LIVE, &arm64()), @r"
    warning: the service demo/api belongs to the CloudFormation stack prod, where it is `Service` (so says its tag `aws:cloudformation:stack-name`): this change drifts from its source, and the next deployment of the stack fails, or puts its own task definition back, unless the source has it, too
    left: in the source of the service: in the template, in the properties of `AWS::ECS::TaskDefinition`: `RuntimePlatform: {CpuArchitecture: ARM64, OperatingSystemFamily: LINUX}`
    ");
}

#[test]
fn a_cdk_app_owns_it() {
    let fargate = || tagged(&CDK).definition(json!({"requiresCompatibilities": ["FARGATE"]}));
    let built =
        json!({"image": "1.dkr.ecr.eu-west-1.amazonaws.com/cdk-hnb659fds-container-assets-1-eu-west-1:abc"});
    insta::assert_snapshot!(said(fargate(), &WISH, &arm64()), @r"
    refused: the service demo/api belongs to the CDK stack prod, where it is `Service9571FDD8` (so says its tag `aws:cloudformation:stack-name`)
    refused: a change behind its back does not last: the next deployment of the stack fails, or puts its own task definition back
    help: in the CDK app, in the props of `FargateTaskDefinition`: `runtimePlatform: { cpuArchitecture: ecs.CpuArchitecture.ARM64, operatingSystemFamily: ecs.OperatingSystemFamily.LINUX }`
    help: the same in Python: `runtime_platform=ecs.RuntimePlatform(cpu_architecture=ecs.CpuArchitecture.ARM64, operating_system_family=ecs.OperatingSystemFamily.LINUX)`
    help: or change the live service now, and its source after it: with `--force-live`
    ");
    insta::assert_snapshot!(said(tagged(&CDK), &WISH, &arm64()).lines().nth(2).unwrap(), @"help: in the CDK app: `(taskDefinition.node.defaultChild as ecs.CfnTaskDefinition).runtimePlatform = { cpuArchitecture: 'ARM64', operatingSystemFamily: 'LINUX' }`");
    insta::assert_snapshot!(said(fargate(), &WISH, &pinned()).lines().nth(2).unwrap(), @"help: in the CDK app, container app: `image: ecs.ContainerImage.fromEcrRepository(repository, 'sha256:abababababababababababababababababababababababababababababababab')`");
    insta::assert_snapshot!(said(fargate(), &WISH, &back()).lines().nth(2).unwrap(), @"help: deploy the commit of the CDK app again that made api:6: `cdk deploy prod`");
    insta::assert_snapshot!(said(fargate().container(built), &WISH, &arm64()).lines().nth(4).unwrap(), @"help: and for each image that it builds: `ecs.ContainerImage.fromAsset(directory, { platform: Platform.LINUX_ARM64 })`, else the image is of the platform of the machine that deploys");
    let role = "arn:aws:sts::111122223333:assumed-role/cdk-hnb659fds-cfn-exec-role-111122223333-eu-west-1/AWSCloudFormation";
    insta::assert_snapshot!(said(room().service(json!({"createdBy": role})), &WISH, &back()), @r"
    refused: the service demo/api belongs to a CDK stack (so says the principal that made it, arn:aws:sts::111122223333:assumed-role/cdk-hnb659fds-cfn-exec-role-111122223333-eu-west-1/AWSCloudFormation)
    refused: a change behind its back does not last: the next deployment of the stack fails, or puts its own task definition back
    help: deploy the commit of the CDK app again that made api:6: `cdk deploy STACK`
    help: or change the live service now, and its source after it: with `--force-live`
    ");
}

#[test]
fn copilot_owns_it() {
    insta::assert_snapshot!(said(tagged(&COPILOT), &WISH, &arm64()), @r"
    refused: the service demo/api belongs to the Copilot application shop, environment test (so says its tag `copilot-application`)
    refused: a change behind its back does not last: the next `copilot svc deploy` puts its own task definition back
    help: in copilot/app/manifest.yml: `platform: linux/arm64`; Copilot builds the image for it, too
    help: or change the live service now, and its source after it: with `--force-live`
    ");
    insta::assert_snapshot!(said(tagged(&COPILOT), &WISH, &pinned()).lines().nth(2).unwrap(), @"help: in copilot/app/manifest.yml, in place of `build`: `image: {location: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/app@sha256:abababababababababababababababababababababababababababababababab'}` with its `port`");
    insta::assert_snapshot!(said(tagged(&COPILOT), &WISH, &back()).lines().nth(2).unwrap(), @"help: deploy the commit again that made api:6: `copilot svc deploy --app shop --env test --name app`");
}

#[test]
fn terraform_owns_it() {
    insta::assert_snapshot!(said(tagged(&[("ManagedBy", "Terraform")]), &WISH, &arm64()), @r#"
    refused: the service demo/api belongs to Terraform (so says its tag `ManagedBy`)
    refused: a change behind its back does not last: the next `terraform apply` puts its own task definition back
    help: in the resource `aws_ecs_task_definition`: `runtime_platform { cpu_architecture = "ARM64" }`, and in the same block `operating_system_family = "LINUX"`
    help: or change the live service now, and its source after it: with `--force-live`
    "#);
    insta::assert_snapshot!(said(tagged(&[("terraform", "true")]), &WISH, &pinned()).lines().nth(2).unwrap(), @r#"help: in the resource `aws_ecs_task_definition`, in `container_definitions`, container app: `image = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/app@sha256:abababababababababababababababababababababababababababababababab"`"#);
    let mut platform = back();
    platform.deploy = Deploy::Update { edits: vec![Edit::set("/platformVersion", None, "LATEST")] };
    insta::assert_snapshot!(said(tagged(&[("tf-stack", "x")]), &WISH, &platform), @r#"
    refused: the service demo/api belongs to Terraform (so says its tag `tf-stack`)
    refused: a change behind its back does not last: the next `terraform apply` puts its own task definition back
    help: apply the commit again that made api:6, or in the resource `aws_ecs_service`: `task_definition = "arn:aws:ecs:eu-west-1:111122223333:task-definition/api:6"`
    help: in the resource `aws_ecs_service`: `platform_version = "LATEST"`
    help: or change the live service now, and its source after it: with `--force-live`
    "#);
}

#[test]
fn an_express_service_has_an_architecture_of_its_own() {
    let mut express = back();
    express.deploy = Deploy::Express { edits: vec![Edit::set("/cpuArchitecture", None, "ARM64")] };
    let help =
        |tags: &[(&str, &str)]| said(tagged(tags), &WISH, &express).lines().nth(2).unwrap().to_string();
    insta::assert_snapshot!(help(&STACK), @"help: in the template, in the properties of `AWS::ECS::ExpressGatewayService`: `CpuArchitecture: \"ARM64\"`");
    insta::assert_snapshot!(help(&CDK), @r#"help: in the CDK app, in the props of the Express service: `cpuArchitecture: "ARM64"`"#);
    insta::assert_snapshot!(help(&[("terraform", "true")]), @r#"help: in the resource `aws_ecs_express_gateway_service`: `cpu_architecture = "ARM64"`"#);
}

#[test]
fn other_tools_own_it() {
    insta::assert_snapshot!(said(tagged(&[("pulumi:project", "shop")]), &WISH, &arm64()), @r#"
    refused: the service demo/api belongs to Pulumi (so says its tag `pulumi:project`)
    refused: a change behind its back does not last: the next `pulumi up` puts its own task definition back
    help: in the program's `aws.ecs.TaskDefinition`: `runtimePlatform: { cpuArchitecture: "ARM64", operatingSystemFamily: "LINUX" }`
    help: or change the live service now, and its source after it: with `--force-live`
    "#);
    let beanstalk = [("elasticbeanstalk:environment-name", "shop-env")];
    insta::assert_snapshot!(said(tagged(&beanstalk), &WISH, &back()), @r"
    refused: the service demo/api belongs to the Elastic Beanstalk environment shop-env (so says its tag `elasticbeanstalk:environment-name`)
    refused: a change behind its back does not last: the environment's next deployment puts its own task definition back
    help: deploy the application version again that ran: `aws elasticbeanstalk update-environment --environment-name shop-env --version-label VERSION`
    help: or change the live service now, and its source after it: with `--force-live`
    ");
}

#[test]
fn a_definition_has_an_owner_of_its_own() {
    let of_stack = || {
        let room = room();
        let beside = json!({"taskDefinition": room.definition, "tags": [{"key": "aws:cloudformation:stack-name", "value": "prod"}]});
        room.document(beside)
    };
    insta::assert_snapshot!(said(of_stack(), &WISH, &arm64()), @r"
    refused: the task definition api:7 belongs to the CloudFormation stack prod (so says its tag `aws:cloudformation:stack-name`)
    refused: a change behind its back does not last: the next deployment of the stack fails, or puts its own task definition back
    help: in the template, in the properties of `AWS::ECS::TaskDefinition`: `RuntimePlatform: {CpuArchitecture: ARM64, OperatingSystemFamily: LINUX}`
    help: or change the live service now, and its source after it: with `--force-live`
    ");
    insta::assert_snapshot!(said(of_stack(), &WISH, &back()), @"warning: the task definition api:7 seems to come from the CloudFormation stack prod (so says its tag `aws:cloudformation:stack-name`): see that it does not deploy the same again");
}

#[test]
fn who_registered_it_is_a_weak_sign() {
    let by = |role: &str| {
        let arn = format!("arn:aws:sts::111122223333:assumed-role/{role}/run-1");
        room().definition(json!({"registeredBy": arn}))
    };
    insta::assert_snapshot!(said(by("prod-terraform"), &WISH, &arm64()), @"warning: the task definition api:7 seems to come from Terraform (so says the principal that made it, arn:aws:sts::111122223333:assumed-role/prod-terraform/run-1): make the change in its source, too");
    insta::assert_snapshot!(said(by("github-actions-deploy"), &WISH, &back()), @"warning: the task definition api:7 seems to come from GitHub Actions (so says the principal that made it, arn:aws:sts::111122223333:assumed-role/github-actions-deploy/run-1): see that it does not deploy the same again");
    assert_eq!(said(by("jane"), &WISH, &arm64()), "");
}

#[test]
fn codedeploy_alone_may_deploy() {
    let room = || {
        tagged(&STACK).service(json!({"deploymentController": {"type": "CODE_DEPLOY"}, "taskSets": [{
            "status": "PRIMARY", "externalId": "d-ABC123", "startedBy": "CODE_DEPLOY", "platformVersion": "1.4.0",
            "taskDefinition": revision(7),
            "loadBalancers": [{"containerName": "app", "containerPort": 8080}]}]}))
    };
    assert_eq!(said(room(), &LIVE, &arm64()), said(room(), &WISH, &arm64()), "--force-live is no help");
    insta::assert_snapshot!(said(room(), &LIVE, &arm64()), @r#"
    refused: the deployment controller of the service demo/api is CODE_DEPLOY: UpdateService cannot change its task definition, a CodeDeploy deployment can
    refused: the service demo/api belongs to the CloudFormation stack prod, where it is `Service` (so says its tag `aws:cloudformation:stack-name`)
    help: register the new revision: `execfit fix api:7 --by retarget`; it names the ARN for NEW_REVISION below
    help: the AppSpec: `{"version":0.0,"Resources":[{"TargetService":{"Type":"AWS::ECS::Service","Properties":{"TaskDefinition":"NEW_REVISION","LoadBalancerInfo":{"ContainerName":"app","ContainerPort":8080},"PlatformVersion":"1.4.0"}}}]}`
    help: deploy it: `aws deploy create-deployment --application-name APPLICATION --deployment-group-name GROUP --revision '{"revisionType":"AppSpecContent","appSpecContent":{"content":"{\"version\":0.0,\"Resources\":[{\"TargetService\":{\"Type\":\"AWS::ECS::Service\",\"Properties\":{\"TaskDefinition\":\"NEW_REVISION\",\"LoadBalancerInfo\":{\"ContainerName\":\"app\",\"ContainerPort\":8080},\"PlatformVersion\":\"1.4.0\"}}}]}"}}'`
    help: `aws deploy get-deployment --deployment-id d-ABC123 --query 'deploymentInfo.[applicationName,deploymentGroupName]'` names APPLICATION and GROUP
    "#);
    insta::assert_snapshot!(said(room(), &LIVE, &back()).lines().nth(2).unwrap(), @r#"help: the AppSpec: `{"version":0.0,"Resources":[{"TargetService":{"Type":"AWS::ECS::Service","Properties":{"TaskDefinition":"arn:aws:ecs:eu-west-1:111122223333:task-definition/api:6","LoadBalancerInfo":{"ContainerName":"app","ContainerPort":8080},"PlatformVersion":"1.4.0"}}}]}`"#);
}

#[test]
fn an_external_controller_makes_task_sets() {
    let set = json!({"status": "PRIMARY", "startedBy": "deploy bot", "launchType": "FARGATE", "platformVersion": "LATEST",
        "taskDefinition": revision(7), "serviceRegistries": [],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}});
    let room = room().service(json!({"deploymentController": {"type": "EXTERNAL"}, "taskSets": [set]}));
    insta::assert_snapshot!(said(room, &LIVE, &back()), @r#"
    refused: the deployment controller of the service demo/api is EXTERNAL: UpdateService cannot change its task definition, a new task set can
    help: let `deploy bot` deploy it; by hand: `aws ecs create-task-set --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:6 --scale value=100,unit=PERCENT --launch-type FARGATE --platform-version LATEST --network-configuration '{"awsvpcConfiguration":{"subnets":["subnet-1"]}}'`
    help: then, once its tasks run: `aws ecs update-service-primary-task-set --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service api --primary-task-set NEW_TASK_SET`, and delete the old one
    "#);
}

#[test]
fn hostile_documents_own_nothing() {
    let odd = room()
        .service(json!({"tags": {"key": "terraform"}, "createdBy": 7, "deploymentController": "CODE_DEPLOY",
        "taskSets": {"a": 1}}));
    assert_eq!(said(odd, &WISH, &arm64()), "");
    let odd = room()
        .service(json!({"deploymentController": {"type": "CODE_DEPLOY"}, "taskSets": [{"loadBalancers": 7,
        "externalId": "d-'; rm -rf /"}], "loadBalancers": [{"containerPort": "x"}]}));
    let text = said(odd, &WISH, &back());
    assert!(text.contains(r"--deployment-id 'd-'\''; rm -rf /'"), "{text}");
}
