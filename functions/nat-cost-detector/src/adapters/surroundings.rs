//! EC2 again: what only explanations ask for. Tags, and how a log group's lines are made.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::Filter;

use crate::fault::CallError;

/// Reads every page of a paginated call into one list.
macro_rules! all {
    ($request:expr, $operation:literal) => {{
        let mut pages = $request.into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(|error| CallError::of($operation, &error))?);
        }
        Ok::<_, CallError>(items)
    }};
}

/// Tags of instances and interfaces, of these keys alone.
pub async fn tags(
    client: &Client,
    keys: &[String],
) -> Result<BTreeMap<String, BTreeMap<String, String>>, CallError> {
    let mut tags: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    if keys.is_empty() {
        return Ok(tags);
    }
    let filter = |name: &str, values: Vec<String>| {
        Filter::builder()
            .name(name)
            .set_values(Some(values))
            .build()
    };
    let kinds = ["instance", "network-interface"].map(str::to_owned);
    let request = client
        .describe_tags()
        .filters(filter("resource-type", kinds.into()))
        .filters(filter("key", keys.to_vec()));
    for tag in all!(request, "ec2:DescribeTags")? {
        if let (Some(resource), Some(key), Some(value)) = (tag.resource_id, tag.key, tag.value) {
            tags.entry(resource).or_default().insert(key, value);
        }
    }
    Ok(tags)
}

/// The format of the flow logs that are delivered to a log group; `None` where none is, or several differ.
pub async fn flow_log_format(
    client: &Client,
    log_group: &str,
) -> Result<Option<String>, CallError> {
    let filter = Filter::builder()
        .name("log-group-name")
        .values(log_group)
        .build();
    let logs = all!(
        client.describe_flow_logs().filter(filter),
        "ec2:DescribeFlowLogs"
    )?;
    let mut formats: Vec<String> = logs.into_iter().filter_map(|log| log.log_format).collect();
    formats.sort();
    formats.dedup();
    Ok(match formats.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::mocked;
    use aws_sdk_ec2::operation::{
        describe_flow_logs::DescribeFlowLogsOutput, describe_tags::DescribeTagsOutput,
    };
    use aws_sdk_ec2::types::{FlowLog, TagDescription};
    use aws_smithy_mocks::mock;

    #[tokio::test]
    async fn tags_are_those_of_the_keys_by_resource_and_without_keys_nothing_is_asked() {
        let rule = mock!(Client::describe_tags)
            .match_requests(|request| request.filters().len() == 2)
            .then_output(|| {
                let tag = TagDescription::builder()
                    .resource_id("i-web")
                    .key("team")
                    .value("shop")
                    .build();
                DescribeTagsOutput::builder().tags(tag).build()
            });
        let client = mocked!(aws_sdk_ec2, MatchAny, [&rule]);
        let found = tags(&client, &["team".to_owned()]).await.unwrap();
        assert_eq!(found["i-web"]["team"], "shop");
        assert!(tags(&client, &[]).await.unwrap().is_empty());
        assert_eq!(rule.num_calls(), 1);
    }

    #[tokio::test]
    async fn a_log_groups_format_is_that_of_its_only_flow_log() {
        let of = |formats: &'static [&'static str]| {
            let logs = mock!(Client::describe_flow_logs).then_output(move || {
                let logs = formats
                    .iter()
                    .map(|format| FlowLog::builder().log_format(*format).build());
                DescribeFlowLogsOutput::builder()
                    .set_flow_logs(Some(logs.collect()))
                    .build()
            });
            mocked!(aws_sdk_ec2, [&logs])
        };
        let format = flow_log_format(&of(&["${bytes}", "${bytes}"]), "flow").await;
        assert_eq!(format.unwrap().as_deref(), Some("${bytes}"));
        let format = flow_log_format(&of(&["${bytes}", "${start}"]), "flow").await;
        assert_eq!(format.unwrap(), None);
    }
}
