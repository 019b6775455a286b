//! The replay as the person reads it who is to approve: one sentence of result, then what stands out.

use tollkeeper::money::group_thousands;

use super::calls;
use super::report::{Broken, Drops, Replay, Report};
use super::sum::Sum;
use crate::preflight::Unknown;

/// The code under which whoever approves accepts that flows break.
const WOULD_BREAK: &str = "replay.would-break";
/// The code under which whoever approves accepts that there are no flow logs.
const NO_LOGS: &str = "replay.no-flow-logs";
/// The code under which whoever approves accepts that nobody was seen at the endpoints.
const NOBODY_SEEN: &str = "replay.nobody-seen";
/// The code under which whoever approves accepts that the flow logs could not be read.
const UNREAD: &str = "replay.unread";

impl Replay {
    /// What whoever approves has to accept of it.
    pub(crate) fn to_accept(&self) -> Option<Unknown> {
        let not_found =
            |why: &String| format!("{why}: how many flows would break was not found out");
        let report = match self {
            Self::NotApplicable(_) => return None,
            Self::NotDone(why) => return Some(Unknown::new(NO_LOGS, not_found(why))),
            Self::Unread(why) => return Some(Unknown::new(UNREAD, not_found(why))),
            Self::Done(report) => report,
            Self::Calls(held) => return calls::to_accept(held),
        };
        if report.at_endpoints && report.seen == Sum::default() {
            let what = "no flow was recorded at the endpoints' own interfaces: nobody uses them, or the flow logs do not \
                        cover them";
            return Some(Unknown::new(NOBODY_SEEN, what.to_owned()));
        }
        let broken = report.broken();
        (broken.flows > 0).then(|| {
            let flows = number(broken.flows);
            let what = format!(
                "{flows} flows that the logs show would break (see above): whoever sent them then, and still does, is cut off"
            );
            Unknown::new(WOULD_BREAK, what)
        })
    }
}

/// What comes of it, in one breath; and how it was obtained.
pub(crate) fn headline(replay: &Replay, services: &[String]) -> Vec<String> {
    let report = match replay {
        Replay::NotApplicable(why) => return vec![format!("{why}.")],
        Replay::NotDone(why) | Replay::Unread(why) => {
            return vec![format!("{why}: how many flows would break is unknown")];
        }
        Replay::Done(report) => report,
        Replay::Calls(held) => return vec![calls::headline(held, services)],
    };
    vec![result(report, services), method(report)]
}

fn result(report: &Report, services: &[String]) -> String {
    let (broken, unknown) = (report.broken(), report.doubtful());
    let all: Sum = [report.fine, broken, unknown].into_iter().sum();
    let (when, to) = (span(report), services.join(", "));
    let others = number(report.unaffected.flows);
    if report.at_endpoints {
        return at_endpoints(report, &to, all, broken);
    }
    if all.flows == 0 {
        return format!(
            "{when}, no flow from the VPC to {to} was recorded; {others} went elsewhere and stay as they are."
        );
    }
    let breaks = match broken.flows {
        0 => "none would break".to_owned(),
        flows => format!("{} would break", number(flows)),
    };
    let doubt = match unknown.flows {
        0 => "none is unknown".to_owned(),
        flows => format!(
            "{} ({}) are unknown",
            number(flows),
            share(flows, all.flows)
        ),
    };
    format!(
        "{when}, {} flows ({}) from {} went to {to}: {breaks}, {doubt}. {others} went elsewhere and stay as they are.",
        number(all.flows),
        gigabytes(all.bytes),
        many(report.sources, "address", "addresses"),
    )
}

/// What was seen at endpoints that are narrowed.
fn at_endpoints(report: &Report, to: &str, all: Sum, broken: Sum) -> String {
    let when = span(report);
    if all.flows == 0 {
        return format!(
            "{when}, no flow was recorded at the interfaces of the endpoints for {to}."
        );
    }
    format!(
        "{when}, {} flows ({}) from {} were recorded at the endpoints for {to}: {} would be left out, {} are unknown.",
        number(all.flows),
        gigabytes(all.bytes),
        many(report.sources, "address", "addresses"),
        number(broken.flows),
        number(report.doubtful().flows),
    )
}

/// How the figures were obtained, and what they do not cover.
fn method(report: &Report) -> String {
    let files = report.files;
    let mut text = format!(
        "From {} of flow logs; a flow is a record of one direction and interval, counted at one place.",
        many(files.all - files.left, "file", "files")
    );
    let mut add = |sentence: String| {
        text.push(' ');
        text.push_str(&sentence);
    };
    if report.at_endpoints {
        add(
            "Read at the endpoints' own interfaces; who did not call in those days is not seen."
                .to_owned(),
        );
        return with_gaps(text, report);
    }
    add(match &report.table {
        Some(date) => format!("Services by AWS's address table of {date}."),
        None => "Services by the log's own names: without AWS's address table the region of a far end is not known and \
                 taken to be this one."
            .to_owned(),
    });
    if !report.unnamed.is_empty() {
        add(format!(
            "Flow logs do not tell {} from other AWS APIs: what counts as theirs may be any.",
            report.unnamed.join(", ")
        ));
    }
    with_gaps(text, report)
}

/// What is missing in the figures.
fn with_gaps(mut text: String, report: &Report) -> String {
    let files = report.files;
    let mut add = |sentence: String| {
        text.push(' ');
        text.push_str(&sentence);
    };
    if !report.days_without_flows.is_empty() {
        let days = report.days_without_flows.iter().map(ToString::to_string);
        let days: Vec<String> = days.collect();
        add(format!("Of {} no flow was recorded.", days.join(", ")));
    }
    if files.left > 0 {
        add(format!(
            "{} more were not read, for want of time: the figures are without them.",
            number(files.left)
        ));
    }
    if files.broken > 0 {
        add(format!(
            "{} could not be read to their end.",
            number(files.broken)
        ));
    }
    if report.skipped_lines > 0 {
        add(format!(
            "AWS skipped records {}: each may hide many flows.",
            many(report.skipped_lines, "time", "times")
        ));
    }
    if report.bad_lines > 0 {
        add(format!(
            "{} could not be read.",
            many(report.bad_lines, "line", "lines")
        ));
    }
    text
}

/// What stands out, the worst first.
pub(crate) fn details(replay: &Replay) -> Vec<String> {
    if let Replay::Calls(held) = replay {
        return calls::details(held);
    }
    let Some(report) = replay.report() else {
        return Vec::new();
    };
    let mut lines: Vec<String> = report.would_break.iter().map(broken).collect();
    let more = report.would_break_more;
    if more.entries > 0 {
        lines.push(format!(
            "{} flows ({}) more would break, of {} other sources or reasons",
            number(more.sum.flows),
            gigabytes(more.sum.bytes),
            number(more.entries)
        ));
    }
    let unknown = report.unknown.iter();
    lines.extend(unknown.map(|unknown| {
        let (flows, bytes) = (number(unknown.sum.flows), gigabytes(unknown.sum.bytes));
        format!("{flows} flows ({bytes}) are unknown: {}", unknown.reason)
    }));
    lines.extend(report.drops.iter().map(drops));
    lines
}

fn broken(broken: &Broken) -> String {
    let place: Vec<&str> = [&broken.interface, &broken.subnet]
        .into_iter()
        .filter_map(Option::as_deref)
        .collect();
    let place = if place.is_empty() {
        "nobody's address now".to_owned()
    } else {
        place.join(", ")
    };
    let port = broken.port.map_or_else(
        || "a port that the log does not tell".to_owned(),
        |port| format!("port {port}"),
    );
    format!(
        "{} flows ({}) from {} ({place}) to {} on {port} would break: {}",
        number(broken.sum.flows),
        gigabytes(broken.sum.bytes),
        broken.source,
        broken.service,
        broken.why
    )
}

fn drops(drops: &Drops) -> String {
    format!(
        "Open connections to {} drop when their route comes; in its busiest hour ({} UTC) there were {} flows from {}",
        drops.service,
        drops.hour,
        number(drops.flows),
        many(drops.sources, "address", "addresses")
    )
}

fn span(report: &Report) -> String {
    let last = report
        .days
        .last()
        .map(ToString::to_string)
        .unwrap_or_default();
    match report.days.len() {
        1 => format!("On {last}"),
        days => format!("In the {days} days to {last}"),
    }
}

pub(super) fn number(number: u64) -> String {
    group_thousands(&number.to_string())
}

fn many(count: u64, one: &str, more: &str) -> String {
    let noun = if count == 1 { one } else { more };
    format!("{} {noun}", number(count))
}

/// GB as AWS bills them, of 2^30 bytes.
fn gigabytes(bytes: u64) -> String {
    const TENTH: u64 = (1 << 30) / 10;
    match bytes / TENTH {
        0 if bytes > 0 => "under 0.1 GB".to_owned(),
        tenths => format!("{}.{} GB", number(tenths / 10), tenths % 10),
    }
}

fn share(part: u64, all: u64) -> String {
    match u128::from(part) * 100 / u128::from(all.max(1)) {
        0 => "under 1 %".to_owned(),
        percent => format!("{percent} %"),
    }
}
