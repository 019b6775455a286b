//! What differs between two snapshots, in words: the answer to "what has changed?" when an apply is refused. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::snapshot::Snapshot;

/// Differences, each `<kind> <id> appeared | is gone | changed (fields)`.
pub(crate) fn differences(then: &Snapshot, now: &Snapshot) -> Vec<String> {
    let (then, now) = (sections(then), sections(now));
    let mut found = Vec::new();
    for (key, old) in &then {
        match now.get(key) {
            None => found.push(format!("{key} is gone")),
            Some(new) if new != old => {
                found.push(format!("{key} changed ({})", changed_fields(old, new)));
            }
            Some(_) => {}
        }
    }
    let appeared = now.keys().filter(|key| !then.contains_key(*key));
    found.extend(appeared.map(|key| format!("{key} appeared")));
    found
}

/// Every resource by its kind and id.
fn sections(snapshot: &Snapshot) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    let mut add = |kind: &str, id: &str, value: Result<Value, serde_json::Error>| {
        all.insert(format!("{kind} {id}"), value.unwrap_or(Value::Null));
    };
    let sorted = snapshot.clone().sorted();
    add("vpc", &sorted.vpc.id, serde_json::to_value(&sorted.vpc));
    for item in &sorted.subnets {
        add("subnet", &item.id, serde_json::to_value(item));
    }
    for item in &sorted.route_tables {
        add("route table", &item.id, serde_json::to_value(item));
    }
    for item in &sorted.groups {
        add("security group", &item.id, serde_json::to_value(item));
    }
    for item in &sorted.endpoints {
        add("endpoint", &item.id, serde_json::to_value(item));
    }
    for item in &sorted.services {
        let id = format!("{} ({:?})", item.name, item.kind).to_ascii_lowercase();
        add("offer of", &id, serde_json::to_value(item));
    }
    for item in &sorted.network_acls {
        add("network ACL", &item.id, serde_json::to_value(item));
    }
    for item in &sorted.exceptions {
        add("exception of", &item.resource, serde_json::to_value(item));
    }
    all
}

fn changed_fields(old: &Value, new: &Value) -> String {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return String::new();
    };
    let changed = old
        .iter()
        .filter(|(name, value)| new.get(*name) != Some(value));
    let added = new.keys().filter(|name| !old.contains_key(*name));
    let names: Vec<&str> = changed
        .map(|(name, _)| name.as_str())
        .chain(added.map(String::as_str))
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use tollkeeper::plan::EndpointKind;

    use super::*;
    use crate::model;

    #[test]
    fn a_person_reads_what_moved() {
        let then = model::snapshot();
        let mut now = then.clone();
        now.route_tables[1].default_target = Some("tgw-1".to_owned());
        now.groups.retain(|group| group.id != "sg-brokers");
        now.network_acls[0].entries.remove(0);
        now.vpc.dns_servers = vec!["10.0.0.53".to_owned()];
        now.endpoints.push(model::foreign_endpoint(
            "vpce-new",
            "s3",
            EndpointKind::Gateway,
        ));
        insta::assert_snapshot!(differences(&then, &now).join("\n"), @"
        network ACL acl-default changed (entries)
        route table rtb-a changed (default_target)
        security group sg-brokers is gone
        vpc vpc-1 changed (dns_servers)
        endpoint vpce-new appeared
        ");
        assert!(differences(&then, &then).is_empty());
    }
}
