//! Where an endpoint gets its interfaces: names lead anybody to any of them, so each has to be one that everybody reaches.

use std::collections::BTreeMap;

use super::draft::Draft;
use crate::reach::HTTPS;

/// Addresses that must be free in a subnet: an endpoint takes one, AWS wants some left.
const ROOM: u32 = 8;

/// One private subnet with free addresses, and no ACL in anybody's way, for each zone the service supports; the pollers' own where there is one.
pub(super) fn subnet_a_zone(
    draft: &mut Draft<'_>,
    zones: &[String],
) -> Result<BTreeMap<String, String>, String> {
    let pollers = draft.request.kafka_pollers.iter();
    let preferred: Vec<&String> = pollers.flat_map(|pollers| &pollers.subnets).collect();
    let mut candidates: Vec<_> = draft.private_subnets().collect();
    candidates.sort_by_key(|subnet| (!preferred.contains(&&subnet.id), &subnet.id));
    let (mut chosen, mut skipped) = (BTreeMap::new(), BTreeMap::new());
    let mut refusal = None;
    for subnet in candidates {
        if chosen.contains_key(&subnet.zone) {
            continue;
        }
        let why_not = if !zones.contains(&subnet.zone) {
            Some("the service is not offered there".to_owned())
        } else if subnet.free_addresses < ROOM {
            Some("its private subnets have no free addresses".to_owned())
        } else {
            let why = draft.clients.cut_off_by(subnet);
            refusal = refusal.or_else(|| why.clone());
            why
        };
        match why_not {
            Some(why) => drop(skipped.insert(&subnet.zone, why)),
            None => drop(chosen.insert(subnet.zone.clone(), subnet.id.clone())),
        }
    }
    skipped.retain(|zone, _| !chosen.contains_key(*zone));
    for (zone, why) in &skipped {
        draft.warn(format!(
            "No interface in zone {zone}: {why}; its clients cross zones"
        ));
    }
    if let (true, Some(why)) = (chosen.is_empty(), refusal) {
        return Err(format!(
            "private DNS would cut clients off that reach it today: {why}. Its owner would first admit TCP {HTTPS} to the \
             endpoint's subnets and the answers back"
        ));
    }
    if chosen.is_empty() {
        return Err(
            "no zone has a private subnet with free addresses where the service is offered"
                .to_owned(),
        );
    }
    Ok(chosen)
}
