//! The audit trail: what was asked, decided, refused and done on a day, for whoever asks later.
//!
//! Two sources. Events are written as they happen: a plan made, a state entered, a request refused. Changes to the network
//! stand in the journal, with what was there before, and approvals in their own items: they are read, never copied. Pure
//! but for its types; writing and reading is [`crate::store`]'s.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollkeeper::plan::PlanState;
use tollkeeper::time::Day;

use crate::approval::Approval;
use crate::failure::word;
use crate::journal::{Entry, PreImage};

/// One event, as kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) at: Timestamp,
    /// The invocation, as Lambda and CloudTrail name it.
    pub(crate) request_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plan_id: Option<String>,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum What {
    Planned {
        plan_hash: String,
    },
    Entered {
        from: PlanState,
        to: PlanState,
        /// Why it went back by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    Refused {
        /// What was asked for; absent where the request was not understood.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        action: Option<String>,
        /// Account and unique id, where IAM told the function.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        error_type: String,
        error: String,
    },
}

/// What a request asked for, as far as that can be told from any event; bounded, since nobody has checked it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) action: Option<String>,
    pub(crate) plan_id: Option<String>,
}

/// A name that nobody has checked yet: its plain characters, at most 40.
pub(crate) fn plain(text: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.chars().filter(is_plain).take(40).collect()
}

/// The begin of a message; some repeat what was asked for, whatever its length.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(1_000).collect()
}

impl Asked {
    pub(crate) fn of(event: &Value) -> Self {
        let text = |name: &str| event.get(name)?.as_str().map(plain);
        Self {
            action: text("action"),
            plan_id: text("plan_id"),
        }
    }
}

/// All that is known of one plan when a day is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dossier {
    pub(crate) plan_id: String,
    pub(crate) approval: Option<Approval>,
    pub(crate) journal: Vec<Entry>,
}

/// A line of a day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plan_id: Option<String>,
    pub(crate) what: String,
}

/// Everything that happened on a day (UTC), in order.
pub(crate) fn of_day(day: Day, events: &[Event], dossiers: &[Dossier]) -> Vec<Line> {
    let mut lines: Vec<Line> = events.iter().map(of_event).collect();
    for dossier in dossiers {
        lines.extend(dossier.approval.iter().map(of_approval));
        lines.extend(
            dossier
                .journal
                .iter()
                .flat_map(|entry| of_entry(&dossier.plan_id, entry)),
        );
    }
    lines.retain(|line| Day::of(line.at) == day);
    lines.sort();
    lines
}

fn of_event(event: &Event) -> Line {
    let what = match &event.what {
        What::Planned { plan_hash } => format!("planned, hash {plan_hash}"),
        What::Entered { from, to, why } => {
            let why = why
                .as_ref()
                .map_or_else(String::new, |why| format!(": {why}"));
            format!("went from {} to {}{why}", word(*from), word(*to))
        }
        What::Refused {
            action,
            by,
            error_type,
            error,
        } => {
            let action = action.as_deref().unwrap_or("a request");
            let by = by
                .as_ref()
                .map_or_else(String::new, |by| format!(" to {by}"));
            format!("refused {action}{by} ({error_type}): {error}")
        }
    };
    Line {
        at: event.at,
        plan_id: event.plan_id.clone(),
        what: format!("{what} [request {}]", event.request_id),
    }
}

fn of_approval(approval: &Approval) -> Line {
    let accepted = if approval.accept_unknown.is_empty() {
        String::new()
    } else {
        format!(
            ", accepting as unknown {}",
            approval.accept_unknown.join(", ")
        )
    };
    Line {
        at: approval.approved_at,
        plan_id: Some(approval.plan_id.clone()),
        what: format!(
            "approved by {} ({}) until {}, hash {}{accepted}",
            approval.approver, approval.arn, approval.expires_at, approval.plan_hash
        ),
    }
}

/// The intent, the outcome and the way back of one step.
fn of_entry(plan_id: &str, entry: &Entry) -> Vec<Line> {
    let change = &entry.change;
    let before = match entry.pre_image {
        PreImage::Absent => "it was not so before",
        PreImage::Present => "it was so before, and stays on the way back",
    };
    let made = entry.created_id.as_ref();
    let made = made.map_or_else(String::new, |id| format!(", made {id}"));
    let line = |at: Timestamp, what: String| Line {
        at,
        plan_id: Some(plan_id.to_owned()),
        what: format!("step {} {what}: {change}", entry.step),
    };
    let mut lines = vec![line(entry.intended_at, format!("begun ({before})"))];
    lines.extend(entry.done_at.map(|at| line(at, format!("done{made}"))));
    lines.extend(entry.undone_at.map(|at| line(at, "undone".to_owned())));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Change;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_nobody_has_checked_is_bounded() {
        let asked =
            Asked::of(&serde_json::json!({"action": "apply\n", "plan_id": "x".repeat(9_000)}));
        assert_eq!(asked.action.as_deref(), Some("apply"));
        assert_eq!(asked.plan_id.map(|id| id.len()), Some(40));
        assert_eq!(Asked::of(&serde_json::json!(["apply"])).action, None);
        assert_eq!(short(&"é".repeat(2_000)).chars().count(), 1_000);
    }

    #[test]
    fn a_day_says_who_approved_what_what_was_done_and_what_was_there_before() {
        let change = Change::CreateGatewayEndpoint {
            service: "s3".to_owned(),
        };
        let mut step = Entry::intend(
            "plan-1",
            1,
            change,
            PreImage::Absent,
            at("2026-10-14T23:59:59Z"),
        );
        step.done(Some("vpce-1".to_owned()), at("2026-10-15T00:00:04Z"));
        let route = Change::AssociateRouteTable {
            endpoint: "vpce-1".to_owned(),
            route_table: "rtb-a".to_owned(),
        };
        let mut kept = Entry::intend(
            "plan-1",
            2,
            route,
            PreImage::Present,
            at("2026-10-15T00:00:05Z"),
        );
        kept.done(None, at("2026-10-15T00:00:06Z"));
        kept.undone(at("2026-10-16T00:00:00Z"));
        let dossier = Dossier {
            plan_id: "plan-1".to_owned(),
            approval: Some(Approval {
                plan_id: "plan-1".to_owned(),
                plan_hash: "sha256:12".to_owned(),
                approver: "123456789012/AROAEXAMPLE".to_owned(),
                arn: "arn:aws:sts::123456789012:assumed-role/approver/kim".to_owned(),
                approved_at: at("2026-10-15T00:00:01Z"),
                expires_at: at("2026-10-16T00:00:00Z"),
                accept_unknown: vec!["dns.custom-servers".to_owned()],
            }),
            journal: vec![step, kept],
        };
        let event = |time, what| Event {
            at: at(time),
            request_id: "r-1".to_owned(),
            plan_id: Some("plan-1".to_owned()),
            what,
        };
        let events = [
            event(
                "2026-10-15T07:00:00Z",
                What::Refused {
                    action: Some("apply".to_owned()),
                    by: None,
                    error_type: "Approval.Expired".to_owned(),
                    error: "the approval expired".to_owned(),
                },
            ),
            event(
                "2026-10-15T00:00:07Z",
                What::Entered {
                    from: PlanState::Applying,
                    to: PlanState::Applied,
                    why: None,
                },
            ),
        ];
        let lines = of_day("2026-10-15".parse().unwrap(), &events, &[dossier]);
        let lines = lines
            .iter()
            .map(|line| format!("{} {}", line.at, line.what));
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
        2026-10-15T00:00:01Z approved by 123456789012/AROAEXAMPLE (arn:aws:sts::123456789012:assumed-role/approver/kim) until 2026-10-16T00:00:00Z, hash sha256:12, accepting as unknown dns.custom-servers
        2026-10-15T00:00:04Z step 1 done, made vpce-1: create gateway endpoint for s3, no route table yet
        2026-10-15T00:00:05Z step 2 begun (it was so before, and stays on the way back): give route table rtb-a the route to vpce-1
        2026-10-15T00:00:06Z step 2 done: give route table rtb-a the route to vpce-1
        2026-10-15T00:00:07Z went from applying to applied [request r-1]
        2026-10-15T07:00:00Z refused apply (Approval.Expired): the approval expired [request r-1]
        ");
    }
}
