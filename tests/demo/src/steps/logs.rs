//! Step: the application's logs and a day of flow logs go through Kafka into the Rollups table, twice, and count once.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};
use local_cloud::world::{DayTraffic, TOPIC, app_logs};
use local_cloud::{Function, MappingReport, Message};

use crate::failure::Failure;
use crate::paper::Paper;
use crate::rollups::Totals;
use crate::story::{LAST_QUIET_DAY, Story};

/// Topic of the shipped flow-log lines; one partition for each NAT gateway.
const FLOW_TOPIC: &str = "flow-logs";
/// The day that the leak day will be compared with: the same weekday, a week earlier.
pub(crate) const BASELINE_DAY: Date = date(2026, 10, 6);
const APP_LINES: u32 = 3_000;
/// Lines that the shipper puts into one record.
const LINES_A_RECORD: usize = 25;
const BATCH_SIZE: usize = 1_000;

/// Starts the consumer.
async fn consumer(story: &Story) -> Result<Function, Failure> {
    let formats = format!("{TOPIC}=json,{FLOW_TOPIC}=flow-logs");
    let consumer = story
        .function("kafka-consumer")
        .env("ROLLUPS_TABLE", &story.world.rollups_table);
    let consumer = consumer
        .env("TOPIC_FORMATS", formats)
        .env("FLOW_LOG_FORMAT", local_cloud::world::flow_log::FORMAT);
    Ok(consumer
        .timeout(std::time::Duration::from_mins(1))
        .start()
        .await?)
}

pub(crate) async fn through_kafka(
    paper: &mut Paper,
    story: &mut Story,
) -> Result<Function, Failure> {
    paper.step("Logs through Kafka");
    let consumer = consumer(story).await?;
    for topic in [TOPIC, FLOW_TOPIC] {
        story.cloud.kafka()?.create_topic(topic, 2)?;
    }
    paper.working("shipping and counting");
    let logs = app_logs(7, LAST_QUIET_DAY, 9, APP_LINES);
    let messages = logs
        .lines
        .iter()
        .map(|(at, line)| Message::new(line.as_bytes(), *at));
    story.cloud.kafka()?.produce(TOPIC, 0, messages).await?;
    let day = story.world.day(BASELINE_DAY).await?;
    ship(story, &day).await?;
    let app = deliver(story, TOPIC, &consumer, false).await?;
    let flow = deliver(story, FLOW_TOPIC, &consumer, false).await?;
    paper.say(format!(
        "{APP_LINES} log lines and {} flow-log lines of {BASELINE_DAY}: {} records in {} batches to kafka-consumer.",
        story.world.flow_log_lines(&day).len(),
        app.records + flow.records,
        app.batches + flow.batches,
    ));
    let expected = expected(&logs.counts, &day);
    let once = Totals::read(story).await?;
    paper.check(
        once == expected,
        format!("Rollups holds exactly what was produced: {once}"),
        format!("{once} instead of {expected}"),
    )?;
    consumer.kill();
    deliver(story, TOPIC, &consumer, true).await?;
    deliver(story, FLOW_TOPIC, &consumer, true).await?;
    let twice = Totals::read(story).await?;
    paper.check(
        twice == expected,
        "after a crash and a second delivery of everything the sums are the same",
        twice,
    )?;
    story.summary.push(format!(
        "{} records came twice through Kafka and were counted once.",
        app.records + flow.records
    ));
    paper.done();
    Ok(consumer)
}

/// Ships a day's flow-log lines, each NAT gateway's to a partition of its own, as a log shipper would.
pub(crate) async fn ship(story: &Story, day: &DayTraffic) -> Result<(), Failure> {
    let lines = story.world.flow_log_lines(day);
    for (partition, nat) in (0..).zip(&story.world.ids.nats) {
        let of_nat: Vec<&str> = lines
            .iter()
            .map(String::as_str)
            .filter(|line| line.split(' ').nth(2) == Some(&nat.interface))
            .collect();
        let messages = of_nat
            .chunks(LINES_A_RECORD)
            .map(|lines| Message::new(lines.join("\n"), start_ms(lines)));
        story
            .cloud
            .kafka()?
            .produce(FLOW_TOPIC, partition, messages)
            .await?;
    }
    Ok(())
}

/// Lets the consumer take all shipped flow logs.
pub(crate) async fn take_flow_logs(
    story: &Story,
    consumer: &Function,
) -> Result<MappingReport, Failure> {
    deliver(story, FLOW_TOPIC, consumer, false).await
}

async fn deliver(
    story: &Story,
    topic: &str,
    consumer: &Function,
    again: bool,
) -> Result<MappingReport, Failure> {
    let mapping = story
        .cloud
        .mapping(topic, consumer)?
        .self_managed()
        .batch_size(BATCH_SIZE);
    let mapping = if again { mapping.from_start() } else { mapping };
    let report = mapping.drain().await?;
    match &report.stuck {
        Some(why) => Err(Failure::new(format!("topic {topic}: {why}"))),
        None => Ok(report),
    }
}

/// When the first line's interval began, in milliseconds.
fn start_ms(lines: &[&str]) -> i64 {
    const START: usize = 10;
    let start = lines
        .first()
        .and_then(|line| line.split(' ').nth(START)?.parse::<i64>().ok());
    start.unwrap_or_default() * 1_000
}

fn expected(counts: &BTreeMap<(&'static str, &'static str), u64>, day: &DayTraffic) -> Totals {
    Totals {
        bytes: day.nat_bytes(),
        flows: day.flows.len() as u64,
        skipped: 1,
        logs: counts
            .iter()
            .map(|((service, level), count)| ((*service).to_owned(), (*level).to_owned(), *count))
            .collect(),
    }
}
