//! The function `endpoint-approval`: a person says yes to exactly one plan, for a limited time.
//!
//! It is called through a Function URL with AWS_IAM authentication only. Who calls is taken from what Lambda puts into
//! `requestContext.authorizer.iam`: the account and the unique id of the role or user; a session's name is chosen by
//! the caller and proves nothing. It refuses to know what a plan does: of
//! its hashed text it reads who asked for it, and the unknowns that have to be accepted.

mod decide;

use aws_config::SdkConfig;
use lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::{Value, json};
use tollkeeper::aws::{Condition, Put, Table, TableError, Versioned};
use tollkeeper::canonical;
use tollkeeper::error::{Fault, report};
use tollkeeper::ledger;
use tollkeeper::plan::ApprovalRequest;
use tollkeeper::telemetry::wall_clock;

use crate::audit;
use crate::config::ApprovalConfig;
use crate::preflight::{Unknown, codes};
pub(crate) use decide::Approval;
use decide::{Bound, Known, Refusal, Rules, Write, identity, request};

/// The function `endpoint-approval`.
#[derive(Debug)]
pub struct EndpointApproval {
    config: ApprovalConfig,
    table: Table,
    region: String,
}

/// What cannot be answered to a person: it was no Function URL call, or the ledger failed.
#[derive(Debug, thiserror::Error)]
enum ApprovalFailure {
    #[error("not a Function URL event: expected an object with `requestContext`")]
    NotAUrlEvent,
    #[error(
        "the stored plan {plan_id} does not have its own hash: it was changed and is not approved"
    )]
    Tampered { plan_id: String },
    #[error("the stored plan cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Fault for ApprovalFailure {
    fn fault_type(&self) -> &'static str {
        match self {
            Self::NotAUrlEvent => "Request.Malformed",
            Self::Tampered { .. } => "Plan.Tampered",
            Self::Json(_) => "Plan.Unreadable",
            Self::Table(_) => "Ledger.Failed",
        }
    }
}

/// Of the stored plan only what an approval must match.
#[derive(Deserialize)]
struct Stored {
    plan_hash: String,
    plan_json: String,
    #[serde(default)]
    superseded_by: Option<String>,
}

/// Of the plan itself, too.
#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    unknowns: Vec<Unknown>,
    #[serde(default)]
    requested_by: Option<String>,
}

impl EndpointApproval {
    /// Builds the client; calls nothing yet.
    pub fn new(config: ApprovalConfig, sdk: &SdkConfig) -> Self {
        let table = Table::new(aws_sdk_dynamodb::Client::new(sdk), &config.ledger_table);
        Self {
            config,
            table,
            region: sdk.region().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// Answers one Function URL event (payload 2.0) with `statusCode` and `body`.
    pub async fn handle(&self, event: Value) -> Result<Value, Diagnostic> {
        match self.answer(&event).await {
            Ok(reply) => Ok(reply),
            Err(failure) => Err(report(&failure)),
        }
    }

    async fn answer(&self, event: &Value) -> Result<Value, ApprovalFailure> {
        if event
            .get("requestContext")
            .is_none_or(|context| !context.is_object())
        {
            return Err(ApprovalFailure::NotAUrlEvent);
        }
        match self.approve(event).await? {
            Ok(approval) => Ok(reply(
                200,
                &json!({"state": "approved", "approval": approval}),
            )),
            Err(refusal) => {
                let (error_type, error_message) = (refusal.fault_type(), refusal.to_string());
                tracing::warn!(error_type, error_message, "approval refused");
                self.note_refusal(event, &refusal).await;
                let body = json!({"errorType": error_type, "errorMessage": error_message});
                Ok(reply(refusal.status(), &body))
            }
        }
    }

    async fn approve(&self, event: &Value) -> Result<Result<Approval, Refusal>, ApprovalFailure> {
        let (who, asked) = match identity(event).and_then(|who| Ok((who, request(event)?))) {
            Ok(understood) => understood,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let known = self.known(&asked).await?;
        let rules = Rules {
            max_hours: self.config.max_hours,
            self_approval: self.config.self_approval,
        };
        let decision = decide::decide(&who, &asked, &known, rules, wall_clock());
        match decision {
            Err(refusal) => Ok(Err(refusal)),
            Ok(Write::Nothing(approval)) => Ok(Ok(approval)),
            Ok(Write::Over { version, approval }) => self.write(version, approval).await,
        }
    }

    /// A refusal leaves a trace in the audit trail. That it could not be written does not change the answer.
    async fn note_refusal(&self, event: &Value, refusal: &Refusal) {
        let text = |path: &str| {
            event
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        // Lambda writes both; the account is the function's own.
        let (account, request_id) = (
            text("/requestContext/accountId"),
            text("/requestContext/requestId"),
        );
        let noted = audit::Event {
            at: wall_clock(),
            request_id: request_id.to_owned(),
            plan_id: request(event)
                .ok()
                .map(|asked| audit::plain(&asked.plan_id)),
            what: audit::What::Refused {
                action: Some("approve".to_owned()),
                by: identity(event).ok().map(|who| who.approver),
                error_type: refusal.fault_type().to_owned(),
                error: audit::short(&refusal.to_string()),
            },
        };
        let key = ledger::audit(account, &self.region, noted.at, request_id);
        if let Err(error) = self
            .table
            .put(&key.pk, &key.sk, &noted, &Condition::Always)
            .await
        {
            tracing::warn!(error = %error, "refusal not written to the audit trail");
        }
    }

    async fn known(&self, asked: &ApprovalRequest) -> Result<Known, ApprovalFailure> {
        let body = ledger::plan_body(&asked.plan_id);
        let stored: Option<Stored> = self.table.get(&body.pk, &body.sk).await?;
        let plan = stored.map(|stored| bound(&asked.plan_id, stored));
        let key = ledger::approval(&asked.plan_id);
        let approval: Option<Versioned<Approval>> = self.table.get(&key.pk, &key.sk).await?;
        Ok(Known {
            plan: plan.transpose()?,
            approval,
        })
    }

    async fn write(
        &self,
        version: i64,
        approval: Approval,
    ) -> Result<Result<Approval, Refusal>, ApprovalFailure> {
        let key = ledger::approval(&approval.plan_id);
        let put = self
            .table
            .put_versioned(&key.pk, &key.sk, &approval, version);
        Ok(match put.await? {
            Put::Done => {
                let plan_id = &approval.plan_id;
                tracing::info!(plan_id, approver = approval.approver, "plan approved");
                Ok(approval)
            }
            Put::Conflict => Err(Refusal::Raced),
        })
    }
}

/// What the hashed text says: fields beside it prove nothing.
fn bound(plan_id: &str, stored: Stored) -> Result<Bound, ApprovalFailure> {
    if canonical::hash_text(&stored.plan_json) != stored.plan_hash {
        let plan_id = plan_id.to_owned();
        return Err(ApprovalFailure::Tampered { plan_id });
    }
    let inner: Inner = serde_json::from_str(&stored.plan_json)?;
    Ok(Bound {
        plan_hash: stored.plan_hash,
        unknowns: codes(&inner.unknowns),
        requested_by: inner.requested_by,
        superseded_by: stored.superseded_by,
    })
}

fn reply(status: u16, body: &Value) -> Value {
    json!({
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": body.to_string(),
    })
}
