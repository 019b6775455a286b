//! Step: the following nights show the saving and close the incident.

use local_cloud::Function;
use local_cloud::world::{DayTraffic, Path};
use rust_decimal::Decimal;
use tollkeeper::finding::{Finding, State};
use tollkeeper::prices;

use super::nights;
use crate::chart;
use crate::failure::Failure;
use crate::paper::Paper;
use crate::story::{LEAK_DAY, Story};

/// Nights after the remedy; the incident must be closed by the last.
const NIGHTS: i64 = 4;

pub(crate) async fn shown(
    paper: &mut Paper,
    story: &mut Story,
    detector: &Function,
) -> Result<(), Failure> {
    paper.step("The following nights");
    paper.say(
        "The plan was applied early on the first of these days, which counts as a whole day here.",
    );
    let mut closing = None;
    for night in 1..=NIGHTS {
        let date = LEAK_DAY.checked_add(jiff::Span::new().days(night))?;
        let day = story.world.day(date).await?;
        story.publish(&day, true).await?;
        let (_, told) = nights::night(story, detector, date).await?;
        paper.say(format!(
            "night after {date}: ${:.2} that day, {} message(s)",
            story.world.network_cost(&day),
            told.len()
        ));
        if !told.is_empty() {
            let (message, finding) = nights::finding(&told)?;
            closing = Some((message.clone(), finding, day));
        }
    }
    paper.quote(chart::daily_cost(&story.costs));
    let Some((message, finding, day)) = closing else {
        return Err(Failure::new(format!(
            "no night of {NIGHTS} closed the incident"
        )));
    };
    nights::print(paper, &message);
    paper.check(
        finding.state == State::Resolved,
        "the incident is resolved",
        finding.state.as_str(),
    )?;
    measured(paper, story, &finding, &day)?;
    paper.done();
    Ok(())
}

/// Compares the realised saving with what the world knows of the endpoints' bytes and cost.
fn measured(
    paper: &mut Paper,
    story: &mut Story,
    finding: &Finding,
    day: &DayTraffic,
) -> Result<(), Failure> {
    let saving = finding
        .saving
        .as_ref()
        .ok_or_else(|| Failure::new("the resolved incident names no saving"))?;
    let told = saving
        .measured_a_day
        .as_ref()
        .map(|money| money.amount)
        .unwrap_or_default();
    let bytes: u64 = day
        .by_path()
        .iter()
        .filter(|(path, _)| matches!(path, Path::InterfaceEndpoint(_)))
        .map(|(_, bytes)| bytes.total())
        .sum();
    let prices = prices::for_region(&finding.region)?;
    let zones: u32 = day.endpoints.iter().map(|endpoint| endpoint.zones).sum();
    let hours = Decimal::from(zones * 24) * prices.endpoint_zone_hour();
    let truth = prices::gb(bytes) * (prices.nat_gb() - prices.endpoint_gb()) - hours;
    paper.check(
        truth > Decimal::ZERO && (told - truth).abs() <= Decimal::ONE,
        format!("it measured a saving of ${told:.2} a day through the endpoints; the truth is ${truth:.2}"),
        format!("${told:.2} and ${truth:.2}"),
    )?;
    story.summary.push(format!(
        "Saved: ${told:.2} a day measured at the endpoints, at most {} in all.",
        saving.upper_bound_a_day
    ));
    Ok(())
}
