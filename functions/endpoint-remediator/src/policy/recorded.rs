//! Calls that CloudTrail recorded through an endpoint, held against a policy that is to be set there.
//!
//! Management events only: what reads and writes objects or items is not among them. Of a caller it is known which account
//! and which kind of principal it is; whether another account belongs to the organisation is not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::About;
use super::calls::{Asked, Call, Caller};
use super::condition::{Answer, Known};
use super::document;
use super::evaluate::evaluate;
use crate::preflight::who;

/// What a policy may tell one recorded call from another by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Recorded {
    /// For people.
    pub(crate) who: String,
    /// As IAM spells it: `sts:AssumeRole`.
    pub(crate) action: String,
    kind: Kind,
    account: Option<String>,
    resource: Option<String>,
    resource_account: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Principal,
    Service,
    Nobody,
}

/// How many recorded calls a policy would let pass, by whether that is certain.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) calls: u64,
    pub(crate) pass: u64,
    /// It depends on what CloudTrail does not tell.
    pub(crate) unknown: u64,
    /// Denied for certain, the most first.
    pub(crate) denied: Vec<Denied>,
    /// Whether older events of the window were left unread.
    pub(crate) more: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Denied {
    pub(crate) calls: u64,
    pub(crate) service: String,
    pub(crate) who: String,
    pub(crate) action: String,
}

impl Recorded {
    /// Reads an event; `None` where it did not come through the endpoint, or is none.
    pub(crate) fn of(event: &str, endpoint: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(event).ok()?;
        let text = |path: &str| event.pointer(path).and_then(Value::as_str);
        if text("/vpcEndpointId")? != endpoint {
            return None;
        }
        let (source, name) = (text("/eventSource")?, text("/eventName")?);
        let prefix = source.strip_suffix(".amazonaws.com").unwrap_or(source);
        let kind = match text("/userIdentity/type") {
            Some("AWSService") => Kind::Service,
            Some("AssumedRole" | "IAMUser" | "Root" | "FederatedUser" | "IdentityCenterUser") => {
                Kind::Principal
            }
            Some("AWSAccount") if text("/userIdentity/principalId").is_some() => Kind::Principal,
            _ => Kind::Nobody,
        };
        // An event that went to one account only is about that account's resources.
        let recipient = text("/recipientAccountId").filter(|_| text("/sharedEventID").is_none());
        let resource_account = text("/resources/0/accountId").or(recipient);
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Some(Self {
            who: who::named(&event),
            action: format!("{prefix}:{}", without_version(name)),
            kind,
            account: owned(text("/userIdentity/accountId")),
            resource: owned(text("/resources/0/ARN")),
            resource_account: owned(resource_account),
        })
    }

    fn call(&self, endpoint: &str) -> Call {
        let text = |text: &Option<String>| text.clone().map_or(Known::Own, Known::Text);
        let mut keys = vec![
            ("aws:sourcevpce", Known::Text(endpoint.to_owned())),
            ("aws:resourceaccount", text(&self.resource_account)),
        ];
        match self.kind {
            Kind::Principal => keys.push(("aws:principalaccount", text(&self.account))),
            Kind::Service => {
                keys.push(("aws:principalisawsservice", Known::Text("true".to_owned())));
            }
            Kind::Nobody => {}
        }
        Call {
            who: self.who.clone(),
            principal: match self.kind {
                Kind::Principal => Caller::Role,
                Kind::Service => Caller::SomeService,
                Kind::Nobody => Caller::Nobody,
            },
            action: Asked::Action(self.action.clone().into()),
            resource: self.resource.clone(),
            keys,
            without_principal: self.kind != Kind::Principal,
        }
    }
}

/// CloudTrail writes some actions with their API's date: `Invoke20150331`, `ListFunctions20150331v2`.
fn without_version(name: &str) -> &str {
    let is_date = |from: usize| {
        let digits = name.get(from..from + 8);
        digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let at = (1..name.len()).find(|at| is_date(*at));
    match at.and_then(|at| name.get(..at)) {
        // The one whose name in IAM is another.
        Some("Invoke") => "InvokeFunction",
        Some(name) => name,
        None => name,
    }
}

/// Holds the calls recorded at an endpoint against a policy, and adds what comes of it.
pub(crate) fn hold(
    held: &mut Held,
    calls: &BTreeMap<Recorded, u64>,
    policy: &Value,
    about: &About<'_>,
    endpoint: &str,
) {
    // What is malformed the linter has refused before.
    let document = document::read(policy, &mut Vec::new());
    for (recorded, count) in calls {
        let ruling = evaluate(&document, &recorded.call(endpoint), about);
        held.calls += count;
        if !ruling.may_pass() {
            held.denied.push(Denied {
                calls: *count,
                service: about.service.to_owned(),
                who: recorded.who.clone(),
                action: recorded.action.clone(),
            });
        } else if ruling.allowed == Answer::Yes && ruling.denied == Answer::No {
            held.pass += count;
        } else {
            held.unknown += count;
        }
    }
    held.denied.sort_by(|one, other| other.cmp(one));
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tollkeeper::plan::EndpointKind;

    use super::super::{Trust, generate};
    use super::*;

    const ENDPOINT: &str = "vpce-sts";

    fn about(service: &str) -> About<'_> {
        About {
            service,
            kind: EndpointKind::Interface,
            region: "us-east-1",
            partition: "aws",
            vpc_id: "vpc-1",
            kafka_pollers: false,
        }
    }

    fn event(name: &str, more: &Value) -> Value {
        let mut event = json!({
            "eventSource": "sts.amazonaws.com", "eventName": name, "vpcEndpointId": ENDPOINT,
            "recipientAccountId": "123456789012",
            "userIdentity": {"type": "AssumedRole", "accountId": "123456789012",
                "sessionContext": {"sessionIssuer": {"userName": "orders"}}},
        });
        for (name, value) in more.as_object().unwrap() {
            event[name] = value.clone();
        }
        event
    }

    fn held(events: &[Value], policy: &Value) -> Held {
        let mut calls = BTreeMap::new();
        for event in events {
            if let Some(recorded) = Recorded::of(&event.to_string(), ENDPOINT) {
                *calls.entry(recorded).or_default() += 1;
            }
        }
        let mut held = Held::default();
        hold(&mut held, &calls, policy, &about("sts"), ENDPOINT);
        held
    }

    fn denied(held: &Held) -> Vec<String> {
        let denied = held.denied.iter();
        denied
            .map(|one| format!("{} {} {}", one.calls, one.who, one.action))
            .collect()
    }

    #[test]
    fn callers_of_other_accounts_are_denied_by_a_policy_for_ones_own() {
        let own = event("AssumeRole", &json!({}));
        let foreign = json!({"userIdentity": {"type": "AWSAccount", "principalId": "AROAVENDOR:agent",
            "accountId": "210987654321"}});
        let foreign = event("GetCallerIdentity", &foreign);
        let elsewhere = event("AssumeRole", &json!({"vpcEndpointId": "vpce-other"}));
        let policy = generate(
            &Trust::Accounts(vec!["123456789012".to_owned()]),
            &about("sts"),
        );
        let events = [own.clone(), own, foreign.clone(), foreign, elsewhere];
        let held = held(&events, &policy);
        assert_eq!((held.calls, held.pass, held.unknown), (4, 2, 0));
        assert_eq!(denied(&held), ["2 AWSAccount sts:GetCallerIdentity"]);
    }

    #[test]
    fn federated_callers_and_aws_services_pass_the_statements_that_are_made_for_them() {
        let identity = |kind: &str| json!({"userIdentity": {"type": kind}});
        let events = [
            event("AssumeRoleWithWebIdentity", &identity("WebIdentityUser")),
            event("AssumeRole", &identity("AWSService")),
        ];
        let trust = Trust::Accounts(vec!["123456789012".to_owned()]);
        let held_by = |policy: &Value| held(&events, policy);
        assert_eq!(held_by(&generate(&trust, &about("sts"))).pass, 2);
        let only_own = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": "*", "Action": "sts:*", "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}}});
        assert_eq!(held_by(&only_own).denied.len(), 2);
    }

    #[test]
    fn whether_an_account_belongs_to_the_organisation_is_not_known() {
        let trust = Trust::Organisation("o-a1b2c3d4e5".to_owned());
        let held = held(
            &[event("AssumeRole", &json!({}))],
            &generate(&trust, &about("sts")),
        );
        assert_eq!((held.calls, held.unknown), (1, 1));
    }

    #[test]
    fn an_event_that_several_accounts_got_tells_nothing_of_who_owns_the_resource() {
        let policy = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceAccount": "123456789012"}}}});
        let shared = event("AssumeRole", &json!({"sharedEventID": "1-2-3"}));
        assert_eq!(held(&[shared], &policy).unknown, 1);
        let theirs = json!({"resources": [{"accountId": "210987654321",
            "ARN": "arn:aws:iam::210987654321:role/audit"}]});
        assert_eq!(
            held(&[event("AssumeRole", &theirs)], &policy).denied.len(),
            1
        );
    }

    #[test]
    fn actions_are_named_as_iam_names_them() {
        for (recorded, action) in [
            ("Invoke20150331", "InvokeFunction"),
            ("ListFunctions20150331v2", "ListFunctions"),
            ("AssumeRole", "AssumeRole"),
            ("Ünïcode", "Ünïcode"),
        ] {
            assert_eq!(without_version(recorded), action);
        }
        assert_eq!(Recorded::of("no JSON", ENDPOINT), None);
    }
}
