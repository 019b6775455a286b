//! Replays the flow logs of the last days against a plan that is about to be kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tollkeeper::time::Day;

use crate::app::{App, Call};
use crate::change::{Change, Target};
use crate::cloudtrail::MOST_CALLS;
use crate::flow_logs::FlowLogs;
use crate::plan::{Place, Plan};
use crate::policy::{About, Held, hold};
use crate::preflight::Read;
use crate::replay::{After, Clients, DaySeen, Files, Judge, Replay, Watch, one_vantage};
use crate::snapshot::Snapshot;

/// Which days are replayed, and how long that may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replaying {
    /// The last day.
    until: Day,
    /// When the last file may be begun.
    stop_at: Timestamp,
}

impl Replaying {
    /// Days up to `day` (of a finding), or else up to the last complete one. Reading takes at most half of the time that
    /// is left: the plan must be kept afterwards, and one finding may ask for several.
    pub(crate) fn within(call: &Call, day: Option<Day>, now: Timestamp) -> Self {
        let left = call.stop_at().duration_since(now);
        let last = Day::of(now).plus(-1);
        Self {
            until: day.unwrap_or(last),
            stop_at: now.saturating_add(left / 2).unwrap_or(now),
        }
    }
}

/// What the plan does to the flows of those days. What cannot be read is said, and no reason to plan nothing.
pub(super) async fn replay(
    app: &App,
    (place, snapshot): (&Place, &Snapshot),
    plan: &Plan,
    replaying: Replaying,
) -> Replay {
    if plan.policy.is_some() {
        return calls(app, place, snapshot, plan).await;
    }
    let Some(logs) = &app.flow_logs else {
        return Replay::NotDone("There are no flow logs to replay (FLOW_LOGS_LOCATION)".to_owned());
    };
    let clients = match app.ec2.clients(&snapshot.vpc.id).await {
        Ok(clients) => clients,
        Err(error) => {
            tracing::warn!(%error, "flow logs are not replayed");
            let (operation, code) = (error.operation, error.code);
            return Replay::Unread(format!(
                "The clients of the VPC could not be read (ec2:{operation}: {code})"
            ));
        }
    };
    days(app, logs, (place, snapshot, &clients), plan, replaying).await
}

/// Flow logs name no principal: policies are held against what CloudTrail recorded at their endpoints.
async fn calls(app: &App, place: &Place, snapshot: &Snapshot, plan: &Plan) -> Replay {
    let set = plan.steps.iter().filter_map(|step| match &step.change {
        Change::SetPolicy {
            endpoint: Target::Id(id),
            policy,
            ..
        } => Some((snapshot.endpoint(id)?, policy)),
        _ => None,
    });
    let set: Vec<_> = set.collect();
    let pages = (MOST_CALLS / set.len().max(1)).max(1);
    let mut held = Held::default();
    for (endpoint, policy) in set {
        let (calls, more) = match app.recorded(&endpoint.service, &endpoint.id, pages).await {
            Read::Known(found) => found,
            Read::Unreadable(code) => {
                return Replay::Unread(format!(
                    "CloudTrail could not be read (cloudtrail:LookupEvents: {code})"
                ));
            }
        };
        held.more |= more;
        let about = About {
            service: &endpoint.service,
            kind: endpoint.kind,
            region: &place.region,
            partition: "aws",
            vpc_id: &snapshot.vpc.id,
            kafka_pollers: plan.policy.as_ref().is_some_and(|ask| ask.kafka_pollers),
        };
        let policy = serde_json::from_str(policy).unwrap_or_default();
        hold(&mut held, &calls, &policy, &about, &endpoint.id);
    }
    Replay::Calls(Box::new(held))
}

async fn days(
    app: &App,
    logs: &FlowLogs,
    (place, snapshot, clients): (&Place, &Snapshot, &Clients),
    plan: &Plan,
    replaying: Replaying,
) -> Replay {
    let after = After::of(plan, snapshot);
    let (gateways, interfaces) = after.services();
    let doors = after.narrowed.iter().flat_map(|one| one.doors(clients));
    let doors: BTreeMap<_, _> = doors.collect();
    let watch = Watch::new(
        (&snapshot.vpc.id, &snapshot.vpc.cidrs),
        &place.region,
        clients.gateways.iter().cloned().collect(),
        (&gateways, &interfaces),
        logs.ranges.clone(),
    );
    let watch = Arc::new(watch.at(doors));
    let mut judge = Judge::new(after, &watch, clients);
    let mut files = Files::default();
    let go_on = || (app.clock)() < replaying.stop_at;
    // The newest first: should time run out, the oldest are missing.
    for back in 0..i64::from(app.config.replay_days) {
        let day = replaying.until.plus(-back);
        let read = match logs.day(place, &watch, day, &go_on).await {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(%error, %day, "flow logs are not replayed");
                let (operation, code) = (error.operation, error.code);
                return Replay::Unread(format!(
                    "The flow logs of {day} could not be read ({operation}: {code})"
                ));
            }
        };
        files.all += read.files as u64;
        files.broken += read.unread_files as u64;
        files.left += read.left_files as u64;
        let seen = one_vantage(&watch.gateways, read.logs);
        // The next day's first files belong to it too: that there are files says little.
        if seen == DaySeen::default() && read.unread_files + read.left_files == 0 {
            judge.day_without_flows(day);
        } else {
            judge.day(day, &seen);
        }
    }
    if files.all == 0 {
        return Replay::NotDone(format!(
            "There are no flow-log files of the {} day(s) to {} in s3://{}/{}",
            app.config.replay_days, replaying.until, logs.location.bucket, logs.location.prefix
        ));
    }
    tracing::info!(files = files.all, left = files.left, "flow logs replayed");
    Replay::Done(Box::new(judge.report(files)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn within(deadline: Timestamp, day: Option<&str>) -> Replaying {
        let call = Call {
            request_id: "r-1".to_owned(),
            deadline,
        };
        let day = day.map(|day| day.parse().unwrap());
        Replaying::within(&call, day, at("2026-10-14T09:00:00Z"))
    }

    #[test]
    fn complete_days_before_today_or_those_up_to_the_findings() {
        let until = |day| within(Timestamp::MAX, day).until.to_string();
        assert_eq!(until(None), "2026-10-13");
        assert_eq!(until(Some("2026-10-11")), "2026-10-11");
    }

    #[test]
    fn reading_takes_half_of_the_time_that_is_left() {
        let stop = within(at("2026-10-14T09:15:05Z"), None).stop_at;
        assert_eq!(stop, at("2026-10-14T09:07:30Z"));
        let none_left = within(at("2026-10-14T09:00:00Z"), None).stop_at;
        assert!(none_left < at("2026-10-14T09:00:00Z"));
    }
}
