//! The events of those who invoke functions: the scheduler, an HTTP API that asks its authorizer, a load balancer, a
//! function URL. What the caller does is an argument, the rest is what every such event carries. Messages of SNS make
//! their own ([`crate::Published::lambda_event`]); a mapping makes those of Kafka.
//!
//! No event here has a query string, and nothing here reads what a function answers.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::{ACCOUNT_ID, REGION};

/// What EventBridge Scheduler hands to a function: a schedule's Input, with `<aws.scheduler.scheduled-time>` filled in
/// to the second. The error says that the Input is not JSON, which Lambda would refuse too.
pub fn schedule(input: &str, scheduled: Timestamp) -> Result<Value, serde_json::Error> {
    let time = format!("{scheduled:.0}");
    serde_json::from_str(&input.replace("<aws.scheduler.scheduled-time>", &time))
}

/// A request over HTTPS, as the client sends it.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    host: String,
    path: String,
    client: String,
    at: Timestamp,
    region: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    /// A request without a body, from 192.0.2.1 in the first second of 1970, unless told otherwise.
    pub fn new(method: &str, host: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            host: host.to_owned(),
            path: path.to_owned(),
            client: "192.0.2.1".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            region: REGION.to_owned(),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// The address it comes from, as the receiver writes it: with a port where a load balancer preserves it.
    #[must_use]
    pub fn from(mut self, client: &str) -> Self {
        client.clone_into(&mut self.client);
        self
    }

    /// When it arrives.
    #[must_use]
    pub fn at(mut self, time: Timestamp) -> Self {
        self.at = time;
        self
    }

    /// The region whose API or load balancer takes it.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// Adds a header; a name may repeat.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_lowercase(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// All headers that arrive, by name: the client's, and what the receiver says of the connection.
    fn arriving(&self) -> Vec<(&str, Vec<&str>)> {
        let received = [
            ("host", self.host.as_str()),
            ("x-forwarded-for", &self.client),
            ("x-forwarded-port", "443"),
            ("x-forwarded-proto", "https"),
        ];
        let sent = self.headers.iter();
        let sent = sent.map(|(name, value)| (name.as_str(), value.as_str()));
        let mut by_name: Vec<(&str, Vec<&str>)> = Vec::new();
        for (name, value) in sent.chain(received) {
            match by_name.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => values.push(value),
                None => by_name.push((name, vec![value])),
            }
        }
        by_name
    }

    /// Headers whose repetitions are joined by `separator`.
    fn joined(&self, separator: &str) -> Map<String, Value> {
        let joined =
            |(name, values): (&str, Vec<&str>)| (name.to_owned(), json!(values.join(separator)));
        self.arriving().into_iter().map(joined).collect()
    }

    /// The part of a request context (payload 2.0) that HTTP APIs and function URLs share.
    fn context(&self, api_id: &str, route: &str, request_id: &str) -> Value {
        let agent = self.headers.iter().find(|(name, _)| name == "user-agent");
        let prefix = self.host.split('.').next().unwrap_or_default();
        let time = self.at.to_zoned(TimeZone::UTC);
        json!({
            "accountId": ACCOUNT_ID,
            "apiId": api_id,
            "domainName": self.host,
            "domainPrefix": prefix,
            "http": {
                "method": self.method,
                "path": self.path,
                "protocol": "HTTP/1.1",
                "sourceIp": self.client,
                "userAgent": agent.map_or("", |(_, agent)| agent),
            },
            "requestId": request_id,
            "routeKey": route,
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S %z").to_string(),
            "timeEpoch": self.at.as_millisecond(),
        })
    }
}

/// What an HTTP API asks its Lambda authorizer (payload 2.0); `identity` is what the authorizer's identity sources
/// found in the request, none if it has no sources.
pub fn http_api_authorizer(request: &Request, identity: &[&str]) -> Value {
    const API: &str = "a1b2c3d4e5";
    let Request {
        method,
        path,
        region,
        ..
    } = request;
    let route = format!("{method} {path}");
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": format!("arn:aws:execute-api:{region}:{ACCOUNT_ID}:{API}/$default/{method}{path}"),
        "identitySource": identity,
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": request.joined(","),
        "requestContext": request.context(API, &route, "JKJaXmPLvHcESHA="),
    })
}

/// How a load balancer's target group passes headers on (`lambda.multi_value_headers.enabled`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Headers {
    /// One value for each name: the last one sent. Only `X-Forwarded-For` keeps all, in one line.
    Single,
    /// All values of each name.
    Multiple,
}

/// What a load balancer hands to a function in a target group.
pub fn load_balancer(request: &Request, headers: Headers) -> Value {
    let region = &request.region;
    let mut event = json!({
        "requestContext": {"elb": {
            "targetGroupArn": format!("arn:aws:elasticloadbalancing:{region}:{ACCOUNT_ID}:targetgroup/limiter/0123456789abcdef"),
        }},
        "httpMethod": request.method,
        "path": request.path,
        "body": request.body,
        "isBase64Encoded": false,
    });
    let arriving = request.arriving().into_iter();
    match headers {
        Headers::Single => {
            let single = |(name, values): (&str, Vec<&str>)| {
                let value = match values.as_slice() {
                    [.., last] if name != "x-forwarded-for" => (*last).to_owned(),
                    all => all.join(", "),
                };
                (name.to_owned(), json!(value))
            };
            event["queryStringParameters"] = json!({});
            event["headers"] = arriving.map(single).collect();
        }
        Headers::Multiple => {
            event["multiValueQueryStringParameters"] = json!({});
            event["multiValueHeaders"] = arriving
                .map(|(name, values)| (name.to_owned(), json!(values)))
                .collect();
        }
    }
    event
}

/// Whom AWS_IAM authentication found: a session of a role.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The role's name.
    pub role: String,
    /// The role's unique id, `AROA…`.
    pub role_id: String,
    /// The session's name: often the person's.
    pub session: String,
    /// The organization the account belongs to, if any.
    pub organization: Option<String>,
}

/// What a function URL hands to its function (payload 2.0); without a caller its authentication is off (`NONE`).
pub fn function_url(request: &Request, caller: Option<&Caller>) -> Value {
    let id = request.host.split('.').next().unwrap_or_default();
    let mut context = request.context(id, "$default", "e1506fd5-9e7b-434f-bd42-4f8fa224b599");
    context["authentication"] = Value::Null;
    if let Some(caller) = caller {
        let Caller { role, session, .. } = caller;
        let user = format!("{}:{session}", caller.role_id);
        context["authorizer"] = json!({"iam": {
            "accessKey": "ASIAEXAMPLE",
            "accountId": ACCOUNT_ID,
            "callerId": user,
            "cognitoIdentity": null,
            "principalOrgId": caller.organization,
            "userArn": format!("arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role}/{session}"),
            "userId": user,
        }});
    }
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": "",
        "headers": request.joined(","),
        "requestContext": context,
        "body": request.body,
        "isBase64Encoded": false,
    })
}

#[cfg(test)]
mod tests;
