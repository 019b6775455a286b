//! One AWS request as it came: for which service, which action, which region.

use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, Uri};

const BODY_BYTES: usize = 256 * 1024 * 1024;

/// A request, read completely.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// The name it was signed for: `ec2`, `dynamodb`, `monitoring`, ...; `s3` when unsigned.
    pub(super) service: String,
    /// The operation's name; for REST services without a known name, the method and the path.
    pub(super) action: String,
    pub(super) region: String,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    form: Vec<(String, String)>,
}

impl Call {
    pub(super) async fn read(request: Request) -> Result<Self, String> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, BODY_BYTES)
            .await
            .map_err(|error| format!("reading the request: {error}"))?;
        let (service, region) = signed_for(&parts.headers);
        let is_form =
            header(&parts.headers, "content-type").starts_with("application/x-www-form-urlencoded");
        let form = if is_form {
            form_urlencoded::parse(&body).into_owned().collect()
        } else {
            Vec::new()
        };
        let mut call = Self {
            service,
            action: String::new(),
            region,
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body,
            form,
        };
        call.action = call.find_action();
        Ok(call)
    }

    /// A field of a form request.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.form
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }

    /// A list of a form request, both as EC2 spells it (`Name.1`) and as the older query services do (`Name.member.1`).
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let of_list = |field: &str| {
            let rest = field
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('.'))?;
            rest.strip_prefix("member.")
                .unwrap_or(rest)
                .parse::<u32>()
                .ok()
        };
        self.form
            .iter()
            .filter(|(field, _)| of_list(field).is_some())
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// A value of the query string.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        let query = self.uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Whether it is spoken in CBOR (CloudWatch).
    pub(super) fn is_cbor(&self) -> bool {
        header(&self.headers, "smithy-protocol") == "rpc-v2-cbor"
    }

    fn find_action(&self) -> String {
        if let Some(action) = self.field("Action") {
            return action.to_owned();
        }
        if let Some((_, action)) = header(&self.headers, "x-amz-target").rsplit_once('.') {
            return action.to_owned();
        }
        if let Some((_, action)) = self.uri.path().rsplit_once("/operation/") {
            return action.to_owned();
        }
        match self.service.as_str() {
            "s3" => self.s3_action(),
            "lambda" => self.lambda_action(),
            _ => format!("{} {}", self.method, self.uri.path()),
        }
    }

    fn s3_action(&self) -> String {
        let of_object = self.uri.path().trim_matches('/').contains('/');
        let name = match (self.method.as_str(), of_object) {
            ("GET", true) => "GetObject",
            ("PUT", true) => "PutObject",
            ("HEAD", true) => "HeadObject",
            ("DELETE", true) => "DeleteObject",
            ("GET", false) if self.query("list-type").is_some() => "ListObjectsV2",
            ("PUT", false) => "CreateBucket",
            _ => return format!("{} {}", self.method, self.uri.path()),
        };
        name.to_owned()
    }

    fn lambda_action(&self) -> String {
        let path = self.uri.path().trim_end_matches('/');
        let Some(rest) = path.strip_prefix("/2015-03-31/event-source-mappings") else {
            return format!("{} {path}", self.method);
        };
        let name = match (self.method.as_str(), rest.is_empty()) {
            ("POST", true) => "CreateEventSourceMapping",
            ("GET", true) => "ListEventSourceMappings",
            ("GET", false) => "GetEventSourceMapping",
            ("PUT", false) => "UpdateEventSourceMapping",
            ("DELETE", false) => "DeleteEventSourceMapping",
            _ => return format!("{} {path}", self.method),
        };
        name.to_owned()
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// Service and region from the credential scope `AKID/20260101/us-east-1/ec2/aws4_request`.
fn signed_for(headers: &HeaderMap) -> (String, String) {
    let scope = header(headers, "authorization")
        .split_once("Credential=")
        .map_or("", |(_, rest)| rest);
    let mut parts = scope
        .split([',', ' '])
        .next()
        .unwrap_or_default()
        .split('/')
        .skip(2);
    let region = parts.next().unwrap_or(crate::REGION).to_owned();
    (parts.next().unwrap_or("s3").to_owned(), region)
}
