"""On the MiniStack that checks policies: the services `fix/broken` and `fix/hopeless`, and users who may do what the policy
for `fix` allows: `all`, and for each of its actions one who may not do that. Prints their keys."""

import json
import sys
import time

from botocore.session import Session

ENDPOINT, IMAGES, POLICY = sys.argv[1:]


def client(service):
    return Session().create_client(
        service,
        endpoint_url=ENDPOINT,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


ecs, iam = client("ecs"), client("iam")


def register(family, tag, **members):
    log = {
        "awslogs-group": "/ecs/fix",
        "awslogs-region": "us-east-1",
        "awslogs-stream-prefix": family,
        "awslogs-create-group": "true",
    }
    container = {
        "name": "main",
        "image": f"{IMAGES}:{tag}",
        "memory": 64,
        "essential": True,
        "logConfiguration": {"logDriver": "awslogs", "options": log},
    }
    ecs.register_task_definition(family=family, containerDefinitions=[container], **members)


def create(name, **members):
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    ecs.create_service(
        cluster="fix",
        serviceName=name,
        taskDefinition=f"{name}:1",
        deploymentConfiguration={"maximumPercent": 200, "minimumHealthyPercent": 100, **breaker},
        **members,
    )


def wait_for(name, holds):
    for _ in range(300):
        if holds(ecs.describe_services(cluster="fix", services=[name])["services"][0]):
            return
        time.sleep(0.2)
    sys.exit(f"{name} does not become what it is to be")


def failed(service):
    return service["deployments"][0]["rolloutState"] == "FAILED"


ecs.create_cluster(clusterName="fix")
# Revision 1 ran, revision 2 is for arm64 only.
register("broken", "good")
register("broken", "arm64")
create("broken", desiredCount=1)
wait_for("broken", lambda service: service["runningCount"] == 1)
ecs.update_service(cluster="fix", service="broken", taskDefinition="broken:2")
wait_for("broken", failed)
# By the model it runs on arm64; this machine is none, so whatever is deployed fails.
register("hopeless", "arm64", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512")
subnets = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
create("hopeless", desiredCount=0, launchType="FARGATE", networkConfiguration=subnets)
ecs.update_service(cluster="fix", service="hopeless", desiredCount=1, forceNewDeployment=True)
wait_for("hopeless", failed)


def as_list(value):
    return value if isinstance(value, list) else [value]


def policy(without=None):
    document = json.load(open(POLICY))
    for statement in document["Statement"]:
        statement["Action"] = [action for action in as_list(statement["Action"]) if action != without]
        if statement["Sid"] == "DeployAndGoBack":
            # AWS checks UpdateService on the service, MiniStack on its cluster.
            statement["Resource"].append("arn:aws:ecs:*:*:cluster/*")
    document["Statement"] = [statement for statement in document["Statement"] if statement["Action"]]
    return document


def user(name, document):
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="fix", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return [key["AccessKeyId"], key["SecretAccessKey"]]


actions = [action for statement in policy()["Statement"] for action in statement["Action"]]
keys = {"all": user("all", policy())}
for action in actions:
    keys[action] = user("without-" + action.replace(":", "-"), policy(without=action))
print(json.dumps(keys))
