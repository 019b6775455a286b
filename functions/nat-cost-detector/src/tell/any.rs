//! Findings of any content, for properties: odd names, huge amounts, hundreds of causes.

use proptest::collection::vec;
use proptest::prelude::*;
use rust_decimal::Decimal;
use tollkeeper::finding::{
    Advice, Cause, Direction, Finding, RealisedSaving, Remedy, SourceKind, State, Volume,
};
use tollkeeper::money::Money;

/// Any text, control characters and other scripts included.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[ -~]{0,60}", 1 => "\\PC{0,40}", 1 => "(?s).{0,100}"]
}

fn money() -> impl Strategy<Value = Money> {
    (any::<i64>(), 0u32..6, "[A-Z]{3}").prop_map(|(digits, scale, currency)| Money {
        amount: Decimal::new(digits, scale),
        currency: if digits % 3 == 0 {
            currency
        } else {
            "USD".to_owned()
        },
    })
}

fn volume() -> impl Strategy<Value = Volume> {
    (any::<u64>(), money()).prop_map(|(bytes, cost)| Volume { bytes, cost })
}

fn cause() -> impl Strategy<Value = Cause> {
    (
        text(),
        text(),
        text(),
        volume(),
        any::<bool>(),
        0i64..20_000,
    )
        .prop_map(|(id, name, why, excess, inferred, share)| Cause {
            nat_gateway_id: id.clone(),
            source: tollkeeper::finding::Source {
                kind: SourceKind::Instance,
                id,
                name,
                subnet_id: String::new(),
                vpc_id: "vpc-1".to_owned(),
            },
            service: "S3".to_owned(),
            service_region: why.clone(),
            direction: Direction::Download,
            bytes: excess.bytes,
            baseline_bytes: 0,
            excess,
            share_percent: Decimal::new(share, 2),
            inferred,
            why,
        })
}

fn advice() -> impl Strategy<Value = Advice> {
    (text(), vec(text(), 0..5), money(), money()).prop_map(|(title, lines, cost, saving)| Advice {
        remedy: Remedy::GatewayEndpoint,
        title,
        vpc_id: "vpc-1".to_owned(),
        services: vec!["s3".to_owned()],
        zones: lines.iter().take(3).cloned().collect(),
        monthly_cost: cost,
        monthly_saving: saving,
        break_even_gb_a_month: None,
        does_not_cover: lines,
        plan_request: Some(tollkeeper::plan::PlanRequest::of(
            "vpc-1",
            vec!["s3".to_owned()],
        )),
    })
}

/// Any finding.
pub(crate) fn finding() -> impl Strategy<Value = Finding> {
    let golden = include_str!("../../../../events/contracts/finding-opened.json");
    let golden: Finding = serde_json::from_str(golden).unwrap();
    let states = prop_oneof![
        Just(State::Opened),
        Just(State::Updated),
        Just(State::Resolved),
        Just(State::Accepted)
    ];
    let words = (text(), text(), text(), vec(text(), 0..6));
    let figures = (volume(), volume(), money(), money(), any::<bool>());
    let lists = (vec(cause(), 0..6), 1usize..120, vec(advice(), 0..4));
    (states, words, figures, lists).prop_map(move |(state, words, figures, lists)| {
        let (region, account, reason, notes) = words;
        let (observed, excess, month, saved, measured) = figures;
        let (causes, times, advice) = lists;
        let mut finding = golden.clone();
        finding.saving = (state == State::Resolved).then(|| RealisedSaving {
            day: finding.day,
            endpoint_bytes: None,
            measured_a_day: measured.then(|| saved.clone()),
            upper_bound_a_day: saved.clone(),
            endpoints_cost_a_day: saved,
            how: reason.clone(),
        });
        finding.state = state;
        finding.region = region;
        finding.account = account;
        finding.reason = reason;
        finding.observed = observed;
        finding.excess = excess;
        finding.projected_month = month;
        finding.causes = (0..times).flat_map(|_| causes.clone()).collect();
        finding.advice = (0..times / 8).flat_map(|_| advice.clone()).collect();
        for remedy in &mut finding.advice {
            let lines = remedy.does_not_cover.clone();
            remedy.does_not_cover = (0..times).flat_map(|_| lines.clone()).collect();
        }
        finding.data_quality.notes = (0..times).flat_map(|_| notes.clone()).collect();
        finding
    })
}
