//! What a plan was to bring about, read back. Pure.
//!
//! Each step is ok, failed or unknown, with a reason. What nobody measured is unknown, never a pass; only critical
//! checks decide whether the plan counts as verified.

use serde::Serialize;

use crate::change::{Change, Direction, Step};
use crate::engine::Journal;
use crate::journal::Progress;
use crate::policy;
use crate::reach;
use crate::snapshot::{EndpointState, Rule, Snapshot};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Ok,
    Failed,
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// Step it reads back; absent for what belongs to the whole plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<u32>,
    pub(crate) what: String,
    pub(crate) verdict: Verdict,
    pub(crate) critical: bool,
    /// Why it is not ok; empty where it is.
    pub(crate) reason: String,
}

/// Reads every step back from a snapshot.
pub(crate) fn checks(steps: &[Step], journal: &Journal, snapshot: &Snapshot) -> Vec<Check> {
    let mut checks: Vec<Check> = steps
        .iter()
        .map(|step| {
            let problem = problem_of(step.number, journal, snapshot);
            Check {
                step: Some(step.number),
                what: step.change.to_string(),
                verdict: match problem {
                    None => Verdict::Ok,
                    Some(_) => Verdict::Failed,
                },
                critical: !is_narrowed(step.number, journal, snapshot),
                reason: problem.unwrap_or_default(),
            }
        })
        .collect();
    for step in steps {
        let made = journal.get(&step.number).map(|entry| &entry.item);
        let id = made.and_then(|entry| entry.created_id.as_deref());
        checks.extend(id.and_then(|id| full_access(step, id, snapshot)));
    }
    checks.push(no_prober());
    checks
}

/// An endpoint starts with full access. It is not critical: a later plan may have narrowed it.
pub(crate) fn full_access(step: &Step, id: &str, snapshot: &Snapshot) -> Option<Check> {
    let makes_endpoint = matches!(
        step.change,
        Change::CreateGatewayEndpoint { .. } | Change::CreateInterfaceEndpoint { .. }
    );
    let found = snapshot.endpoint(id).filter(|_| makes_endpoint)?;
    let narrowed = found.policy.is_some();
    Some(Check {
        step: Some(step.number),
        what: format!("{id} has full access as its policy"),
        verdict: if narrowed {
            Verdict::Failed
        } else {
            Verdict::Ok
        },
        critical: false,
        reason: if narrowed {
            "it has another policy, by a later plan or by somebody else".to_owned()
        } else {
            String::new()
        },
    })
}

/// What reading the configuration back leaves open.
pub(crate) fn no_prober() -> Check {
    unknown(
        "clients resolve and reach the service through the endpoints",
        "no prober runs inside the subnets".to_owned(),
    )
}

/// What nobody measured: never a pass, and no condition.
pub(crate) fn unknown(what: &str, reason: String) -> Check {
    Check {
        step: None,
        what: what.to_owned(),
        verdict: Verdict::Unknown,
        critical: false,
        reason,
    }
}

/// Whether every critical check is ok.
pub(crate) fn holds(checks: &[Check]) -> bool {
    let mut critical = checks.iter().filter(|check| check.critical);
    critical.all(|check| check.verdict == Verdict::Ok)
}

/// Whether clients that the step let in have given way to others: a later plan may narrow whom an endpoint admits.
fn is_narrowed(step: u32, journal: &Journal, snapshot: &Snapshot) -> bool {
    let Some(Change::Allow {
        group,
        direction: Direction::Ingress,
        port,
        peer,
    }) = journal.get(&step).map(|entry| &entry.item.change)
    else {
        return false;
    };
    let rules = snapshot.group(group).map(|group| &group.ingress);
    rules.is_some_and(|rules| {
        let mut on_port = rules.iter().filter(|rule| reach::covers_port(rule, *port));
        on_port.next().is_some() && !rules.contains(&Rule::tcp(*port, peer.clone()))
    })
}

fn problem_of(step: u32, journal: &Journal, snapshot: &Snapshot) -> Option<String> {
    let Some(entry) = journal.get(&step).map(|entry| &entry.item) else {
        return Some("not done".to_owned());
    };
    if entry.progress != Progress::Done {
        return Some(format!("{:?}", entry.progress).to_ascii_lowercase());
    }
    problem(
        &entry.change,
        entry.created_id.as_deref().unwrap_or_default(),
        snapshot,
    )
}

/// Why a change is not so; `created` is what it made.
pub(crate) fn problem(
    change: &Change<String>,
    created: &str,
    snapshot: &Snapshot,
) -> Option<String> {
    let gone = |id: &str| Some(format!("{id} is gone"));
    match change {
        Change::CreateGroup { .. } => match snapshot.group(created) {
            Some(_) => None,
            None => gone(created),
        },
        Change::Allow {
            group,
            direction,
            port,
            peer,
        } => {
            let Some(found) = snapshot.group(group) else {
                return gone(group);
            };
            let rule = Rule::tcp(*port, peer.clone());
            let missing = !found.rules(*direction).contains(&rule);
            missing.then(|| format!("{group} lacks the rule"))
        }
        Change::Revoke {
            group,
            direction,
            port,
            peer,
        } => {
            let Some(found) = snapshot.group(group) else {
                return gone(group);
            };
            let rule = Rule::tcp(*port, peer.clone());
            let is_there = found.rules(*direction).contains(&rule);
            is_there.then(|| format!("{group} has the rule again"))
        }
        Change::CreateGatewayEndpoint { .. } => unavailable(created, snapshot),
        Change::CreateInterfaceEndpoint { subnets, group, .. } => unavailable(created, snapshot)
            .or_else(|| {
                let endpoint = snapshot.endpoint(created)?;
                let lacking: Vec<&str> = std::iter::once(group)
                    .filter(|group| !endpoint.groups.contains(group))
                    .chain(
                        subnets
                            .iter()
                            .filter(|subnet| !endpoint.subnets.contains(subnet)),
                    )
                    .map(String::as_str)
                    .collect();
                (!lacking.is_empty()).then(|| format!("{created} is not in {}", lacking.join(", ")))
            }),
        Change::AssociateRouteTable {
            endpoint,
            route_table,
        } => {
            let table = snapshot
                .route_tables
                .iter()
                .find(|table| table.id == *route_table);
            let has_route = table.is_some_and(|table| table.endpoint_routes.contains(endpoint));
            (!has_route).then(|| format!("{route_table} has no route to {endpoint}"))
        }
        Change::SwitchPrivateDnsOn { endpoint, .. } => match snapshot.endpoint(endpoint) {
            None => gone(endpoint),
            Some(found) => (!found.private_dns).then(|| "private DNS is off".to_owned()),
        },
        Change::SetPolicy {
            endpoint, policy, ..
        } => match snapshot.endpoint(endpoint) {
            None => gone(endpoint),
            Some(found) => (!policy::same(found.policy.as_deref(), Some(policy)))
                .then(|| format!("{endpoint} has another policy than planned")),
        },
    }
}

fn unavailable(id: &str, snapshot: &Snapshot) -> Option<String> {
    match snapshot.endpoint(id).map(|endpoint| endpoint.state) {
        Some(EndpointState::Available) => None,
        Some(state) => Some(format!(
            "{id} is {}",
            format!("{state:?}").to_ascii_lowercase()
        )),
        None => Some(format!("{id} is gone")),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tollkeeper::aws::Versioned;
    use tollkeeper::plan::EndpointKind;

    use super::*;
    use crate::change::Target;
    use crate::journal::{Entry, PreImage};
    use crate::model;

    fn associated() -> (Vec<Step>, Journal, Snapshot) {
        let change = Change::AssociateRouteTable {
            endpoint: Target::Id("vpce-1".to_owned()),
            route_table: "rtb-a".to_owned(),
        };
        let resolved = change.resolve(|_| None).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let mut item = Entry::intend("plan-1", 1, resolved, PreImage::Absent, now);
        item.done(None, now);
        let mut snapshot = model::snapshot();
        let mut endpoint = model::foreign_endpoint("vpce-1", "s3", EndpointKind::Gateway);
        endpoint.route_tables.push("rtb-a".to_owned());
        snapshot.endpoints.push(endpoint);
        let steps = vec![Step { number: 1, change }];
        (
            steps,
            Journal::from([(1, Versioned { version: 2, item })]),
            snapshot,
        )
    }

    #[test]
    fn an_association_without_its_route_fails() {
        let (steps, journal, mut snapshot) = associated();
        let found = checks(&steps, &journal, &snapshot);
        assert!(!holds(&found));
        assert_eq!(found[0].reason, "rtb-a has no route to vpce-1");
        for table in &mut snapshot.route_tables {
            table.endpoint_routes.push("vpce-1".to_owned());
        }
        assert!(holds(&checks(&steps, &journal, &snapshot)));
    }

    #[test]
    fn what_was_not_measured_is_unknown_and_never_a_pass() {
        let (steps, journal, snapshot) = associated();
        let found = checks(&steps, &journal, &snapshot);
        let unknown = found
            .iter()
            .filter(|check| check.verdict == Verdict::Unknown);
        assert_eq!(unknown.count(), 1);
    }

    #[test]
    fn a_narrowed_policy_is_said_and_does_not_fail_the_plan_that_made_the_endpoint() {
        let (mut steps, mut journal, mut snapshot) = associated();
        for table in &mut snapshot.route_tables {
            table.endpoint_routes.push("vpce-1".to_owned());
        }
        let change = Change::CreateGatewayEndpoint {
            service: "s3".to_owned(),
        };
        let now = Timestamp::UNIX_EPOCH;
        let mut item = Entry::intend("plan-1", 2, change, PreImage::Absent, now);
        item.done(Some("vpce-1".to_owned()), now);
        journal.insert(2, Versioned { version: 2, item });
        let change = Change::CreateGatewayEndpoint {
            service: "s3".to_owned(),
        };
        steps.push(Step { number: 2, change });
        let policy = |checks: &[Check]| {
            let mut found = checks.iter().filter(|check| !check.critical);
            found
                .find(|check| check.what.ends_with("as its policy"))
                .map(|check| check.verdict)
        };
        let found = checks(&steps, &journal, &snapshot);
        assert!(holds(&found));
        assert_eq!(policy(&found), Some(Verdict::Ok));
        snapshot.endpoints[0].policy = Some("{}".to_owned());
        let found = checks(&steps, &journal, &snapshot);
        assert!(holds(&found));
        assert_eq!(policy(&found), Some(Verdict::Failed));
    }

    #[test]
    fn clients_that_gave_way_to_others_are_said_and_do_not_fail_the_plan_that_let_them_in() {
        let mut snapshot = model::snapshot();
        let change = Change::Allow {
            group: Target::Id("sg-brokers".to_owned()),
            direction: Direction::Ingress,
            port: 443,
            peer: crate::change::Peer::Cidr("10.0.0.0/16".to_owned()),
        };
        let now = Timestamp::UNIX_EPOCH;
        let resolved = change.resolve(|_| None).unwrap();
        let mut item = Entry::intend("plan-1", 1, resolved, PreImage::Absent, now);
        item.done(None, now);
        let journal = Journal::from([(1, Versioned { version: 2, item })]);
        let steps = [Step { number: 1, change }];
        assert!(
            !holds(&checks(&steps, &journal, &snapshot)),
            "nobody is let in"
        );
        let narrow = Rule::tcp(443, crate::change::Peer::Cidr("10.0.2.0/24".to_owned()));
        let brokers = snapshot
            .groups
            .iter_mut()
            .find(|group| group.id == "sg-brokers");
        brokers.unwrap().ingress.push(narrow);
        let found = checks(&steps, &journal, &snapshot);
        assert!(holds(&found));
        assert_eq!(found[0].verdict, Verdict::Failed);
    }

    #[test]
    fn a_step_that_was_not_done_fails() {
        let (steps, _, snapshot) = associated();
        let found = checks(&steps, &Journal::new(), &snapshot);
        assert_eq!(found[0].reason, "not done");
        assert!(!holds(&found));
    }
}
