//! Step: the leak day, the night run that finds it, and whether it found the truth.

use comfy_table::Table;
use comfy_table::presets::ASCII_FULL_CONDENSED;
use local_cloud::world::{DayTraffic, Direction, FarEnd};
use local_cloud::{Function, Published};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tollkeeper::finding::{Direction as Way, Finding, SourceKind, State};

use super::{logs, nights};
use crate::chart;
use crate::failure::Failure;
use crate::paper::Paper;
use crate::story::{LEAK_DAY, Story, answer};

/// How far a share may be from the truth, in percentage points: the detector compares with a day, the truth too.
const SHARE_TOLERANCE: i64 = 2;
/// Causes shown in the table; the rest is cents.
const MOST_CAUSES: usize = 6;

pub(crate) async fn found(
    paper: &mut Paper,
    story: &mut Story,
    detector: &Function,
    consumer: &Function,
) -> Result<(Published, Finding), Failure> {
    paper.step("The leak");
    let day = story.world.day(LEAK_DAY).await?;
    let baseline = story.world.day(logs::BASELINE_DAY).await?;
    story.publish(&day, true).await?;
    paper.say(format!("The bill up to {LEAK_DAY}:"));
    paper.quote(chart::daily_cost(&story.costs));
    paper.working("the night run measures, detects, explains, advises");
    let (_, told) = nights::night(story, detector, LEAK_DAY).await?;
    let (message, finding) = nights::finding(&told)?;
    paper.say("The night run finds it and tells, once:");
    nights::print(paper, message);
    paper.say(format!("Its largest causes, of {}:", finding.causes.len()));
    paper.quote(causes_table(&finding));
    right(paper, &finding, &day, &baseline)?;
    let (_, again) = nights::night(story, detector, LEAK_DAY).await?;
    paper.check(
        again.is_empty(),
        "a second run of the same night sends nothing",
        format!("{} messages", again.len()),
    )?;
    same_from_rollups(paper, story, detector, consumer, &day).await?;
    let excess = &finding.excess.cost;
    story.summary.push(format!(
        "Found the next morning: {excess} a day above the usual, {} a month if it lasts.",
        finding.projected_month
    ));
    let message = message.clone();
    paper.done();
    Ok((message, finding))
}

fn causes_table(finding: &Finding) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_FULL_CONDENSED).set_header([
        "through",
        "who",
        "talks to",
        "which way",
        "GB more",
        "$ more",
        "share",
    ]);
    for cause in finding.causes.iter().take(MOST_CAUSES) {
        let way = match cause.direction {
            Way::Upload => "upload",
            Way::Download => "download",
        };
        let who = if cause.inferred {
            format!("{} (inferred)", cause.source.name)
        } else {
            cause.source.name.clone()
        };
        table.add_row([
            cause.nat_gateway_id.clone(),
            who,
            format!("{} {}", cause.service, cause.service_region),
            way.to_owned(),
            format!("{:.1}", tollkeeper::prices::gb(cause.excess.bytes)),
            cause.excess.cost.to_string(),
            format!("{} %", cause.share_percent),
        ]);
    }
    table
}

/// Compares the finding with what the generator knows.
fn right(
    paper: &mut Paper,
    finding: &Finding,
    day: &DayTraffic,
    baseline: &DayTraffic,
) -> Result<(), Failure> {
    paper.check(
        finding.state == State::Opened,
        "an incident is opened",
        finding.state.as_str(),
    )?;
    let observed = day.nat_bytes();
    paper.check(
        finding.observed.bytes.abs_diff(observed) <= 1,
        "the day's bytes are the bill's",
        finding.observed.bytes,
    )?;
    let explained: u64 = finding.causes.iter().map(|cause| cause.excess.bytes).sum();
    let further = finding
        .further_causes
        .as_ref()
        .map_or(0, |further| further.excess.bytes);
    let sum = explained + further + finding.unexplained.bytes;
    paper.check(
        sum == finding.excess.bytes,
        "causes and the unexplained rest add up to the excess",
        format!("{sum} of {}", finding.excess.bytes),
    )?;
    let pollers = |day: &DayTraffic| {
        truth(day, |name, far_end, way| {
            name.starts_with("poller")
                && matches!(far_end, FarEnd::LambdaApi | FarEnd::Sts)
                && way == Direction::Upload
        })
    };
    let layers = |day: &DayTraffic| {
        truth(day, |name, far_end, way| {
            name == "image-builder" && far_end == FarEnd::S3 && way == Direction::Download
        })
    };
    let of_pollers = caused(finding, |cause| {
        cause.source.kind == SourceKind::KafkaPollers
            && cause.inferred
            && cause.direction == Way::Upload
    });
    paper.check(
        of_pollers.0 == pollers(day),
        "the Kafka pollers are inferred as a cause, to the byte",
        format!("{} of {} bytes", of_pollers.0, pollers(day)),
    )?;
    let of_builder = caused(finding, |cause| {
        cause.source.name == "image-builder"
            && cause.service == "S3"
            && cause.direction == Way::Download
    });
    paper.check(
        of_builder.0 == layers(day),
        "image-builder's S3 downloads are the other, to the byte",
        format!("{} of {} bytes", of_builder.0, layers(day)),
    )?;
    let grown = day.nat_bytes() - baseline.nat_bytes();
    let share = |bytes: u64| Decimal::from(bytes) * Decimal::ONE_HUNDRED / Decimal::from(grown);
    for (name, told, truth) in [
        (
            "the pollers'",
            of_pollers.1,
            share(pollers(day) - pollers(baseline)),
        ),
        (
            "image-builder's",
            of_builder.1,
            share(layers(day) - layers(baseline)),
        ),
    ] {
        let near = (told - truth).abs() <= Decimal::from(SHARE_TOLERANCE);
        paper.check(
            near,
            format!("{name} share is told as {told} %, the truth is {truth:.2} %"),
            format!("{told} % and {truth:.2} %"),
        )?;
    }
    Ok(())
}

fn truth(day: &DayTraffic, wanted: impl Fn(&str, FarEnd, Direction) -> bool) -> u64 {
    day.nat_truth()
        .into_iter()
        .filter(|((name, far_end, way), _)| wanted(name, *far_end, *way))
        .map(|(_, bytes)| bytes)
        .sum()
}

/// Bytes of the day and share of the excess of the uploads or downloads that some causes make up.
fn caused(
    finding: &Finding,
    wanted: impl Fn(&tollkeeper::finding::Cause) -> bool,
) -> (u64, Decimal) {
    let causes: Vec<_> = finding
        .causes
        .iter()
        .filter(|cause| wanted(cause))
        .collect();
    (
        causes.iter().map(|cause| cause.bytes).sum(),
        causes.iter().map(|cause| cause.share_percent).sum(),
    )
}

/// Ships the leak day's flow logs through Kafka too, and asks for the explanation from both sources.
async fn same_from_rollups(
    paper: &mut Paper,
    story: &Story,
    from_s3: &Function,
    consumer: &Function,
    day: &DayTraffic,
) -> Result<(), Failure> {
    logs::ship(story, day).await?;
    logs::take_flow_logs(story, consumer).await?;
    let from_rollups = nights::detector(story, "rollups").await?;
    let ask = json!({"action": "explain", "day": LEAK_DAY.to_string()});
    let one = answer("nat-cost-detector", from_s3.invoke(&ask).await?)?;
    let other = answer("nat-cost-detector", from_rollups.invoke(&ask).await?)?;
    from_rollups.stop().await?;
    let causes = |reply: &Value| {
        reply
            .pointer("/finding/causes")
            .or(reply.get("causes"))
            .cloned()
    };
    paper.check(
        causes(&one).is_some() && causes(&one) == causes(&other),
        "the Rollups table, fed through Kafka, gives the same causes as the files in S3",
        format!("{one} and {other}"),
    )
}
