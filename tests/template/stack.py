"""What the checks read of the templates and of the code: resources, roles, statements, and sources without their tests."""

import re
from functools import cache
from pathlib import Path

from cfnlint.decode import decode

ROOT = Path(__file__).resolve().parent.parent.parent
MAIN = "template.yaml"
MEMBER = "templates/member-account.yaml"

# Logical id of a function: its crate, and which of the crate's files are its alone. What is in no such list is
# everybody's: two binaries of one crate share it.
FUNCTIONS = {
    "KafkaConsumer": ("kafka-consumer", []),
    "NatCostDetector": ("nat-cost-detector", []),
    "EndpointRemediator": ("endpoint-remediator", []),
    "EndpointApproval": ("endpoint-remediator", ["approval/", "bin/endpoint-approval.rs"]),
    "RateLimiter": ("rate-limiter", []),
}


def crate_of(function):
    """The crate that a function is built from."""
    return FUNCTIONS[function][0]


def templates():
    """Every template of the stack, the main one first."""
    return [MAIN, *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "templates").glob("*.yaml"))]


@cache
def load(name):
    """A template as cfn-lint reads it."""
    template, problems = decode(str(ROOT / name))
    if template is None:
        raise SystemExit(f"{name} cannot be read: {problems}")
    return template


def resources(name, kind=None):
    """Logical ids and resources of a template, of one type where that is given."""
    return {
        logical: resource
        for logical, resource in load(name)["Resources"].items()
        if kind is None or resource["Type"] == kind
    }


def flatten(value):
    """A value without the `Fn::If` around parts of it: what it may be under any condition."""
    if isinstance(value, dict) and set(value) == {"Fn::If"}:
        return [part for branch in value["Fn::If"][1:] for part in flatten(branch)]
    if isinstance(value, dict) and value.get("Ref") == "AWS::NoValue":
        return []
    if isinstance(value, list):
        return [part for item in value for part in flatten(item)]
    return [value]


def policies(resource):
    """The policy documents that a role or managed policy carries."""
    properties = resource["Properties"]
    if "PolicyDocument" in properties:
        return [properties["PolicyDocument"]]
    return [policy["PolicyDocument"] for policy in flatten(properties.get("Policies", []))]


def statements(resource):
    """Every statement that a role or managed policy may get, whatever the parameters are."""
    return [statement for document in policies(resource) for statement in flatten(document["Statement"])]


def actions(statement):
    """The actions of a statement, as a list."""
    return [str(action) for action in flatten(statement["Action"])]


@cache
def sources(crate):
    """The product's files of a crate, by their path inside `src`, without their tests."""
    folder = ROOT / ("shared" if crate == "shared" else f"functions/{crate}") / "src"
    texts = {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.rs"))}
    tests_only = set()
    for name, text in texts.items():
        for module in re.findall(r"#\[cfg\(test\)\]\s*(?:pub(?:\([a-z]+\))? )?mod (\w+);", text):
            place = Path(name).parent if Path(name).name in ("lib.rs", "main.rs", "mod.rs") else Path(name).with_suffix("")
            tests_only.add(str(place / module).lstrip("./"))
    return {
        name: product_code(text)
        for name, text in texts.items()
        if not any(name == f"{module}.rs" or name.startswith(f"{module}/") for module in tests_only)
    }


def product_code(text):
    """A source file without its comments and its module of tests."""
    text = re.sub(r"#\[cfg\(test\)\]\s*(?:pub(?:\([a-z]+\))? )?mod \w+;", "", text)
    text = text.split("#[cfg(test)]")[0]
    return re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)


def files_of(function):
    """The product's files that make up one function."""
    crate, own = FUNCTIONS[function]
    others = [prefix for name, (of, files) in FUNCTIONS.items() if of == crate and name != function for prefix in files]
    files = sources(crate)
    if own:
        return {name: text for name, text in files.items() if name.startswith(tuple(own))}
    return {name: text for name, text in files.items() if not name.startswith(tuple(others))} if others else files
