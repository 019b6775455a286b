//! Nightly: measure, detect, explain, advise, tell. On a laptop: `audit` and `explain`, read-only and without a table.
//!
//! Bill, CloudWatch, EC2 inventory and flow logs are observed; pure modules decide; only `nightly` writes (incidents,
//! inventory and nights in the Ledger) and tells. This function refuses to change anything in a network.

pub mod actions;
pub mod adapters;
pub mod advise;
pub mod cli;
pub mod config;
pub mod detect;
pub mod explain;
pub mod fault;
#[cfg(test)]
mod fixture;
pub mod front_door;
pub mod incident;
pub mod measure;
pub mod progress;
pub mod request;
pub mod start;
pub mod tell;

use std::sync::Arc;

use aws_config::SdkConfig;
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde_json::Value;
use tollkeeper::aws::Table;
use tollkeeper::error::report;
use tollkeeper::services::IpRanges;
use tollkeeper::time::Day;

use crate::actions::clock::Clock;
use crate::adapters::accounts::{self, Connect};
use crate::config::Config;
use crate::fault::DetectorError;
use crate::progress::Progress;
use crate::request::Request;

/// Clients of every service that is read.
#[derive(Clone)]
pub struct Clients {
    /// The bill.
    pub cost_explorer: aws_sdk_costexplorer::Client,
    /// Bytes of gateways and endpoints.
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    /// The network.
    pub ec2: aws_sdk_ec2::Client,
    /// Event source mappings.
    pub lambda: aws_sdk_lambda::Client,
    /// MSK clusters behind them.
    pub kafka: aws_sdk_kafka::Client,
    /// Flow-log groups.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// Flow-log tables.
    pub athena: aws_sdk_athena::Client,
    /// Flow-log files.
    pub s3: aws_sdk_s3::Client,
    /// Who is calling.
    pub sts: aws_sdk_sts::Client,
    /// Ledger and Rollups.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Alerts.
    pub sns: aws_sdk_sns::Client,
}

impl Clients {
    /// Clients that share a configuration.
    pub fn new(sdk: &SdkConfig) -> Self {
        Self {
            cost_explorer: aws_sdk_costexplorer::Client::new(sdk),
            cloudwatch: aws_sdk_cloudwatch::Client::new(sdk),
            ec2: aws_sdk_ec2::Client::new(sdk),
            lambda: aws_sdk_lambda::Client::new(sdk),
            kafka: aws_sdk_kafka::Client::new(sdk),
            logs: aws_sdk_cloudwatchlogs::Client::new(sdk),
            athena: aws_sdk_athena::Client::new(sdk),
            s3: aws_sdk_s3::Client::new(sdk),
            sts: aws_sdk_sts::Client::new(sdk),
            dynamodb: aws_sdk_dynamodb::Client::new(sdk),
            sns: aws_sdk_sns::Client::new(sdk),
        }
    }
}

/// The function: built once, lent to every request.
pub struct App {
    clients: Clients,
    connect: Connect,
    config: Config,
    region: Option<String>,
    ranges: Option<Arc<IpRanges>>,
}

impl App {
    /// The function with its clients and settings.
    pub fn new(sdk: &SdkConfig, config: Config, ranges: Option<IpRanges>) -> Self {
        Self {
            clients: Clients::new(sdk),
            connect: accounts::connect(sdk, config.scope.external_id.clone()),
            config,
            region: sdk.region().map(ToString::to_string),
            ranges: ranges.map(Arc::new),
        }
    }

    /// Answers one event. `now` stamps observations and metrics; the event's own time picks the day.
    pub async fn handle(&self, event: &Value, now: Timestamp) -> Result<Value, Diagnostic> {
        self.handle_until(event, &|| now, None).await
    }

    /// Answers one event before a deadline: what takes many nights stops in time and says where to go on.
    pub async fn handle_until(
        &self,
        event: &Value,
        clock: &(dyn Fn() -> Timestamp + Sync),
        deadline: Option<Timestamp>,
    ) -> Result<Value, Diagnostic> {
        let answer = self.route(event, Clock::new(clock, deadline)).await;
        answer.map_err(|error| report(&error))
    }

    async fn route(&self, event: &Value, clock: Clock<'_>) -> Result<Value, DetectorError> {
        let now = clock.now();
        let yesterday = |day: Option<Day>| day.unwrap_or_else(|| request::before(now));
        let silent = Progress::Silent;
        match Request::parse(event)? {
            // Boxed: one request holds the futures of a dozen services.
            Request::Nightly(day) => Box::pin(actions::nightly::run(self, day, clock)).await,
            Request::Explain(day) => Ok(Box::pin(actions::explain::run(self, day, now))
                .await?
                .to_json()),
            Request::Audit(day) => {
                let audit = actions::audit::run(self, yesterday(day), now, silent);
                Ok(Box::pin(audit).await?.to_json())
            }
            Request::Report(day) => {
                let month = actions::report::run(self, yesterday(day), now, silent);
                Ok(Box::pin(month).await?.to_json())
            }
            Request::CompareFrontDoor(day) => {
                let comparison = actions::compare_front_door::run(self, yesterday(day), silent);
                Ok(Box::pin(comparison).await?.to_json())
            }
            Request::Backfill { from, to, tell } => {
                let range = actions::backfill::Range { from, to, tell };
                Box::pin(actions::backfill::run(self, range, clock)).await
            }
        }
    }

    fn table(&self, name: &str) -> Table {
        Table::new(self.clients.dynamodb.clone(), name)
    }
}
