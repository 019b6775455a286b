use serde_json::json;

use super::*;

fn event() -> Value {
    let text = include_str!("../../../../../events/endpoint-approval/approve.json");
    serde_json::from_str(text).unwrap()
}

fn now() -> Timestamp {
    "2026-10-14T07:00:00Z".parse().unwrap()
}

fn bound() -> Bound {
    Bound {
        superseded_by: None,
        plan_hash: request(&event()).unwrap().plan_hash,
        unknowns: Vec::new(),
        requested_by: None,
    }
}

fn known() -> Known {
    known_as(bound())
}

fn known_as(plan: Bound) -> Known {
    Known {
        plan: Some(plan),
        approval: None,
    }
}

const RULES: Rules = Rules {
    max_hours: 72,
    self_approval: false,
};

fn decide_at(known: &Known, now: Timestamp) -> Result<Write, Refusal> {
    let who = identity(&event()).unwrap();
    decide(&who, &request(&event()).unwrap(), known, RULES, now)
}

fn approved(known: &Known, now: Timestamp) -> (i64, Approval) {
    match decide_at(known, now).unwrap() {
        Write::Over { version, approval } => (version, approval),
        Write::Nothing(_) => panic!("expected a write"),
    }
}

#[test]
fn the_approver_is_account_and_unique_id_not_the_session() {
    let (version, approval) = approved(&known(), now());
    assert_eq!(version, 0);
    assert_eq!(approval.approver, "123456789012/AROAEXAMPLEAPPROVER01");
}

#[test]
fn a_body_in_base64_is_the_same_request() {
    let mut encoded = event();
    encoded["body"] = json!(STANDARD.encode(event()["body"].as_str().unwrap()));
    encoded["isBase64Encoded"] = json!(true);
    assert_eq!(request(&encoded), request(&event()));
}

#[test]
fn a_call_without_an_iam_identity_is_refused() {
    let text = include_str!("../../../../../events/endpoint-approval/no-identity.json");
    let unsigned: Value = serde_json::from_str(text).unwrap();
    assert_eq!(identity(&unsigned), Err(Refusal::NoIdentity));
}

#[test]
fn a_changed_plan_is_not_approved() {
    let changed = known_as(Bound {
        plan_hash: "sha256:00".to_owned(),
        ..bound()
    });
    assert!(matches!(
        decide_at(&changed, now()),
        Err(Refusal::Mismatch { .. })
    ));
    let none = Known {
        plan: None,
        approval: None,
    };
    assert!(matches!(decide_at(&none, now()), Err(Refusal::NoPlan(_))));
}

#[test]
fn a_plan_that_another_has_taken_the_place_of_is_not_approved() {
    let superseded = known_as(Bound {
        superseded_by: Some("plan-newer".to_owned()),
        ..bound()
    });
    let refused = decide_at(&superseded, now()).unwrap_err();
    assert_eq!(
        (refused.fault_type(), refused.status()),
        ("Plan.Superseded", 409)
    );
    assert!(
        refused
            .to_string()
            .contains("plan-newer answers the same request now")
    );
}

#[test]
fn an_approval_that_accepts_unknowns_is_read_from_the_event() {
    let text = include_str!("../../../../../events/endpoint-approval/approve-with-unknowns.json");
    let event: Value = serde_json::from_str(text).unwrap();
    let accepted = request(&event).unwrap().accept_unknown;
    assert_eq!(accepted, ["dns.custom-servers", "source-ip.cloudtrail"]);
}

#[test]
fn exactly_the_plans_unknowns_have_to_be_accepted() {
    let who = identity(&event()).unwrap();
    let accepting = |codes: &[&str], unknowns: &[&str]| {
        let text = |codes: &[&str]| codes.iter().map(|&code| code.to_owned()).collect();
        let plan = known_as(Bound {
            unknowns: text(unknowns),
            ..bound()
        });
        let mut asked = request(&event()).unwrap();
        asked.accept_unknown = text(codes);
        decide(&who, &asked, &plan, RULES, now())
    };
    let (dns, trail) = ("dns.custom-servers", "source-ip.cloudtrail");
    for (accepted, unknowns) in [
        (&[][..], &[dns][..]),
        (&[dns], &[dns, trail]),
        (&[dns, trail], &[dns]),
        (&[trail], &[dns]),
        (&[dns], &[]),
    ] {
        let refused = accepting(accepted, unknowns).unwrap_err();
        assert_eq!(refused.fault_type(), "Approval.UnknownsNotAccepted");
        for code in accepted.iter().chain(unknowns) {
            assert!(refused.to_string().contains(code), "{refused}");
        }
    }
    let Write::Over { approval, .. } = accepting(&[trail, dns, dns], &[dns, trail]).unwrap() else {
        panic!("expected a write");
    };
    assert_eq!(approval.accept_unknown, [dns, trail]);
}

#[test]
fn who_says_to_have_asked_for_a_plan_does_not_approve_it_unless_a_setting_allows_it() {
    let who = identity(&event()).unwrap();
    let asked_by = |requester: &str, self_approval| {
        let plan = known_as(Bound {
            requested_by: Some(requester.to_owned()),
            ..bound()
        });
        let rules = Rules {
            self_approval,
            ..RULES
        };
        decide(&who, &request(&event()).unwrap(), &plan, rules, now()).map(|_| ())
    };
    let own = asked_by(&who.approver, false).unwrap_err();
    assert_eq!((own.fault_type(), own.status()), ("Approval.OwnPlan", 403));
    assert_eq!(asked_by(&who.approver, true), Ok(()));
    assert_eq!(asked_by("123456789012/AROAOTHER", false), Ok(()));
}

#[test]
fn an_expiry_in_the_past_or_too_far_ahead_is_refused() {
    let expires = request(&event()).unwrap().expires_at;
    let too_late = decide_at(&known(), expires);
    assert!(matches!(too_late, Err(Refusal::Expiry { .. })));
    let too_early = expires - SignedDuration::from_hours(73);
    assert!(matches!(
        decide_at(&known(), too_early),
        Err(Refusal::Expiry { .. })
    ));
}

#[test]
fn a_standing_approval_is_not_replaced_but_an_expired_one_is() {
    let (_, approval) = approved(&known(), now());
    let with = |item: Approval| Known {
        approval: Some(Versioned { version: 3, item }),
        ..known()
    };
    let again = decide_at(&with(approval.clone()), now()).unwrap();
    assert_eq!(
        again,
        Write::Nothing(approval.clone()),
        "the same asked twice"
    );
    let mut other = approval.clone();
    other.approver = "123456789012/AROAOTHER".to_owned();
    let standing = decide_at(&with(other.clone()), now());
    assert!(matches!(standing, Err(Refusal::Standing { .. })));
    other.expires_at = now() - SignedDuration::from_secs(1);
    assert_eq!(approved(&with(other), now()).0, 3);
}
