"""What checkov takes for unsafe in the templates, held against what was decided about it.

    unsafe.py <checkov>

checkov looks at every resource, whatever its condition. Both ways: a finding that is not listed fails, and so does an
entry that finds nothing any more.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from stack import load, templates

# Check: the reason why it is not followed, and where.
ACCEPTED = {
    "CKV_AWS_27": (
        "queues are encrypted with SQS's own key: a key of ours would have to let SNS, the scheduler and Lambda in",
        ["NatCostDetectorFailures", "EndpointRemediatorFailures", "KafkaConsumerFailures"],
    ),
    "CKV_AWS_116": (
        "failed events go to an on-failure destination, which says more than a dead-letter queue; the others answer whoever calls",
        ["NatCostDetector", "EndpointRemediator", "EndpointApproval", "KafkaConsumer", "RateLimiter"],
    ),
    "CKV_AWS_117": (
        "calls AWS's public APIs only, so a VPC would be one more NAT gateway to pay; the limiter's is a parameter",
        ["NatCostDetector", "EndpointRemediator", "EndpointApproval", "KafkaConsumer"],
    ),
    "CKV_AWS_173": (
        "settings are no secrets, and Lambda encrypts them; a password belongs into Secrets Manager",
        ["NatCostDetector", "EndpointRemediator", "EndpointApproval", "KafkaConsumer", "RateLimiter"],
    ),
    "CKV_AWS_18": (
        "access logs of a bucket want a bucket of the account's; data events of CloudTrail show who reads",
        ["KafkaArchiveBucket", "KafkaFailuresBucket"],
    ),
    "CKV_AWS_21": (
        "objects are written once under names of their own; old versions would outlive the days that were asked for",
        ["KafkaArchiveBucket", "KafkaFailuresBucket"],
    ),
    "CKV_AWS_23": ("each rule has one; checkov does not look into Fn::If", ["EndpointGroup", "PublicGroup"]),
    "CKV_AWS_28": ("rollups expire, and come from Kafka or the archive again", ["Rollups"]),
    "CKV_AWS_73": ("by the parameter Tracing", ["Stage"]),
    "CKV_AWS_76": ("by the parameter FrontApiLogs: it needs a role that is a setting of the account", ["Stage"]),
    "CKV_AWS_86": ("the web ACL logs what it stops, API Gateway and the load balancer the rest", ["Distribution"]),
    "CKV_AWS_91": ("by the parameter FrontAccessLogBucket", ["InternalLoadBalancer", "PublicLoadBalancer"]),
    "CKV_AWS_120": ("answers of an API behind a limiter are not cached without being asked to", ["Stage"]),
    "CKV_AWS_149": ("encrypted with AWS's key of the account; CloudFormation alone reads it", ["OriginSecret"]),
    "CKV_AWS_174": ("CloudFront's own certificate decides; a host name of one's own comes with its certificate", ["Distribution"]),
    "CKV_AWS_119": ("encrypted with AWS's key of the account; no other account reads the tables", ["Ledger", "Rollups", "RateLimiterOverrides"]),
}


def everything(name, folder):
    """A template whose conditions make everything, as a file for checkov."""
    template = json.loads(json.dumps(load(name)))
    for resource in template["Resources"].values():
        resource.pop("Condition", None)
    path = Path(folder) / name.replace("/", "-").replace(".yaml", ".json")
    path.write_text(json.dumps(template, indent=1))


def findings(checkov):
    """Check and logical id of what checkov does not like."""
    with tempfile.TemporaryDirectory() as folder:
        for name in templates():
            everything(name, folder)
        words = ["-d", folder, "--framework", "cloudformation", "-o", "json", "--quiet", "--compact", "--skip-download"]
        done = subprocess.run(
            [checkov, *words], capture_output=True, text=True, check=False, env={**os.environ, "LOG_LEVEL": "ERROR"}
        )
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        sys.exit(f"checkov failed (exit {done.returncode}): {done.stderr[-2000:]}{done.stdout[-2000:]}")
    summary = report["summary"]
    if summary["parsing_errors"]:
        sys.exit("checkov cannot read a template")
    print(f"checkov: {summary['passed']} checks passed, {summary['failed']} accepted with a reason")
    return {(c["check_id"], c["resource"].split(".")[-1], c["check_name"]) for c in report["results"]["failed_checks"]}


def main():
    """Prints each difference; exit status 1 if there is one."""
    found = findings(sys.argv[1])
    wrong = [
        f"{name}: {check}, {text}: change it, or say in unsafe.py why not"
        for check, name, text in sorted(found)
        if name not in ACCEPTED.get(check, ("", []))[1]
    ]
    seen = {(check, name) for check, name, _ in found}
    wrong += [
        f"{name} is not against {check} any more: take it out of unsafe.py"
        for check, (_, names) in ACCEPTED.items()
        for name in names
        if (check, name) not in seen
    ]
    print("\n".join(wrong) or "checkov finds nothing else")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
