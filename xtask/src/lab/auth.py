"""Makes a cluster, an idle service, and a user who may do everything but ecs:DescribeServices. Prints the user's key."""

import json
import sys

from botocore.session import Session


def client(service):
    return Session().create_client(
        service,
        endpoint_url=sys.argv[1],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


ecs = client("ecs")
ecs.create_cluster(clusterName="lab")
ecs.register_task_definition(
    family="idle",
    containerDefinitions=[{"name": "idle", "image": "127.0.0.1/idle", "memory": 64}],
)
ecs.create_service(cluster="lab", serviceName="idle", taskDefinition="idle", desiredCount=0)

iam = client("iam")
iam.create_user(UserName="denied")
statements = [
    {"Effect": "Allow", "Action": "*", "Resource": "*"},
    {"Effect": "Deny", "Action": "ecs:DescribeServices", "Resource": "*"},
]
iam.put_user_policy(
    UserName="denied",
    PolicyName="denied",
    PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
)
key = iam.create_access_key(UserName="denied")["AccessKey"]
print(key["AccessKeyId"], key["SecretAccessKey"])
