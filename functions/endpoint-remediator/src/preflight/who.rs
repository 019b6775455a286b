//! Who made a call, as an event of the audit log tells it: a role's name or a user's id, never a session or a whole ARN.

use serde_json::Value;

/// The source that CloudTrail files a service's events under, from the name its endpoint has.
pub(crate) fn event_source(service: &str) -> String {
    let first = service.split('.').next().unwrap_or(service);
    format!("{first}.amazonaws.com")
}

/// The caller, if the event came from one of the addresses.
pub(crate) fn caller(event: &str, addresses: &[String]) -> Option<String> {
    let event: Value = serde_json::from_str(event).ok()?;
    let from = event.get("sourceIPAddress")?.as_str()?;
    if !addresses.iter().any(|address| address == from) {
        return None;
    }
    Some(named(&event))
}

/// The caller of an event.
pub(crate) fn named(event: &Value) -> String {
    let text = |path: &str| {
        let path = format!("/userIdentity/{path}");
        event.pointer(&path).and_then(Value::as_str)
    };
    let kind = text("type").unwrap_or("an unnamed caller");
    let issuer = text("sessionContext/sessionIssuer/userName");
    let id = text("principalId").and_then(|id| id.split(':').next());
    match (kind, issuer, id) {
        ("AssumedRole", Some(role), _) => format!("role {role}"),
        ("AssumedRole", None, Some(id)) => format!("role {id}"),
        ("IAMUser", _, Some(id)) => format!("user {id}"),
        ("Root", ..) => "the account's root user".to_owned(),
        _ => kind.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(identity: &Value, from: &str) -> Option<String> {
        let event = json!({"sourceIPAddress": from, "userIdentity": identity}).to_string();
        caller(&event, &["203.0.113.7".to_owned()])
    }

    #[test]
    fn a_role_has_its_name_a_user_its_id_and_nobody_else_is_named() {
        let nat = "203.0.113.7";
        let role = json!({"type": "AssumedRole", "principalId": "AROAEXAMPLE:i-0a1b2c",
            "arn": "arn:aws:sts::123456789012:assumed-role/orders/i-0a1b2c",
            "sessionContext": {"sessionIssuer": {"type": "Role", "userName": "orders"}}});
        assert_eq!(of(&role, nat).unwrap(), "role orders");
        assert_eq!(of(&role, "203.0.113.8"), None, "from elsewhere");
        let bare = json!({"type": "AssumedRole", "principalId": "AROAEXAMPLE:kim"});
        assert_eq!(of(&bare, nat).unwrap(), "role AROAEXAMPLE");
        let user = json!({"type": "IAMUser", "principalId": "AIDAEXAMPLE", "userName": "kim",
            "arn": "arn:aws:iam::123456789012:user/kim"});
        assert_eq!(of(&user, nat).unwrap(), "user AIDAEXAMPLE");
        assert_eq!(
            of(&json!({"type": "Root"}), nat).unwrap(),
            "the account's root user"
        );
        assert_eq!(
            of(&json!({"type": "WebIdentityUser"}), nat).unwrap(),
            "WebIdentityUser"
        );
        assert_eq!(of(&json!({}), nat).unwrap(), "an unnamed caller");
        assert_eq!(caller("no JSON", &[nat.to_owned()]), None);
    }

    #[test]
    fn events_are_filed_under_the_services_own_name() {
        assert_eq!(event_source("lambda"), "lambda.amazonaws.com");
        assert_eq!(event_source("ecr.dkr"), "ecr.amazonaws.com");
    }
}
