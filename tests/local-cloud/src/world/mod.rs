//! A small company's world in the local cloud: a VPC with two NAT gateways, an application, a self-managed Kafka cluster
//! and the pollers that read it, and what they send and receive day by day.
//!
//! The story is seeded: `traffic` makes the same days from the same seed. How a flow travels is never scripted: each
//! day the network is observed as it stands (`network`), so a saving is the consequence of routes, private DNS and
//! groups that really are there. Bill, metrics and flow logs of a day are three views of the same flows (`day`).
//! Nothing here knows the product; the pollers' cause is never labelled, as no real log labels it.

mod addresses;
mod app_logs;
mod build;
mod cast;
mod day;
mod error;
pub mod flow_log;
mod groups;
mod habits;
mod network;
mod observe;
mod publish;
mod published;
mod services;
mod traffic;

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::civil::Date;

pub use addresses::{ABROAD, AddressBook, FarEnd, HOME};
pub use app_logs::{AppLogs, app_logs};
pub use build::{Ids, Nat};
pub use cast::{BATCH, BROKERS, IMAGE_BUILDER, POLLERS, Resident, Role, WEB, Zone};
pub use day::{Bytes, DayTraffic, Routed};
pub use error::Error;
pub use groups::BROKER_PORT;
pub use network::{InterfaceEndpoint, Network, Origin, Path, Peer, Rule};
pub use services::TOPIC;
pub use traffic::{Direction, Flow, Generator, INTERVAL_SECONDS};

use crate::{ACCOUNT_ID, LocalCloud};
use flow_log::Recorder;

/// What decides a world.
#[derive(Debug, Clone)]
pub struct WorldSettings {
    /// Makes the days: the same seed, the same days.
    pub seed: u64,
    /// The first day of the leak.
    pub leak_day: Date,
    /// AWS's published ranges; a few documented ones stand in where this is `None`.
    pub ip_ranges: Option<PathBuf>,
}

/// The world as it was built in one local cloud.
#[derive(Debug)]
pub struct World {
    /// Ids of what was made.
    pub ids: Ids,
    /// ARN of the alert topic.
    pub topic_arn: String,
    /// Name of the Rollups table.
    pub rollups_table: String,
    /// Name of the Ledger table.
    pub ledger_table: String,
    /// UUID of the pollers' event source mapping.
    pub mapping_id: String,
    flow_logs_bucket: String,
    flow_logs_prefix: String,
    generator: Generator,
    ec2: aws_sdk_ec2::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    s3: aws_sdk_s3::Client,
}

impl World {
    /// Builds the world in `cloud`.
    pub async fn build(cloud: &LocalCloud, settings: WorldSettings) -> Result<Self, Error> {
        let book = match &settings.ip_ranges {
            Some(path) => AddressBook::from_file(settings.seed, path)?,
            None => AddressBook::documented(settings.seed),
        };
        let sdk = cloud.sdk_config();
        let ec2 = aws_sdk_ec2::Client::new(&sdk);
        let ids = build::build(&ec2).await?;
        let (rollups_table, ledger_table) = ("Rollups".to_owned(), "Ledger".to_owned());
        services::table(&sdk, &rollups_table).await?;
        services::table(&sdk, &ledger_table).await?;
        let flow_logs_bucket = format!("flow-logs-{ACCOUNT_ID}-{HOME}");
        services::flow_logs(&sdk, &ids, &flow_logs_bucket).await?;
        Ok(Self {
            topic_arn: services::topic(&sdk, "tollkeeper-alerts").await?,
            mapping_id: services::event_source_mapping(&sdk, &ids).await?,
            rollups_table,
            ledger_table,
            flow_logs_bucket,
            flow_logs_prefix: "network".to_owned(),
            generator: Generator::new(settings.seed, settings.leak_day, book),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&sdk),
            s3: aws_sdk_s3::Client::new(&sdk),
            ec2,
            ids,
        })
    }

    /// Makes more NAT gateways, which no route leads to.
    pub async fn add_gateways(&mut self, count: usize) -> Result<(), Error> {
        build::spare_gateways(&self.ec2, &mut self.ids, count).await
    }

    /// Makes more private subnets (at most 256), each with a route table of its own; answers the tables.
    pub async fn add_subnets(&self, count: u8) -> Result<Vec<String>, Error> {
        build::more_subnets(&self.ec2, &self.ids, count).await
    }

    /// Where the flow logs are, as `s3://bucket/prefix`.
    pub fn flow_logs_location(&self) -> String {
        format!("s3://{}/{}", self.flow_logs_bucket, self.flow_logs_prefix)
    }

    /// A day's flows under the network as it stands now.
    pub async fn day(&self, day: Date) -> Result<DayTraffic, Error> {
        Ok(self.route(day, &self.observe().await?))
    }

    /// The days from `first` to `last`, both included, under the network as it stands now.
    pub async fn days(&self, first: Date, last: Date) -> Result<Vec<DayTraffic>, Error> {
        let network = self.observe().await?;
        let days = first
            .series(jiff::Span::new().days(1))
            .take_while(|day| *day <= last);
        Ok(days.map(|day| self.route(day, &network)).collect())
    }

    /// The network as it stands now.
    pub async fn observe(&self) -> Result<Network, Error> {
        observe::observe(&self.ec2, &self.ids.vpc).await
    }

    /// The same lines that the flow-log files hold, without headers ([`flow_log::FORMAT`]), by time: for a shipper.
    pub fn flow_log_lines(&self, day: &DayTraffic) -> Vec<String> {
        self.lines_by_hour(day).into_values().flatten().collect()
    }

    fn lines_by_hour(&self, day: &DayTraffic) -> BTreeMap<i64, Vec<String>> {
        day.lines_by_hour(&self.ids.nats, |nat| Recorder {
            account: ACCOUNT_ID.to_owned(),
            interface: nat.interface.clone(),
            address: nat.address,
            vpc: self.ids.vpc.clone(),
            subnet: nat.subnet.clone(),
            region: HOME,
        })
    }

    fn route(&self, day: Date, network: &Network) -> DayTraffic {
        let path = |flow: &Flow| {
            let groups = self.ids.groups_of(&flow.resident);
            let subnet = self
                .ids
                .private_subnets
                .get(&flow.resident.zone)
                .map_or("", String::as_str);
            network.path(
                &Origin {
                    address: flow.resident.address,
                    subnet,
                    groups: &groups,
                },
                flow.far_end,
            )
        };
        let flows = self
            .generator
            .day(day)
            .into_iter()
            .map(|flow| Routed {
                path: path(&flow),
                flow,
            })
            .collect();
        DayTraffic {
            day,
            flows,
            endpoints: network.interface_endpoints.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
