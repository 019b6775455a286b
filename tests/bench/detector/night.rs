//! The most memory that the function itself has had, over a night with fifty NAT gateways and two gigabytes of flow
//! logs, in the local cloud.
//!
//! The night finds the leak of the local cloud's world and explains it, so it reads the day's files and those of the
//! quiet days it compares with. The files are gzip as AWS writes them, all of one kind: uploads and downloads of two
//! thousand sources. Not measured: time, since the bucket is a process on the same two cores.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::civil::{Date, date};
use local_cloud::world::{Nat, World, WorldSettings, flow_log};
use local_cloud::{ACCOUNT_ID, LocalCloud};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use crate::report::{Error, Row, Sample};
use crate::{build, cold_start};

const TARGET_MB: f64 = 256.0;
const MB: f64 = 1_000_000.0;
const NATS: usize = 50;
/// Sources behind each of them.
const SOURCES: u32 = 40;
const LEAK_DAY: Date = date(2026, 10, 13);
const FIRST_DAY: Date = date(2026, 8, 3);
/// AWS closes a file at 75 MB: 28 of them are the two gigabytes.
const FILE_BYTES: usize = 75_000_000;
const FILES: i64 = 28;
/// Lambda's own limit.
const PATIENCE: Duration = Duration::from_mins(15);

/// A night's row.
pub(super) async fn rows(root: &Path) -> Result<Vec<Row>, Error> {
    // All of them: alone it would compile the EC2 client with other features, once more.
    build::functions(root, &cold_start::packages())?;
    println!("A night with {NATS} NAT gateways and 2 GB of flow logs: some minutes.");
    let cloud = LocalCloud::builder("bench-detector").start().await?;
    let peak = night(&cloud, root).await;
    cloud.stop().await?;
    Ok(vec![Row::under_target(
        "night of 50 NAT gateways, 2 GB of flow logs",
        "peak memory of the function",
        "MB",
        &Sample::exact(peak?),
        TARGET_MB,
    )])
}

/// Megabytes.
async fn night(cloud: &LocalCloud, root: &Path) -> Result<f64, Error> {
    let failed = |error: local_cloud::world::Error| Error::NoFigure(error.to_string());
    let settings = WorldSettings {
        seed: 11,
        leak_day: LEAK_DAY,
        ip_ranges: None,
    };
    let mut world = World::build(cloud, settings).await.map_err(failed)?;
    world
        .add_gateways(NATS - world.ids.nats.len())
        .await
        .map_err(failed)?;
    for day in world.days(FIRST_DAY, LEAK_DAY).await.map_err(failed)? {
        world.publish_bill(cloud.cost_explorer(), &day, false);
        world.publish_metrics(&day).await.map_err(failed)?;
    }
    let file = file(&world.ids.nats, &world.ids.vpc)?;
    for number in 0..FILES {
        world
            .publish_flow_log_file(LEAK_DAY, seconds() + number, file.clone())
            .await
            .map_err(failed)?;
    }
    let function = cloud
        .function("nat-cost-detector")
        .binary(root.join("target/release/nat-cost-detector"))
        .env("LEDGER_TABLE", &world.ledger_table)
        .env("ALERT_TOPIC_ARN", &world.topic_arn)
        .env("FLOW_LOGS_LOCATION", world.flow_logs_location())
        .timeout(PATIENCE)
        .start()
        .await?;
    let morning = LEAK_DAY
        .tomorrow()
        .map_err(|error| Error::NoFigure(error.to_string()))?;
    let event = json!({"action": "nightly", "time": format!("{morning}T06:30:00Z")});
    let reply = function.invoke(&event).await?;
    let bytes = function.peak_memory_bytes().await;
    function.stop().await?;
    reply
        .into_result()
        .map_err(|reason| Error::NoFigure(format!("nat-cost-detector: {reason}")))?;
    let told = cloud.sns_messages(&world.topic_arn);
    let read = told
        .iter()
        .any(|message| message.message("default").contains("explanation from s3"));
    if !read {
        let told: Vec<_> = told
            .iter()
            .map(|message| message.message("default"))
            .collect();
        let what = told.join("\n");
        return Err(Error::NoFigure(format!(
            "the flow logs were not read: {what}"
        )));
    }
    let bytes = bytes.ok_or_else(|| Error::NoFigure("the function had ended".to_owned()))?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    Ok(bytes as f64 / MB)
}

/// Unix second at which the leak day begins.
fn seconds() -> i64 {
    LEAK_DAY
        .to_zoned(jiff::tz::TimeZone::UTC)
        .map_or(0, |midnight| midnight.timestamp().as_second())
}

/// A file of lines by all gateways.
fn file(nats: &[Nat], vpc: &str) -> Result<Vec<u8>, Error> {
    let failed = |error: std::io::Error| Error::NoFigure(error.to_string());
    let mut random = StdRng::seed_from_u64(2026);
    let mut file = GzEncoder::new(Vec::new(), Compression::fast());
    writeln!(file, "{}", flow_log::FORMAT).map_err(failed)?;
    while file.get_ref().len() < FILE_BYTES {
        for nat in nats {
            let line = line(&mut random, nat, vpc);
            writeln!(file, "{line}").map_err(failed)?;
        }
    }
    file.finish().map_err(failed)
}

/// An upload or a download, as the gateway records it on its inner side.
fn line(random: &mut StdRng, nat: &Nat, vpc: &str) -> String {
    let source = format!(
        "10.0.{}.{}",
        128 + random.random_range(0..SOURCES),
        nat.address.octets()[3]
    );
    let far = format!(
        "52.216.{}.{}",
        random.random_range(0..=255),
        random.random_range(1..255)
    );
    let port = random.random_range(1_024..65_535);
    let packets = random.random_range(1..1_000);
    let bytes = packets * random.random_range(40..1_500);
    let start = seconds() + random.random_range(0..86_000);
    let (ends, packet_ends, services) = if random.random_bool(0.5) {
        (
            format!("{source} {} {port} 443", nat.address),
            format!("{source} {far}"),
            "- S3",
        )
    } else {
        (
            format!("{} {source} 443 {port}", nat.address),
            format!("{far} {source}"),
            "S3 -",
        )
    };
    format!(
        "5 {ACCOUNT_ID} {} {ends} 6 {packets} {bytes} {start} {} ACCEPT OK {vpc} {} - 19 IPv4 {packet_ends} us-east-1 \
         use1-az1 - - {services} ingress -",
        nat.interface,
        start + 60,
        nat.subnet,
    )
}
