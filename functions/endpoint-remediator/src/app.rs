//! The remediator's clients and settings, and what a request brings along.

use std::collections::{BTreeMap, BTreeSet};

use aws_config::SdkConfig;
use futures::future::OptionFuture;
use jiff::{SignedDuration, Timestamp};
use tollkeeper::aws::kafka_pollers::Pollers;
use tollkeeper::aws::{Alerts, Table};
use tollkeeper::error::{Fault, chain};
use tollkeeper::plan::{EndpointKind, PlanRequest};
use tollkeeper::services::IpRanges;
use tollkeeper::telemetry::wall_clock;
use tollkeeper::time::Day;

use crate::audit::{self, Asked, Event, What};
use crate::caller::{Caller, IdentityError};
use crate::config::Config;
use crate::ec2::Ec2;
use crate::event_source_mappings;
use crate::failure::Failure;
use crate::flow_logs::FlowLogs;
use crate::network::Network;
use crate::plan::Place;
use crate::policy::{About, Move, Recorded};
use crate::preflight::{Evidence, Read};
use crate::snapshot::{Scope, Snapshot};
use crate::store::Ledger;
use crate::unread::code;
use crate::{cloudtrail, route53, s3};

/// Time kept free at the end of an invocation, to write the outcome and answer.
const MARGIN: SignedDuration = SignedDuration::from_secs(5);

/// One invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) request_id: String,
    /// When Lambda kills the function.
    pub(crate) deadline: Timestamp,
}

impl Call {
    /// When the last call to AWS may start.
    pub(crate) fn stop_at(&self) -> Timestamp {
        self.deadline - MARGIN
    }
}

/// What is read beside the network when a plan is made.
#[derive(Debug)]
struct Outside {
    cloudtrail: aws_sdk_cloudtrail::Client,
    lambda: aws_sdk_lambda::Client,
    msk: aws_sdk_kafka::Client,
    route53: aws_sdk_route53::Client,
    s3: aws_sdk_s3::Client,
}

/// Everything the actions work with.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) ec2: Ec2,
    pub(crate) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(crate) alerts: Alerts,
    pub(crate) flow_logs: Option<FlowLogs>,
    pub(crate) clock: fn() -> Timestamp,
    outside: Outside,
    table: Table,
    caller: Caller,
    region: Option<String>,
}

impl App {
    pub(crate) fn new(config: Config, sdk: &SdkConfig, ranges: Option<IpRanges>) -> Self {
        let region = sdk.region().map(ToString::to_string);
        let dynamodb = aws_sdk_dynamodb::Client::new(sdk);
        let sns = aws_sdk_sns::Client::new(sdk);
        let location = config.flow_logs.clone();
        Self {
            ec2: Ec2::new(
                aws_sdk_ec2::Client::new(sdk),
                region.clone().unwrap_or_default(),
            ),
            cloudwatch: aws_sdk_cloudwatch::Client::new(sdk),
            alerts: Alerts::new(sns, &config.alert_topic_arn),
            flow_logs: location
                .map(|location| FlowLogs::new(aws_sdk_s3::Client::new(sdk), location, ranges)),
            outside: Outside {
                cloudtrail: aws_sdk_cloudtrail::Client::new(sdk),
                lambda: aws_sdk_lambda::Client::new(sdk),
                msk: aws_sdk_kafka::Client::new(sdk),
                route53: aws_sdk_route53::Client::new(sdk),
                s3: aws_sdk_s3::Client::new(sdk),
            },
            table: Table::new(dynamodb, &config.ledger_table),
            caller: Caller::new(aws_sdk_sts::Client::new(sdk)),
            clock: wall_clock,
            region,
            config,
        }
    }

    /// Account and region.
    pub(crate) async fn place(&self) -> Result<Place, Failure> {
        let region = self.region.clone().ok_or_else(IdentityError::no_region)?;
        Ok(Place {
            account: self.caller.account().await?.to_owned(),
            region,
        })
    }

    pub(crate) fn ledger(&self, place: &Place) -> Ledger {
        Ledger::new(self.table.clone(), place.clone())
    }

    /// An event of now, for the audit trail.
    pub(crate) fn event(&self, call: &Call, plan_id: Option<&str>, what: What) -> Event {
        Event {
            at: (self.clock)(),
            request_id: call.request_id.clone(),
            plan_id: plan_id.map(str::to_owned),
            what,
        }
    }

    /// A refusal leaves a trace too. That it could not be written does not change the answer.
    pub(crate) async fn note_refusal(&self, asked: Asked, failure: &Failure, call: &Call) {
        let what = What::Refused {
            action: asked.action,
            by: None,
            error_type: failure.fault_type().to_owned(),
            error: audit::short(&chain(failure)),
        };
        let event = self.event(call, asked.plan_id.as_deref(), what);
        let noted = async {
            let place = self.place().await?;
            Ok::<_, Failure>(self.ledger(&place).note(&event).await?)
        };
        if let Err(error) = noted.await {
            tracing::warn!(
                error = chain(&error),
                "refusal not written to the audit trail"
            );
        }
    }

    /// What speaks for and against a plan outside the VPC. What cannot be read is noted with AWS's code; it stops nothing.
    pub(crate) async fn evidence(
        &self,
        place: &Place,
        request: &PlanRequest,
        snapshot: &Snapshot,
    ) -> Evidence {
        let Outside {
            cloudtrail,
            route53,
            s3,
            ..
        } = &self.outside;
        let (vpc, services) = (&request.vpc_id, &request.services);
        let (nat_addresses, hosted_zones, room) = futures::join!(
            self.ec2.nat_addresses(vpc),
            route53::hosted_zones(route53, vpc, &place.region),
            self.ec2.room(vpc, services.len()),
        );
        let mut evidence = Evidence {
            hosted_zones,
            room,
            ..Evidence::default()
        };
        // Without addresses there is nothing to look for.
        if let Read::Known(from) = &nat_addresses
            && !from.is_empty()
        {
            let about = About {
                service: "s3",
                kind: EndpointKind::Gateway,
                region: &place.region,
                partition: "aws",
                vpc_id: vpc,
                kafka_pollers: false,
            };
            let moved = Move {
                from,
                vpc_cidrs: &snapshot.vpc.cidrs,
            };
            let buckets = async {
                let is_asked = services.iter().any(|service| service == "s3");
                let read = is_asked.then(|| s3::bucket_policies(s3, &about, moved));
                OptionFuture::from(read).await
            };
            let callers = cloudtrail::callers(cloudtrail, services, from, (self.clock)());
            (evidence.bucket_policies, evidence.callers) = futures::join!(buckets, callers);
        }
        evidence.nat_addresses = nat_addresses;
        evidence.sorted()
    }

    /// Calls that CloudTrail recorded at an endpoint, how often each; and whether there are older ones.
    pub(crate) async fn recorded(
        &self,
        service: &str,
        endpoint: &str,
        pages: usize,
    ) -> Read<(BTreeMap<Recorded, u64>, bool)> {
        let client = &self.outside.cloudtrail;
        cloudtrail::through(client, service, endpoint, (self.clock)(), pages).await
    }

    /// Where the pollers of Kafka event source mappings live, or AWS's code.
    pub(crate) async fn kafka_pollers(&self) -> Read<BTreeSet<Pollers>> {
        let Outside { lambda, msk, .. } = &self.outside;
        match event_source_mappings::kafka_pollers(lambda, msk).await {
            Ok(pollers) => Read::Known(pollers),
            Err(error) => Read::Unreadable(code(&error)),
        }
    }

    /// The VPC as it is now.
    pub(crate) async fn observe(&self, scope: &Scope) -> Result<Snapshot, Failure> {
        let found = self.ec2.observe(scope).await?;
        let today = Day::of((self.clock)());
        found
            .map(|found| found.on(today))
            .ok_or_else(|| Failure::NoVpc {
                vpc_id: scope.vpc_id.clone(),
                region: self.region.clone().unwrap_or_default(),
            })
    }
}
