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
    pub(super) approver: String,
    arn: String,
}

/// What of a plan an approval has to match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) plan_hash: String,
    /// Codes, sorted.
    pub(super) unknowns: Vec<String>,
    pub(super) requested_by: Option<String>,
    /// The plan that answers its request now.
    pub(super) superseded_by: Option<String>,
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
    #[error("plan {plan_id} waits no longer: {by} answers the same request now; read that one")]
    Superseded { plan_id: String, by: String },
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
            Self::Superseded { .. } => "Plan.Superseded",
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
            Self::Mismatch { .. }
            | Self::Superseded { .. }
            | Self::Unknowns { .. }
            | Self::Standing { .. }
            | Self::Raced => 409,
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
    if let Some(by) = &plan.superseded_by {
        return Err(Refusal::Superseded {
            plan_id: asked.plan_id.clone(),
            by: by.clone(),
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
mod tests;
