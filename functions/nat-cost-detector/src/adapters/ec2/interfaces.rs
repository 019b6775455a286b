//! Interfaces and who uses them.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{NetworkInterface, Tag};
use jiff::Timestamp;
use tollkeeper::finding::Source;

use crate::fault::CallError;
use crate::measure::network::{Details, Hints, Interface, user_of};

/// `Name` tags of instances. Names are a comfort: without the permission, ids must do.
pub(super) async fn instance_names(client: &Client) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let mut pages = client.describe_instances().into_paginator().items().send();
    while let Some(reservation) = pages.next().await {
        match reservation {
            Ok(reservation) => {
                for instance in reservation.instances() {
                    if let (Some(id), Some(name)) =
                        (instance.instance_id(), name_tag(instance.tags()))
                    {
                        names.insert(id.to_owned(), name.to_owned());
                    }
                }
            }
            Err(error) => {
                let error = CallError::of("ec2:DescribeInstances", &error);
                tracing::warn!(%error, "instances have no names in this run");
                break;
            }
        }
    }
    names
}

fn name_tag(tags: &[Tag]) -> Option<&str> {
    tags.iter()
        .find(|tag| tag.key() == Some("Name"))
        .and_then(Tag::value)
        .filter(|name| !name.is_empty())
}

pub(super) fn interface(
    raw: &NetworkInterface,
    names: &BTreeMap<String, String>,
    nat_of: &HashMap<&str, &str>,
) -> Interface {
    let id = raw.network_interface_id().unwrap_or_default();
    let attachment = raw.attachment();
    let instance_id = attachment.and_then(|attachment| attachment.instance_id());
    let (kind, user, name) = user_of(Hints {
        interface_id: id,
        description: raw.description().unwrap_or_default(),
        instance_id,
        name: instance_id
            .and_then(|instance| names.get(instance).map(String::as_str))
            .or_else(|| name_tag(raw.tag_set())),
    });
    let mut groups: Vec<String> = raw
        .groups()
        .iter()
        .filter_map(|group| group.group_id().map(str::to_owned))
        .collect();
    groups.sort();
    Interface {
        id: id.to_owned(),
        addresses: addresses(raw),
        source: Source {
            kind,
            id: user,
            name,
            subnet_id: raw.subnet_id().unwrap_or_default().to_owned(),
            vpc_id: raw.vpc_id().unwrap_or_default().to_owned(),
        },
        groups,
        attached_at: attachment
            .and_then(|attachment| attachment.attach_time())
            .and_then(|time| Timestamp::from_second(time.secs()).ok()),
        nat_gateway_id: nat_of.get(id).map(|nat| (*nat).to_owned()),
        details: details(raw),
    }
}

fn details(raw: &NetworkInterface) -> Details {
    let tags = raw.tag_set().iter();
    Details {
        tags: tags
            .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())))
            .collect(),
        requester: raw.requester_id().map(str::to_owned),
        forwards: raw.source_dest_check() == Some(false),
    }
}

fn addresses(raw: &NetworkInterface) -> Vec<IpAddr> {
    let v4 = raw
        .private_ip_addresses()
        .iter()
        .filter_map(|address| address.private_ip_address());
    let v6 = raw
        .ipv6_addresses()
        .iter()
        .filter_map(|address| address.ipv6_address());
    let mut addresses: Vec<IpAddr> = raw
        .private_ip_address()
        .into_iter()
        .chain(v4)
        .chain(v6)
        .filter_map(|address| address.parse().ok())
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}
