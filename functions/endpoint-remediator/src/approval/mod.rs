//! The function `endpoint-approval`: a person says yes to exactly one plan, for a limited time.
//!
//! It is called through a Function URL with AWS_IAM authentication only. Who calls is taken from what Lambda puts into
//! `requestContext.authorizer.iam`: the account and the unique id of the role or user; a session's name is chosen by
//! the caller and proves nothing. It refuses to know what a plan does.

mod decide;

use aws_config::SdkConfig;
use lambda_runtime::Diagnostic;
use serde::Deserialize;
use serde_json::{Value, json};
use tollkeeper::aws::{Put, Table, TableError, Versioned};
use tollkeeper::error::{Fault, report};
use tollkeeper::ledger;
use tollkeeper::plan::ApprovalRequest;
use tollkeeper::telemetry::wall_clock;

use crate::config::ApprovalConfig;
pub(crate) use decide::Approval;
use decide::{Known, Refusal, Write, identity, request};

/// The function `endpoint-approval`.
#[derive(Debug)]
pub struct EndpointApproval {
    config: ApprovalConfig,
    table: Table,
}

/// What cannot be answered to a person: it was no Function URL call, or the ledger failed.
#[derive(Debug, thiserror::Error)]
enum ApprovalFailure {
    #[error("not a Function URL event: expected an object with `requestContext`")]
    NotAUrlEvent,
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Fault for ApprovalFailure {
    fn fault_type(&self) -> &'static str {
        match self {
            Self::NotAUrlEvent => "Request.Malformed",
            Self::Table(_) => "Ledger.Failed",
        }
    }
}

/// Of the stored plan only what an approval must match.
#[derive(Deserialize)]
struct PlanHash {
    plan_hash: String,
}

impl EndpointApproval {
    /// Builds the client; calls nothing yet.
    pub fn new(config: ApprovalConfig, sdk: &SdkConfig) -> Self {
        let table = Table::new(aws_sdk_dynamodb::Client::new(sdk), &config.ledger_table);
        Self { config, table }
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
        let decision = decide::decide(&who, &asked, &known, self.config.max_hours, wall_clock());
        match decision {
            Err(refusal) => Ok(Err(refusal)),
            Ok(Write::Nothing(approval)) => Ok(Ok(approval)),
            Ok(Write::Over { version, approval }) => self.write(version, approval).await,
        }
    }

    async fn known(&self, asked: &ApprovalRequest) -> Result<Known, ApprovalFailure> {
        let body = ledger::plan_body(&asked.plan_id);
        let plan: Option<PlanHash> = self.table.get(&body.pk, &body.sk).await?;
        let key = ledger::approval(&asked.plan_id);
        let approval: Option<Versioned<Approval>> = self.table.get(&key.pk, &key.sk).await?;
        Ok(Known {
            plan_hash: plan.map(|plan| plan.plan_hash),
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

fn reply(status: u16, body: &Value) -> Value {
    json!({
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": body.to_string(),
    })
}
