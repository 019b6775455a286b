//! The most memory that the function itself has had, after one event, in the local cloud.

use std::path::{Path, PathBuf};

use local_cloud::world::{World, WorldSettings};
use local_cloud::{LocalCloud, Reply};

use super::lines::FLOW_LOG_FORMAT;
use crate::report::{Error, Row, Sample};

const TARGET_MB: f64 = 64.0;
const MB: f64 = 1_000_000.0;

/// A row for each named event.
pub(super) async fn rows(
    root: &Path,
    events: &[(&'static str, PathBuf)],
) -> Result<Vec<Row>, Error> {
    let cloud = LocalCloud::builder("bench-consumer").start().await?;
    let rows = measure(&cloud, root, events).await;
    cloud.stop().await?;
    rows
}

async fn measure(
    cloud: &LocalCloud,
    root: &Path,
    events: &[(&'static str, PathBuf)],
) -> Result<Vec<Row>, Error> {
    let settings = WorldSettings {
        seed: 1,
        leak_day: jiff::civil::date(2026, 10, 13),
        ip_ranges: None,
    };
    // Of the world only the table is needed.
    let world = World::build(cloud, settings)
        .await
        .map_err(|error| Error::NoFigure(error.to_string()))?;
    let mut rows = Vec::new();
    for (name, path) in events {
        let event = std::fs::read(path).map_err(Error::file(path))?;
        let peak = peak(cloud, root, &world.rollups_table, event)
            .await?
            .map_err(|reason| Error::NoFigure(format!("kafka-consumer, {name}: {reason}")))?;
        rows.push(Row::under_target(
            name,
            "peak memory of the function",
            "MB",
            &Sample::exact(peak),
            TARGET_MB,
        ));
    }
    Ok(rows)
}

/// Megabytes; the inner error is what went wrong in the function.
async fn peak(
    cloud: &LocalCloud,
    root: &Path,
    table: &str,
    event: Vec<u8>,
) -> Result<Result<f64, String>, Error> {
    let function = cloud
        .function("kafka-consumer")
        .binary(root.join("target/release/kafka-consumer"))
        .env("ROLLUPS_TABLE", table)
        .env("FLOW_LOG_FORMAT", FLOW_LOG_FORMAT)
        .start()
        .await?;
    let reply: Reply = function.invoke_bytes(event).await?;
    let bytes = function.peak_memory_bytes().await;
    function.stop().await?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    Ok(reply.into_result().and_then(|_| {
        bytes
            .map(|bytes| bytes as f64 / MB)
            .ok_or_else(|| "ended after its answer".to_owned())
    }))
}
