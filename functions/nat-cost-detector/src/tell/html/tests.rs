use std::collections::BTreeSet;

use proptest::prelude::*;
use rust_decimal::Decimal;
use tollkeeper::finding::{Direction, Finding, SourceKind, Volume};

use super::*;
use crate::tell::any;
use crate::tell::report::{
    DayFigure, DayReport, ExistingGateways, GatewayCost, MonthCost, Talker, UnusualDay, Usual,
};

fn usd(cents: i64) -> Money {
    Money::usd(Decimal::new(cents, 2))
}

fn audit(finding: Finding, name: &str) -> AuditReport {
    let day = finding.day;
    let from = day.plus(-29);
    let processed = |cents: i64| Volume {
        bytes: cents.unsigned_abs() << 26,
        cost: usd(cents),
    };
    let talker = |source: &str, service: &str, cents: i64, inferred| Talker {
        nat_gateway_id: format!("nat-{name}"),
        source: tollkeeper::finding::Source {
            kind: SourceKind::Instance,
            id: source.to_owned(),
            name: format!("{source}{name}"),
            subnet_id: String::new(),
            vpc_id: "vpc-1".to_owned(),
        },
        service: service.to_owned(),
        service_region: "us-east-1".to_owned(),
        direction: Direction::Upload,
        processed: processed(cents),
        inferred,
        why: name.to_owned(),
    };
    let cost = |back: i64| {
        if back < 2 {
            16_650 - back * 900
        } else {
            430 + (back * 37) % 190
        }
    };
    AuditReport {
        account: finding.account.clone(),
        region: finding.region.clone(),
        from,
        to: day,
        month: Some(MonthCost {
            from,
            to: day,
            nat_bytes: usd(47_233),
            nat_hours: usd(6_480),
            interface_endpoints: usd(0),
        }),
        standing: crate::tell::standing::StandingReport {
            remarks: vec![format!("No flow log records nat-{name}")],
            ..Default::default()
        },
        existing: ExistingGateways {
            nat_gateway_ids: vec![format!("nat-{name}")],
            hours_a_month: usd(3_285),
        },
        gateways: vec![GatewayCost {
            nat_gateway_id: format!("nat-{name}"),
            processed: processed(47_233),
        }],
        days: (0..30)
            .rev()
            .map(|back| DayFigure {
                day: day.plus(-back),
                processed: processed(cost(back)),
                usual: Some(Usual {
                    low: usd(390),
                    high: usd(660),
                }),
                anomalous: back < 2,
                estimated: back == 2,
            })
            .collect(),
        unusual_days: vec![UnusualDay {
            day,
            excess: finding.excess.clone(),
            reason: finding.reason.clone(),
        }],
        missing: vec![format!("Without CloudWatch: {name}")],
        report: Some(DayReport {
            anomalous: true,
            finding,
            traffic: vec![
                talker("Kafka pollers of logs-consumer", "AMAZON", 14_805, true),
                talker("image-builder", "S3", 1_620, false),
            ],
        }),
    }
}

fn golden() -> Finding {
    serde_json::from_str(include_str!(
        "../../../../../events/contracts/finding-opened.json"
    ))
    .unwrap()
}

fn made() -> Timestamp {
    "2026-10-14T08:00:00Z".parse().unwrap()
}

/// Names of the tags, in order; void ones marked as closed.
fn tags(page: &str) -> Vec<String> {
    let after = page.split('<').skip(1);
    after
        .filter_map(|text| text.split(|c: char| c.is_whitespace() || c == '>').next())
        .map(|name| name.trim_end_matches('/').to_owned())
        .collect()
}

#[test]
fn the_page_carries_figures_causes_remedies_and_loads_nothing() {
    let page = page(&audit(golden(), ""), made());
    for expected in [
        "$537.13",
        "Kafka pollers of logs-consumer",
        "inferred",
        "saves $3,425.30 a month",
        "What this report could not know",
        "36.5 times the usual Tuesday",
        "default-src 'none'",
        "prefers-color-scheme:dark",
        "@media print",
    ] {
        assert!(page.contains(expected), "no `{expected}`");
    }
    for foreign in ["<script", "http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(foreign), "`{foreign}` is in the page");
    }
}

#[test]
fn remedies_that_exclude_each_other_are_not_added_up() {
    let report = audit(golden(), "");
    // Gateway endpoint 486.00 and the dearer saving of endpoints (3,425.30) and provisioned pollers (4,036.35).
    assert_eq!(report.saving_a_month().unwrap(), usd(452_235));
}

#[test]
fn an_audit_that_knew_nothing_is_still_a_page() {
    let mut report = audit(golden(), "");
    report.month = None;
    report.report = None;
    report.days.clear();
    report.gateways.clear();
    report.unusual_days.clear();
    let page = page(&report, made());
    assert!(
        page.contains("the bill could not be read")
            && page.contains("What this report could not know")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_name_from_aws_adds_a_tag_or_unbalances_the_page(finding in any::finding(), name in any::text()) {
        let plain = tags(&page(&audit(golden(), ""), made()));
        let known: BTreeSet<&String> = plain.iter().collect();
        let page = page(&audit(Finding { advice: finding.advice.iter().take(3).cloned().collect(), ..finding }, &name), made());
        let found = tags(&page);
        for tag in &found {
            prop_assert!(known.contains(tag) || ["p", "/p", "details", "summary", "pre"].contains(&tag.trim_start_matches('/')), "<{}>", tag);
        }
        for tag in ["div", "section", "table", "tr", "td", "li", "ul", "ol", "p", "svg", "span", "small", "h2", "h3", "details", "pre"] {
            let count = |wanted: &str| found.iter().filter(|tag| tag.as_str() == wanted).count();
            prop_assert_eq!(count(tag), count(&format!("/{tag}")), "<{}>", tag);
        }
    }
}
