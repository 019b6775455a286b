//! The detector's nights: its settings, a run, and what it told.

use jiff::civil::Date;
use local_cloud::{Function, Published};
use serde_json::Value;
use tollkeeper::finding::Finding;

use crate::failure::Failure;
use crate::paper::Paper;
use crate::story::{Story, answer, night_after};

/// Starts a detector that explains from `source` (`s3` or `rollups`).
pub(crate) async fn detector(story: &Story, source: &str) -> Result<Function, Failure> {
    let detector = story
        .function("nat-cost-detector")
        .env("EXPLAIN_SOURCE", source);
    let detector = detector
        .env("LEDGER_TABLE", &story.world.ledger_table)
        .env("ROLLUPS_TABLE", &story.world.rollups_table);
    let detector = detector
        .env("ALERT_TOPIC_ARN", &story.world.topic_arn)
        .env("FLOW_LOGS_LOCATION", story.world.flow_logs_location());
    Ok(detector
        .timeout(std::time::Duration::from_mins(2))
        .start()
        .await?)
}

/// Runs the night after a day; what was told on top of what had been told before.
pub(crate) async fn night(
    story: &Story,
    detector: &Function,
    day: Date,
) -> Result<(Value, Vec<Published>), Failure> {
    let before = story.cloud.sns_messages(&story.world.topic_arn).len();
    let reply = answer(
        "nat-cost-detector",
        detector.invoke(&night_after(day)?).await?,
    )?;
    let told = story.cloud.sns_messages(&story.world.topic_arn);
    Ok((reply, told.into_iter().skip(before).collect()))
}

/// The one finding among what was told.
pub(crate) fn finding(told: &[Published]) -> Result<(&Published, Finding), Failure> {
    let [message] = told else {
        return Err(Failure::new(format!(
            "expected one message, found {}",
            told.len()
        )));
    };
    Ok((message, serde_json::from_str(message.message("lambda"))?))
}

/// Prints a message as the person reads it.
pub(crate) fn print(paper: &Paper, message: &Published) {
    let subject = message.subject.as_deref().unwrap_or_default();
    paper.quote(format!(
        "Subject: {subject}\n\n{}",
        message.message("email")
    ));
}

/// Step: a night on which nothing happened. Returns the detector for the nights to come.
pub(crate) async fn quiet(
    paper: &mut Paper,
    story: &Story,
    day: Date,
) -> Result<Function, Failure> {
    paper.step("A quiet night");
    paper.working("nat-cost-detector reads the bill, the metrics and the network");
    let detector = detector(story, "s3").await?;
    let (reply, told) = night(story, &detector, day).await?;
    let word = |field: &str| reply[field].as_str().unwrap_or_default().to_owned();
    paper.say(format!("The night run for {day}: {}.", word("turn")));
    paper.say(format!("Why: {}", word("reason")));
    paper.check(
        told.is_empty(),
        "nobody is woken up",
        format!("{} messages", told.len()),
    )?;
    paper.done();
    Ok(detector)
}
