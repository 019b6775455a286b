"""Every IAM action that the template grants is one that the code calls, and the other way round.

What the code calls is read from the sources: `client.describe_vpcs()` in a file that works with `aws_sdk_ec2` is
`ec2:DescribeVpcs`, by botocore's list of operations. What a role needs although no code of ours calls it (Lambda's own
work in the role's name, and what a call of ours depends on) stands in `PLATFORM`, each with its reason.
"""

import re
from functools import cache

import botocore.session
from botocore import xform_name

from stack import FUNCTIONS, MAIN, MEMBER, actions, files_of, resources, sources, statements, templates

# The SDK's crate, where botocore calls the service otherwise.
SERVICES = {"cloudwatchlogs": "logs", "costexplorer": "ce"}
# Where IAM does not call the action by the operation.
IRREGULAR = {
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
}
# Calls that nobody has to be allowed.
FREE = {"sts:GetCallerIdentity"}
# Calls that the SDK makes inside a type of its own.
BY_TYPE = {r"\bAssumeRoleProvider::": "sts:AssumeRole"}

LOGS = dict.fromkeys(["logs:CreateLogStream", "logs:PutLogEvents"], "Lambda writes the log with the function's role")
TRACES = dict.fromkeys(["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "Lambda sends traces with the function's role")
INTERFACES = "Lambda makes the network interfaces of a function in a VPC with the function's role"
POLLERS = "Lambda's pollers act with the function's role"
ALERTS_KEY = "SNS encrypts under the topic's key in the publisher's name"
FAILURES = "Lambda leaves failed events in the queue with the function's role"
FAILED_BATCHES = "Lambda's pollers leave what they gave up with the function's role"
ATHENA = "Athena reads the table and writes the results in the caller's name"
FLOW_LOGS_KEY = "S3 decrypts flow logs in the reader's name"

PLATFORM = {
    "KafkaConsumer": {
        **LOGS,
        **TRACES,
        "sqs:SendMessage": FAILED_BATCHES,
        "s3:ListBucket": FAILED_BATCHES,
        **dict.fromkeys(
            [
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
                "kafka:DescribeCluster",
                "kafka:DescribeClusterV2",
                "kafka:GetBootstrapBrokers",
                "kafka-cluster:Connect",
                "kafka-cluster:DescribeClusterDynamicConfiguration",
                "kafka-cluster:DescribeGroup",
                "kafka-cluster:AlterGroup",
                "kafka-cluster:DescribeTopic",
                "kafka-cluster:ReadData",
                "secretsmanager:GetSecretValue",
            ],
            POLLERS,
        ),
    },
    "NatCostDetector": {
        **LOGS,
        **TRACES,
        **dict.fromkeys(
            [
                "glue:GetDatabase",
                "glue:GetTable",
                "glue:GetPartitions",
                "glue:GetPartition",
                "glue:BatchGetPartition",
                "s3:PutObject",
                "s3:AbortMultipartUpload",
                "s3:GetBucketLocation",
            ],
            ATHENA,
        ),
        "kms:Decrypt": f"{FLOW_LOGS_KEY}; {ALERTS_KEY}",
        "kms:GenerateDataKey": ALERTS_KEY,
        "sqs:SendMessage": FAILURES,
    },
    "EndpointRemediator": {
        **LOGS,
        **TRACES,
        "kms:Decrypt": f"{FLOW_LOGS_KEY}; {ALERTS_KEY}",
        "kms:GenerateDataKey": ALERTS_KEY,
        "sqs:SendMessage": FAILURES,
        "ec2:CreateTags": "endpoints, groups and rules are tagged by the call that makes them",
        "route53:AssociateVPCWithHostedZone": "EC2 does it in the caller's name when private DNS is switched on",
    },
    "EndpointApproval": {**LOGS, **TRACES},
    "RateLimiter": {
        **LOGS,
        **TRACES,
        **dict.fromkeys(
            [
                "ec2:AssignPrivateIpAddresses",
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:UnassignPrivateIpAddresses",
            ],
            INTERFACES,
        ),
        "elasticache:Connect": "ElastiCache asks IAM when the limiter logs in with a token that it signed",
    },
}

# Roles and policies of no function: everything in them is declared here.
OTHERS = {
    (MAIN, "SchedulerRole"): {
        "lambda:InvokeFunction": "EventBridge Scheduler calls the functions",
        "sqs:SendMessage": "and leaves the calls it could not make",
    },
    (MAIN, "DeploymentRole"): {
        **dict.fromkeys(
            ["lambda:GetAlias", "lambda:UpdateAlias", "lambda:GetProvisionedConcurrencyConfig"],
            "CodeDeploy shifts the alias",
        ),
        "cloudwatch:DescribeAlarms": "and goes back when an alarm rings",
    },
    (MAIN, "ApproverPolicy"): {
        "lambda:InvokeFunctionUrl": "approvers call the URL",
        "lambda:InvokeFunction": "a call of the URL needs it, too",
    },
    ("templates/front.yaml", "MayAsk"): {"lambda:InvokeFunction": "the application asks the limiter"},
}

# What the detector does in other accounts, of all that it calls: the rest happens in its own.
MEMBER_ROLE = (MEMBER, "Observer", "NatCostDetector")
ONLY_AT_HOME = {"athena", "dynamodb", "logs", "s3", "sns", "sts"}


@cache
def operations(service):
    """A service's operations: the name of the SDK's method (without underscores), and of the API."""
    names = botocore.session.get_session().get_service_model(service).operation_names
    return {xform_name(name).replace("_", ""): name for name in names}


def calls_in(text):
    """IAM actions of the SDK calls that a source file makes."""
    found = set()
    for crate in set(re.findall(r"\baws_sdk_(\w+)", text)):
        service = SERVICES.get(crate, crate)
        for method in re.findall(r"\.\s*([a-z][a-z0-9_]*)\(\)", text):
            if name := operations(service).get(method.replace("_", "")):
                found.add(f"{service}:{name}")
    found |= {action for pattern, action in BY_TYPE.items() if re.search(pattern, text)}
    return {IRREGULAR.get(action, action) for action in found} - FREE


# What the library's files offer to functions: how a function's file names it, and for each action the methods that
# call it; no methods where naming it is using it.
SHARED = {
    "aws/table.rs": (
        r"\bTable\b",
        {
            "dynamodb:GetItem": ["get"],
            "dynamodb:Query": ["query", "query_metered"],
            "dynamodb:PutItem": ["put", "put_versioned"],
        },
    ),
    "aws/alerts.rs": (r"\b[Aa]lerts\b", {"sns:Publish": ["send"]}),
    "aws/metric_data.rs": (r"\bmetric_data::", {"cloudwatch:GetMetricData": ["sums"]}),
    "aws/kafka_pollers.rs": (
        r"\baws::kafka_pollers::",
        dict.fromkeys(["lambda:ListEventSourceMappings", "kafka:DescribeClusterV2", "kafka:DescribeVpcConnection"], []),
    ),
    "flow_log_files/": (r"\bflow_log_files\b", {"s3:ListBucket": [], "s3:GetObject": []}),
}


def asks(text, methods):
    """Whether a file calls one of the methods on a table or the alerts, or awaits it: maps have a `get`, too."""
    name = "|".join(methods)
    if re.search(rf"\b(?:table|alerts)\s*\.\s*(?:{name})\b|::(?:{name})\(", text):
        return True
    for call in re.finditer(rf"\.\s*(?:{name})(?:::<[^>]*>)?\(", text):
        depth, end = 1, call.end()
        while depth and end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        if re.match(r"\s*\.await", text[end:]):
            return True
    return False


def through_the_library(text):
    """IAM actions of what a function's file asks the library for."""
    found = set()
    for named, offers in SHARED.values():
        if re.search(named, text):
            for action, methods in offers.items():
                if not methods or asks(text, methods):
                    found.add(action)
    return found


def library_differences():
    """SHARED says no less and no more than what the library's files call."""
    called = {}
    for name, text in sources("shared").items():
        place = next((place for place in SHARED if name.startswith(place)), name)
        called.setdefault(place, set()).update(calls_in(text))
    for place, of_file in sorted(called.items()):
        offered = set(SHARED[place][1]) if place in SHARED else set()
        if of_file != offered:
            yield f"shared/src/{place} calls {sorted(of_file)}; SHARED in permissions.py says {sorted(offered)}"


def called_by(function):
    """IAM actions of a function's calls."""
    return set().union(*(calls_in(text) | through_the_library(text) for text in files_of(function).values()))


def granted(name, logical):
    """IAM actions that a role or managed policy allows under some condition."""
    return {
        action
        for statement in statements(resources(name)[logical])
        if statement["Effect"] == "Allow"
        for action in actions(statement)
    }


def compare(role, has, calls, declared):
    """What a role has against what is called in its name and what is declared."""
    for action in sorted(has - calls - set(declared)):
        yield f"{role} allows {action}, which nothing calls"
    for action in sorted(calls - has):
        yield f"{role} does not allow {action}, which the code calls"
    for action in sorted(set(declared) - has):
        yield f"{role} no longer allows {action}: take it out of PLATFORM or OTHERS in permissions.py"
    for action in sorted(set(declared) & calls):
        yield f"{action} of {role} is called by the code: take it out of PLATFORM in permissions.py"


def differences():
    """One line for each."""
    yield from library_differences()
    seen = set()
    for function in FUNCTIONS:
        role = f"{function}Role"
        seen.add((MAIN, role))
        yield from compare(role, granted(MAIN, role), called_by(function), PLATFORM[function])
    for (name, logical), declared in OTHERS.items():
        seen.add((name, logical))
        yield from compare(logical, granted(name, logical), set(), declared)
    name, logical, function = MEMBER_ROLE
    if name in templates():
        seen.add((name, logical))
        abroad = {action for action in called_by(function) if action.split(":")[0] not in ONLY_AT_HOME}
        yield from compare(f"{name} {logical}", granted(name, logical), abroad, {})
    for name in templates():
        for kind in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"):
            for logical in resources(name, kind):
                if (name, logical) not in seen:
                    yield f"{name}: {logical} is held against nothing: name it in permissions.py"
