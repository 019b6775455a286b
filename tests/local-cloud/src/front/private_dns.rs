//! Fix: private DNS of an interface endpoint can be switched, and only one endpoint of a VPC owns a service's name.
//!
//! moto 5.2.5 keeps what CreateVpcEndpoint said for ever (ModifyVpcEndpoint ignores PrivateDnsEnabled) and accepts any
//! number of endpoints with private DNS for the same service in one VPC.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_ec2::types::{Filter, VpcEndpoint};
use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use axum::response::Response;

use super::call::Call;
use super::{Shared, errors};

const CONFLICT: &str =
    "private-dns-enabled cannot be set because there is already a conflicting DNS domain";

/// What ModifyVpcEndpoint set, by endpoint.
#[derive(Debug, Default)]
pub(super) struct Switches {
    by_endpoint: Mutex<BTreeMap<String, bool>>,
}

impl Switches {
    /// Keeps what a successful ModifyVpcEndpoint asked for.
    pub(super) fn remember(&self, call: &Call) {
        if let (Some(id), Some(enabled)) =
            (call.field("VpcEndpointId"), call.field("PrivateDnsEnabled"))
        {
            let mut known = self
                .by_endpoint
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            known.insert(id.to_owned(), enabled == "true");
        }
    }

    /// Puts the switches into the answer of DescribeVpcEndpoints.
    pub(super) async fn show_in(&self, reply: Response) -> Response {
        let (mut parts, body) = reply.into_parts();
        let Ok(bytes) = to_bytes(body, usize::MAX).await else {
            parts.status = StatusCode::BAD_GATEWAY;
            return Response::from_parts(parts, Body::from("reading moto's answer failed"));
        };
        let known = self
            .by_endpoint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        let shown = known.iter().fold(text.into_owned(), |text, (id, enabled)| {
            show(text, id, *enabled)
        });
        Response::from_parts(parts, Body::from(shown))
    }

    fn is_on(&self, endpoint: &VpcEndpoint) -> bool {
        let known = self
            .by_endpoint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let id = endpoint.vpc_endpoint_id().unwrap_or_default();
        known
            .get(id)
            .copied()
            .unwrap_or(endpoint.private_dns_enabled() == Some(true))
    }
}

/// Replaces the flag of endpoint `id`: the first one after its id, before the next endpoint's id.
fn show(text: String, id: &str, enabled: bool) -> String {
    const FLAG: &str = "<privateDnsEnabled>";
    let marker = format!("<vpcEndpointId>{id}</vpcEndpointId>");
    let Some((before, rest)) = text.split_once(&marker) else {
        return text;
    };
    let own = rest.split("<vpcEndpointId>").next().unwrap_or_default();
    let Some((between, flag)) = own.split_once(FLAG) else {
        return text;
    };
    let Some((_, after)) = flag.split_once("</") else {
        return text;
    };
    let others = rest.strip_prefix(own).unwrap_or_default();
    format!("{before}{marker}{between}{FLAG}{enabled}</{after}{others}")
}

/// AWS's refusal, if `call` (CreateVpcEndpoint) asks for a name that another endpoint owns.
pub(super) async fn refusal_of_create(shared: &Shared, call: &Call) -> Option<Response> {
    let is_interface = call
        .field("VpcEndpointType")?
        .eq_ignore_ascii_case("interface");
    // Private DNS is on unless switched off.
    if !is_interface || call.field("PrivateDnsEnabled") == Some("false") {
        return None;
    }
    refusal(
        shared,
        call,
        call.field("VpcId")?,
        call.field("ServiceName")?,
        "",
    )
    .await
}

/// AWS's refusal, if `call` (ModifyVpcEndpoint) asks for a name that another endpoint owns.
pub(super) async fn refusal_of_modify(shared: &Shared, call: &Call) -> Option<Response> {
    if call.field("PrivateDnsEnabled") != Some("true") {
        return None;
    }
    let id = call.field("VpcEndpointId")?;
    let found = shared
        .upstream
        .ec2(call)
        .describe_vpc_endpoints()
        .vpc_endpoint_ids(id)
        .send()
        .await
        .ok()?;
    let endpoint = found.vpc_endpoints().first()?;
    refusal(
        shared,
        call,
        endpoint.vpc_id()?,
        endpoint.service_name()?,
        id,
    )
    .await
}

async fn refusal(
    shared: &Shared,
    call: &Call,
    vpc: &str,
    service: &str,
    own: &str,
) -> Option<Response> {
    let in_vpc = Filter::builder().name("vpc-id").values(vpc).build();
    let found = shared
        .upstream
        .ec2(call)
        .describe_vpc_endpoints()
        .filters(in_vpc)
        .send()
        .await
        .ok()?;
    let owner = found.vpc_endpoints().iter().find(|other| {
        let is_there = !other
            .state()
            .is_some_and(|state| state.as_str().eq_ignore_ascii_case("deleted"));
        is_there
            && other.service_name() == Some(service)
            && other.vpc_endpoint_id() != Some(own)
            && shared.private_dns.is_on(other)
    })?;
    let message = format!(
        "{CONFLICT} for {service} in the VPC {vpc} ({})",
        owner.vpc_endpoint_id().unwrap_or_default()
    );
    Some(errors::reply(
        call,
        StatusCode::BAD_REQUEST,
        "InvalidParameter",
        &message,
    ))
}

#[cfg(test)]
mod tests {
    use super::show;

    #[test]
    fn only_the_named_endpoints_flag_changes() {
        let item = |id: &str| {
            format!(
                "<item><vpcEndpointId>{id}</vpcEndpointId><privateDnsEnabled>false</privateDnsEnabled></item>"
            )
        };
        let text = item("vpce-1") + &item("vpce-2") + &item("vpce-3");
        let shown = show(text.clone(), "vpce-2", true);
        let expected = item("vpce-1") + &item("vpce-2").replace("false", "true") + &item("vpce-3");
        assert_eq!(shown, expected);
        assert_eq!(show(text.clone(), "vpce-4", true), text);
    }
}
