//! What the steps share: the cloud, the world in it, the functions, and what happened so far.

use std::path::PathBuf;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use local_cloud::events;
use local_cloud::world::{AddressBook, DayTraffic, Network, World, WorldSettings};
use local_cloud::{FunctionBuilder, LocalCloud, Reply};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::failure::Failure;
use crate::paper::Paper;

/// The first quiet day.
pub(crate) const FIRST_DAY: Date = date(2026, 8, 3);
/// The last quiet day, a Monday.
pub(crate) const LAST_QUIET_DAY: Date = date(2026, 10, 12);
/// The first day of the leak, a Tuesday.
pub(crate) const LEAK_DAY: Date = date(2026, 10, 13);
const SEED: u64 = 2026;

/// The story so far.
pub(crate) struct Story {
    pub(crate) cloud: LocalCloud,
    pub(crate) world: World,
    /// AWS's address table, as it is packaged with the functions.
    pub(crate) ip_ranges: PathBuf,
    /// What NAT gateways and endpoints cost each day.
    pub(crate) costs: Vec<(Date, Decimal)>,
    /// The plan that closed the leak.
    pub(crate) applied: Option<Applied>,
    /// Says what was found, fixed and saved, for the last page.
    pub(crate) summary: Vec<String>,
}

/// A plan that was applied.
pub(crate) struct Applied {
    pub(crate) id: String,
    /// The network before it.
    pub(crate) network: Network,
}

impl Story {
    /// Starts the cloud and builds the world.
    pub(crate) async fn begin(
        paper: &mut Paper,
        ip_ranges: Option<PathBuf>,
    ) -> Result<Self, Failure> {
        let cloud = LocalCloud::builder("demo").redis().kafka().start().await?;
        paper.say(format!("Logs of all processes: {}", cloud.logs().display()));
        let settings = WorldSettings {
            seed: SEED,
            leak_day: LEAK_DAY,
            ip_ranges: ip_ranges.clone(),
        };
        let world = World::build(&cloud, settings).await?;
        let ip_ranges = if let Some(path) = ip_ranges {
            path
        } else {
            let path = cloud.logs().join("ip-ranges.json");
            std::fs::write(&path, AddressBook::documented_file())?;
            path
        };
        Ok(Self {
            cloud,
            world,
            ip_ranges,
            costs: Vec::new(),
            applied: None,
            summary: Vec::new(),
        })
    }

    /// A function with the settings that all functions of the story share.
    pub(crate) fn function(&self, name: &str) -> FunctionBuilder {
        self.cloud
            .function(name)
            .env("IP_RANGES", self.ip_ranges.display().to_string())
    }

    /// What AWS shows the morning after a day: bill, metrics and, where wanted, flow logs.
    pub(crate) async fn publish(
        &mut self,
        day: &DayTraffic,
        flow_logs: bool,
    ) -> Result<(), Failure> {
        self.world
            .publish_bill(self.cloud.cost_explorer(), day, false);
        self.world.publish_metrics(day).await?;
        if flow_logs {
            self.world.publish_flow_logs(day).await?;
        }
        self.costs.push((day.day, self.world.network_cost(day)));
        Ok(())
    }
}

/// The answer of a function that must succeed.
pub(crate) fn answer(function: &str, reply: Reply) -> Result<Value, Failure> {
    reply
        .into_result()
        .map_err(|error| Failure::new(format!("{function} failed: {error}")))
}

/// The scheduler's event of the morning after `day`.
pub(crate) fn night_after(day: Date) -> Result<Value, Failure> {
    let input = r#"{"action":"nightly","time":"<aws.scheduler.scheduled-time>"}"#;
    let morning = day.tomorrow()?.at(6, 30, 0, 0).to_zoned(TimeZone::UTC)?;
    Ok(events::schedule(input, morning.timestamp())?)
}
