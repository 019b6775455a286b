"""Every alarm tells people, names its section of the runbook, and watches a metric that somebody writes; every section of
the runbook under "When an alarm rings" is an alarm's."""

import re

from stack import FUNCTIONS, ROOT, files_of, resources, templates

CHAPTER = "## When an alarm rings"
# Metrics of AWS's own that the alarms watch, by namespace. Anything else is a typing error until it is looked up.
OF_AWS = {
    "AWS/Lambda": {"Errors", "Throttles", "OffsetLag"},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible"},
    "AWS/DynamoDB": {"ReadThrottleEvents", "WriteThrottleEvents"},
}
# The name by which a function's metrics go.
NAMES = {re.sub(r"(?<!^)(?=[A-Z])", "-", function).lower(): function for function in FUNCTIONS}


def sections():
    """Headings of the runbook's chapter."""
    text = (ROOT / "docs/runbook.md").read_text()
    chapter = text.split(f"{CHAPTER}\n")[1].split("\n## ")[0] if CHAPTER in text else ""
    return re.findall(r"^### (.+)$", chapter, re.MULTILINE)


def anchor(heading):
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


def written_by(function):
    """Names of the metrics that a function's sources write."""
    return {
        metric
        for text in files_of(function).values()
        for metric in re.findall(r"\.(?:count|value)\(\s*\"(\w+)\"", text)
    }


def filtered(name):
    """Metrics made by the filters of a template: their name, and the field they are made of."""
    for resource in resources(name, "AWS::Logs::MetricFilter").values():
        field = re.search(r"\$\.(\w+)", resource["Properties"]["FilterPattern"]).group(1)
        for made in resource["Properties"]["MetricTransformations"]:
            yield made["MetricNamespace"], str(made["MetricName"]), field


def watched(alarm):
    """Namespace, name and dimensions of the metrics that an alarm watches."""
    properties = alarm["Properties"]
    if "Metrics" not in properties:
        return [(properties["Namespace"], properties["MetricName"], properties.get("Dimensions", []))]
    metrics = [query["MetricStat"]["Metric"] for query in properties["Metrics"] if "MetricStat" in query]
    return [(metric["Namespace"], metric["MetricName"], metric["Dimensions"]) for metric in metrics]


def unknown(name, alarm):
    """What an alarm watches that nobody writes."""
    made = {(namespace, metric): field for namespace, metric, field in filtered(name)}
    for namespace, metric, dimensions in watched(alarm):
        if namespace != "Tollkeeper":
            if metric not in OF_AWS.get(namespace, ()):
                yield f"{namespace} {metric}"
        elif (namespace, str(metric)) in made:
            field = made[namespace, str(metric)]
            if not any(field in written_by(function) for function in FUNCTIONS):
                yield f"the field {field}"
        else:
            function = next((d["Value"] for d in dimensions if d["Name"] == "Function"), None)
            if function not in NAMES or metric not in written_by(NAMES[function]):
                yield f"{metric} of {function}"


def differences():
    """One line for each."""
    headings = sections()
    anchors, named = {anchor(heading) for heading in headings}, set()
    if len(anchors) != len(headings):
        yield "two sections of the runbook have the same anchor"
    for name in templates():
        for logical, alarm in resources(name, "AWS::CloudWatch::Alarm").items():
            properties = alarm["Properties"]
            described = properties.get("AlarmDescription")
            described = described.get("Fn::Sub", "") if isinstance(described, dict) else str(described)
            found = re.search(r"\$\{Runbook\}#([\w-]+)$", str(described).strip())
            if not found:
                yield f"{name}: the description of {logical} does not end with its section, ${{Runbook}}#…"
            elif found.group(1) not in anchors:
                yield f"{name}: {logical} names #{found.group(1)}, which docs/runbook.md does not have under “{CHAPTER[3:]}”"
            else:
                named.add(found.group(1))
            if not properties.get("AlarmActions"):
                yield f"{name}: {logical} tells nobody"
            for what in unknown(name, alarm):
                yield f"{name}: {logical} watches {what}, which nobody writes"
    for heading in headings:
        if anchor(heading) not in named:
            yield f"docs/runbook.md has a section {heading} that no alarm names"
