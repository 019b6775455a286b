//! `plan/v1`: what other functions see of a remediation plan, and how it is asked for.
//!
//! The plan's body stays inside the remediator. Canonical JSON (RFC 8785) and its hash bind an approval to exactly
//! one plan.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::money::Money;

/// Name and version of this contract.
pub const SCHEMA: &str = "plan/v1";

/// What to plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// VPC to change.
    pub vpc_id: String,
    /// Services to give endpoints: `s3`, `dynamodb` (gateway), `lambda`, `sts` (interface).
    pub services: Vec<String>,
    /// Give routes to gateway endpoints to these tables only; empty for every private table of the VPC.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub route_tables: Vec<String>,
    /// IPv4 ranges outside the VPC whose names resolve through it (an inbound resolver, shared rules): endpoints' groups
    /// admit them too, since private DNS moves them as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolving_networks: Vec<String>,
    /// Kafka pollers whose traffic should reach the endpoints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kafka_pollers: Vec<KafkaPollers>,
    /// Incident the plan is to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<String>,
}

impl PlanRequest {
    /// Services in a VPC, and nothing beside them.
    pub fn of(vpc_id: impl Into<String>, services: Vec<String>) -> Self {
        Self {
            vpc_id: vpc_id.into(),
            services,
            route_tables: Vec::new(),
            resolving_networks: Vec::new(),
            kafka_pollers: Vec::new(),
            incident_id: None,
        }
    }
}

/// Where the pollers of one or several event source mappings live; named by hand where mappings cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaPollers {
    /// Subnets of their interfaces (the cluster's own, for MSK).
    pub subnets: Vec<String>,
    /// Group of their interfaces.
    pub security_group: String,
    /// Group of the brokers; may be the same. With the port, or absent where the way to the brokers is no question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker_security_group: Option<String>,
    /// Broker port: 9092 plain, 9094 TLS, 9096 SCRAM, 9098 IAM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker_port: Option<u16>,
}

/// Where a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    /// Made; waits for an approval.
    Planned,
    /// Waits no longer: a newer plan answers the same request.
    Superseded,
    /// Steps are being done.
    Applying,
    /// All steps done and read back.
    Applied,
    /// Applied, and verified as planned.
    Verified,
    /// Being undone.
    RollingBack,
    /// Undone: as it was before.
    RolledBack,
    /// A step failed and could not be undone: a person is needed.
    Failed,
}

/// A plan as others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// `plan-` and the first 16 hexadecimal digits of the hash.
    pub plan_id: String,
    /// Hash over plan and snapshot, `sha256:…`: what an approval names.
    pub plan_hash: String,
    /// Incident it is to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<String>,
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// VPC it changes.
    pub vpc_id: String,
    /// Services it gives endpoints.
    pub services: Vec<String>,
    /// Where it stands.
    pub state: PlanState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<Timestamp>,
    /// Why it went back by itself; absent where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Endpoints it created or took into use.
    #[serde(default)]
    pub endpoints: Vec<PlannedEndpoint>,
    /// What it costs a month, without bytes.
    pub monthly_cost: Money,
    /// Codes of what could not be found out and an approval has to accept, such as `dns.custom-servers`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknowns: Vec<String>,
}

/// An endpoint of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedEndpoint {
    /// `s3`, `lambda`, …
    pub service: String,
    /// Gateway or interface.
    pub kind: EndpointKind,
    /// Id, once it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_id: Option<String>,
    /// Zones it has interfaces in (none for a gateway endpoint).
    pub zones: Vec<String>,
}

/// The two kinds of endpoints this product makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointKind {
    /// Routes to a prefix list; free; S3 and DynamoDB only.
    Gateway,
    /// Interfaces with private DNS; hourly and by GB.
    Interface,
}

/// What a person approves, as sent to `endpoint-approval`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequest {
    /// Plan.
    pub plan_id: String,
    /// The hash that the approver read: approving a changed plan is refused.
    pub plan_hash: String,
    /// Until when the approval may be used.
    pub expires_at: Timestamp,
    /// Codes of the plan's unknowns, every one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept_unknown: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_in_a_request_is_refused_by_name() {
        let error = serde_json::from_str::<PlanRequest>(
            r#"{"vpc_id": "vpc-1", "services": ["s3"], "kafka_poller": []}"#,
        )
        .unwrap_err();
        assert!(
            error.to_string().contains("unknown field `kafka_poller`"),
            "{error}"
        );
    }
}
