//! EC2 again: what only explanations ask for. Routes, ranges of VPCs, tags, and how a log group's lines are made.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, RouteTable as Raw};

use crate::explain::surroundings::{RouteTable, Surroundings};
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

/// What lies around the NAT gateways of the client's region, and what could not be read of it: an explanation is
/// worth more than its finer points.
pub async fn observe(client: &Client, tag_keys: &[String]) -> (Surroundings, Vec<String>) {
    let (tables, vpcs, tags) =
        tokio::join!(route_tables(client), vpcs(client), tags(client, tag_keys));
    let mut notes = Vec::new();
    let surroundings = Surroundings {
        route_tables: or_note(
            tables,
            "routes: sources behind a Transit Gateway are not told",
            &mut notes,
        ),
        vpcs: or_note(
            vpcs,
            "the ranges of VPCs: sources in other VPCs are not told",
            &mut notes,
        ),
        tags: or_note(tags, "tags: sources go by their own names", &mut notes),
    };
    (surroundings, notes)
}

fn or_note<T: Default>(result: Result<T, CallError>, without: &str, notes: &mut Vec<String>) -> T {
    result.unwrap_or_else(|error| {
        tracing::warn!(%error, "explaining without");
        notes.push(format!("Without {without} ({error})"));
        T::default()
    })
}

async fn route_tables(client: &Client) -> Result<Vec<RouteTable>, CallError> {
    let tables = all!(client.describe_route_tables(), "ec2:DescribeRouteTables")?;
    Ok(tables.iter().map(route_table).collect())
}

fn route_table(raw: &Raw) -> RouteTable {
    let default = raw
        .routes()
        .iter()
        .find(|route| route.destination_cidr_block() == Some("0.0.0.0/0"));
    let transit = raw.routes().iter().filter_map(|route| {
        let range = route
            .destination_cidr_block()
            .or(route.destination_ipv6_cidr_block())?;
        let gateway = route.transit_gateway_id()?;
        Some((range.parse().ok()?, gateway.to_owned()))
    });
    RouteTable {
        vpc_id: raw.vpc_id().unwrap_or_default().to_owned(),
        main: raw
            .associations()
            .iter()
            .any(|association| association.main() == Some(true)),
        subnets: raw
            .associations()
            .iter()
            .filter_map(|association| association.subnet_id().map(str::to_owned))
            .collect(),
        nat_gateway_id: default
            .and_then(|route| route.nat_gateway_id())
            .map(str::to_owned),
        transit: transit.collect(),
    }
}

async fn vpcs(
    client: &Client,
) -> Result<Vec<(crate::explain::surroundings::Cidr, String)>, CallError> {
    let vpcs = all!(client.describe_vpcs(), "ec2:DescribeVpcs")?;
    let ranges = vpcs.iter().flat_map(|vpc| {
        let id = vpc.vpc_id().unwrap_or_default();
        let v4 = vpc
            .cidr_block_association_set()
            .iter()
            .filter_map(|association| association.cidr_block());
        let v6 = vpc
            .ipv6_cidr_block_association_set()
            .iter()
            .filter_map(|association| association.ipv6_cidr_block());
        vpc.cidr_block()
            .into_iter()
            .chain(v4)
            .chain(v6)
            .filter_map(|range| range.parse().ok())
            .map(|range| (range, id.to_owned()))
            .collect::<Vec<_>>()
    });
    let mut ranges: Vec<_> = ranges.collect();
    ranges.sort();
    ranges.dedup();
    Ok(ranges)
}

/// Tags of instances and interfaces, of these keys alone.
async fn tags(
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
        describe_flow_logs::DescribeFlowLogsOutput,
        describe_route_tables::{DescribeRouteTablesError, DescribeRouteTablesOutput},
        describe_tags::DescribeTagsOutput,
        describe_vpcs::DescribeVpcsOutput,
    };
    use aws_sdk_ec2::types::{FlowLog, Route, RouteTableAssociation, TagDescription, Vpc};
    use aws_smithy_mocks::mock;
    use aws_smithy_types::error::ErrorMetadata;

    #[tokio::test]
    async fn routes_ranges_and_tags_are_read_and_what_is_denied_is_noted() {
        let tables = mock!(Client::describe_route_tables).then_output(|| {
            let routes = [
                Route::builder()
                    .destination_cidr_block("0.0.0.0/0")
                    .nat_gateway_id("nat-a")
                    .build(),
                Route::builder()
                    .destination_cidr_block("10.9.0.0/16")
                    .transit_gateway_id("tgw-1")
                    .build(),
            ];
            let table = Raw::builder()
                .vpc_id("vpc-1")
                .associations(RouteTableAssociation::builder().main(true).build())
                .set_routes(Some(routes.into()))
                .build();
            DescribeRouteTablesOutput::builder()
                .route_tables(table)
                .build()
        });
        let vpcs = mock!(Client::describe_vpcs).then_output(|| {
            let vpc = Vpc::builder()
                .vpc_id("vpc-1")
                .cidr_block("10.0.0.0/16")
                .build();
            DescribeVpcsOutput::builder().vpcs(vpc).build()
        });
        let tags = mock!(Client::describe_tags)
            .match_requests(|request| request.filters().len() == 2)
            .then_output(|| {
                let tag = TagDescription::builder()
                    .resource_id("i-web")
                    .key("team")
                    .value("shop")
                    .build();
                DescribeTagsOutput::builder().tags(tag).build()
            });
        let client = mocked!(aws_sdk_ec2, MatchAny, [&tables, &vpcs, &tags]);
        let (around, notes) = observe(&client, &["team".to_owned()]).await;
        assert_eq!(notes, Vec::<String>::new());
        let table = &around.route_tables[0];
        assert!(table.main && table.nat_gateway_id.as_deref() == Some("nat-a"));
        assert_eq!(table.transit[0].1, "tgw-1");
        assert_eq!(around.vpcs[0].0.to_string(), "10.0.0.0/16");
        assert_eq!(around.tags["i-web"]["team"], "shop");

        let denied = mock!(Client::describe_route_tables).then_error(|| {
            let code = ErrorMetadata::builder().code("UnauthorizedOperation");
            DescribeRouteTablesError::generic(code.build())
        });
        let client = mocked!(aws_sdk_ec2, MatchAny, [&denied, &vpcs]);
        let (around, notes) = observe(&client, &[]).await;
        assert_eq!((around.route_tables.len(), around.vpcs.len()), (0, 1));
        assert!(
            notes[0].starts_with("Without routes: ") && notes[0].contains("UnauthorizedOperation")
        );
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
