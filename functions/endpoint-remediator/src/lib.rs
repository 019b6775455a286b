//! Plans, applies, verifies and undoes VPC endpoints; and, as a binary of its own, takes approvals.
//!
//! Nothing changes in a network without an approved plan, a journal entry and a way back. The remediator refuses to
//! know who may approve: only [`EndpointApproval`] writes approvals, with a role of its own.

mod acl;
mod actions;
mod app;
mod approval;
mod asked;
mod audit;
mod caller;
mod change;
mod cloudtrail;
mod cloudwatch;
mod config;
mod ec2;
mod emit;
mod engine;
mod event_source_mappings;
mod exception;
mod failure;
mod flow_logs;
mod journal;
mod merged;
#[cfg(test)]
mod model;
mod moved;
mod network;
mod owner;
mod plan;
mod policy;
mod preflight;
#[cfg(test)]
mod proof;
mod reach;
mod replay;
mod request;
mod route53;
mod rows;
mod s3;
mod snapshot;
mod soak;
mod store;
mod unread;
mod verify;

use aws_config::SdkConfig;
use jiff::Timestamp;
use lambda_runtime::{Context, Diagnostic};
use serde_json::Value;
use tollkeeper::error::report;
use tollkeeper::services::IpRanges;

use app::{App, Call};
use failure::Failure;
use request::Request;

pub use approval::EndpointApproval;
pub use config::{ApprovalConfig, Config};

/// The function `endpoint-remediator`.
#[derive(Debug)]
pub struct EndpointRemediator {
    app: App,
}

impl EndpointRemediator {
    /// Builds the clients; calls nothing yet.
    ///
    /// `ranges` is the table of AWS's addresses that flow logs are read with; without one their own labels must do.
    pub fn new(config: Config, sdk: &SdkConfig, ranges: Option<IpRanges>) -> Self {
        Self {
            app: App::new(config, sdk, ranges),
        }
    }

    /// Answers one event: a tagged request or a finding by SNS.
    pub async fn handle(&self, event: Value, context: &Context) -> Result<Value, Diagnostic> {
        let call = Call {
            request_id: context.request_id.clone(),
            deadline: i64::try_from(context.deadline)
                .ok()
                .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
                .unwrap_or(Timestamp::MAX),
        };
        let asked = audit::Asked::of(&event);
        match Box::pin(self.answer(event, &call)).await {
            Ok(reply) => Ok(reply),
            Err(failure) => {
                Box::pin(self.app.note_refusal(asked, &failure, &call)).await;
                Err(report(&failure))
            }
        }
    }

    async fn answer(&self, event: Value, call: &Call) -> Result<Value, Failure> {
        let app = &self.app;
        match request::parse(event)? {
            Request::Plan {
                wanted,
                format,
                requested_by,
            } => {
                let ask = actions::Ask {
                    wanted,
                    requested_by,
                    promise: plan::Promise::default(),
                    format,
                    replaying: actions::Replaying::within(call, None, (app.clock)()),
                };
                Box::pin(actions::plan(app, ask, call)).await
            }
            Request::Findings { findings, ignored } => {
                Box::pin(actions::from_findings(app, &findings, ignored, call)).await
            }
            Request::Apply { plan_id } => Box::pin(actions::apply(app, &plan_id, call)).await,
            Request::Verify { plan_id } => Box::pin(actions::verify(app, &plan_id, call)).await,
            Request::Rollback { plan_id } => Box::pin(actions::rollback(app, &plan_id, call)).await,
            Request::Resume => Box::pin(actions::resume(app, call)).await,
            Request::History { day } => Box::pin(actions::history(app, day)).await,
            Request::Status { plan_id, format } => actions::status(app, &plan_id, format).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region};
    use serde_json::json;
    use tollkeeper::settings::Settings;

    use super::*;

    const SETTINGS: [(&str, &str); 2] = [
        ("LEDGER_TABLE", "ledger"),
        (
            "ALERT_TOPIC_ARN",
            "arn:aws:sns:us-east-1:123456789012:alerts",
        ),
    ];

    fn sdk() -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .build()
    }

    fn read(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[tokio::test]
    async fn an_unknown_action_is_answered_where_nothing_can_be_called() {
        let config = Config::from_settings(&Settings::from_pairs(&SETTINGS)).unwrap();
        let function = EndpointRemediator::new(config, &sdk(), None);
        let event = include_str!("../../../events/endpoint-remediator/unknown-action.json");
        let refused = function.handle(read(event), &Context::default()).await;
        let refused = refused.unwrap_err();
        let golden = include_str!("../../../events/endpoint-remediator/unknown-action.reply.json");
        let reply = json!({"errorType": refused.error_type, "errorMessage": refused.error_message});
        assert_eq!(reply, read(golden));
    }

    #[tokio::test]
    async fn an_approval_without_identity_is_answered_where_nothing_can_be_called() {
        let config = ApprovalConfig::from_settings(&Settings::from_pairs(&SETTINGS)).unwrap();
        let function = EndpointApproval::new(config, &sdk());
        let event = include_str!("../../../events/endpoint-approval/no-identity.json");
        let mut reply = function.handle(read(event)).await.unwrap();
        let golden = include_str!("../../../events/endpoint-approval/no-identity.reply.json");
        let mut golden = read(golden);
        // The body is a text: its fields have no order.
        for reply in [&mut reply, &mut golden] {
            reply["body"] = read(reply["body"].as_str().unwrap());
        }
        assert_eq!(reply, golden);
    }
}
