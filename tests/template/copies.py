"""API Gateway serves a copy of a REST API, made by a deployment; one whose name stays is not made again. Its name therefore
carries a digest of what it copies."""

import hashlib
import json

from stack import resources, templates

COPIED = (
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::Resource",
    "AWS::ApiGateway::Method",
    "AWS::ApiGateway::Authorizer",
    "AWS::ApiGateway::GatewayResponse",
)


def differences():
    """One line for each."""
    for name in templates():
        deployments = resources(name, "AWS::ApiGateway::Deployment")
        if not deployments:
            continue
        copied = {logical: resource for logical, resource in resources(name).items() if resource["Type"] in COPIED}
        digest = hashlib.sha256(json.dumps(copied, sort_keys=True).encode()).hexdigest()[:8]
        for logical in deployments:
            if logical != f"Deployment{digest}":
                yield f"{name}: the API is another than {logical} copied: call it Deployment{digest}"
