//! Cuts a finding to what one SNS message carries, and says in the finding what was left out. The Ledger keeps the
//! whole one.
//!
//! In this order: the smallest causes (summed up in `further_causes`, so that the sums still add up), long lists of
//! notes and of what a remedy does not cover, long texts, remedies beyond the first, and last what only the remediator
//! reads. A usual finding passes through untouched.

use rust_decimal::Decimal;
use tollkeeper::finding::{Advice, Cause, Finding, FurtherCauses, Source, Volume};
use tollkeeper::money::{Money, cents};

/// Causes that stay to the last.
const CAUSES: usize = 8;
/// Entries of a list that is cut.
const ENTRIES: usize = 6;
/// Characters of a text that is cut.
const TEXT: usize = 300;

/// The finding with as much of it as `size` puts under `limit`.
pub fn within(finding: &Finding, limit: usize, size: impl Fn(&Finding) -> usize) -> Finding {
    let mut cut = finding.clone();
    while size(&cut) > limit && cut.causes.len() > CAUSES {
        let keep = (cut.causes.len() / 2).max(CAUSES);
        merge_causes(&mut cut, keep);
    }
    let steps: [fn(&mut Finding); 5] = [
        shorten_lists,
        shorten_texts,
        fewer_remedies,
        no_requests,
        |f| {
            merge_causes(f, 1);
        },
    ];
    for step in steps {
        if size(&cut) <= limit {
            break;
        }
        step(&mut cut);
    }
    cut
}

/// Moves the causes behind the first into the remainder.
fn merge_causes(finding: &mut Finding, keep: usize) {
    if finding.causes.len() <= keep {
        return;
    }
    let moved = finding.causes.split_off(keep);
    let further = finding.further_causes.take();
    let before = further.unwrap_or_else(|| FurtherCauses {
        count: 0,
        excess: Volume {
            bytes: 0,
            cost: Money::usd(cents(Decimal::ZERO)),
        },
    });
    let sum = |total: FurtherCauses, cause: &Cause| FurtherCauses {
        count: total.count.saturating_add(1),
        excess: Volume {
            bytes: total.excess.bytes.saturating_add(cause.excess.bytes),
            cost: Money {
                amount: total
                    .excess
                    .cost
                    .amount
                    .saturating_add(cause.excess.cost.amount),
                ..total.excess.cost
            },
        },
    };
    finding.further_causes = Some(moved.iter().fold(before, sum));
}

fn shorten_lists(finding: &mut Finding) {
    shorten(&mut finding.data_quality.notes);
    for advice in &mut finding.advice {
        shorten(&mut advice.does_not_cover);
        shorten(&mut advice.zones);
    }
}

fn shorten(lines: &mut Vec<String>) {
    let left = lines.len().saturating_sub(ENTRIES);
    if left > 1 {
        lines.truncate(ENTRIES);
        lines.push(format!("{left} more, left out of this message"));
    }
}

fn fewer_remedies(finding: &mut Finding) {
    let left = finding.advice.len().saturating_sub(ENTRIES);
    if left > 0 {
        finding.advice.truncate(ENTRIES);
        let note = format!("{left} further remedies were left out of this message");
        finding.data_quality.notes.push(note);
    }
}

fn no_requests(finding: &mut Finding) {
    for advice in &mut finding.advice {
        advice.plan_request = None;
        shorten(&mut advice.services);
    }
    let note = "The requests for plans were left out of this message: it would have been too large for SNS";
    finding.data_quality.notes.push(note.to_owned());
}

fn shorten_texts(finding: &mut Finding) {
    let quality = &mut finding.data_quality;
    clip(&mut finding.reason);
    clip(&mut quality.explained_from);
    quality.notes.iter_mut().for_each(clip);
    if let Some(created) = &mut quality.ip_ranges_created {
        clip(created);
    }
    for text in [
        &mut finding.incident_id,
        &mut finding.account,
        &mut finding.region,
        &mut finding.series,
    ] {
        clip(text);
    }
    for cause in &mut finding.causes {
        clip_cause(cause);
    }
    for advice in &mut finding.advice {
        clip_advice(advice);
    }
    if let Some(saving) = &mut finding.saving {
        clip(&mut saving.how);
    }
}

fn clip_cause(cause: &mut Cause) {
    let Source {
        id,
        name,
        subnet_id,
        vpc_id,
        ..
    } = &mut cause.source;
    for text in [
        id,
        name,
        subnet_id,
        vpc_id,
        &mut cause.nat_gateway_id,
        &mut cause.service,
        &mut cause.service_region,
        &mut cause.why,
    ] {
        clip(text);
    }
}

fn clip_advice(advice: &mut Advice) {
    clip(&mut advice.title);
    clip(&mut advice.vpc_id);
    let lists = [
        &mut advice.services,
        &mut advice.zones,
        &mut advice.does_not_cover,
    ];
    lists.into_iter().flatten().for_each(clip);
}

fn clip(text: &mut String) {
    if let Some((at, _)) = text.char_indices().nth(TEXT) {
        text.truncate(at);
        text.push_str(" ...");
    }
}
