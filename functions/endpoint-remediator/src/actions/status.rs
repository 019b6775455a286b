//! `status`: where a plan stands, from the ledger alone.

use serde_json::{Value, json};

use super::Case;
use super::plan::give_out;
use crate::app::App;
use crate::emit::{self, Format, Named};
use crate::failure::{Failure, word};

/// Summary, journal, approval and text of a plan.
pub(crate) async fn status(app: &App, plan_id: &str, format: Format) -> Result<Value, Failure> {
    let place = app.place().await?;
    let ledger = app.ledger(&place);
    let case = Case::open(&ledger, plan_id).await?;
    let approval = ledger.approval(plan_id).await?;
    let journal: Vec<_> = case.journal.values().map(|entry| &entry.item).collect();
    let mut reply = json!({
        "plan_id": plan_id,
        "state": word(case.state()),
        "summary": case.summary.item,
        "approval": approval,
        "journal": journal,
        "text": case.stored.text,
    });
    if let Some(by) = &case.stored.superseded_by {
        reply["superseded_by"] = json!(by);
    }
    if let Some(evidence) = &case.stored.evidence_json {
        reply["evidence"] = serde_json::from_str(evidence).map_err(|cause| Failure::Json {
            what: "the stored evidence",
            cause,
        })?;
    }
    let named = Named {
        plan: &case.plan,
        id: plan_id,
        hash: &case.stored.plan_hash,
    };
    if let Some(emitted) = emit::emit(named, format)? {
        give_out(app, &ledger, plan_id, &emitted, &mut reply).await?;
    }
    Ok(reply)
}
