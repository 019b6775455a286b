//! From a request and a snapshot to a plan: the same world gives the same plan, byte for byte.
//!
//! Pure. A plan that leaves something alone says what and why; it never plans a change that would take a service away
//! from somebody who reaches it today, as far as the snapshot shows. It refuses to know the clock: nothing in a plan
//! depends on when it was made.

mod draft;
mod gateway;
mod interface;
mod narrowing;
mod placement;
mod policy;
mod text;

use std::iter;

use serde::{Deserialize, Serialize};
use tollkeeper::canonical::{self, NotCanonical};
use tollkeeper::money::Money;
use tollkeeper::plan::{EndpointKind, KafkaPollers, PlanRequest, PlannedEndpoint};
use tollkeeper::prices::{self, UnknownRegion};

use crate::change::Step;
use crate::policy::PolicyAsk;
use crate::preflight::{Evidence, Unknown, codes};
use crate::replay::Replay;
use crate::snapshot::{Scope, Snapshot};
use draft::Draft;
pub(crate) use interface::group_name;
pub(crate) use narrowing::NarrowingAsk;
use narrowing::{make_narrowing, normalise_narrowing};
use policy::{make_policies, normalise_policies};
pub(crate) use text::{Commands, Head, Promise, call, text};

const SCHEMA: &str = "plan-body/v1";

/// Services that AWS gives gateway endpoints.
const GATEWAY_SERVICES: [&str; 2] = ["dynamodb", "s3"];

/// Where the plan belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) account: String,
    pub(crate) region: String,
}

/// Everything an approval binds. Its canonical JSON is what is hashed and kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) schema: String,
    pub(crate) account: String,
    pub(crate) region: String,
    /// How many plans of the same hash were finished before: a plan that was undone can be made again.
    pub(crate) attempt: u32,
    pub(crate) request: PlanRequest,
    pub(crate) steps: Vec<Step>,
    pub(crate) endpoints: Vec<PlannedEndpoint>,
    /// What it does not do, and why.
    pub(crate) left_alone: Vec<String>,
    /// What happens to traffic, and what was not looked at.
    pub(crate) warnings: Vec<String>,
    /// Hours of the interface endpoints at list price, without bytes.
    pub(crate) monthly_cost: Money,
    pub(crate) snapshot_hash: String,
    /// Asked for, where the plan sets policies and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<PolicyAsk>,
    /// Asked for, where the plan narrows whom endpoints admit and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) narrowing: Option<NarrowingAsk>,
    /// What could not be found out: an approval accepts each by its code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unknowns: Vec<Unknown>,
    /// Hash of what was read outside the network; absent where nothing was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) evidence_hash: Option<String>,
    /// Who says to have asked for it, as approvals name people; absent where a finding did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) requested_by: Option<String>,
    /// What it does to the flows of past days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replay: Option<Replay>,
}

impl Plan {
    /// Whether both answer the same request, whichever incident it is to end.
    pub(crate) fn asks_the_same(&self, other: &Self) -> bool {
        let request = |plan: &Self| PlanRequest {
            incident_id: None,
            ..plan.request.clone()
        };
        request(self) == request(other)
            && self.policy == other.policy
            && self.narrowing == other.narrowing
            && self.requested_by == other.requested_by
    }

    /// Whether an approver would decide on both alike: everything that is done, said and to be accepted, but not on which
    /// days' flows that was found.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        self.asks_the_same(other)
            && self.request.incident_id == other.request.incident_id
            && self.snapshot_hash == other.snapshot_hash
            && self.steps == other.steps
            && self.left_alone == other.left_alone
            && self.warnings == other.warnings
            && self.monthly_cost == other.monthly_cost
            && codes(&self.unknowns) == codes(&other.unknowns)
    }

    /// What has to be looked at to plan it, and to see whether it was carried out.
    pub(crate) fn scope(&self) -> Result<Scope, PlanError> {
        let (_, scope) = match &self.narrowing {
            Some(ask) => Wanted::Narrowing(ask.clone()).normalise()?,
            None => Wanted::Endpoints(self.request.clone()).normalise()?,
        };
        Ok(scope)
    }
}

/// Why no plan can be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error(transparent)]
    UnknownRegion(#[from] UnknownRegion),
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// The request names something that the VPC does not have.
    #[error("VPC {vpc_id} has no {kind} `{id}`: expected one that lives in it")]
    NotInVpc {
        vpc_id: String,
        kind: &'static str,
        id: String,
    },
    /// The request itself makes no sense.
    #[error("{field} `{value}` is wrong: expected {expected}")]
    Request {
        field: &'static str,
        value: String,
        expected: &'static str,
    },
    /// The policy would break callers, or AWS would refuse it.
    #[error("the policy for {service} is refused, nothing is planned: {findings}")]
    Policy { service: String, findings: String },
}

/// What a plan is to do: endpoints, their policies, or whom they admit; never two of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    Endpoints(PlanRequest),
    Policies(PolicyAsk),
    Narrowing(NarrowingAsk),
}

impl Wanted {
    /// In one order, checked; and what has to be looked at to plan it.
    pub(crate) fn normalise(self) -> Result<(Self, Scope), PlanError> {
        Ok(match self {
            Self::Endpoints(request) => {
                let (request, scope) = normalise(request)?;
                (Self::Endpoints(request), scope)
            }
            Self::Policies(ask) => {
                let (ask, scope) = normalise_policies(ask)?;
                (Self::Policies(ask), scope)
            }
            Self::Narrowing(ask) => {
                let (ask, scope) = normalise_narrowing(ask)?;
                (Self::Narrowing(ask), scope)
            }
        })
    }

    /// Plans what was normalised.
    pub(crate) fn make(
        &self,
        place: &Place,
        snapshot: &Snapshot,
        evidence: &Evidence,
        attempt: u32,
    ) -> Result<Sealed, PlanError> {
        match self {
            Self::Endpoints(request) => make(place, request, snapshot, evidence, attempt),
            Self::Policies(ask) => make_policies(place, ask, snapshot, attempt),
            Self::Narrowing(ask) => make_narrowing(place, ask, snapshot, attempt),
        }
    }
}

/// A plan with the canonical text that its hash is taken of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) plan: Plan,
    pub(crate) json: String,
    pub(crate) hash: String,
    pub(crate) id: String,
}

impl Sealed {
    /// The same plan, with who asked for it bound into its hash.
    pub(crate) fn asked_by(self, requester: Option<&str>) -> Result<Self, PlanError> {
        match requester {
            None => Ok(self),
            Some(requester) => seal(Plan {
                requested_by: Some(requester.to_owned()),
                ..self.plan
            }),
        }
    }

    /// The same plan with what it does to the flows of past days, which an approval then binds too. Flows that would break
    /// have to be accepted by their code, as what is not known.
    pub(crate) fn with_replay(self, replay: Replay) -> Result<Self, PlanError> {
        let mut unknowns = self.plan.unknowns;
        unknowns.extend(replay.to_accept());
        unknowns.sort();
        seal(Plan {
            replay: Some(replay),
            unknowns,
            ..self.plan
        })
    }
}

/// The request in one order, checked; and what has to be looked at to plan it.
pub(crate) fn normalise(mut request: PlanRequest) -> Result<(PlanRequest, Scope), PlanError> {
    let wrong = |field, value: &str, expected| PlanError::Request {
        field,
        value: value.to_owned(),
        expected,
    };
    if !request.vpc_id.starts_with("vpc-") {
        return Err(wrong("vpc_id", &request.vpc_id, "an id such as vpc-0a1b2c"));
    }
    if request.services.is_empty() {
        return Err(wrong(
            "services",
            "[]",
            "at least one, such as s3 or lambda",
        ));
    }
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-'))
    };
    if let Some(odd) = request.services.iter().find(|name| !is_name(name)) {
        return Err(wrong(
            "services",
            odd,
            "a name as endpoints spell it: s3, lambda, ecr.api",
        ));
    }
    if request
        .kafka_pollers
        .iter()
        .any(|pollers| pollers.broker_port == Some(0))
    {
        return Err(wrong("broker_port", "0", "a TCP port, such as 9098"));
    }
    let is_half =
        |one: &KafkaPollers| one.broker_security_group.is_some() != one.broker_port.is_some();
    if let Some(half) = request.kafka_pollers.iter().find(|one| is_half(one)) {
        let expected = "broker_security_group and broker_port together, or neither";
        return Err(wrong("kafka_pollers", &half.security_group, expected));
    }
    request.services.sort();
    request.services.dedup();
    let is_odd = |text: &&String| crate::reach::range(text).is_none();
    if let Some(odd) = request.resolving_networks.iter().find(is_odd) {
        let expected = "an IPv4 range such as 10.8.0.0/16";
        return Err(wrong("resolving_networks", odd, expected));
    }
    request.resolving_networks.sort();
    request.resolving_networks.dedup();
    request.route_tables.sort();
    request.route_tables.dedup();
    for pollers in &mut request.kafka_pollers {
        pollers.subnets.sort();
        pollers.subnets.dedup();
    }
    request.kafka_pollers.sort();
    request.kafka_pollers.dedup();
    let pollers = request.kafka_pollers.iter();
    let mut groups: Vec<String> = pollers
        .flat_map(|p| iter::once(p.security_group.clone()).chain(p.broker_security_group.clone()))
        .collect();
    groups.sort();
    groups.dedup();
    let scope = Scope {
        vpc_id: request.vpc_id.clone(),
        services: request.services.clone(),
        groups,
    };
    Ok((request, scope))
}

/// Plans a normalised request on a snapshot, with what was read beside it.
pub(crate) fn make(
    place: &Place,
    request: &PlanRequest,
    snapshot: &Snapshot,
    evidence: &Evidence,
    attempt: u32,
) -> Result<Sealed, PlanError> {
    let prices = prices::for_region(&place.region)?;
    let snapshot = snapshot.clone().sorted();
    let evidence = evidence.clone().sorted();
    check_named(request, &snapshot)?;
    let mut draft = Draft::new(&snapshot, request, &evidence);
    if snapshot.vpc.owner == place.account {
        for service in &request.services {
            if GATEWAY_SERVICES.contains(&service.as_str()) {
                gateway::plan(&mut draft, service);
            }
        }
        interface::plan(&mut draft, &GATEWAY_SERVICES);
    } else {
        draft.leave(format!(
            "{} is shared by account {}: only that account can change its routes and endpoints",
            snapshot.vpc.id, snapshot.vpc.owner
        ));
    }
    draft.warn_about_network();
    let unknowns = draft.unknowns();
    let hours = draft.endpoints.iter().map(|endpoint| match endpoint.kind {
        EndpointKind::Gateway => 0,
        EndpointKind::Interface => u32::try_from(endpoint.zones.len()).unwrap_or(u32::MAX),
    });
    let monthly_cost = Money::usd(prices.endpoint_hours_a_month(hours.sum())).to_cents();
    seal(Plan {
        schema: SCHEMA.to_owned(),
        account: place.account.clone(),
        region: place.region.clone(),
        attempt,
        request: request.clone(),
        steps: draft.steps,
        endpoints: draft.endpoints,
        left_alone: draft.left_alone,
        warnings: draft.warnings,
        monthly_cost,
        snapshot_hash: snapshot.hash()?,
        policy: None,
        narrowing: None,
        unknowns,
        evidence_hash: Some(evidence.hash()?),
        requested_by: None,
        replay: None,
    })
}

/// A plan that changes endpoints that are there: it makes none and costs nothing, and nothing was read beside the network.
fn of_existing(place: &Place, draft: Draft<'_>, attempt: u32) -> Result<Plan, PlanError> {
    Ok(Plan {
        schema: SCHEMA.to_owned(),
        account: place.account.clone(),
        region: place.region.clone(),
        attempt,
        request: draft.request.clone(),
        snapshot_hash: draft.snapshot.hash()?,
        steps: draft.steps,
        endpoints: Vec::new(),
        left_alone: draft.left_alone,
        warnings: draft.warnings,
        monthly_cost: Money::usd(rust_decimal::Decimal::ZERO).to_cents(),
        policy: None,
        narrowing: None,
        unknowns: Vec::new(),
        evidence_hash: None,
        requested_by: None,
        replay: None,
    })
}

fn seal(plan: Plan) -> Result<Sealed, PlanError> {
    let json = canonical::to_canonical_json(&plan)?;
    let hash = canonical::hash_text(&json);
    let digits = hash.strip_prefix("sha256:").unwrap_or(&hash);
    let id = format!("plan-{}", digits.chars().take(16).collect::<String>());
    Ok(Sealed {
        plan,
        json,
        hash,
        id,
    })
}

fn check_named(request: &PlanRequest, snapshot: &Snapshot) -> Result<(), PlanError> {
    let missing = |kind, id: &String| PlanError::NotInVpc {
        vpc_id: request.vpc_id.clone(),
        kind,
        id: id.clone(),
    };
    for id in &request.route_tables {
        if !snapshot.route_tables.iter().any(|table| table.id == *id) {
            return Err(missing("route table", id));
        }
    }
    for pollers in &request.kafka_pollers {
        for id in iter::once(&pollers.security_group).chain(&pollers.broker_security_group) {
            if snapshot.group(id).is_none() {
                return Err(missing("security group", id));
            }
        }
        for id in &pollers.subnets {
            if !snapshot.subnets.iter().any(|subnet| subnet.id == *id) {
                return Err(missing("subnet", id));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod apart_tests;
#[cfg(test)]
mod preflight_tests;
#[cfg(test)]
mod tests;
