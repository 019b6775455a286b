//! The security groups of the world.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{IpPermission, IpRange, UserIdGroupPair};

use super::cast::Role;
use super::error::{Error, call, found};

/// The port on which brokers accept plain connections.
pub const BROKER_PORT: u16 = 9092;

/// App and brokers talk freely outwards; pollers only to the brokers and to 443 anywhere, as careful teams set it.
pub(super) async fn build(ec2: &Client, vpc: &str) -> Result<BTreeMap<Role, String>, Error> {
    let mut groups = BTreeMap::new();
    for (role, name) in [
        (Role::App, "app"),
        (Role::Broker, "brokers"),
        (Role::Poller, "pollers"),
    ] {
        let made = ec2
            .create_security_group()
            .vpc_id(vpc)
            .group_name(name)
            .description(name);
        let made = made
            .send()
            .await
            .map_err(call(format!("create group {name}")))?;
        groups.insert(
            role,
            found(made.group_id(), "CreateSecurityGroup", "id")?.to_owned(),
        );
    }
    let of = |role| groups.get(&role).cloned().unwrap_or_default();
    let member = |role| UserIdGroupPair::builder().group_id(of(role)).build();
    let tcp = |port: u16| {
        IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(i32::from(port))
            .to_port(i32::from(port))
    };
    let to_brokers = tcp(BROKER_PORT)
        .user_id_group_pairs(member(Role::App))
        .user_id_group_pairs(member(Role::Poller));
    let admit = ec2
        .authorize_security_group_ingress()
        .group_id(of(Role::Broker))
        .ip_permissions(to_brokers.build());
    admit
        .send()
        .await
        .map_err(call("let pollers and app in to the brokers"))?;
    let everywhere = || IpRange::builder().cidr_ip("0.0.0.0/0").build();
    let all = IpPermission::builder()
        .ip_protocol("-1")
        .ip_ranges(everywhere())
        .build();
    let close = ec2
        .revoke_security_group_egress()
        .group_id(of(Role::Poller))
        .ip_permissions(all);
    close
        .send()
        .await
        .map_err(call("close the pollers' way out"))?;
    let open = ec2
        .authorize_security_group_egress()
        .group_id(of(Role::Poller));
    let open = open.ip_permissions(
        tcp(BROKER_PORT)
            .user_id_group_pairs(member(Role::Broker))
            .build(),
    );
    let open = open.ip_permissions(tcp(443).ip_ranges(everywhere()).build());
    open.send()
        .await
        .map_err(call("open the pollers' way out"))?;
    Ok(groups)
}
