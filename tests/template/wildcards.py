"""No role allows an action by a wildcard, and `Resource: "*"` stands only beside actions for which AWS knows no resource,
or that are listed here; each such statement says why in a comment of its own.

Which action knows resources is AWS's own list, as cfn-lint packages it.
"""

import re

from cfnlint.data import AdditionalSpecs
from cfnlint.helpers import load_resource

from stack import ROOT, actions, flatten, resources, statements, templates

# Actions on all resources although AWS knows some for them.
WIDE = {
    "ce:GetCostAndUsage": "the resource is a billing view, and none is named in the call",
    "cloudwatch:DescribeAlarms": "CodeDeploy asks for its alarms in one list; a list needs all of them",
    "cloudwatch:GetMetricData": "AWS's list names data sets of OpenTelemetry; the metrics of services are in none",
    "cloudwatch:ListMetrics": "as cloudwatch:GetMetricData",
    "ec2:CreateNetworkInterface": "Lambda's documentation asks for it: the interface has no name before it is there",
    "ec2:DeleteNetworkInterface": "Lambda's documentation asks for it: Lambda names the interfaces, not we",
    "ec2:AssignPrivateIpAddresses": "as ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses": "as ec2:DeleteNetworkInterface",
    "ec2:DescribeVpcAttribute": "which VPC is asked about is in the request of a plan",
    "logs:GetQueryResults": "a query is known by its id alone; the log group was checked when it was started",
    "route53:AssociateVPCWithHostedZone": "the hosted zone is EC2's own, of another account",
}
KINDS = ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy")


def knows_resources(action):
    """Whether AWS lists resource types for an action."""
    service, name = action.split(":")
    known = load_resource(AdditionalSpecs, "Policies.json").get(service, {}).get("Actions", {})
    if name.lower() not in known:
        raise SystemExit(f"wildcards.py: IAM knows no action {action}")
    return bool(known[name.lower()].get("Resources"))


def explained(name):
    """Lines `Resource: "*"` of a template, and whether their statement has a comment."""
    lines = (ROOT / name).read_text().split("\n")
    for number, line in enumerate(lines):
        if re.match(r'\s*Resource: "\*"\s*$', line):
            first = number
            while not re.match(r"\s*- (Sid|Effect):", lines[first]):
                first -= 1
            before = first - 1
            while lines[before].strip() in ("- !If",) or re.match(r"\s*- [A-Z]\w+$", lines[before]):
                before -= 1
            inside = any("#" in text for text in lines[first : number + 1])
            yield number + 1, inside or lines[before].strip().startswith("#")


def differences():
    """One line for each."""
    wide = set()
    for name in templates():
        for kind in KINDS:
            for logical, resource in resources(name, kind).items():
                for statement in statements(resource):
                    if statement["Effect"] != "Allow":
                        continue
                    yield from (
                        f"{name}: {logical} allows {action}, a wildcard" for action in actions(statement) if "*" in action
                    )
                    if "*" in [part for part in flatten(statement["Resource"]) if isinstance(part, str)]:
                        wide |= {(name, logical, action) for action in actions(statement) if knows_resources(action)}
        yield from (
            f'{name}:{number}: Resource: "*" without a comment that says why' for number, said in explained(name) if not said
        )
    for name, logical, action in sorted(wide):
        if action not in WIDE:
            yield f"{name}: {logical} allows {action} on all resources, and AWS knows resources for it"
    for action in sorted(set(WIDE) - {action for _, _, action in wide}):
        yield f"no role needs {action} on all resources: take it out of WIDE in wildcards.py"
