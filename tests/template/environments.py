"""The templates keep CloudFormation's limits, and the environments of samconfig.toml can be deployed: their files of parameters name parameters of the template, with values
that it takes, and its rules are content."""

import re
import tomllib

import yaml

from evaluate import Rules
from stack import MAIN, ROOT, load, templates

# What CloudFormation takes of a template.
MOST = {"Parameters": 200, "Resources": 500, "Outputs": 200}
MOST_BYTES = 1_000_000


def wrong_value(parameter, text):
    """Why a parameter does not take a value; None if it does."""
    if "AllowedValues" in parameter and text not in map(str, parameter["AllowedValues"]):
        return f"one of {', '.join(map(str, parameter['AllowedValues']))}"
    if not re.search(str(parameter.get("AllowedPattern", "")), text):
        return f"what matches {parameter['AllowedPattern']}"
    if parameter["Type"] == "Number":
        low, high = parameter.get("MinValue", "-inf"), parameter.get("MaxValue", "inf")
        if not float(low) <= float(text) <= float(high):
            return f"a number from {low} to {high}"
    return None


def differences():
    """One line for each."""
    for name in templates():
        for section, most in MOST.items():
            if len(load(name).get(section, {})) > most:
                yield f"{name} has more than {most} {section}"
        if (ROOT / name).stat().st_size > MOST_BYTES:
            yield f"{name} has more than {MOST_BYTES} bytes"
    template = load(MAIN)
    for name, parameter in template["Parameters"].items():
        if why := wrong_value(parameter, str(parameter.get("Default", ""))):
            yield f"the default of {name} is not {why}"
        if not parameter.get("Description"):
            yield f"{name} is not described"
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [str(name) for group in groups for name in group["Parameters"]]
    for name in sorted(set(template["Parameters"]) ^ set(grouped)):
        yield f"{name} is a parameter or in a group of the console, not both"
    for environment, commands in tomllib.loads((ROOT / "samconfig.toml").read_text()).items():
        if environment == "version":
            continue
        deploy = commands["deploy"]["parameters"]
        place = deploy.get("parameter_overrides", "").removeprefix("file://")
        given = yaml.safe_load((ROOT / place).read_text()) if place else {}
        for name, value in given.items():
            if name not in template["Parameters"]:
                yield f"{place}: the template has no parameter {name}"
            elif why := wrong_value(template["Parameters"][name], str(value)):
                yield f"{place}: {name} is {value}, and must be {why}"
        # `make deploy` names the release.
        given = {name: str(value) for name, value in given.items()} | {"Release": "a"}
        for rule, text in Rules(template).refusals(given):
            yield f"{environment}: {rule}: {text}"
        if "ManagedBy=" in deploy.get("tags", ""):
            yield f"{environment}: the tag ManagedBy would hand the stack's own endpoints to the remediator"
