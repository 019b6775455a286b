//! Calls that CloudTrail recorded, held against policies, as the person reads it who is to approve.

use super::words::number;
use crate::policy::Held;
use crate::preflight::Unknown;

/// Denied calls listed one by one.
const MOST_LISTED: usize = 20;
/// The code under which whoever approves accepts that recorded calls are denied.
const WOULD_DENY: &str = "replay.would-deny";
/// The code under which whoever approves accepts that no call was recorded.
const NO_CALLS: &str = "replay.no-calls";

pub(super) fn to_accept(held: &Held) -> Option<Unknown> {
    if held.calls == 0 {
        let what = "CloudTrail recorded no management call through the endpoints in the last 7 days: whom the policy would \
                    deny was not found out";
        return Some(Unknown::new(NO_CALLS, what.to_owned()));
    }
    let denied: u64 = held.denied.iter().map(|one| one.calls).sum();
    (denied > 0).then(|| {
        let calls = number(denied);
        let what = format!(
            "{calls} calls of the last 7 days would be denied (see above): whoever made them then, and still does, is denied"
        );
        Unknown::new(WOULD_DENY, what)
    })
}

pub(super) fn headline(held: &Held, services: &[String]) -> String {
    let to = services.join(", ");
    if held.calls == 0 {
        return format!(
            "In the last 7 days CloudTrail recorded no management call through the endpoints for {to}. It records none that \
             reads or writes objects, items or messages."
        );
    }
    let denied: u64 = held.denied.iter().map(|one| one.calls).sum();
    let more = if held.more {
        " Older events were not read."
    } else {
        ""
    };
    format!(
        "In the last 7 days CloudTrail recorded {} management calls through the endpoints for {to}: {} would pass, {} would be \
         denied, {} depend on what it does not tell (which accounts belong to an organisation, who owns a resource).{more} \
         Calls that read or write objects, items or messages are not among them.",
        number(held.calls),
        number(held.pass),
        number(denied),
        number(held.unknown),
    )
}

pub(super) fn details(held: &Held) -> Vec<String> {
    let listed = held.denied.iter().take(MOST_LISTED).map(|one| {
        let times = if one.calls == 1 { "time" } else { "times" };
        format!(
            "{} by {} at {} would be denied, {} {times} in those days",
            one.action,
            one.who,
            one.service,
            number(one.calls)
        )
    });
    let rest = held.denied.len().saturating_sub(MOST_LISTED);
    let rest = (rest > 0).then(|| format!("and of {rest} other callers or actions"));
    listed.chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Denied;

    #[test]
    fn a_person_reads_whose_calls_would_be_denied() {
        let denied = |calls, who: &str| Denied {
            calls,
            service: "sts".to_owned(),
            who: who.to_owned(),
            action: "sts:AssumeRole".to_owned(),
        };
        let mut held = Held {
            calls: 1_240,
            pass: 1_200,
            unknown: 18,
            denied: vec![
                denied(21, "role vendor-agent"),
                denied(1, "user AIDAEXAMPLE"),
            ],
            more: true,
        };
        let services = ["sts".to_owned()];
        let lines = [vec![headline(&held, &services)], details(&held)].concat();
        insta::assert_snapshot!(lines.join("\n"), @r"
        In the last 7 days CloudTrail recorded 1,240 management calls through the endpoints for sts: 1,200 would pass, 22 would be denied, 18 depend on what it does not tell (which accounts belong to an organisation, who owns a resource). Older events were not read. Calls that read or write objects, items or messages are not among them.
        sts:AssumeRole by role vendor-agent at sts would be denied, 21 times in those days
        sts:AssumeRole by user AIDAEXAMPLE at sts would be denied, 1 time in those days
        ");
        let accept = to_accept(&held).unwrap();
        assert_eq!(accept.code, "replay.would-deny");
        insta::assert_snapshot!(accept.what, @"22 calls of the last 7 days would be denied (see above): whoever made them then, and still does, is denied");
        held.denied.clear();
        assert_eq!(to_accept(&held), None);
        assert_eq!(to_accept(&Held::default()).unwrap().code, "replay.no-calls");
        insta::assert_snapshot!(headline(&Held::default(), &services), @"In the last 7 days CloudTrail recorded no management call through the endpoints for sts. It records none that reads or writes objects, items or messages.");
    }
}
