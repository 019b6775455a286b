"""Creates the stack in moto's CloudFormation with every pair of options, looks at what came of it, and deletes it again.

    create.py <python with SAM's translator>

The templates are those that SAM's own translator makes. What of them moto does not know stands in `UNKNOWN`, and where it
differs from AWS in `ADJUSTED`; both lists are exact: an entry that is no longer needed fails the check.
"""

import json
import logging
import os
import re
import subprocess
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from itertools import repeat
from pathlib import Path

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.cloudformation import parsing
from moto.cloudformation.parsing import get_model_map

from combinations import OPTIONS, pairwise, parameters_of
from evaluate import Rules, conditions_of
from stack import MAIN, ROOT, templates

REGION = "us-east-1"
BUCKET = "artefacts"

# Types of resources that moto's CloudFormation does not make. What refers to one gets a made-up name.
UNKNOWN = {
    "AWS::ApiGateway::Authorizer",
    "AWS::ApiGateway::GatewayResponse",
    "AWS::ApiGateway::Stage",
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",
    "AWS::ApiGatewayV2::VpcLink",
    "AWS::Athena::NamedQuery",
    "AWS::CloudFront::Distribution",
    "AWS::CloudWatch::Alarm",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::ElastiCache::ServerlessCache",
    "AWS::Glue::Database",
    "AWS::Glue::Table",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Url",
    "AWS::Logs::MetricFilter",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
    "AWS::SecretsManager::Secret",
    "AWS::WAFv2::LoggingConfiguration",
    "AWS::WAFv2::WebACL",
    "AWS::WAFv2::WebACLAssociation",
}
# Types that moto knows and cannot make of these properties: why.
REFUSED = {
    "AWS::Lambda::EventSourceMapping": "moto refuses Kafka as a source",
}

# Kinds that moto's CloudFormation leaves behind when it deletes a stack; AWS deletes them.
LEFT = {"api", "endpoint", "key", "policy", "target"}


@dataclass
class Seen:
    """What the combinations showed."""

    # Kinds of things that moto left behind.
    left: set = field(default_factory=set)
    # Template, condition and its value.
    conditions: set = field(default_factory=set)


def without_no_value(clean=parsing.clean_json):
    """CloudFormation takes `AWS::NoValue` out of lists, moto leaves a hole there: its function, mended."""
    if clean([{"Ref": "AWS::NoValue"}], {"AWS::NoValue": None}) == []:
        raise SystemExit("moto takes AWS::NoValue out of lists by now: without_no_value in create.py can go")

    def mended(part, resources):
        found = clean(part, resources)
        return [item for item in found if item is not None] if isinstance(part, list) else found

    return mended


def transformed(python):
    """Every template by its path, as CloudFormation gets it."""
    script = Path(__file__).with_name("transform.py")
    run = lambda *words: json.loads(subprocess.run([python, script, *words], check=True, capture_output=True, cwd=ROOT).stdout)
    made = {name: run(name) for name in templates()}
    # One transformation serves for all parameters, as long as they change nothing in it.
    strict = [f"{name}={text}" for name, text in parameters_of({o: list(c)[-1] for o, c in OPTIONS.items()}).items()]
    if run(MAIN, *strict) != made[MAIN]:
        raise SystemExit("SAM transforms the template differently for other parameters: create.py must transform each")
    return made


def made_up(template, absent):
    """The template without the absent resources, and made-up names where something refers to them."""

    def replaced(part):
        if isinstance(part, list):
            return [replaced(item) for item in part]
        if not isinstance(part, dict):
            return part
        if part.get("Ref") in absent:
            gone = template["Resources"][part["Ref"]]
            # An alias is its function here.
            alias = gone["Type"] == "AWS::Lambda::Alias"
            return {"Fn::GetAtt": [gone["Properties"]["FunctionName"]["Ref"], "Arn"]} if alias else f"made-up-{part['Ref']}"
        if "Fn::GetAtt" in part:
            target = part["Fn::GetAtt"] if isinstance(part["Fn::GetAtt"], list) else part["Fn::GetAtt"].split(".", 1)
            if target[0] in absent or target[1].startswith("Outputs."):
                return f"made-up-{target[0]}-{target[1]}"
        if "Fn::Sub" in part:
            text, *rest = part["Fn::Sub"] if isinstance(part["Fn::Sub"], list) else [part["Fn::Sub"]]
            text = re.sub(r"\$\{(\w+)(?:\.[\w.]+)?\}", lambda m: f"made-up-{m[1]}" if m[1] in absent else m[0], text)
            return {"Fn::Sub": [text, *(replaced(item) for item in rest)] if rest else text}
        return {key: replaced(item) for key, item in part.items()}

    kept = {name: resource for name, resource in template["Resources"].items() if name not in absent}
    template = replaced({**template, "Resources": kept})
    for resource in template["Resources"].values():
        depends = resource.get("DependsOn", [])
        depends = [name for name in ([depends] if isinstance(depends, str) else depends) if name not in absent]
        resource.pop("DependsOn", None)
        if depends:
            resource["DependsOn"] = depends
    return template


def prepared(template):
    """A template as moto can make it, and what was left out."""
    absent = {
        name for name, resource in template["Resources"].items() if resource["Type"] in UNKNOWN or resource["Type"] in REFUSED
    }
    template = made_up(template, absent)
    # CloudFormation compares parameters as text; moto makes numbers of them, and 0 is not "0".
    for parameter in template["Parameters"].values():
        if parameter["Type"] == "Number":
            parameter["Type"], parameter["Default"] = "String", str(parameter.get("Default", 0))
            for bound in ("MinValue", "MaxValue"):
                parameter.pop(bound, None)
    # moto reads templates slowly: what only people and lint read is left out.
    for section in ("Metadata", "Rules"):
        template.pop(section, None)
    for parameter in template["Parameters"].values():
        parameter.pop("Description", None)
    # moto knows the addresses of nested templates in S3 only.
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::CloudFormation::Stack":
            resource["Properties"]["TemplateURL"] = f"https://s3.amazonaws.com/{BUCKET}/{resource['Properties']['TemplateURL']}"
    return template


def surroundings(ec2, acm):
    """What the stack is put into: the values of the placeholders."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = lambda cidr, zone: ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
    group = lambda name: ec2.create_security_group(VpcId=vpc, GroupName=name, Description=name)["GroupId"]
    return {
        "vpc": vpc,
        "subnet_a": subnet("10.0.1.0/24", f"{REGION}a"),
        "subnet_b": subnet("10.0.2.0/24", f"{REGION}b"),
        "table": ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"],
        "group": group("redis"),
        "pollers": group("pollers"),
        "brokers": group("brokers"),
        "certificate": acm.request_certificate(DomainName="app.example.com")["CertificateArn"],
    }


def expected(template, given):
    """Logical ids that must be made."""
    conditions = conditions_of(template, given)
    return {
        name
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or conditions[resource["Condition"]]
    }


def left(clients):
    """What is in the account: kind and name."""
    names = lambda kind, items: {(kind, item) for item in items}
    return (
        names("table", clients["dynamodb"].list_tables()["TableNames"])
        | names("bucket", [bucket["Name"] for bucket in clients["s3"].list_buckets()["Buckets"]])
        | names("function", [f["FunctionName"] for f in clients["lambda"].list_functions()["Functions"]])
        | names("role", [role["RoleName"] for role in clients["iam"].list_roles()["Roles"]])
        | names("policy", [policy["Arn"] for policy in clients["iam"].list_policies(Scope="Local")["Policies"]])
        | names("log", [group["logGroupName"] for group in clients["logs"].describe_log_groups()["logGroups"]])
        | names("queue", clients["sqs"].list_queues().get("QueueUrls", []))
        | names("topic", [topic["TopicArn"] for topic in clients["sns"].list_topics()["Topics"]])
        | names("dashboard", [d["DashboardName"] for d in clients["cloudwatch"].list_dashboards()["DashboardEntries"]])
        | names("endpoint", [e["VpcEndpointId"] for e in clients["ec2"].describe_vpc_endpoints()["VpcEndpoints"] if e["State"] != "deleted"])
        | names("group", [group["GroupId"] for group in clients["ec2"].describe_security_groups()["SecurityGroups"]])
        | names("balancer", [b["LoadBalancerArn"] for b in clients["elbv2"].describe_load_balancers()["LoadBalancers"]])
        | names("target", [t["TargetGroupArn"] for t in clients["elbv2"].describe_target_groups()["TargetGroups"]])
        | names("api", [api["id"] for api in clients["apigateway"].get_rest_apis()["items"]])
        | names("key", [key["KeyId"] for key in clients["kms"].list_keys()["Keys"] if clients["kms"].describe_key(
            KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] != "PendingDeletion"])
    )  # fmt: skip


SERVICES = (
    "acm apigateway cloudformation cloudwatch dynamodb ec2 elbv2 iam kms lambda logs s3 sns sqs".split()
)  # fmt: skip


@cache
def clients_of_moto():
    """One client a service; made once, for that is slow."""
    return {name: boto3.client(name, region_name=REGION) for name in SERVICES}


def try_one(choice, made, seen):
    """Creates and deletes one combination; yields what is wrong with it."""
    with mock_aws(config={"lambda": {"use_docker": False}, "iam": {"load_aws_managed_policies": False}}):
        clients = clients_of_moto()
        clients["s3"].create_bucket(Bucket=BUCKET)
        clients["s3"].put_object(Bucket=BUCKET, Key="bootstrap.zip", Body=b"")
        for name, template in made.items():
            clients["s3"].put_object(Bucket=BUCKET, Key=name, Body=json.dumps(template))
        place = surroundings(clients["ec2"], clients["acm"])
        given = {name: text.format(**place) if "{" in text and '"' not in text else text
                 for name, text in parameters_of(choice).items()}  # fmt: skip
        before = left(clients)
        clients["cloudformation"].create_stack(
            StackName="tollkeeper",
            TemplateURL=f"https://s3.amazonaws.com/{BUCKET}/{MAIN}",
            Parameters=[{"ParameterKey": name, "ParameterValue": text} for name, text in given.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        yield from differences_of(clients, made, given, seen)
        kept = {r["PhysicalResourceId"] for r in resources_of(clients, "tollkeeper")
                if made[MAIN]["Resources"][r["LogicalResourceId"]].get("DeletionPolicy") == "Retain"}  # fmt: skip
        clients["cloudformation"].delete_stack(StackName="tollkeeper")
        for kind, name in sorted(left(clients) - before):
            if name not in kept and kind in LEFT:
                seen.left.add(kind)
            elif name not in kept:
                yield f"the {kind} {name} is left after the stack was deleted"
        # Versions stay with their function, and go with it.
        stayed = {name for _, name in left(clients)}
        for name in sorted(name for name in kept - stayed if name and ":function:" not in name):
            yield f"{name} was to stay when the stack was deleted"


def resources_of(clients, stack):
    """What a stack made."""
    pages = clients["cloudformation"].get_paginator("list_stack_resources").paginate(StackName=stack)
    # moto lists what its conditions left out, too: without a name.
    return [resource for page in pages for resource in page["StackResourceSummaries"] if resource["LogicalResourceId"]]


def differences_of(clients, made, given, seen):
    """What was made against what the conditions ask for; and the dashboard can be read."""
    stacks = {MAIN: ("tollkeeper", given)}
    found = {resource["LogicalResourceId"]: resource for resource in resources_of(clients, "tollkeeper")}
    for name, resource in made[MAIN]["Resources"].items():
        if resource["Type"] == "AWS::CloudFormation::Stack" and name in found:
            stack = clients["cloudformation"].describe_stacks(StackName=found[name]["PhysicalResourceId"])["Stacks"][0]
            parameters = {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]}
            stacks["templates/" + resource["Properties"]["TemplateURL"].split("/templates/")[1]] = (stack["StackName"], parameters)
    for template, (stack, parameters) in stacks.items():
        names = {resource["LogicalResourceId"] for resource in resources_of(clients, stack)}
        wanted = expected(made[template], parameters)
        for name in sorted(wanted - names):
            yield f"{template}: {name} was not made"
        for name in sorted(names - wanted):
            yield f"{template}: {name} was made, and its condition is false"
        seen.conditions |= {(template, *pair) for pair in conditions_of(made[template], parameters).items()}
    for dashboard in clients["cloudwatch"].list_dashboards()["DashboardEntries"]:
        body = clients["cloudwatch"].get_dashboard(DashboardName=dashboard["DashboardName"])["DashboardBody"]
        if len(json.loads(body)["widgets"]) < 8:
            yield "the dashboard lacks widgets"


def lists(made):
    """Entries of UNKNOWN that are not exact."""
    used = {resource["Type"] for template in made.values() for resource in template["Resources"].values()}
    for kind in sorted(used - UNKNOWN - set(get_model_map())):
        yield f"moto does not make {kind}: name it in UNKNOWN of create.py"
    for kind in sorted(UNKNOWN & set(get_model_map())):
        yield f"moto makes {kind} by now: take it out of UNKNOWN of create.py"
    with mock_aws():
        try:
            boto3.client("lambda", region_name=REGION).create_event_source_mapping(
                FunctionName="any", EventSourceArn="arn:aws:kafka:us-east-1:123456789012:cluster/any/1", Topics=["any"]
            )
            yield "moto takes Kafka as a source by now: take the mapping out of REFUSED of create.py"
        except ClientError:
            pass
    for kind in sorted((UNKNOWN | set(REFUSED)) - used):
        yield f"no template has {kind}: take it out of create.py"


def unbroken(template, choices):
    """Assertions of rules that no change of one parameter breaks."""
    rules, broken, values = Rules(template), set(), {}
    for parameters in (parameters_of({option: name}) for option, names in OPTIONS.items() for name in names):
        for name, text in parameters.items():
            values.setdefault(name, {"", str(template["Parameters"][name].get("Default"))}).add(text)
    # What no option sets, because a rule forbids it.
    values |= {"LimiterSecurityGroups": {"", "sg-1"}, "LimiterAuthorizerDeny": {"context"}}
    for given in map(parameters_of, choices):
        for name in set().union(*(names for _, names in rules.rules.values())):
            for text in values.get(name, ()):
                broken |= set(rules.refusals({**given, name: text}))
    for name, rule in template["Rules"].items():
        for assertion in rule["Assertions"]:
            if (name, assertion["AssertDescription"]) not in broken:
                yield f"nothing breaks the rule {name}: {assertion['AssertDescription']}"


def quiet():
    """What every process needs."""
    warnings.simplefilter("ignore")
    logging.disable()
    os.environ.update(AWS_ACCESS_KEY_ID="made-up", AWS_SECRET_ACCESS_KEY="made-up", AWS_DEFAULT_REGION=REGION)
    parsing.clean_json = without_no_value()


def tried(choice, made):
    """What is wrong with one combination, and what was seen."""
    said = ", ".join(f"{option}: {name}" for option, name in choice.items() if name != next(iter(OPTIONS[option])))
    seen = Seen()
    try:
        return [f"with {said or 'the defaults'}: {line}" for line in try_one(choice, made, seen)], seen
    except Exception as error:  # noqa: BLE001: whatever moto raises is a finding
        return [f"with {said or 'the defaults'}: {type(error).__name__}: {error}"], seen


def main():
    """Prints what is wrong; exit status 1 if there is something."""
    quiet()
    whole = transformed(sys.argv[1])
    choices, impossible = pairwise(whole[MAIN])
    wrong = [*lists(whole), *unbroken(whole[MAIN], choices)]
    seen, made = Seen(), {name: prepared(template) for name, template in whole.items()}
    with ProcessPoolExecutor(initializer=quiet) as pool:
        for lines, one in pool.map(tried, choices, repeat(made)):
            wrong += lines
            seen.left |= one.left
            seen.conditions |= one.conditions
    for template in {template for template, _, _ in seen.conditions}:
        for name in whole[template]["Conditions"]:
            for truth in (True, False):
                if (template, name, truth) not in seen.conditions:
                    wrong.append(f"{template}: {name} is never {truth}: add a choice to combinations.py")
    wrong += [f"moto deletes a {kind} by now: take it out of LEFT of create.py" for kind in sorted(LEFT - seen.left)]
    left_out = sorted(UNKNOWN | set(REFUSED))
    print(f"{len(choices)} combinations cover every pair of options but the {len(impossible)} that the rules exclude")
    print(f"left out, because moto cannot make them: {', '.join(left_out)}")
    print("\n".join(wrong) or "each was created, held against its conditions, and deleted")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
