//! Events as AWS sends them to the functions: who calls is an argument, the rest is what every such event carries.

use serde_json::{Value, json};

/// HTTP API authorizer, payload 2.0, for a request of a client.
pub(crate) fn authorizer(client: &str, path: &str) -> Value {
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": format!("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/$default/GET{path}"),
        "identitySource": [],
        "routeKey": format!("GET {path}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "api.example.com", "user-agent": "client/1.0", "x-forwarded-for": client},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": client, "userAgent": "client/1.0"},
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": format!("GET {path}"),
            "stage": "$default",
            "time": "13/Oct/2026:14:00:00 +0000",
            "timeEpoch": 1_791_900_000_000_i64
        }
    })
}

/// ALB target, for a request of a client.
pub(crate) fn load_balancer(client: &str, path: &str) -> Value {
    json!({
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/limiter/0123456789abcdef"}},
        "httpMethod": "GET",
        "path": path,
        "queryStringParameters": {},
        "headers": {
            "accept": "*/*",
            "host": "www.example.com",
            "x-forwarded-for": client,
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https"
        },
        "body": "",
        "isBase64Encoded": false
    })
}

/// Function URL, payload 2.0, with the caller that AWS_IAM authentication found.
pub(crate) fn function_url(body: &Value) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "abcdefghij.lambda-url.us-east-1.on.aws"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdefghij",
            "authentication": null,
            "authorizer": {"iam": {
                "accessKey": "ASIAIOSFODNN7EXAMPLE",
                "accountId": "123456789012",
                "callerId": "AROAEXAMPLEAPPROVER01:anna",
                "cognitoIdentity": null,
                "principalOrgId": null,
                "userArn": "arn:aws:sts::123456789012:assumed-role/network-approver/anna",
                "userId": "AROAEXAMPLEAPPROVER01:anna"
            }},
            "domainName": "abcdefghij.lambda-url.us-east-1.on.aws",
            "domainPrefix": "abcdefghij",
            "http": {"method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "198.51.100.20", "userAgent": "aws-cli/2"},
            "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
            "routeKey": "$default",
            "stage": "$default",
            "time": "14/Oct/2026:09:00:00 +0000",
            "timeEpoch": 1_791_968_400_000_i64
        },
        "body": body.to_string(),
        "isBase64Encoded": false
    })
}
