//! Step: ten quiet weeks of cost history.

use rust_decimal::Decimal;

use crate::chart;
use crate::failure::Failure;
use crate::paper::Paper;
use crate::story::{FIRST_DAY, LAST_QUIET_DAY, Story};

/// Days before the leak whose flow logs are kept, as a team with a short retention would have them.
const DAYS_WITH_FLOW_LOGS: usize = 7;

pub(crate) async fn months(paper: &mut Paper, story: &mut Story) -> Result<(), Failure> {
    paper.step("Ten quiet weeks");
    paper.working("the bill and the metrics of 71 days, the flow logs of the last week");
    let days = story.world.days(FIRST_DAY, LAST_QUIET_DAY).await?;
    let first_with_logs = days.len().saturating_sub(DAYS_WITH_FLOW_LOGS);
    for (number, day) in days.iter().enumerate() {
        story.publish(day, number >= first_with_logs).await?;
    }
    paper.say("What the NAT gateways cost each day:");
    paper.quote(chart::daily_cost(&story.costs));
    let highest = story
        .costs
        .iter()
        .map(|(_, cost)| *cost)
        .max()
        .unwrap_or_default();
    paper.check(
        story.costs.len() == 71 && highest > Decimal::ZERO && highest < Decimal::from(30),
        format!(
            "{} days on the bill, none above ${:.2}",
            story.costs.len(),
            highest
        ),
        format!("{} days, the dearest ${highest:.2}", story.costs.len()),
    )?;
    paper.done();
    Ok(())
}
