"""Holds template.yaml against the code: every setting the template gives a function is read by its crate, and every
setting a crate's `config` reads is given, or listed here with the reason why not.

Run by `make lint` with the Python environment that holds cfn-lint (its decoder reads CloudFormation's YAML).
"""

import re
import sys
from pathlib import Path

from cfnlint.decode import decode

ROOT = Path(__file__).resolve().parent.parent
# Logical id: the crate, and which part of its sources reads the settings.
CRATES = {
    "KafkaConsumer": "kafka-consumer",
    "NatCostDetector": "nat-cost-detector",
    "EndpointRemediator": "endpoint-remediator",
    "EndpointApproval": "endpoint-remediator",
    "RateLimiter": "rate-limiter",
}
NOT_GIVEN = {
    "IP_RANGES": "the table packaged with the function is found without it",
    "LAMBDA_TASK_ROOT": "set by Lambda",
    "AWS_LAMBDA_FUNCTION_NAME": "set by Lambda",
}
SETTING = re.compile(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|RULES|SHADOW|EPOCHS|REWINDS|ACCOUNTS|REGIONS)"')


def product_code(path):
    """A source file up to its tests."""
    return path.read_text().split("#[cfg(test)]")[0]


def read_by(crate):
    """Names of settings in the files of a crate that read them."""
    folder = ROOT / "functions" / crate / "src"
    sources = [*folder.glob("config.rs"), *folder.glob("config/*.rs")]
    return set().union(*(SETTING.findall(product_code(source)) for source in sources))


def main():
    """Prints each difference; exit status 1 if there is one."""
    template, problems = decode(str(ROOT / "template.yaml"))
    if template is None:
        sys.exit(f"template.yaml cannot be read: {problems}")
    resources = template["Resources"]
    functions = {name for name, resource in resources.items() if resource["Type"] == "AWS::Serverless::Function"}
    wrong = [f"functions {sorted(functions ^ set(CRATES))} are in the template or in this check, not in both"] * (
        functions != set(CRATES)
    )
    given = {name: set(resources[name]["Properties"]["Environment"]["Variables"]) for name in functions & set(CRATES)}
    for name, settings in sorted(given.items()):
        for setting in sorted(settings - read_by(CRATES[name])):
            wrong.append(f"{name} is given {setting}, which functions/{CRATES[name]}/src/config does not read")
    for crate in sorted(set(CRATES.values())):
        together = set().union(*(given[name] for name in given if CRATES[name] == crate))
        for setting in sorted(read_by(crate) - together - set(NOT_GIVEN)):
            wrong.append(f"functions/{crate}/src/config reads {setting}, which the template does not give")
    print("\n".join(f"template.yaml: {line}" for line in wrong) or "template.yaml gives the settings that the code reads")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
