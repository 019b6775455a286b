//! Whether the plan comes near AWS's default quotas: what an account was granted beyond them is not read.

use tollkeeper::plan::{EndpointKind, PlannedEndpoint};

use super::{Evidence, Read};

/// Interface endpoints a VPC, by default (L-29B6F2EB).
pub(crate) const INTERFACE_ENDPOINTS_A_VPC: usize = 50;
/// Gateway endpoints a region, by default (L-1B52E74A).
pub(crate) const GATEWAY_ENDPOINTS_A_REGION: usize = 20;

/// What is left afterwards that people should hear of.
const NEAR: usize = 2;

/// More than any plan of so many services comes near to.
pub(crate) fn plenty(services: usize) -> usize {
    services + NEAR
}

/// Warnings about endpoints that would be made.
pub(crate) fn warnings(evidence: &Evidence, planned: &[PlannedEndpoint]) -> Vec<String> {
    let room = match &evidence.room {
        Read::Known(room) => room,
        Read::Unreadable(code) => {
            return vec![format!(
                "How many endpoints there are could not be read ({code}): a quota may stop the plan half-way"
            )];
        }
    };
    let made = |kind| {
        let new = planned
            .iter()
            .filter(|one| one.kind == kind && one.endpoint_id.is_none());
        new.count()
    };
    let line = |room: Option<usize>, made: usize, what: &str, quota: usize| {
        let left = room?.checked_sub(made);
        let left = match left {
            _ if made == 0 => return None,
            Some(left) if left > NEAR => return None,
            Some(left) => format!("{left} of {quota} are left after this plan"),
            None => format!("the plan needs more than {quota}"),
        };
        Some(format!(
            "Near the default quota of {what}: {left}. Whether AWS granted more to this account was not read"
        ))
    };
    let interface = line(
        room.interface_endpoints,
        made(EndpointKind::Interface),
        "interface endpoints a VPC",
        INTERFACE_ENDPOINTS_A_VPC,
    );
    let gateway = line(
        room.gateway_endpoints,
        made(EndpointKind::Gateway),
        "gateway endpoints a region",
        GATEWAY_ENDPOINTS_A_REGION,
    );
    interface.into_iter().chain(gateway).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;
    use crate::preflight::evidence::Room;

    fn planned(kind: EndpointKind, id: Option<&str>) -> PlannedEndpoint {
        PlannedEndpoint {
            service: "s3".to_owned(),
            kind,
            endpoint_id: id.map(str::to_owned),
            zones: Vec::new(),
        }
    }

    fn told(interface_endpoints: Option<usize>, planned: &[PlannedEndpoint]) -> Vec<String> {
        let room = Room {
            interface_endpoints,
            gateway_endpoints: Some(0),
        };
        let evidence = Evidence {
            room: Read::Known(room),
            ..model::evidence()
        };
        warnings(&evidence, planned)
    }

    #[test]
    fn people_hear_of_a_quota_within_two_of_which_the_plan_comes() {
        let interface = planned(EndpointKind::Interface, None);
        let two = [interface.clone(), interface];
        assert!(told(None, &two).is_empty());
        assert!(told(Some(5), &two).is_empty());
        insta::assert_snapshot!(told(Some(4), &two)[0], @"Near the default quota of interface endpoints a VPC: 2 of 50 are left after this plan. Whether AWS granted more to this account was not read");
        insta::assert_snapshot!(told(Some(1), &two)[0], @"Near the default quota of interface endpoints a VPC: the plan needs more than 50. Whether AWS granted more to this account was not read");
    }

    #[test]
    fn an_endpoint_that_is_there_already_needs_no_room() {
        assert!(told(None, &[planned(EndpointKind::Gateway, Some("vpce-1"))]).is_empty());
        assert_eq!(told(None, &[planned(EndpointKind::Gateway, None)]).len(), 1);
    }
}
