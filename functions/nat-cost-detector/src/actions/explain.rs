//! `explain`: judge and explain one day, read-only, whether or not it is out of the ordinary.

use jiff::Timestamp;
use tollkeeper::finding::State;
use tollkeeper::time::Day;

use crate::App;
use crate::detect::detect;
use crate::explain::attribute::Flows;
use crate::fault::DetectorError;
use crate::measure::inventory::{self, Inventory};
use crate::measure::study::{Gaps, Observed};
use crate::tell::compose::{self, Decision};
use crate::tell::report::DayReport;

/// Explains a day.
pub async fn run(app: &App, day: Day, now: Timestamp) -> Result<DayReport, DetectorError> {
    let observed = app.observe(day, Gaps::Note).await?;
    Ok(of_observed(app, &observed, now).await?.0)
}

/// Explains an observed day, and gives the flows it was explained by. Without the Ledger there is no past inventory: what EC2 shows now must do.
pub(super) async fn of_observed(
    app: &App,
    observed: &Observed,
    now: Timestamp,
) -> Result<(DayReport, Flows), DetectorError> {
    let subject = &observed.subject;
    if !observed.volumes.contains_key(&subject.day) {
        return Err(observed.no_figures());
    }
    let volume = observed.volume();
    let verdict = detect(
        &observed.volumes,
        subject.day,
        volume,
        app.config.gates,
        observed.prices,
    );
    let stays = inventory::observe(&[], &observed.network.interfaces, now);
    let inventory = Inventory::new(&stays, &observed.network);
    let explained = app
        .explain_day(
            observed,
            &inventory,
            &verdict,
            &verdict.weekdays,
            None,
            &app.clients.ec2,
        )
        .await;
    let decision = Decision {
        state: State::Opened,
        incident_id: &subject.incident_id(subject.day),
        observed: volume,
        range: verdict.range,
        verdict: &verdict,
    };
    let report = DayReport {
        anomalous: verdict.anomalous,
        traffic: DayReport::talkers(&explained.flows, observed.prices),
        finding: compose::finding(
            subject,
            decision,
            explained.explanation,
            explained.advice,
            explained.quality,
            observed.prices,
        ),
    };
    Ok((report, explained.flows))
}
