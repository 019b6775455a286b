//! Interface endpoints with private DNS, their groups, and the Kafka pollers' way to brokers and endpoints.
//!
//! Private DNS moves *every* client of the VPC, so each endpoint's group admits the whole VPC on 443, and a service is
//! left alone where anybody's group would lose it.

use tollkeeper::plan::{EndpointKind, KafkaPollers, PlannedEndpoint};

use super::draft::Draft;
use super::placement::subnet_a_zone;
use crate::change::{Change, Direction, Peer, Target};
use crate::owner::Owner;
use crate::preflight::dns;
use crate::reach::{self, HTTPS};
use crate::snapshot::{Endpoint, Group, Service};

/// Services whose name serves more than their endpoint does.
const NAMES_MORE: [(&str, &str); 1] = [(
    "execute-api",
    "private DNS would take the public APIs of API Gateway away from the VPC: their names would lead to the endpoint, \
     which serves private APIs only",
)];

/// Name of the group of an endpoint that this product makes.
pub(crate) fn group_name(service: &str) -> String {
    format!("tollkeeper-{service}")
}

/// Plans all interface endpoints of the request: everything dark first, private DNS last.
pub(super) fn plan(draft: &mut Draft<'_>, gateway_services: &[&str]) {
    let request = draft.request;
    // The pollers' way to the brokers belongs to no service: an exception of the whole VPC covers it.
    let vpc = &draft.snapshot.vpc.id;
    let mut exceptions = draft.snapshot.exceptions.iter();
    let is_apart = exceptions.any(|one| one.resource == *vpc && one.services.is_empty());
    for pollers in request.kafka_pollers.iter().filter(|_| !is_apart) {
        reach_brokers(draft, pollers);
    }
    let mut dark = Vec::new();
    for service in &request.services {
        if gateway_services.contains(&service.as_str()) || draft.is_set_apart(service) {
            continue;
        }
        match endpoint(draft, service) {
            Ok(endpoint) => dark.push((service.clone(), endpoint)),
            Err(reason) => draft.leave(format!("{service}: {reason}")),
        }
    }
    for (service, endpoint) in dark {
        draft.step(Change::SwitchPrivateDnsOn { service, endpoint });
    }
}

/// The steps up to the dark endpoint, or why there is none to make.
fn endpoint(draft: &mut Draft<'_>, service: &str) -> Result<Target, String> {
    let snapshot = draft.snapshot;
    if let Some(existing) = find_existing(draft, service) {
        return Err(describe_existing(draft, existing));
    }
    let offer = snapshot
        .services
        .iter()
        .find(|offer| offer.name == service && offer.kind == EndpointKind::Interface)
        .ok_or("AWS offers no interface endpoint of this name here")?;
    if !(snapshot.vpc.dns_support && snapshot.vpc.dns_hostnames) {
        return Err(format!(
            "private DNS needs enableDnsSupport and enableDnsHostnames on {}, and they are not both on",
            snapshot.vpc.id
        ));
    }
    if offer.dns_names.is_empty() {
        return Err(
            "AWS offers no private DNS for it: its ordinary name would go on leading to the NAT gateway"
                .to_owned(),
        );
    }
    if let Some(why) = dns::conflict(draft.evidence, offer) {
        return Err(why);
    }
    let name = group_name(service);
    if let Some(taken) = snapshot.groups.iter().find(|group| group.name == name) {
        return Err(format!(
            "a security group {name} exists ({}); delete or rename it first",
            taken.id
        ));
    }
    if let Some((_, why)) = NAMES_MORE.iter().find(|(name, _)| *name == service) {
        return Err((*why).to_owned());
    }
    let restricted = groups_that_need_a_rule(draft, service)?;
    let by_zone = subnet_a_zone(draft, &offer.zones)?;
    warn_of_vendor(draft, offer);
    let group = draft.step(Change::CreateGroup {
        name,
        service: service.to_owned(),
    });
    let others = &draft.request.resolving_networks;
    for cidr in snapshot.vpc.cidrs.iter().chain(others) {
        draft.step(allow(
            &group,
            Direction::Ingress,
            HTTPS,
            Peer::Cidr(cidr.clone()),
        ));
    }
    let zones: Vec<String> = by_zone.keys().cloned().collect();
    let endpoint = draft.step(Change::CreateInterfaceEndpoint {
        service: service.to_owned(),
        subnets: by_zone.into_values().collect(),
        zones: zones.clone(),
        group: group.clone(),
    });
    for limited in restricted {
        let from = Target::Id(limited.id.clone());
        draft.step(allow(
            &from,
            Direction::Egress,
            HTTPS,
            Peer::Group(group.clone()),
        ));
    }
    draft.endpoints.push(PlannedEndpoint {
        service: service.to_owned(),
        kind: EndpointKind::Interface,
        endpoint_id: None,
        zones,
    });
    let beside = match others.as_slice() {
        [] => " only".to_owned(),
        others => format!(" and {}", others.join(", ")),
    };
    draft.warn(format!(
        "Private DNS moves every client of the VPC, and of networks that resolve through it, to the endpoint; the \
         endpoint's group admits the VPC's own ranges{beside}"
    ));
    Ok(endpoint)
}

/// What is different with an endpoint service that is not AWS's own.
fn warn_of_vendor(draft: &mut Draft<'_>, offer: &Service) {
    let name = &offer.name;
    if offer.needs_acceptance {
        draft.warn(format!(
            "The owner of {name} has to accept the endpoint: the plan waits for that, and no other plan begins in the VPC \
             until then"
        ));
    }
    if name.starts_with("com.amazonaws.") {
        draft.warn(format!(
            "{name} is not AWS's own: flow logs do not tell its traffic, so none of it is replayed; its endpoint admits TCP \
             {HTTPS} only"
        ));
    }
}

fn allow(group: &Target, direction: Direction, port: u16, peer: Peer<Target>) -> Change<Target> {
    Change::Allow {
        group: group.clone(),
        direction,
        port,
        peer,
    }
}

fn find_existing<'a>(draft: &Draft<'a>, service: &str) -> Option<&'a Endpoint> {
    let mut endpoints = draft.snapshot.endpoints.iter();
    endpoints.find(|found| found.service == service && found.kind == EndpointKind::Interface)
}

fn describe_existing(draft: &Draft<'_>, existing: &Endpoint) -> String {
    let id = &existing.id;
    if !existing.private_dns {
        return format!(
            "{id} exists with private DNS off; it is not changed, and a second endpoint beside it is for its owner \
             to decide"
        );
    }
    let vpc = &draft.snapshot.vpc;
    let admitting = existing.groups.iter().any(|id| {
        let group = draft.snapshot.group(id);
        group.is_some_and(|group| reach::admits(&group.ingress, HTTPS, None, &vpc.cidrs))
    });
    if admitting {
        format!("{id} serves it already, with private DNS on")
    } else {
        format!(
            "{id} has private DNS on, but none of its groups ({}) admits all of {} on TCP {HTTPS}; it is not changed",
            existing.groups.join(", "),
            vpc.cidrs.join(", ")
        )
    }
}

/// Groups whose members would lose the service once its name leads into the VPC, and that may be changed: the pollers'
/// own, by the request, and adopted ones. Any other such group is a reason to leave the service alone.
fn groups_that_need_a_rule<'a>(draft: &Draft<'a>, service: &str) -> Result<Vec<&'a Group>, String> {
    let snapshot = draft.snapshot;
    let is_pollers = |group: &Group| {
        let mut pollers = draft.request.kafka_pollers.iter();
        pollers.any(|pollers| pollers.security_group == group.id)
    };
    let needs_one = |group: &&Group| {
        let cidrs = &snapshot.vpc.cidrs;
        reach::loses_services(&group.egress, cidrs)
            || is_pollers(group) && !reach::admits(&group.egress, HTTPS, None, cidrs)
    };
    let (mut to_change, mut in_the_way) = (Vec::new(), Vec::new());
    for group in snapshot.groups.iter().filter(needs_one) {
        let declared = group.owner.declares_it_elsewhere();
        let is_ours_to_change = is_pollers(group) || group.owner == Owner::Adopted;
        match declared {
            None if is_ours_to_change => to_change.push(group),
            None => in_the_way.push(format!("{} ({})", group.id, group.name)),
            Some(owned) => in_the_way.push(format!("{} ({}), which {owned}", group.id, group.name)),
        }
    }
    if in_the_way.is_empty() {
        return Ok(to_change);
    }
    Err(format!(
        "members of {} may go out on TCP {HTTPS} but not to all of {}: private DNS would take {service} away from them. \
         Their owner would first let them out to there, or tag a group tollkeeper:adopt=true to have this plan add the \
         rule",
        in_the_way.join(", "),
        snapshot.vpc.cidrs.join(", ")
    ))
}

fn reach_brokers(draft: &mut Draft<'_>, pollers: &KafkaPollers) {
    let snapshot = draft.snapshot;
    let brokers = pollers.broker_security_group.as_ref();
    let (Some(from), Some(brokers), Some(port)) = (
        snapshot.group(&pollers.security_group),
        brokers.and_then(|id| snapshot.group(id)),
        pollers.broker_port,
    ) else {
        return;
    };
    let cidrs = &snapshot.vpc.cidrs;
    if !reach::admits(&brokers.ingress, port, Some(&from.id), cidrs) {
        draft.warn(format!(
            "The brokers' group {} does not admit the pollers' group {} on TCP {port} as far as its rules show; this \
             plan does not change it",
            brokers.id, from.id
        ));
    }
    if reach::admits(&from.egress, port, Some(&brokers.id), cidrs) {
        return;
    }
    if let Some(owned) = from.owner.declares_it_elsewhere() {
        return draft.leave(format!(
            "rule: the pollers' group {} {owned}; its owner would let it out on TCP {port} to {}",
            from.id, brokers.id
        ));
    }
    let peer = Peer::Group(Target::Id(brokers.id.clone()));
    draft.step(allow(
        &Target::Id(from.id.clone()),
        Direction::Egress,
        port,
        peer,
    ));
}
