"""Every event in `events/` comes from a trigger of the templates, which calls the function whose folder it lies in; and
every trigger of a function has an event there."""

import json
import re

from stack import FUNCTIONS, MAIN, ROOT, load, resources, templates

FOLDERS = {
    "kafka-consumer": "KafkaConsumer",
    "nat-cost-detector": "NatCostDetector",
    "endpoint-remediator": "EndpointRemediator",
    "endpoint-approval": "EndpointApproval",
    "rate-limiter": "RateLimiter",
}
# What lies beside the events: what goes out, and what a test needs.
NO_EVENTS = re.compile(r"\.(reply|items)\.json$|^contracts/|^kafka-consumer/few-ip-ranges\.json$")
# Events that the functions understand, or refuse, though nothing in the templates sends them.
WITHOUT_TRIGGER = {
    "kafka-consumer/not-kafka.json": "somebody else's mapping; it is refused",
    "nat-cost-detector/rule-runs-the-night.json": "a rule of your own in the schedule's place",
    "rate-limiter/function-url-request.json": "a function URL of your own",
    "rate-limiter/http-api-proxy-request.json": "a route of your own HTTP API, with the limiter as its integration",
    "rate-limiter/rest-proxy-request.json": "a method of your own REST API, with the limiter as its integration",
}


def schedule_inputs():
    """What the schedules send, by function."""
    for schedule in resources(MAIN, "AWS::Scheduler::Schedule").values():
        target = schedule["Properties"]["Target"]
        yield called(target["Arn"]), json.loads(target["Input"])


def like(event, sent):
    """Whether an event is what a schedule sends, its time filled in."""
    return set(event) == set(sent) and all(
        event[key] == value for key, value in sent.items() if not str(value).startswith("<aws.scheduler.")
    )


def kind(function, event):
    """The trigger that sends an event of this shape; None if it is of no known shape."""
    context = event.get("requestContext") or {}
    records = event.get("Records") or [{}]
    if event.get("eventSource") == "aws:kafka":
        return "MSK mapping"
    if event.get("eventSource") == "SelfManagedKafka":
        return "self-managed Kafka mapping"
    if records[0].get("EventSource") == "aws:sns":
        return "subscription"
    if "elb" in context:
        return "load balancer"
    if event.get("type") in ("REQUEST", "TOKEN"):
        return "REST authorizer" if "methodArn" in event else f"HTTP API authorizer {event.get('version')}"
    if str(context.get("domainName", "")).endswith(".on.aws"):
        return "function URL"
    if context:
        return "API proxy"
    if any(like(event, sent) for target, sent in schedule_inputs() if target == function):
        return "schedule"
    return "person" if "action" in event else None


def called(value):
    """The function that an expression names, itself or by its alias."""
    text = json.dumps(value)
    names = {name for name in FUNCTIONS if re.search(rf'"{name}(Live)?[."]|\$\{{{name}[.}}]', text)}
    if len(names) > 1:
        raise SystemExit(f"triggers.py: {text} names more than one function")
    return names.pop() if names else None


def triggers():
    """Function and kind of every trigger of the templates."""
    for name in templates():
        for resource in resources(name).values():
            properties = resource.get("Properties", {})
            match resource["Type"]:
                case "AWS::Lambda::EventSourceMapping":
                    which = "MSK mapping" if "EventSourceArn" in properties else "self-managed Kafka mapping"
                    yield called(properties["FunctionName"]), which
                case "AWS::SNS::Subscription" if properties["Protocol"] == "lambda":
                    yield called(properties["Endpoint"]), "subscription"
                case "AWS::Scheduler::Schedule":
                    yield called(properties["Target"]["Arn"]), "schedule"
                case "AWS::ElasticLoadBalancingV2::TargetGroup" if properties.get("TargetType") == "lambda":
                    yield called(properties["Targets"]), "load balancer"
                case "AWS::ApiGatewayV2::Authorizer":
                    version = properties["AuthorizerPayloadFormatVersion"]
                    yield called(properties["AuthorizerUri"]), f"HTTP API authorizer {version}"
                case "AWS::ApiGateway::Authorizer":
                    # In a nested template the function is a parameter.
                    yield called(properties["AuthorizerUri"]) or "RateLimiter", "REST authorizer"
                case "AWS::Serverless::Function" if "FunctionUrlConfig" in properties:
                    yield called({"Ref": next(k for k, v in resources(name).items() if v is resource)}), "function URL"
    # People: an output has the command, or the name for it.
    for output in load(MAIN)["Outputs"].values():
        if function := called(output["Value"]):
            yield function, "person"


def differences():
    """One line for each."""
    wired, seen, used = set(triggers()), set(), set()
    for function, which in sorted(wired, key=str):
        if function is None:
            yield f"a {which} calls none of the functions"
    for path in sorted((ROOT / "events").rglob("*.json")):
        name = str(path.relative_to(ROOT / "events"))
        if NO_EVENTS.search(name):
            continue
        folder = name.split("/")[0]
        if folder not in FOLDERS:
            yield f"events/{name} belongs to no function"
            continue
        found = kind(FOLDERS[folder], json.loads(path.read_text()))
        seen.add((FOLDERS[folder], found))
        if (FOLDERS[folder], found) not in wired:
            used.add(name)
            if name not in WITHOUT_TRIGGER:
                yield f"events/{name} would come from a {found}, and {FOLDERS[folder]} has none in the templates"
    for name in sorted(set(WITHOUT_TRIGGER) - used):
        yield f"events/{name} has a trigger, or is gone: take it out of WITHOUT_TRIGGER in triggers.py"
    for function, which in sorted(wired - seen, key=str):
        # The approval's output is its URL.
        if (function, which) != ("EndpointApproval", "person"):
            yield f"{function} has a {which} in the templates and no event of it in events/"
