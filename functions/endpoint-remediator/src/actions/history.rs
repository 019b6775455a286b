//! `history`: the audit trail of a day, from the ledger alone.

use serde_json::{Value, json};
use tollkeeper::time::Day;

use crate::app::App;
use crate::audit::{self, Dossier};
use crate::failure::Failure;

/// Who approved what, what was done, what was there before, and what was refused on a day (UTC).
pub(crate) async fn history(app: &App, day: Day) -> Result<Value, Failure> {
    let place = app.place().await?;
    let ledger = app.ledger(&place);
    let events = ledger.events(day).await?;
    let mut dossiers = Vec::new();
    for plan in ledger.plans().await? {
        // Nothing can have happened to a plan before it was made.
        if Day::of(plan.created_at) > day {
            continue;
        }
        let journal = ledger.journal(&plan.plan_id).await?;
        dossiers.push(Dossier {
            approval: ledger.approval(&plan.plan_id).await?,
            journal: journal.into_values().map(|entry| entry.item).collect(),
            plan_id: plan.plan_id,
        });
    }
    let lines = audit::of_day(day, &events, &dossiers);
    Ok(
        json!({"day": day.to_string(), "account": place.account, "region": place.region, "lines": lines}),
    )
}
