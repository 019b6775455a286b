//! Publishes a day where AWS would: the bill, the metrics, the flow-log files.

use std::io::Write as _;
use std::time::Duration;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::World;
use super::addresses::HOME;
use super::day::{Bytes, DayTraffic};
use super::error::{Error, call};
use super::flow_log;
use super::network::Path;
use crate::{ACCOUNT_ID, CostExplorer, CostLine};

/// us-east-1's list prices in mills: a NAT gateway's hour and GB, an interface endpoint's zone-hour and GB.
const NAT_MILLS: i64 = 45;
const ENDPOINT_MILLS: i64 = 10;
const BYTES_PER_GB: u64 = 1 << 30;
const HOURS: u32 = 24;

const NAT_SERVICE: &str = "EC2 - Other";
const ENDPOINT_SERVICE: &str = "Amazon Virtual Private Cloud";

impl World {
    /// Puts a day's lines into the bill, in place of any earlier ones. `estimated` is how AWS marks days that are not
    /// final.
    pub fn publish_bill(&self, bill: &CostExplorer, day: &DayTraffic, estimated: bool) {
        bill.clear_day(day.day);
        for line in self.bill(day, estimated) {
            bill.put(line);
        }
    }

    /// Puts a day's metrics into CloudWatch. Once a day: values of a second time would be added to the first ones.
    pub async fn publish_metrics(&self, day: &DayTraffic) -> Result<(), Error> {
        let put = |namespace: &str| self.cloudwatch.put_metric_data().namespace(namespace);
        let nat = put("AWS/NATGateway").set_metric_data(Some(self.nat_metrics(day)));
        nat.send()
            .await
            .map_err(call("put the NAT gateways' metrics"))?;
        let endpoints = self.endpoint_metrics(day);
        if !endpoints.is_empty() {
            let endpoints = put("AWS/PrivateLinkEndpoints").set_metric_data(Some(endpoints));
            endpoints
                .send()
                .await
                .map_err(call("put the endpoints' metrics"))?;
        }
        Ok(())
    }

    /// Puts a day's flow-log files into the bucket: gzip text with a header, one file an hour.
    pub async fn publish_flow_logs(&self, day: &DayTraffic) -> Result<(), Error> {
        for (hour, lines) in self.lines_by_hour(day) {
            self.publish_flow_log_file(day.day, hour, compress(&lines)?)
                .await?;
        }
        Ok(())
    }

    /// Puts a flow-log file of a day into the bucket, as its owner wrote it; `number` tells the day's files apart.
    pub async fn publish_flow_log_file(
        &self,
        day: Date,
        number: i64,
        gzip: Vec<u8>,
    ) -> Result<(), Error> {
        let key = format!("{}/{}", self.flow_logs_prefix, file_key(day, number));
        let put = self
            .s3
            .put_object()
            .bucket(&self.flow_logs_bucket)
            .key(key)
            .body(gzip.into());
        put.send().await.map_err(call("put a flow-log file"))?;
        Ok(())
    }

    /// What NAT gateways and endpoints cost on a day, in dollars, hours included.
    pub fn network_cost(&self, day: &DayTraffic) -> Decimal {
        let lines = self.bill(day, false);
        let of_network = lines
            .iter()
            .filter(|line| !line.usage_type.starts_with("EBS"));
        of_network.map(|line| line.cost).sum()
    }

    /// The bill's lines of a day.
    fn bill(&self, day: &DayTraffic, estimated: bool) -> Vec<CostLine> {
        let line = |service: &str, usage_type: &str, quantity: Decimal, mills: i64| CostLine {
            day: day.day,
            usage_type: usage_type.to_owned(),
            region: HOME.to_owned(),
            service: service.to_owned(),
            usage_quantity: quantity,
            cost: (quantity * Decimal::new(mills, 3)).round_dp(10),
            estimated,
        };
        let hours = |count: usize| Decimal::from(count) * Decimal::from(HOURS);
        let mut lines = vec![
            line(
                NAT_SERVICE,
                "NatGateway-Bytes",
                gigabytes(day.nat_bytes()),
                NAT_MILLS,
            ),
            line(
                NAT_SERVICE,
                "NatGateway-Hours",
                hours(self.ids.nats.len()),
                NAT_MILLS,
            ),
            // Something else under the same service, as every bill has.
            line(
                NAT_SERVICE,
                "EBS:VolumeUsage.gp3",
                Decimal::new(26_667, 3),
                80,
            ),
        ];
        if !day.endpoints.is_empty() {
            let zones: u32 = day.endpoints.iter().map(|endpoint| endpoint.zones).sum();
            let bytes = endpoint_bytes(day).map(|(_, bytes)| bytes.total()).sum();
            lines.push(line(
                ENDPOINT_SERVICE,
                "VpcEndpoint-Hours",
                Decimal::from(zones) * Decimal::from(HOURS),
                ENDPOINT_MILLS,
            ));
            lines.push(line(
                ENDPOINT_SERVICE,
                "VpcEndpoint-Bytes",
                gigabytes(bytes),
                ENDPOINT_MILLS,
            ));
        }
        lines
    }

    /// One value a day and metric: what a query by days reads from the real ones, which come by the minute.
    fn nat_metrics(&self, day: &DayTraffic) -> Vec<MetricDatum> {
        let by_path = day.by_path();
        let mut data = Vec::new();
        for nat in &self.ids.nats {
            let bytes = by_path
                .get(&Path::Nat(nat.id.clone()))
                .copied()
                .unwrap_or_default();
            let dimension = dimension("NatGatewayId", &nat.id);
            for (name, value) in [
                ("BytesInFromSource", bytes.up),
                ("BytesOutToDestination", bytes.up),
                ("BytesInFromDestination", bytes.down),
                ("BytesOutToSource", bytes.down),
            ] {
                data.push(datum(name, value, day.day, [dimension.clone()].into()));
            }
        }
        data
    }

    fn endpoint_metrics(&self, day: &DayTraffic) -> Vec<MetricDatum> {
        let of_endpoint = |(id, bytes): (&String, &Bytes)| {
            let endpoint = day.endpoints.iter().find(|endpoint| endpoint.id == *id)?;
            let dimensions = [
                ("Endpoint Type", "Interface"),
                ("Service Name", &endpoint.service_name),
                ("VPC Endpoint Id", id),
                ("VPC Id", &self.ids.vpc),
            ];
            Some(datum(
                "BytesProcessed",
                bytes.total(),
                day.day,
                dimensions
                    .map(|(name, value)| dimension(name, value))
                    .into(),
            ))
        };
        endpoint_bytes(day)
            .collect::<Vec<_>>()
            .iter()
            .filter_map(|(id, bytes)| of_endpoint((id, bytes)))
            .collect()
    }
}

fn endpoint_bytes(day: &DayTraffic) -> impl Iterator<Item = (String, Bytes)> {
    day.by_path()
        .into_iter()
        .filter_map(|(path, bytes)| match path {
            Path::InterfaceEndpoint(id) => Some((id, bytes)),
            _ => None,
        })
}

/// Bytes as the bill counts them: GB of 2^30 bytes with ten places.
fn gigabytes(bytes: u64) -> Decimal {
    (Decimal::from(bytes) / Decimal::from(BYTES_PER_GB)).round_dp(10)
}

fn dimension(name: &str, value: &str) -> Dimension {
    Dimension::builder().name(name).value(value).build()
}

fn datum(name: &str, value: u64, day: Date, dimensions: Vec<Dimension>) -> MetricDatum {
    let noon = day
        .at(12, 0, 0, 0)
        .to_zoned(TimeZone::UTC)
        .map_or(0, |zoned| zoned.timestamp().as_second());
    #[expect(
        clippy::cast_precision_loss,
        reason = "a day's bytes stay far below 2^53"
    )]
    let value = value as f64;
    MetricDatum::builder()
        .metric_name(name)
        .value(value)
        .unit(StandardUnit::Bytes)
        .timestamp(DateTime::from_secs(noon))
        .set_dimensions(Some(dimensions))
        .build()
}

fn file_key(day: Date, hour: i64) -> String {
    // AWS delivers a file some minutes after the time it covers.
    let delivered = Timestamp::from_second(hour).unwrap_or_default() + Duration::from_mins(5);
    format!(
        "AWSLogs/{ACCOUNT_ID}/vpcflowlogs/{HOME}/{}/{ACCOUNT_ID}_vpcflowlogs_{HOME}_fl-0a1b2c3d_{}_{:08x}.log.gz",
        day.strftime("%Y/%m/%d"),
        delivered.strftime("%Y%m%dT%H%MZ"),
        hour,
    )
}

fn compress(lines: &[String]) -> Result<Vec<u8>, Error> {
    let mut file = GzEncoder::new(Vec::new(), Compression::fast());
    writeln!(file, "{}", flow_log::FORMAT)?;
    for line in lines {
        writeln!(file, "{line}")?;
    }
    Ok(file.finish()?)
}
