//! `finding/v1`: what the detector publishes about one day of one series.
//!
//! People read the SNS text; machines read this. Causes add up to the excess, what is left is `unexplained`. The
//! golden files are `events/contracts/finding-*.json`.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::plan::PlanRequest;
use crate::time::Day;

/// Name and version of this contract.
pub const SCHEMA: &str = "finding/v1";

/// One incident as seen on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Stable over the incident's life: `<account>/<region>/<series>/<day it opened>`.
    pub incident_id: String,
    /// Where the incident stands.
    pub state: State,
    /// Account that pays.
    pub account: String,
    /// Region of the NAT gateways.
    pub region: String,
    /// Day under analysis (UTC).
    pub day: Day,
    /// Usage-type suffix, `NatGateway-Bytes`.
    pub series: String,
    /// What the bill or CloudWatch shows for the day.
    pub observed: Volume,
    /// What the history before the incident lets expect.
    pub expected: Expected,
    /// Observed less expected; zero where it is below.
    pub excess: Volume,
    /// How much money it is about.
    pub severity: Severity,
    /// How sure the detector is.
    pub confidence: Confidence,
    /// Calibrated score; 1 is the alert threshold.
    pub score: Decimal,
    /// Why this is an anomaly, in words.
    pub reason: String,
    /// The excess, were it to last for thirty days.
    pub projected_month: Money,
    /// Who pays the excess, largest first.
    pub causes: Vec<Cause>,
    /// Causes left out to stay under SNS's 256 KB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub further_causes: Option<FurtherCauses>,
    /// The excess less its causes.
    pub unexplained: Volume,
    /// Counts behind a series of hours, whose volumes have no bytes; absent for bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateways: Option<GatewayCount>,
    /// What to do, in the order to do it.
    pub advice: Vec<Advice>,
    /// What the figures rest on.
    pub data_quality: DataQuality,
    /// What the remedy saved; present once the incident is resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saving: Option<RealisedSaving>,
}

/// Life of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Reported for the first time.
    Opened,
    /// Grown by the stated factor since it was last reported.
    Updated,
    /// It has lasted: its level is taken as usual from now on, and no longer told.
    Accepted,
    /// Back within the expected range.
    Resolved,
}

impl State {
    /// The wire's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Updated => "updated",
            Self::Accepted => "accepted",
            Self::Resolved => "resolved",
        }
    }
}

/// Bytes and what they cost at the NAT gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Bytes.
    pub bytes: u64,
    /// Their price.
    pub cost: Money,
}

/// NAT gateways of a day: billed hours over 24, one place (a regional gateway counts in each zone).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayCount {
    /// On the day.
    pub observed: Decimal,
    /// Most likely.
    pub expected: Decimal,
    /// The most that is usual.
    pub most: Decimal,
    /// Gateways made in the week before the incident opened or since, that still exist; oldest first.
    pub new: Vec<NewGateway>,
}

/// A NAT gateway that was made of late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewGateway {
    /// `nat-…`.
    pub id: String,
    /// Its `Name` tag; empty where it has none.
    pub name: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its zone; empty for a regional gateway and where unknown.
    pub zone: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Bytes that went through on the day; absent where CloudWatch did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// Expected range of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Lower end of the usual range, bytes.
    pub low_bytes: u64,
    /// Most likely, bytes.
    pub bytes: u64,
    /// Upper end of the usual range, bytes.
    pub high_bytes: u64,
    /// Price of the most likely volume.
    pub cost: Money,
}

/// By projected month: low under $100, medium under $1,000, high from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Under $100 a month.
    Low,
    /// Under $1,000 a month.
    Medium,
    /// From $1,000 a month.
    High,
}

impl Severity {
    /// The severity of a projected month.
    pub fn of_projected_month(dollars: Decimal) -> Self {
        if dollars < Decimal::from(100) {
            Self::Low
        } else if dollars < Decimal::from(1_000) {
            Self::Medium
        } else {
            Self::High
        }
    }

    /// The wire's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// How sure the detector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Short history or doubtful data.
    Low,
    /// Enough history, data with gaps.
    Medium,
    /// Enough history, data complete.
    High,
}

/// One contribution to the excess.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// NAT gateway it went through.
    pub nat_gateway_id: String,
    /// Who sent or received.
    pub source: Source,
    /// Far end's service as AWS spells it, `INTERNET` or `UNKNOWN`.
    pub service: String,
    /// Far end's region; empty where unknown.
    pub service_region: String,
    /// Seen from the source.
    pub direction: Direction,
    /// Bytes of the day.
    pub bytes: u64,
    /// Bytes of the baseline day.
    pub baseline_bytes: u64,
    /// What it adds to the excess (bytes and price).
    pub excess: Volume,
    /// Percent of the whole excess, two places.
    pub share_percent: Decimal,
    /// `true` where the cause was concluded, not read from a label.
    pub inferred: bool,
    /// How it was found, in words.
    pub why: String,
}

/// Direction of traffic, seen from the source behind the NAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Source to far end (leg A).
    Upload,
    /// Far end to source (leg D).
    Download,
}

/// Who is behind the NAT.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Source {
    /// What it is.
    pub kind: SourceKind,
    /// Its id: instance, function, mapping, load balancer, interface or address, whatever is best known.
    pub id: String,
    /// A name a person knows; the id again where there is none.
    pub name: String,
    /// Its subnet; empty where unknown.
    pub subnet_id: String,
    /// Its VPC; empty where unknown.
    pub vpc_id: String,
}

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// EC2 instance.
    Instance,
    /// ECS task or another requester-managed container interface.
    EcsTask,
    /// Lambda function in the VPC.
    Lambda,
    /// Pollers of Kafka event source mappings.
    KafkaPollers,
    /// Load balancer.
    LoadBalancer,
    /// All that carry the same tags, where findings are grouped by tags.
    Tag,
    /// An interface of some other kind.
    Interface,
    /// An address that no interface is known for.
    Address,
    /// The sources beyond a rollup item's bound.
    Other,
}

/// Causes that did not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FurtherCauses {
    /// How many.
    pub count: u64,
    /// What they add to the excess together.
    pub excess: Volume,
}

/// One remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// What to build.
    pub remedy: Remedy,
    /// In a sentence.
    pub title: String,
    /// VPC it belongs in; empty where it belongs to none.
    pub vpc_id: String,
    /// AWS service names as endpoints spell them: `s3`, `lambda`, `sts`.
    pub services: Vec<String>,
    /// Zones it is priced for.
    pub zones: Vec<String>,
    /// What it costs a month.
    pub monthly_cost: Money,
    /// What it saves a month after its own cost, should the excess last.
    pub monthly_saving: Money,
    /// GB a month above which it pays; absent where it costs nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_even_gb_a_month: Option<Decimal>,
    /// What stays as it is.
    pub does_not_cover: Vec<String>,
    /// What to ask the remediator for; absent where it cannot do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_request: Option<PlanRequest>,
}

/// Kinds of remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Gateway endpoint (S3, DynamoDB): free.
    GatewayEndpoint,
    /// Route tables that an existing gateway endpoint lacks: free.
    GatewayEndpointRoutes,
    /// Interface endpoints.
    InterfaceEndpoints,
    /// Provisioned pollers for Kafka event source mappings, which need neither NAT nor endpoints.
    ProvisionedPollers,
    /// Delete NAT gateways that nothing goes through.
    DeleteIdleNatGateways,
    /// Delete interface endpoints that nobody uses.
    DeleteUnusedEndpoints,
    /// Route a subnet to a NAT gateway in its own zone.
    NatGatewayInZone,
    /// IPv6 through an egress-only internet gateway: nothing per GB, for far ends that speak IPv6.
    EgressOnlyInternetGateway,
    /// NAT instances in place of NAT gateways.
    NatInstances,
    /// A flow log, so that the next finding can name its causes.
    FlowLog,
}

/// What the figures rest on. Unknown is absent, never zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataQuality {
    /// Days of history used.
    pub history_days: u64,
    /// Days of history that the bill did not show.
    pub missing_days: u64,
    /// Whether the bill calls the day an estimate.
    pub estimated: bool,
    /// Where the explanation came from: `s3`, `rollups` or `none`.
    pub explained_from: String,
    /// Bytes in flow logs as percent of CloudWatch's, one place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_logs_percent_of_cloudwatch: Option<Decimal>,
    /// CloudWatch's bytes as percent of the billed quantity, one place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloudwatch_percent_of_bill: Option<Decimal>,
    /// SKIPDATA lines of the day: each hides an unknown number of flows.
    pub skipped_lines: u64,
    /// Date of the address table; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_ranges_created: Option<String>,
    /// Cost Explorer pages asked for (a cent each).
    pub cost_explorer_pages: u64,
    /// Read units that DynamoDB took for the rollups, one place; absent where the explanation came from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollup_read_units: Option<Decimal>,
    /// Date of the price table.
    pub prices_as_of: String,
    /// What else a reader should know, in sentences.
    pub notes: Vec<String>,
}

/// What a remedy saved, against the baseline frozen when the incident opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealisedSaving {
    /// Day it was measured for.
    pub day: Day,
    /// Bytes seen on the new path; absent where nothing measures them (gateway endpoints).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_bytes: Option<u64>,
    /// Those bytes at the NAT's price, less what the endpoints cost that day; absent with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured_a_day: Option<Money>,
    /// Fall of the NAT's own bytes since the incident opened, at its price: load may have fallen too, so this is an
    /// upper bound.
    pub upper_bound_a_day: Money,
    /// What the endpoints cost that day.
    pub endpoints_cost_a_day: Money,
    /// How it was measured, in words.
    pub how: String,
}
