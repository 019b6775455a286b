//! Finds the Kafka pollers that a request does not name: they call the services that a plan moves, from the VPC.

use std::collections::BTreeSet;

use tollkeeper::aws::kafka_pollers::Pollers;
use tollkeeper::plan::{KafkaPollers, PlanRequest};

use crate::app::App;
use crate::preflight::Read;
use crate::snapshot::Snapshot;

/// What pollers call: the function, the role, the brokers' secret.
const CALLED: [&str; 3] = ["lambda", "secretsmanager", "sts"];

/// Completes a request with the pollers that live in its VPC; answers why not, where they could not be read. The way to
/// their brokers is theirs already, so it is no part of the request.
pub(super) async fn complete(
    app: &App,
    request: &mut PlanRequest,
    snapshot: &Snapshot,
) -> Option<String> {
    let is_called = |service: &String| CALLED.contains(&service.as_str());
    if !request.kafka_pollers.is_empty() || !request.services.iter().any(is_called) {
        return None;
    }
    match app.kafka_pollers().await {
        Read::Unreadable(code) => Some(code),
        Read::Known(found) => {
            request.kafka_pollers = inside(&found, snapshot);
            None
        }
    }
}

/// Those whose interfaces are all in the VPC, one for each group that they wear.
fn inside(found: &BTreeSet<Pollers>, snapshot: &Snapshot) -> Vec<KafkaPollers> {
    let is_own = |id: &String| snapshot.subnets.iter().any(|subnet| subnet.id == *id);
    let own = found
        .iter()
        .filter(|one| !one.subnets.is_empty() && one.subnets.iter().all(is_own));
    let each = own.flat_map(|one| {
        let subnets: Vec<String> = one.subnets.iter().cloned().collect();
        let groups = one.groups.iter();
        groups.map(move |group| KafkaPollers {
            subnets: subnets.clone(),
            security_group: group.clone(),
            broker_security_group: None,
            broker_port: None,
        })
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;

    #[test]
    fn pollers_of_another_vpc_and_those_without_a_place_are_no_part_of_the_request() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let pollers = |subnets: &[&str], groups: &[&str]| Pollers {
            subnets: set(subnets),
            groups: set(groups),
        };
        let found = [
            pollers(&["subnet-private-a"], &["sg-one", "sg-two"]),
            pollers(&["subnet-private-a", "subnet-elsewhere"], &["sg-three"]),
            pollers(&[], &["sg-four"]),
        ];
        let inside = inside(&found.into(), &model::snapshot());
        let groups: Vec<&str> = inside
            .iter()
            .map(|one| one.security_group.as_str())
            .collect();
        assert_eq!(groups, ["sg-one", "sg-two"]);
        assert_eq!(inside[0].subnets, ["subnet-private-a"]);
    }
}
