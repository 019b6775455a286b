//! Gateway endpoints (S3, DynamoDB): free, and made of routes.

use std::collections::BTreeSet;

use tollkeeper::plan::{EndpointKind, PlannedEndpoint};

use super::draft::Draft;
use crate::change::{Change, Target};
use crate::owner::Owner;
use crate::preflight::{acls, source_ip};
use crate::snapshot::{Endpoint, EndpointState};

/// Plans routes to `service` for every private route table that lacks them.
pub(super) fn plan(draft: &mut Draft<'_>, service: &str) {
    let existing: Vec<&Endpoint> = draft
        .snapshot
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.service == service && endpoint.kind == EndpointKind::Gateway)
        .collect();
    let lacking = tables_without_route(draft, &existing);
    if lacking.is_empty() {
        return draft.leave(format!(
            "{service}: every private route table of {} has a gateway endpoint already",
            draft.snapshot.vpc.id
        ));
    }
    let offered = |offer: &crate::snapshot::Service| {
        offer.name == service && offer.kind == EndpointKind::Gateway
    };
    if !draft.snapshot.services.iter().any(offered) {
        return draft.leave(format!("{service}: AWS offers no gateway endpoint here"));
    }
    if service == "s3"
        && let Some(why) = source_ip::buckets_in_the_way(draft.evidence)
    {
        return draft.leave(format!("{service}: {why}"));
    }
    let ours = existing.iter().find(|endpoint| may_change(endpoint));
    let target = match (ours, existing.first()) {
        (Some(narrow), _) if narrow.policy.is_some() => {
            return draft.leave(format!(
                "{service}: the policy of {} does not allow everything; what it leaves out would be denied to whoever its \
                 routes lead there, and reaches {service} through the NAT gateway today. Plan a policy that allows what {} \
                 needs first, or add the tables by hand",
                narrow.id, draft.snapshot.vpc.id
            ));
        }
        (Some(endpoint), _) => Target::Id(endpoint.id.clone()),
        (None, Some(other)) => {
            let why = leave_to_owner(other, &lacking);
            return draft.leave(format!("{service}: {why}"));
        }
        (None, None) => draft.step(Change::CreateGatewayEndpoint {
            service: service.to_owned(),
        }),
    };
    let endpoint_id = match &target {
        Target::Id(id) => Some(id.clone()),
        Target::Step(_) => None,
    };
    let partly_open = acls::partly_open(draft.snapshot, &lacking);
    if !partly_open.is_empty() {
        draft.warn(format!(
            "Network ACLs {} let only some public addresses through on TCP 443; they see the same addresses of {service} \
             before and after, so the routes change nothing there",
            partly_open.join(", ")
        ));
    }
    for route_table in lacking {
        draft.step(Change::AssociateRouteTable {
            endpoint: target.clone(),
            route_table,
        });
    }
    draft.endpoints.push(PlannedEndpoint {
        service: service.to_owned(),
        kind: EndpointKind::Gateway,
        endpoint_id,
        zones: Vec::new(),
    });
    draft.warn(format!(
        "Open TCP connections to {service} drop at the moment their route table gets its route, one table at a time; \
         clients reconnect"
    ));
    draft.warn(format!(
        "Security groups that limit egress must allow TCP 443 to the prefix list of {service}; groups of clients were \
         not looked at"
    ));
}

fn tables_without_route(draft: &Draft<'_>, existing: &[&Endpoint]) -> BTreeSet<String> {
    let private: BTreeSet<String> = draft
        .private_subnets()
        .map(|subnet| subnet.route_table.clone())
        .collect();
    let has_route = |id: &str| {
        let associated = |endpoint: &&Endpoint| endpoint.route_tables.iter().any(|own| own == id);
        existing.iter().any(associated)
    };
    private.into_iter().filter(|id| !has_route(id)).collect()
}

fn may_change(endpoint: &Endpoint) -> bool {
    endpoint.state == EndpointState::Available
        && matches!(endpoint.owner, Owner::Tollkeeper { .. } | Owner::Adopted)
}

fn leave_to_owner(endpoint: &Endpoint, lacking: &BTreeSet<String>) -> String {
    let whose = endpoint.owner.declares_it_elsewhere().unwrap_or_else(|| {
        "carries no tag of ours (tag it tollkeeper:adopt=true to hand it over)".to_owned()
    });
    let tables: Vec<&str> = lacking.iter().map(String::as_str).collect();
    format!(
        "{id} exists, {whose}; it is not changed. Its owner would add: aws ec2 modify-vpc-endpoint --vpc-endpoint-id \
         {id} --add-route-table-ids {tables}",
        id = endpoint.id,
        tables = tables.join(" ")
    )
}
