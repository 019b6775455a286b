//! Whether an approval counts. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollkeeper::aws::Versioned;
use tollkeeper::plan::ApprovalRequest;

/// An approval as kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Approval {
    pub(crate) plan_id: String,
    pub(crate) plan_hash: String,
    /// `<account>/<unique id of role or user>`.
    pub(crate) approver: String,
    /// The caller's ARN: for people to read, its session name proves nothing.
    pub(crate) arn: String,
    pub(crate) approved_at: Timestamp,
    /// Until when an apply may start.
    pub(crate) expires_at: Timestamp,
    /// Codes of the plan's unknowns, all accepted; sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) accept_unknown: Vec<String>,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    approver: String,
    arn: String,
}

/// What of a plan an approval has to match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) plan_hash: String,
    /// Codes, sorted.
    pub(super) unknowns: Vec<String>,
    pub(super) requested_by: Option<String>,
}

/// What the ledger holds about the plan.
pub(super) struct Known {
    pub(super) plan: Option<Bound>,
    pub(super) approval: Option<Versioned<Approval>>,
}

/// What the function's settings allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// How far ahead an approval may expire.
    pub(super) max_hours: u32,
    /// Whether who asked for a plan may approve it.
    pub(super) self_approval: bool,
}

/// What is to be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// The same approval stands already.
    Nothing(Approval),
    /// A new one, over the version (0: none) that was read.
    Over { version: i64, approval: Approval },
}

/// Why an approval does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("no IAM identity: expected a Function URL call signed with AWS credentials")]
    NoIdentity,
    #[error("body is wrong: {0}")]
    Malformed(String),
    #[error("no plan `{0}`")]
    NoPlan(String),
    #[error("the plan's hash is {actual}, not {asked}: read the plan again")]
    Mismatch { asked: String, actual: String },
    #[error(
        "expires_at {expires_at} is wrong: expected a time after {now} and at most {max_hours} hours ahead"
    )]
    Expiry {
        expires_at: Timestamp,
        now: Timestamp,
        max_hours: u32,
    },
    #[error(
        "the plan's unknowns are [{}], accept_unknown names [{}]: read what each means in the plan's text and accept exactly those",
        .unknowns.join(", "), .accepted.join(", ")
    )]
    Unknowns {
        unknowns: Vec<String>,
        accepted: Vec<String>,
    },
    #[error("{0} asked for this plan: somebody else has to approve it (ALLOW_SELF_APPROVAL=false)")]
    OwnPlan(String),
    #[error("{approver} approved it until {until}: a standing approval is not replaced")]
    Standing { approver: String, until: Timestamp },
    #[error("somebody else approved it at the same moment: ask again")]
    Raced,
}

impl Refusal {
    pub(super) fn fault_type(&self) -> &'static str {
        match self {
            Self::NoIdentity => "Approval.NoIdentity",
            Self::Malformed(_) => "Request.Malformed",
            Self::NoPlan(_) => "Plan.NotFound",
            Self::Mismatch { .. } => "Approval.Mismatch",
            Self::Expiry { .. } => "Approval.Expiry",
            Self::Unknowns { .. } => "Approval.UnknownsNotAccepted",
            Self::OwnPlan(_) => "Approval.OwnPlan",
            Self::Standing { .. } | Self::Raced => "Approval.Standing",
        }
    }

    /// HTTP status.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::NoIdentity | Self::OwnPlan(_) => 403,
            Self::Malformed(_) | Self::Expiry { .. } => 400,
            Self::NoPlan(_) => 404,
            Self::Mismatch { .. } | Self::Unknowns { .. } | Self::Standing { .. } | Self::Raced => {
                409
            }
        }
    }
}

/// The caller, as Lambda states it for AWS_IAM authentication.
pub(super) fn identity(event: &Value) -> Result<Identity, Refusal> {
    let field = |name: &str| {
        let path = format!("/requestContext/authorizer/iam/{name}");
        let text = event.pointer(&path).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
            .ok_or(Refusal::NoIdentity)
    };
    let (account, user_id) = (field("accountId")?, field("userId")?);
    // `AROA…:session` for a role, `AIDA…` for a user.
    let unique_id = user_id.split(':').next().unwrap_or(user_id);
    Ok(Identity {
        approver: format!("{account}/{unique_id}"),
        arn: field("userArn")?.to_owned(),
    })
}

/// The body, plain or base64.
pub(super) fn request(event: &Value) -> Result<ApprovalRequest, Refusal> {
    let body = event.get("body").and_then(Value::as_str);
    let body = body.ok_or_else(|| Refusal::Malformed("there is none".to_owned()))?;
    let is_base64 = event.get("isBase64Encoded").and_then(Value::as_bool) == Some(true);
    let bytes = if is_base64 {
        let decoded = STANDARD.decode(body);
        decoded.map_err(|error| Refusal::Malformed(format!("no base64: {error}")))?
    } else {
        body.as_bytes().to_vec()
    };
    serde_json::from_slice(&bytes).map_err(|error| Refusal::Malformed(error.to_string()))
}

/// Whether the approval counts, and what to write.
pub(super) fn decide(
    who: &Identity,
    asked: &ApprovalRequest,
    known: &Known,
    rules: Rules,
    now: Timestamp,
) -> Result<Write, Refusal> {
    let Some(plan) = &known.plan else {
        return Err(Refusal::NoPlan(asked.plan_id.clone()));
    };
    let accepted = matching(who, asked, plan, rules)?;
    let Rules { max_hours, .. } = rules;
    let latest = now + SignedDuration::from_hours(i64::from(max_hours));
    if asked.expires_at <= now || asked.expires_at > latest {
        return Err(Refusal::Expiry {
            expires_at: asked.expires_at,
            now,
            max_hours,
        });
    }
    let version = match &known.approval {
        Some(standing) if standing.item.expires_at > now => {
            return standing_one(who, asked, &accepted, &standing.item);
        }
        Some(expired) => expired.version,
        None => 0,
    };
    let approval = Approval {
        plan_id: asked.plan_id.clone(),
        plan_hash: asked.plan_hash.clone(),
        approver: who.approver.clone(),
        arn: who.arn.clone(),
        approved_at: now,
        expires_at: asked.expires_at,
        accept_unknown: accepted,
    };
    Ok(Write::Over { version, approval })
}

/// The unknowns accepted, sorted, where the request is for this very plan and by somebody who may approve it.
fn matching(
    who: &Identity,
    asked: &ApprovalRequest,
    plan: &Bound,
    rules: Rules,
) -> Result<Vec<String>, Refusal> {
    if plan.plan_hash != asked.plan_hash {
        return Err(Refusal::Mismatch {
            asked: asked.plan_hash.clone(),
            actual: plan.plan_hash.clone(),
        });
    }
    if !rules.self_approval && plan.requested_by.as_ref() == Some(&who.approver) {
        return Err(Refusal::OwnPlan(who.approver.clone()));
    }
    let mut accepted = asked.accept_unknown.clone();
    accepted.sort();
    accepted.dedup();
    if accepted != plan.unknowns {
        return Err(Refusal::Unknowns {
            unknowns: plan.unknowns.clone(),
            accepted,
        });
    }
    Ok(accepted)
}

/// Asking for the same again is answered with what stands.
fn standing_one(
    who: &Identity,
    asked: &ApprovalRequest,
    accepted: &[String],
    standing: &Approval,
) -> Result<Write, Refusal> {
    let same = standing.approver == who.approver
        && standing.plan_hash == asked.plan_hash
        && standing.accept_unknown == accepted
        && standing.expires_at == asked.expires_at;
    if same {
        return Ok(Write::Nothing(standing.clone()));
    }
    Err(Refusal::Standing {
        approver: standing.approver.clone(),
        until: standing.expires_at,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        let text = include_str!("../../../../events/endpoint-approval/approve.json");
        serde_json::from_str(text).unwrap()
    }

    fn now() -> Timestamp {
        "2026-10-14T07:00:00Z".parse().unwrap()
    }

    fn bound() -> Bound {
        Bound {
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
        let text = include_str!("../../../../events/endpoint-approval/no-identity.json");
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
        let Write::Over { approval, .. } = accepting(&[trail, dns, dns], &[dns, trail]).unwrap()
        else {
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
}
