//! Logs and metrics. Logs are JSON lines with a constant message and the data in fields; metrics are CloudWatch
//! embedded metric format (EMF) lines on standard output.
//!
//! What is never logged, by anybody: payloads and record values, tokens, keys, passwords, connection strings with
//! credentials, whole events. Positions, sizes, ids and counts are enough.

use std::io::Write;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// CloudWatch namespace of all metrics of this product.
pub const NAMESPACE: &str = "Tollkeeper";

/// Here the runtime writes whole events at level `trace`.
const PAYLOADS: &str = "lambda_runtime::layers::api_response";

/// The runtime's own line about a failed request: [`crate::error::report`] has logged that already, with its type. What the
/// same module says of panics comes with a field.
fn is_told_twice(metadata: &Metadata<'_>) -> bool {
    metadata.target() == "lambda_runtime::layers::panic"
        && metadata.fields().field("error").is_none()
}

/// Starts JSON logging to standard output; `level` is a level such as `info`, or one for each module
/// (`warn,rate_limiter=debug`); `info` where it is neither. Call once, in `main`.
pub fn start_logging(level: &str) {
    // A second call keeps the first subscriber: tests may start several functions in one process.
    let _ = lines(level, std::io::stdout).try_init();
}

/// What is logged, as lines.
fn lines<W>(level: &str, writer: W) -> impl SubscriberInitExt
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // Not the environment filter: it brings a regular expression engine, 180 kB in every function.
    let filter = level
        .parse()
        .unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_ansi(false)
        .with_writer(writer);
    tracing_subscriber::registry()
        .with(lines)
        .with(filter.with_target(PAYLOADS, LevelFilter::OFF))
        .with(filter_fn(|metadata| !is_told_twice(metadata)))
}

/// Unit of a metric, as CloudWatch spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// A figure without a unit, such as dollars.
    None,
}

impl Unit {
    fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Bytes => "Bytes",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
            Self::None => "None",
        }
    }
}

/// One EMF line in the making: metrics that share their dimensions.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    dimensions: Vec<(&'static str, String)>,
    values: Vec<(&'static str, Unit, f64)>,
    properties: Vec<(&'static str, Value)>,
}

impl Metrics {
    /// Metrics of a function.
    pub fn of(function: &str) -> Self {
        Self {
            dimensions: vec![("Function", function.to_owned())],
            values: Vec::new(),
            properties: Vec::new(),
        }
    }

    /// Adds a dimension: few values each, or CloudWatch bills a metric for every one.
    #[must_use]
    pub fn by(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.dimensions.push((name, value.into()));
        self
    }

    /// Adds a count.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "CloudWatch keeps metrics as doubles"
    )]
    pub fn count(self, name: &'static str, value: u64) -> Self {
        self.value(name, Unit::Count, value as f64)
    }

    /// Adds a figure in a unit.
    #[must_use]
    pub fn value(mut self, name: &'static str, unit: Unit, value: f64) -> Self {
        self.values.push((name, unit, value));
        self
    }

    /// Adds a field that is searchable in the log but no metric.
    #[must_use]
    pub fn property(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.properties.push((name, value.into()));
        self
    }

    /// The line.
    pub fn to_emf(&self, now: Timestamp) -> Value {
        let definitions: Vec<Value> = self
            .values
            .iter()
            .map(|(name, unit, _)| json!({"Name": name, "Unit": unit.as_str()}))
            .collect();
        let names: Vec<&str> = self.dimensions.iter().map(|(name, _)| *name).collect();
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [names], "Metrics": definitions}],
            }),
        );
        for (name, value) in &self.dimensions {
            line.insert((*name).to_owned(), Value::from(value.as_str()));
        }
        for (name, _, value) in &self.values {
            line.insert((*name).to_owned(), Value::from(*value));
        }
        for (name, value) in &self.properties {
            line.insert((*name).to_owned(), value.clone());
        }
        Value::Object(line)
    }

    /// Writes the line to standard output. A closed output is no reason to fail a request.
    pub fn emit(&self, now: Timestamp) {
        if self.values.is_empty() {
            return;
        }
        let mut line = self.to_emf(now).to_string();
        line.push('\n');
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
}

/// The wall clock, for `main` and adapters: decisions take `now` as an argument.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock"
)]
pub fn wall_clock() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_failed_request_is_told_once_and_an_event_at_no_level() {
        let (mut written, writer) = std::io::pipe().unwrap();
        let logging = lines("trace", Arc::new(writer)).set_default();
        tracing::error!(target: "lambda_runtime::layers::panic", "Diagnostic of the request");
        tracing::error!(target: "lambda_runtime::layers::panic", error = "boom", "user handler panicked");
        tracing::trace!(target: PAYLOADS, body = "{}", "raw JSON event received from Lambda");
        tracing::trace!(target: "rate_limiter", "kept");
        drop(logging);
        let mut text = String::new();
        written.read_to_string(&mut text).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let lines: Vec<Value> = lines.collect();
        let messages: Vec<&Value> = lines.iter().map(|line| &line["message"]).collect();
        assert_eq!(messages, ["user handler panicked", "kept"]);
    }

    #[test]
    fn a_line_is_what_cloudwatch_extracts_metrics_from() {
        let line = Metrics::of("kafka-consumer")
            .by("Topic", "logs")
            .count("Records", 12)
            .value("Lag", Unit::Seconds, 1.5)
            .property("request_id", "r-1")
            .to_emf("2026-10-14T06:30:00Z".parse().unwrap());
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 1_791_959_400_000_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Tollkeeper",
                        "Dimensions": [["Function", "Topic"]],
                        "Metrics": [{"Name": "Records", "Unit": "Count"}, {"Name": "Lag", "Unit": "Seconds"}],
                    }],
                },
                "Function": "kafka-consumer", "Topic": "logs", "Records": 12.0, "Lag": 1.5, "request_id": "r-1",
            })
        );
    }
}
