//! Fix: DescribeVpcEndpointServices finds services by the filter `service-name`, and finds nothing for a name that no
//! service has.
//!
//! moto 5.2.5 fails with status 500 on that filter (it reads `Value`, botocore says `Values`). Its list of names works,
//! but refuses the whole call for one unknown name.

use std::collections::BTreeSet;

use axum::body::Bytes;
use axum::response::Response;

use super::call::Call;
use super::errors;
use super::upstream::Upstream;

/// Answers a call whose one filter is `service-name` by moto's list of names; any other goes on as it came.
pub(super) async fn answer(upstream: &Upstream, call: &Call) -> Response {
    let is_by_name = call.field("Filter.1.Name") == Some("service-name");
    if !is_by_name || call.field("Filter.2.Name").is_some() {
        return upstream.forward(call).await;
    }
    match known(upstream, call).await {
        Ok(known) => upstream.forward(&by_names(call, &known)).await,
        Err(problem) => errors::server_error(call, &problem),
    }
}

/// The names asked for that moto has.
async fn known(upstream: &Upstream, call: &Call) -> Result<Vec<String>, String> {
    let ec2 = upstream.ec2(call);
    let mut listed = BTreeSet::new();
    let mut token = None;
    loop {
        let page = ec2.describe_vpc_endpoint_services().set_next_token(token);
        let page = page
            .send()
            .await
            .map_err(|error| format!("services: {error:?}"))?;
        listed.extend(page.service_names.unwrap_or_default());
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    let asked = call.list("Filter.1.Value").into_iter().map(str::to_owned);
    Ok(asked.filter(|name| listed.contains(name)).collect())
}

fn by_names(call: &Call, names: &[String]) -> Call {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (field, value) in form_urlencoded::parse(&call.body) {
        if !field.starts_with("Filter.") {
            form.append_pair(&field, &value);
        }
    }
    if names.is_empty() {
        // No list at all would mean every service: a type that none has means none.
        form.append_pair("Filter.1.Name", "service-type");
        form.append_pair("Filter.1.Value.1", "None");
    }
    for (number, name) in (1..).zip(names) {
        form.append_pair(&format!("ServiceName.{number}"), name);
    }
    let mut call = call.clone();
    call.body = Bytes::from(form.finish());
    call
}
