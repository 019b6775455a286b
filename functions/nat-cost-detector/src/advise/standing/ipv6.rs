//! IPv6 past the NAT gateways: nothing per GB, for far ends that speak it.

use tollkeeper::finding::{Advice, Remedy};

use super::{Standing, free};
use crate::advise::last_resort::WORTH_A_THOUGHT;
use crate::advise::month::{Untaken, money};
use crate::advise::{Situation, limits};
use crate::explain::attribute::{Flow, Flows};
use crate::measure::topology::WayOut;

/// What part of the internet speaks IPv6 no flow log shows: the saving has a ceiling and is claimed to be nothing.
pub(super) fn remedy(standing: Standing<'_>, flows: &Flows, vpc_id: &str) -> Option<Advice> {
    let situation = Situation {
        flows,
        network: standing.network,
        mappings: &[],
        prices: standing.prices,
        incident_id: None,
    };
    let network = situation.network;
    let vpc = network.vpcs.get(vpc_id)?;
    let bytes = Untaken::all(flows)
        .month_of(|flow: &Flow| flow.vpc_id() == vpc_id && flow.service == "INTERNET");
    let ceiling = situation.prices.nat_bytes(bytes);
    if ceiling < WORTH_A_THOUGHT {
        return None;
    }
    let mut todo = Vec::new();
    let without: Vec<&str> = network
        .subnets_of(vpc_id)
        .filter(|(id, subnet)| !subnet.ipv6 && network.way_out(id) != WayOut::InternetGateway)
        .map(|(id, _)| id)
        .collect();
    if !vpc.has_ipv6() {
        todo.push("an IPv6 range for the VPC".to_owned());
    }
    if !without.is_empty() {
        todo.push(format!("one for {}", without.join(", ")));
    }
    if !network.egress_only_vpcs.contains(vpc_id) {
        todo.push("an egress-only internet gateway with a route to ::/0".to_owned());
    }
    todo.push("IPv6 addresses and rules for the clients".to_owned());
    let mut does_not_cover = vec![
        format!(
            "Saving unknown: up to {} a month if every far end on the internet spoke IPv6. Look up the largest ones \
             (AAAA records) first",
            money(ceiling)
        ),
        format!("It takes {}", todo.join(", ")),
    ];
    does_not_cover.extend(limits::of_vpc(situation, vpc_id));
    Some(Advice {
        title: format!(
            "Let {vpc_id} reach far ends that speak IPv6 through an egress-only internet gateway, which costs nothing \
             (saving unknown)"
        ),
        does_not_cover,
        ..free(Remedy::EgressOnlyInternetGateway, vpc_id)
    })
}
