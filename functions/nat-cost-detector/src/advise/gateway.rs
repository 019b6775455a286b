//! Gateway endpoints for S3 and DynamoDB: free, by route table, within the region.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use tollkeeper::finding::{Advice, Remedy};
use tollkeeper::money::cents;
use tollkeeper::plan::PlanRequest;

use super::Situation;
use super::limits;
use super::month::{Untaken, left_over, money};
use crate::explain::attribute::Flow;
use crate::measure::network::{Endpoint, EndpointPolicy, EndpointType, Network};

/// Services with gateway endpoints, as labels and as endpoints spell them.
pub(super) const GATEWAY: [(&str, &str); 2] = [("S3", "s3"), ("DYNAMODB", "dynamodb")];

/// Endpoints to make, and route tables that existing ones lack.
pub(super) fn remedies(
    situation: Situation<'_>,
    vpc_id: &str,
    untaken: &mut Untaken<'_>,
) -> Vec<Advice> {
    let (made, missing): (Vec<_>, Vec<_>) = GATEWAY
        .iter()
        .partition(|(_, service)| endpoint(situation.network, vpc_id, service).is_some());
    let mut advice = Vec::new();
    advice.extend(create(situation, vpc_id, &missing, untaken));
    for service in made {
        advice.extend(extend(situation, vpc_id, service, untaken));
    }
    advice
}

/// The gateway endpoint in service that a VPC has for a service.
pub(super) fn endpoint<'a>(
    network: &'a Network,
    vpc_id: &str,
    service: &str,
) -> Option<&'a Endpoint> {
    network.endpoints.iter().find(|endpoint| {
        endpoint.vpc_id == vpc_id && endpoint.serves(EndpointType::Gateway, service)
    })
}

/// The private route tables of a VPC that lack a gateway endpoint.
pub(super) fn lacking<'a>(
    network: &'a Network,
    vpc_id: &'a str,
    endpoint: &Endpoint,
) -> BTreeSet<&'a str> {
    let mut tables = network.private_tables(vpc_id);
    tables.retain(|table| !endpoint.route_tables.iter().any(|own| own == table));
    tables
}

/// Whether a gateway endpoint in this VPC would take a flow: in-region, and from inside the VPC as far as one can tell.
fn reaches(situation: Situation<'_>, vpc_id: &str, flow: &Flow, label: &str) -> bool {
    flow.vpc_id() == vpc_id
        && flow.service == label
        && flow.service_region == situation.prices.region
        && !limits::is_from_elsewhere(situation.network, flow)
}

fn create(
    situation: Situation<'_>,
    vpc_id: &str,
    missing: &[&(&str, &str)],
    untaken: &mut Untaken<'_>,
) -> Option<Advice> {
    let covered = |flow: &Flow| {
        let mut missing = missing.iter();
        missing.any(|(label, _)| reaches(situation, vpc_id, flow, label))
    };
    let services: Vec<String> = missing
        .iter()
        .filter(|(label, _)| {
            let mut flows = untaken.flows();
            flows.any(|(flow, bytes)| bytes > 0 && flow.service == *label && covered(flow))
        })
        .map(|(_, service)| (*service).to_owned())
        .collect();
    let title = format!(
        "Give {vpc_id} a gateway endpoint for {} in the route tables of its private subnets: it costs nothing",
        services.join(" and ")
    );
    let remedy = Remedy::GatewayEndpoint;
    advice(
        situation, vpc_id, remedy, title, services, &covered, untaken,
    )
}

fn extend(
    situation: Situation<'_>,
    vpc_id: &str,
    (label, service): &(&str, &str),
    untaken: &mut Untaken<'_>,
) -> Option<Advice> {
    let network = situation.network;
    let endpoint = endpoint(network, vpc_id, service)?;
    let lacking = lacking(network, vpc_id, endpoint);
    let tables_known = !network.route_tables.is_empty();
    // A source whose own table leads to the endpoint gains nothing, whatever makes its traffic go past it.
    let covered = |flow: &Flow| {
        reaches(situation, vpc_id, flow, label)
            && (!tables_known
                || match network.table_of(&flow.source.subnet_id) {
                    Some(table) => lacking.contains(table.id.as_str()),
                    None => !lacking.is_empty(),
                })
    };
    let tables: Vec<&str> = lacking.iter().copied().collect();
    let title = if tables_known {
        format!(
            "Add {} to the route tables of {}, the gateway endpoint of {vpc_id} for {service}: it costs nothing",
            tables.join(", "),
            endpoint.id
        )
    } else {
        format!(
            "Add the route tables that {}, the gateway endpoint of {vpc_id} for {service}, lacks: it costs nothing",
            endpoint.id
        )
    };
    let services = vec![(*service).to_owned()];
    let remedy = Remedy::GatewayEndpointRoutes;
    let mut advice = advice(
        situation, vpc_id, remedy, title, services, &covered, untaken,
    )?;
    if endpoint.policy == EndpointPolicy::Restricted {
        advice.does_not_cover.push(format!(
            "What the policy of {} does not allow: it would be denied, not sent through the NAT gateways",
            endpoint.id
        ));
    }
    Some(advice)
}

fn advice(
    situation: Situation<'_>,
    vpc_id: &str,
    remedy: Remedy,
    title: String,
    services: Vec<String>,
    covered: &dyn Fn(&Flow) -> bool,
    untaken: &mut Untaken<'_>,
) -> Option<Advice> {
    let bytes = untaken.month_of(covered);
    let transit = untaken.month_of(|flow| covered(flow) && flow.nat_vpc_id != vpc_id);
    let saving = situation.prices.gateway_endpoint_saving_a_month(bytes)
        + limits::transit_cost(situation.prices, transit);
    if cents(saving) <= Decimal::ZERO {
        return None;
    }
    untaken.take(covered);
    let mut does_not_cover = left_over(situation.flows, vpc_id, covered);
    does_not_cover.extend(limits::of_vpc(situation, vpc_id));
    if transit > 0 {
        does_not_cover.push(limits::transit_note(situation.prices));
    }
    does_not_cover.extend(limits::existing(situation.network, vpc_id, &services));
    Some(Advice {
        remedy,
        title,
        vpc_id: vpc_id.to_owned(),
        zones: Vec::new(),
        monthly_cost: money(Decimal::ZERO),
        monthly_saving: money(saving),
        break_even_gb_a_month: None,
        does_not_cover,
        plan_request: limits::may_plan(situation.network, vpc_id).then(|| PlanRequest {
            incident_id: situation.incident_id.map(str::to_owned),
            ..PlanRequest::of(vpc_id, services.clone())
        }),
        services,
    })
}
