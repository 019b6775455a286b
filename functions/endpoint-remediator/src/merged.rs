//! What a plan was to bring about, where somebody else's code did it: an emitted plan that was merged and deployed.
//!
//! Pure. There is no journal: what the plan would have made is looked for by what it does, whoever made it and whatever
//! it is called. Rules count as there when others admit as much. It refuses to know the code.

use std::collections::BTreeMap;

use tollkeeper::plan::{EndpointKind, PlannedEndpoint};

use crate::change::{Change, Peer, Step};
use crate::reach;
use crate::snapshot::{Endpoint, EndpointState, Snapshot};
use crate::verify::{Check, Verdict, full_access, not_measured, problem};

/// What was found, and the endpoints with their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merged {
    pub(crate) checks: Vec<Check>,
    pub(crate) endpoints: Vec<PlannedEndpoint>,
}

/// Reads every step of a plan back from a snapshot.
pub(crate) fn merged(steps: &[Step], planned: &[PlannedEndpoint], snapshot: &Snapshot) -> Merged {
    let found = find(steps, snapshot);
    let mut checks: Vec<Check> = steps
        .iter()
        .map(|step| check(step, &found, snapshot))
        .collect();
    let policies = steps.iter().filter_map(|step| {
        let id = found.get(&step.number)?;
        full_access(step, id, snapshot)
    });
    checks.extend(policies);
    checks.extend(not_measured());
    let with_id = |wanted: &PlannedEndpoint| {
        let made = steps.iter().find(|step| makes(&step.change, wanted));
        let id = made.and_then(|step| found.get(&step.number).cloned());
        PlannedEndpoint {
            endpoint_id: id.or_else(|| wanted.endpoint_id.clone()),
            ..wanted.clone()
        }
    };
    Merged {
        checks,
        endpoints: planned.iter().map(with_id).collect(),
    }
}

fn makes<R>(change: &Change<R>, wanted: &PlannedEndpoint) -> bool {
    endpoint_of(change) == Some((wanted.service.as_str(), wanted.kind))
}

fn endpoint_of<R>(change: &Change<R>) -> Option<(&str, EndpointKind)> {
    match change {
        Change::CreateGatewayEndpoint { service } => Some((service, EndpointKind::Gateway)),
        Change::CreateInterfaceEndpoint { service, .. } => Some((service, EndpointKind::Interface)),
        _ => None,
    }
}

/// For each step that would have made something, what does its work now.
fn find(steps: &[Step], snapshot: &Snapshot) -> BTreeMap<u32, String> {
    let mut found = BTreeMap::new();
    for step in steps {
        if let Some((service, kind)) = endpoint_of(&step.change)
            && let Some(endpoint) = best(service, kind, snapshot)
        {
            found.insert(step.number, endpoint.id.clone());
        }
        if let Change::CreateGroup { service, name } = &step.change
            && let Some(endpoint) = best(service, EndpointKind::Interface, snapshot)
        {
            let named = |id: &&String| snapshot.group(id).is_some_and(|group| group.name == *name);
            let group = endpoint
                .groups
                .iter()
                .find(named)
                .or(endpoint.groups.first());
            found.extend(group.map(|group| (step.number, group.clone())));
        }
    }
    found
}

/// The endpoint that serves the VPC: with private DNS or routes before one without, the first by id of equals.
fn best<'a>(service: &str, kind: EndpointKind, snapshot: &'a Snapshot) -> Option<&'a Endpoint> {
    let of_kind = snapshot.endpoints.iter().filter(|endpoint| {
        endpoint.service == service
            && endpoint.kind == kind
            && endpoint.state == EndpointState::Available
    });
    of_kind.min_by_key(|endpoint| {
        (
            !endpoint.private_dns,
            endpoint.route_tables.is_empty(),
            &endpoint.id,
        )
    })
}

fn check(step: &Step, found: &BTreeMap<u32, String>, snapshot: &Snapshot) -> Check {
    let problem = problem_of(step, found, snapshot);
    Check {
        step: Some(step.number),
        what: step.change.to_string(),
        verdict: if problem.is_none() {
            Verdict::Ok
        } else {
            Verdict::Failed
        },
        critical: true,
        reason: problem.unwrap_or_default(),
    }
}

fn problem_of(step: &Step, found: &BTreeMap<u32, String>, snapshot: &Snapshot) -> Option<String> {
    let missing = || Some("not there yet".to_owned());
    let Some(change) = step.change.resolve(|number| found.get(&number).cloned()) else {
        return missing();
    };
    if let Change::Allow {
        group,
        direction,
        port,
        peer,
    } = &change
        && let Some(rules) = snapshot.group(group).map(|group| group.rules(*direction))
    {
        let admitted = match peer {
            Peer::Cidr(cidr) => reach::admits(rules, *port, None, std::slice::from_ref(cidr)),
            // An endpoint in the group has addresses of the VPC: a rule for all of them does too.
            Peer::Group(peer) => reach::admits(rules, *port, Some(peer), &snapshot.vpc.cidrs),
            Peer::PrefixList(_) => false,
        };
        if admitted {
            return None;
        }
    }
    match (change.creates(), found.get(&step.number)) {
        (true, None) => missing(),
        (_, made) => problem(
            &change,
            made.map(String::as_str).unwrap_or_default(),
            snapshot,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Target;
    use crate::model;
    use crate::owner::Owner;
    use crate::plan::{Place, make, normalise};
    use crate::snapshot::{Group, Rule};
    use crate::verify::holds;

    fn steps() -> (Vec<Step>, Vec<PlannedEndpoint>) {
        let (request, _) = normalise(model::request()).unwrap();
        let place = Place {
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let plan = make(&place, &request, &model::snapshot(), &model::evidence(), 0)
            .unwrap()
            .plan;
        (plan.steps, plan.endpoints)
    }

    /// As a stack with names of its own makes it.
    fn deployed() -> Snapshot {
        let mut world = model::snapshot();
        let stack = || Owner::Stack("arn:stack".to_owned());
        let mut s3 = model::foreign_endpoint("vpce-s3", "s3", EndpointKind::Gateway);
        s3.owner = stack();
        s3.route_tables = ["rtb-a", "rtb-b"].map(str::to_owned).to_vec();
        for table in &mut world.route_tables[1..] {
            table.endpoint_routes.push("vpce-s3".to_owned());
        }
        world.endpoints.push(s3);
        for service in ["lambda", "sts"] {
            let group = Group {
                ingress: vec![Rule::tcp(443, Peer::Cidr("10.0.0.0/8".to_owned()))],
                owner: stack(),
                ..model::group(&format!("sg-{service}"), &format!("their-{service}"))
            };
            let id = format!("vpce-{service}");
            let mut endpoint = model::foreign_endpoint(&id, service, EndpointKind::Interface);
            endpoint.owner = stack();
            endpoint.private_dns = true;
            endpoint.groups = vec![group.id.clone()];
            endpoint.subnets = ["subnet-private-a", "subnet-private-b"]
                .map(str::to_owned)
                .to_vec();
            world.groups.push(group);
            world.endpoints.push(endpoint);
        }
        let mut out = |peer| world.groups[0].egress.push(peer);
        out(Rule::tcp(9098, Peer::Group("sg-brokers".to_owned())));
        out(Rule::tcp(443, Peer::Cidr("10.0.0.0/16".to_owned())));
        world
    }

    fn failed(world: &Snapshot) -> Vec<String> {
        let (steps, planned) = steps();
        let checks = merged(&steps, &planned, world).checks;
        let failed = checks
            .iter()
            .filter(|check| check.verdict == Verdict::Failed);
        failed
            .map(|check| format!("{}: {}", check.what, check.reason))
            .collect()
    }

    #[test]
    fn what_a_stack_made_by_other_names_verifies_as_planned() {
        let (steps, planned) = steps();
        let merged = merged(&steps, &planned, &deployed());
        assert!(holds(&merged.checks), "{:#?}", merged.checks);
        let ids: Vec<_> = merged
            .endpoints
            .iter()
            .map(|found| found.endpoint_id.clone().unwrap())
            .collect();
        assert_eq!(ids, ["vpce-s3", "vpce-lambda", "vpce-sts"]);
        assert!(
            merged
                .checks
                .iter()
                .any(|check| check.verdict == Verdict::Unknown)
        );
    }

    #[test]
    fn nothing_merged_verifies_nothing() {
        let (steps, planned) = steps();
        let merged = merged(&steps, &planned, &model::snapshot());
        let critical = merged.checks.iter().filter(|check| check.critical);
        assert!(critical.clone().count() == steps.len());
        assert!(
            critical
                .clone()
                .all(|check| check.verdict == Verdict::Failed)
        );
        assert!(
            merged
                .endpoints
                .iter()
                .all(|found| found.endpoint_id.is_none())
        );
    }

    #[test]
    fn what_was_merged_otherwise_than_planned_is_named() {
        let mut dark = deployed();
        dark.endpoints[1].private_dns = false;
        assert_eq!(failed(&dark).len(), 1, "{:?}", failed(&dark));
        assert!(failed(&dark)[0].ends_with("private DNS is off"));

        let mut narrow = deployed();
        for group in narrow
            .groups
            .iter_mut()
            .filter(|group| group.id == "sg-lambda")
        {
            group.ingress = vec![Rule::tcp(443, Peer::Group("sg-pollers".to_owned()))];
        }
        insta::assert_snapshot!(failed(&narrow).join("\n"), @"let 10.0.0.0/16 in on TCP 443 at what step 5 makes: sg-lambda lacks the rule");

        let mut one_table = deployed();
        one_table.route_tables[2].endpoint_routes.clear();
        insta::assert_snapshot!(failed(&one_table).join("\n"), @"give route table rtb-b the route to what step 1 makes: rtb-b has no route to vpce-s3");

        let mut one_zone = deployed();
        one_zone.endpoints[2].subnets.truncate(1);
        insta::assert_snapshot!(failed(&one_zone).join("\n"), @"create interface endpoint for sts in subnet-private-a, subnet-private-b (us-east-1a, us-east-1b), private DNS off: vpce-sts is not in subnet-private-b");
    }

    #[test]
    fn a_policy_counts_by_its_meaning() {
        let change = Change::SetPolicy {
            service: "s3".to_owned(),
            endpoint: Target::Id("vpce-s3".to_owned()),
            policy: r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}}"#.to_owned(),
            replaces: crate::policy::FULL_ACCESS.to_owned(),
        };
        let steps = [Step { number: 1, change }];
        let mut world = deployed();
        assert!(!holds(&merged(&steps, &[], &world).checks));
        let listed = r#"{"Statement":[{"Action":["s3:*"],"Effect":"Allow","Principal":{"AWS":"*"},"Resource":["*"]}],"Version":"2012-10-17"}"#;
        world.endpoints[0].policy = crate::policy::normal_form(listed);
        assert!(holds(&merged(&steps, &[], &world).checks));
    }
}
