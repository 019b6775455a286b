//! What became of the traffic since a plan was applied. Pure.
//!
//! For a stated time after the last step, the soak, a plan is watched and counts as applied, not yet as verified. Bytes
//! on the new path are evidence and never a condition: a saving that is not proved yet is no reason to go back. Lost
//! connectivity is one, and what the network itself shows of it is judged here too. It refuses to know where the figures
//! come from.
//!
//! CloudWatch counts interface endpoints only (`AWS/PrivateLinkEndpoints`, five-minute periods); what gateway endpoints
//! carry shows at the NAT gateways, as less.
//! Source: <https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-cloudwatch-metrics.html>

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::Serialize;
use tollkeeper::prices::human_bytes;

use crate::change::Change;
use crate::engine::Journal;
use crate::journal::{PreImage, Progress};
use crate::reach::{self, HTTPS};
use crate::snapshot::Snapshot;
use crate::verify::{Check, Verdict};

/// AWS publishes an endpoint's figures every five minutes.
const PERIOD: i64 = 300;

/// The time for which an applied plan is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Soak {
    pub(crate) applied_at: Timestamp,
    pub(crate) length: SignedDuration,
    pub(crate) now: Timestamp,
}

/// Whole five-minute periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Window {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// What one interface endpoint did in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct EndpointTraffic {
    /// Both directions.
    pub(crate) bytes: u64,
    pub(crate) new_connections: u64,
    /// Packets that the endpoint dropped.
    pub(crate) dropped: u64,
}

/// Bytes through NAT gateways by direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct NatTraffic {
    /// `BytesOutToDestination`: uploads.
    pub(crate) out: u64,
    /// `BytesInFromDestination`: downloads, which S3 and ECR are.
    pub(crate) back: u64,
}

/// What CloudWatch knows of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) window: Window,
    /// By endpoint; one without a data point had no traffic.
    pub(crate) endpoints: BTreeMap<String, EndpointTraffic>,
    pub(crate) nats: NatTraffic,
    /// The same time of an earlier day, and how many days earlier; absent where the gateways have no figures for it.
    pub(crate) before: Option<(i64, NatTraffic)>,
}

impl Soak {
    pub(crate) fn until(self) -> Timestamp {
        self.applied_at
            .checked_add(self.length)
            .unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn is_over(self) -> bool {
        self.now >= self.until()
    }

    /// Whether what is read now shows the plan's own last writes: EC2 may lag behind them, and an absence that lags is no
    /// reason to go back (ADR 13).
    pub(crate) fn is_settled(self, lag: Duration) -> bool {
        let settled = self.applied_at.checked_add(lag);
        settled.is_ok_and(|settled| self.now >= settled)
    }

    /// The whole periods between the apply and now, or the end of the soak; `None` while there is none yet.
    pub(crate) fn window(self) -> Option<Window> {
        let from = (self.applied_at.as_second() + PERIOD - 1).div_euclid(PERIOD) * PERIOD;
        let to = self.now.min(self.until()).as_second().div_euclid(PERIOD) * PERIOD;
        let at = |second| Timestamp::from_second(second).ok();
        (from < to).then_some(Window {
            from: at(from)?,
            to: at(to)?,
        })
    }
}

impl Window {
    /// The same time of an earlier day.
    pub(crate) fn days_before(self, days: i64) -> Option<Self> {
        let back = |moment: Timestamp| moment.checked_sub((days * 24).hours()).ok();
        Some(Self {
            from: back(self.from)?,
            to: back(self.to)?,
        })
    }

    fn minutes(self) -> i64 {
        (self.to.as_second() - self.from.as_second()) / 60
    }
}

/// Why clients that this plan moved cannot reach their service any more, as far as the network shows. The names of an
/// endpoint that is gone lead to the NAT gateway again: nobody lost anything there.
pub(crate) fn lost(journal: &Journal, snapshot: &Snapshot) -> Vec<String> {
    let entries = journal.values().map(|entry| &entry.item);
    let moved = entries
        .filter(|entry| entry.progress == Progress::Done && entry.pre_image == PreImage::Absent)
        .filter_map(|entry| match &entry.change {
            Change::SwitchPrivateDnsOn { service, endpoint } => Some((service, endpoint)),
            _ => None,
        });
    let mut lost = Vec::new();
    for (service, id) in moved {
        let Some(endpoint) = snapshot.endpoint(id).filter(|found| found.private_dns) else {
            continue;
        };
        let cidrs = &snapshot.vpc.cidrs;
        let admits = |id: &String| {
            let group = snapshot.group(id);
            group.is_some_and(|group| reach::admits(&group.ingress, HTTPS, None, cidrs))
        };
        if endpoint.subnets.is_empty() {
            lost.push(format!(
                "the name of {service} leads to {id}, which has no interface left"
            ));
        } else if !endpoint.groups.iter().any(admits) {
            lost.push(format!(
                "the name of {service} leads to {id}, and none of its groups ({}) admits all of {} on TCP {HTTPS} any more",
                endpoint.groups.join(", "),
                cidrs.join(", ")
            ));
        }
    }
    lost
}

/// What the figures say; none of it is critical.
pub(crate) fn checks(soak: Soak, traffic: &Traffic) -> Vec<Check> {
    let since = format!(
        "in the {} minutes to {}",
        traffic.window.minutes(),
        traffic.window.to
    );
    let mut checks = Vec::new();
    for (id, found) in &traffic.endpoints {
        let what = format!(
            "{id} carried {}, {} new connections, {since}",
            human_bytes(found.bytes),
            found.new_connections
        );
        checks.push(match (found.bytes, soak.is_over()) {
            (0, false) => check(what, Verdict::Unknown, "nobody used it so far"),
            (0, true) => check(what, Verdict::Failed, "nobody used it"),
            _ => check(what, Verdict::Ok, ""),
        });
        if found.dropped > 0 {
            checks.push(check(
                format!("{id} dropped {} packets {since}", found.dropped),
                Verdict::Failed,
                "AWS: packets that an endpoint drops may show that it, or its service, is not healthy",
            ));
        }
    }
    checks.push(nat_check(traffic, &since));
    checks
}

fn nat_check(traffic: &Traffic, since: &str) -> Check {
    let now = traffic.nats;
    let what = format!(
        "the NAT gateways carried {} out and {} back {since}",
        human_bytes(now.out),
        human_bytes(now.back)
    );
    let Some((days, before)) = traffic.before else {
        let reason = "CloudWatch has no earlier day to compare with";
        return check(what, Verdict::Unknown, reason);
    };
    let what = format!(
        "{what}; {days} days earlier {} and {}",
        human_bytes(before.out),
        human_bytes(before.back)
    );
    match (now.out < before.out, now.back < before.back) {
        (true, true) => check(what, Verdict::Ok, ""),
        (false, false) => check(
            what,
            Verdict::Failed,
            "neither direction fell: other traffic grew, or the clients do not use the endpoints",
        ),
        _ => check(
            what,
            Verdict::Unknown,
            "one direction fell, the other did not",
        ),
    }
}

fn check(what: String, verdict: Verdict, reason: &str) -> Check {
    Check {
        step: None,
        what,
        verdict,
        critical: false,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tollkeeper::aws::Versioned;

    use super::*;
    use crate::journal::Entry;
    use crate::model;
    use tollkeeper::plan::EndpointKind;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn soak(now: &str) -> Soak {
        Soak {
            applied_at: at("2026-10-15T08:02:10Z"),
            length: SignedDuration::from_mins(60),
            now: at(now),
        }
    }

    #[test]
    fn only_whole_periods_after_the_apply_and_within_the_soak_are_measured() {
        assert_eq!(soak("2026-10-15T08:09:59Z").window(), None);
        let window = |now| {
            let window: Window = soak(now).window().unwrap();
            (window.from.to_string(), window.to.to_string())
        };
        let (from, to) = window("2026-10-15T08:21:00Z");
        assert_eq!(
            (from.as_str(), to.as_str()),
            ("2026-10-15T08:05:00Z", "2026-10-15T08:20:00Z")
        );
        let (_, to) = window("2026-10-17T08:21:00Z");
        assert_eq!(to, "2026-10-15T09:00:00Z", "the soak ends at 09:02:10");
    }

    #[test]
    fn nothing_is_judged_by_while_ec2_may_lag_behind_the_apply() {
        let lag = Duration::from_secs(20);
        assert!(!soak("2026-10-15T08:02:29Z").is_settled(lag));
        assert!(soak("2026-10-15T08:02:30Z").is_settled(lag));
    }

    fn moved() -> (Journal, Snapshot) {
        let mut snapshot = model::snapshot();
        let mut endpoint = model::foreign_endpoint("vpce-1", "sts", EndpointKind::Interface);
        endpoint.private_dns = true;
        endpoint.subnets = vec!["subnet-a".to_owned()];
        endpoint.groups = vec!["sg-endpoint".to_owned()];
        snapshot.endpoints.push(endpoint);
        let mut group = snapshot.groups[0].clone();
        group.id = "sg-endpoint".to_owned();
        group.ingress = snapshot
            .vpc
            .cidrs
            .iter()
            .map(|cidr| crate::snapshot::Rule::tcp(443, crate::change::Peer::Cidr(cidr.clone())))
            .collect();
        snapshot.groups.push(group);
        let change = Change::SwitchPrivateDnsOn {
            service: "sts".to_owned(),
            endpoint: "vpce-1".to_owned(),
        };
        let now = Timestamp::UNIX_EPOCH;
        let mut item = Entry::intend("plan-1", 1, change, PreImage::Absent, now);
        item.done(None, now);
        (
            Journal::from([(1, Versioned { version: 2, item })]),
            snapshot,
        )
    }

    #[test]
    fn a_name_that_leads_where_nobody_is_let_in_is_lost_connectivity() {
        let (journal, good) = moved();
        assert_eq!(lost(&journal, &good), [""; 0]);
        let mut shut = good.clone();
        shut.groups.last_mut().unwrap().ingress.clear();
        assert!(lost(&journal, &shut)[0].contains("sg-endpoint"));
        let mut bare = good.clone();
        bare.endpoints.last_mut().unwrap().subnets.clear();
        assert!(lost(&journal, &bare)[0].contains("no interface left"));
        let mut gone = good.clone();
        gone.endpoints.pop();
        assert_eq!(
            lost(&journal, &gone),
            [""; 0],
            "its names lead to the NAT gateway again"
        );
        let mut off = shut.clone();
        off.endpoints.last_mut().unwrap().private_dns = false;
        assert_eq!(lost(&journal, &off), [""; 0], "nobody is led there");
    }

    fn traffic(endpoint: EndpointTraffic, nats: NatTraffic, before: Option<NatTraffic>) -> Traffic {
        Traffic {
            window: soak("2026-10-15T08:21:00Z").window().unwrap(),
            endpoints: [("vpce-1".to_owned(), endpoint)].into(),
            nats,
            before: before.map(|before| (7, before)),
        }
    }

    fn verdicts(now: &str, traffic: &Traffic) -> Vec<Verdict> {
        let checks = checks(soak(now), traffic);
        assert!(
            checks.iter().all(|check| !check.critical),
            "evidence, never a condition"
        );
        checks.into_iter().map(|check| check.verdict).collect()
    }

    #[test]
    fn bytes_on_the_new_path_and_fewer_on_the_old_are_ok_and_silence_is_not() {
        let used = EndpointTraffic {
            bytes: 3 << 30,
            new_connections: 12,
            dropped: 0,
        };
        let (less, more) = (
            NatTraffic {
                out: 1,
                back: 1 << 30,
            },
            NatTraffic {
                out: 2,
                back: 5 << 30,
            },
        );
        let (early, late) = ("2026-10-15T08:21:00Z", "2026-10-15T09:21:00Z");
        assert_eq!(
            verdicts(early, &traffic(used, less, Some(more))),
            [Verdict::Ok, Verdict::Ok]
        );
        let silent = EndpointTraffic::default();
        assert_eq!(
            verdicts(early, &traffic(silent, more, Some(less))),
            [Verdict::Unknown, Verdict::Failed]
        );
        assert_eq!(
            verdicts(late, &traffic(silent, less, None)),
            [Verdict::Failed, Verdict::Unknown]
        );
        let dropping = EndpointTraffic { dropped: 7, ..used };
        let mixed = NatTraffic { out: 3, back: 1 };
        assert_eq!(
            verdicts(early, &traffic(dropping, mixed, Some(more))),
            [Verdict::Ok, Verdict::Failed, Verdict::Unknown]
        );
    }

    #[test]
    fn the_figures_say_what_they_are_of() {
        let used = EndpointTraffic {
            bytes: 3 << 30,
            new_connections: 12,
            dropped: 0,
        };
        let (less, more) = (
            NatTraffic {
                out: 1 << 28,
                back: 1 << 30,
            },
            NatTraffic {
                out: 2 << 30,
                back: 5 << 30,
            },
        );
        let checks = checks(
            soak("2026-10-15T08:21:00Z"),
            &traffic(used, less, Some(more)),
        );
        let lines: Vec<&str> = checks.iter().map(|check| check.what.as_str()).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        vpce-1 carried 3.0 GB, 12 new connections, in the 15 minutes to 2026-10-15T08:20:00Z
        the NAT gateways carried 0.2 GB out and 1.0 GB back in the 15 minutes to 2026-10-15T08:20:00Z; 7 days earlier 2.0 GB and 5.0 GB
        ");
    }
}
