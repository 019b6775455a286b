use proptest::prelude::*;
use rust_decimal::Decimal;
use tollkeeper::finding::{Confidence, DataQuality, Direction, RealisedSaving, Severity};
use tollkeeper::prices;

use super::*;
use crate::advise::{Situation, advise};
use crate::detect::{Range, Verdict};
use crate::explain::attribute::{Certainty, Figures, Flow, Flows};
use crate::explain::causes;
use crate::explain::pollers;
use crate::fixture;
use crate::incident::saving;
use crate::tell::any;
use crate::tell::compose::{self, Decision, Subject};

const GB: u64 = 1 << 30;

fn subject() -> Subject {
    Subject {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        series: "NatGateway-Bytes".to_owned(),
        day: "2026-10-13".parse().unwrap(),
    }
}

/// As the golden findings have it: what is told does not depend on how the detector came to it.
fn verdict(observed: u64) -> Verdict {
    let range = Range {
        low: 89_033_848_635,
        expected: 108_988_672_281,
        high: 133_361_548_922,
    };
    let rises = observed > range.high;
    Verdict {
        anomalous: rises,
        score: if rises {
            Decimal::new(1793, 2)
        } else {
            Decimal::new(-33, 2)
        },
        weekdays: [range; 7],
        range,
        confidence: Confidence::High,
        reason: "36.5 times the usual Tuesday: 3,700.0 GB against 101.5 GB (up to 124.2 GB is usual); a sudden rise \
                 explains it more than 10,000 times better than the usual noise (20 times raise an alarm)"
            .to_owned(),
        history_days: 70,
    }
}

fn flows(rows: &[(&str, &str, &str, Direction, u64)]) -> Flows {
    let mappings = fixture::mappings();
    rows.iter()
        .map(|(interface, service, region, direction, gb)| {
            let interface = fixture::interface(interface);
            let pollers =
                pollers::source_of(&interface, &mappings).filter(|_| *service == "AMAZON");
            let flow = Flow {
                nat_gateway_id: "nat-a".to_owned(),
                nat_vpc_id: fixture::VPC.to_owned(),
                source: pollers.unwrap_or(interface.source),
                service: (*service).to_owned(),
                service_region: (*region).to_owned(),
                direction: *direction,
            };
            let figures = Figures {
                bytes: gb * GB,
                certainty: Certainty::Known,
            };
            (flow, figures)
        })
        .collect()
}

fn quality(explained_from: &str) -> DataQuality {
    DataQuality {
        history_days: 70,
        missing_days: 0,
        estimated: true,
        explained_from: explained_from.to_owned(),
        flow_logs_percent_of_cloudwatch: Some(Decimal::new(998, 1)),
        cloudwatch_percent_of_bill: Some(Decimal::new(1000, 1)),
        skipped_lines: 1,
        ip_ranges_created: Some("2026-08-22-21-23-05".to_owned()),
        cost_explorer_pages: 1,
        rollup_read_units: None,
        prices_as_of: prices::AS_OF.to_owned(),
        notes: vec![
            "Compared with the traffic of 2026-10-06".to_owned(),
            "1 SKIPDATA line(s): each hides an unknown number of flows".to_owned(),
        ],
    }
}

/// The user's own case, with a second cause and the traffic that stays.
fn opened() -> Finding {
    use Direction::{Download, Upload};
    let quiet = flows(&[
        ("eni-builder", "S3", "us-east-1", Download, 60),
        ("eni-web", "INTERNET", "", Upload, 30),
        ("eni-web", "S3", "eu-west-1", Download, 12),
    ]);
    let today = flows(&[
        ("eni-poller-a", "AMAZON", "us-east-1", Upload, 3_290),
        ("eni-builder", "S3", "us-east-1", Download, 360),
        ("eni-web", "INTERNET", "", Upload, 31),
        ("eni-web", "S3", "eu-west-1", Download, 12),
    ]);
    let prices = prices::for_region("us-east-1").unwrap();
    let observed = 3_700 * GB;
    let verdict = verdict(observed);
    let id = subject().incident_id(subject().day);
    let explanation = causes::explain(
        &today,
        &[quiet],
        observed,
        observed - verdict.range.expected,
        prices,
    );
    let advice = advise(Situation {
        flows: &today,
        network: &fixture::network(),
        mappings: &fixture::mappings(),
        prices,
        incident_id: Some(&id),
    });
    let decision = Decision {
        state: State::Opened,
        incident_id: &id,
        observed,
        range: verdict.range,
        verdict: &verdict,
    };
    compose::finding(
        &subject(),
        decision,
        explanation,
        advice,
        quality("s3"),
        prices,
    )
}

fn resolved() -> Finding {
    let prices = prices::for_region("us-east-1").unwrap();
    let subject = Subject {
        day: subject().day.plus(4),
        ..subject()
    };
    let observed = 95 * GB;
    let verdict = verdict(observed);
    let endpoint = tollkeeper::plan::PlannedEndpoint {
        service: "lambda".to_owned(),
        kind: tollkeeper::plan::EndpointKind::Interface,
        endpoint_id: Some("vpce-1".to_owned()),
        zones: vec!["us-east-1a".to_owned(), "us-east-1b".to_owned()],
    };
    let saving: RealisedSaving = saving::realised(
        subject.day,
        saving::NewPath {
            endpoints: &[&endpoint],
            seen: Some(3_290 * GB),
            billed_endpoints: None,
            billed_zone_hours: None,
        },
        crate::measure::usage_type::UsageType::NatBytes,
        3_700 * GB,
        observed,
        prices,
    );
    let id = subject.incident_id("2026-10-13".parse().unwrap());
    let decision = Decision {
        state: State::Resolved,
        incident_id: &id,
        observed,
        range: verdict.range,
        verdict: &verdict,
    };
    compose::resolved(
        &subject,
        decision,
        Severity::High,
        saving,
        quality("none"),
        prices,
    )
}

#[test]
fn the_golden_findings_are_what_is_published() {
    let goldens = [
        (
            opened(),
            include_str!("../../../../events/contracts/finding-opened.json"),
        ),
        (
            resolved(),
            include_str!("../../../../events/contracts/finding-resolved.json"),
        ),
    ];
    for (finding, golden) in goldens {
        let golden: serde_json::Value = serde_json::from_str(golden).unwrap();
        let json = alert(&finding, AlertFormat::Text).json;
        assert_eq!(json, golden, "published now:\n{json:#}");
        let read: Finding = serde_json::from_value(golden).unwrap();
        assert_eq!(read, finding, "and it is read as it was written");
    }
}

#[test]
fn a_person_can_act_on_an_opened_incident() {
    let finding = opened();
    assert_eq!(finding.confidence, Confidence::High);
    insta::assert_snapshot!(alert(&finding, AlertFormat::Text).subject, @"NAT cost up $161.93 a day ($4,857.90 a month) in us-east-1: Kafka pollers of logs-consumer");
    insta::assert_snapshot!(text(&finding), @r#"
NAT gateway traffic costs $161.93 a day more than usual in us-east-1 (account 123456789012).
Tuesday 2026-10-13: 3,700.0 GB, $166.50; usual are 82.9 GB to 124.2 GB, most likely 101.5 GB.
If it lasts: $4,857.90 a month.
Severity high, confidence high.
Why: 36.5 times the usual Tuesday: 3,700.0 GB against 101.5 GB (up to 124.2 GB is usual); a sudden rise explains it more than 10,000 times better than the usual noise (20 times raise an alarm).
Since 2026-10-13. Incident 123456789012/us-east-1/NatGateway-Bytes/2026-10-13.

Who causes it
  $ a day   share  source                                     direction       far end                        NAT gateway
  $148.05  91.4 %  Kafka pollers of logs-consumer (inferred)  uploads to      AWS, unresolved, in us-east-1  nat-a
   $13.50   8.3 %  image-builder                              downloads from  S3 in us-east-1                nat-a
    $0.04   0.0 %  web-1                                      uploads to      the internet                   nat-a
    $0.34   0.2 %  not explained

What to do
  1. Give vpc-1 a gateway endpoint for s3 in the route tables of its private subnets: it costs nothing.
     Costs $0.00 a month, saves $486.00 a month after that.
     Does not cover: AWS, unresolved, in us-east-1: 3,290.0 GB a day.
  2. Give vpc-1 interface endpoints for lambda and sts: the Kafka pollers hand their batches to the Lambda API through the NAT gateways.
     Costs $1,016.20 a month, saves $3,425.30 a month after that. Pays from 834 GB a month. Priced for us-east-1a, us-east-1b.
     Does not cover: S3 in us-east-1: 360.0 GB a day.
  3. Or switch the Kafka event source mappings to provisioned mode, whose pollers need neither NAT gateway nor endpoints.
     Costs $405.15 a month, saves $4,036.35 a month after that. Pays from 9,003 GB a month.
     Does not cover: Peaks above the day's mean rate: priced for 3 event poller units at us-east-1's price. It replaces the interface endpoints, it does not go with them; S3 in us-east-1: 360.0 GB a day.
  None of these covers: the internet: 31.0 GB a day; S3 in eu-west-1: 12.0 GB a day.

What happens next
  Where the endpoint-remediator is deployed it makes a plan from this finding and sends it for approval; nothing is changed without one.
  To ask for a plan by hand, invoke it with
    {"action":"plan","vpc_id":"vpc-1","services":["s3"],"incident_id":"123456789012/us-east-1/NatGateway-Bytes/2026-10-13"}
    {"action":"plan","vpc_id":"vpc-1","services":["lambda","sts"],"kafka_pollers":[{"subnets":["subnet-a","subnet-b"],"security_group":"sg-pollers","broker_security_group":"sg-brokers","broker_port":9092}],"incident_id":"123456789012/us-east-1/NatGateway-Bytes/2026-10-13"}

What this rests on
  - 70 days of history, 0 missing; explanation from s3; list prices of 2026-11-21; 1 Cost Explorer page(s), a cent each
  - CloudWatch shows 100.0 % of the billed bytes
  - Flow logs show 99.8 % of CloudWatch's bytes
  - AWS address table of 2026-08-22-21-23-05
  - inferred: interfaces in the mapping's subnets and security group talk to in-region AWS addresses without a service label, as pollers do with the Lambda API, which no label names; source known from the interface inventory of that time
  - Compared with the traffic of 2026-10-06
  - 1 SKIPDATA line(s): each hides an unknown number of flows
"#);
}

#[test]
fn a_person_reads_what_was_saved_when_it_is_over() {
    insta::assert_snapshot!(alert(&resolved(), AlertFormat::Text).subject, @"NAT cost back to normal in us-east-1: $114.67 a day saved, measured");
    insta::assert_snapshot!(text(&resolved()), @r#"
NAT gateway traffic is back to what was usual in us-east-1 (account 123456789012).
Saturday 2026-10-17: 95.0 GB, $4.28; usual are 82.9 GB to 124.2 GB, most likely 101.5 GB.
Severity high, confidence high.
Why: Two days in a row within the range that was usual before the incident.
Since 2026-10-13. Incident 123456789012/us-east-1/NatGateway-Bytes/2026-10-13.

What the remedy saved (on 2026-10-17)
  Measured on the new path: $114.67 a day
  Upper bound: $128.85 a day
  The endpoints cost $33.38 a day
  Measured: CloudWatch's bytes on 1 interface endpoint(s) at the NAT gateway's price, less their hours and bytes at list price (the bill is an estimate, or does not tell them apart). Upper bound: the fall of the NAT gateways' bytes against the incident's largest day at their price, less what the endpoints cost; load may have fallen too.

What this rests on
  - 70 days of history, 0 missing; explanation from none; list prices of 2026-11-21; 1 Cost Explorer page(s), a cent each
  - CloudWatch shows 100.0 % of the billed bytes
  - Flow logs show 99.8 % of CloudWatch's bytes
  - AWS address table of 2026-08-22-21-23-05
  - Compared with the traffic of 2026-10-06
  - 1 SKIPDATA line(s): each hides an unknown number of flows
"#);
}

#[test]
fn a_source_that_is_split_over_gateways_is_still_named_in_the_subject() {
    let mut finding = opened();
    let half = Decimal::new(4571, 2);
    finding.causes[0].share_percent = half;
    let mut other = finding.causes[0].clone();
    "nat-b".clone_into(&mut other.nat_gateway_id);
    finding.causes.push(other);
    let subject = alert(&finding, AlertFormat::Text).subject;
    assert!(
        subject.ends_with(": Kafka pollers of logs-consumer"),
        "{subject}"
    );
}

fn explained_bytes(finding: &Finding) -> (u64, u64) {
    let further = finding.further_causes.as_ref();
    let bytes = finding.causes.iter().fold(
        further.map_or(0, |further| further.excess.bytes),
        |sum, cause| sum.saturating_add(cause.excess.bytes),
    );
    let count = further.map_or(0, |further| further.count);
    (bytes, count + finding.causes.len() as u64)
}

#[test]
fn a_finding_that_fits_is_sent_whole() {
    let sent = alert(&opened(), AlertFormat::Chat);
    assert_eq!(sent.json, serde_json::to_value(opened()).unwrap());
    assert!(sent.chat.is_some());
}

#[test]
fn a_finding_of_ten_thousand_causes_leaves_out_the_smallest_and_still_adds_up() {
    let mut finding = opened();
    let one = finding.causes[1].clone();
    finding.causes.extend(std::iter::repeat_n(one, 10_000));
    let sent = alert(&finding, AlertFormat::Text);
    assert!(sent.bytes() <= MAX_ALERT_BYTES);
    let read: Finding = serde_json::from_value(sent.json).unwrap();
    assert!(
        read.causes.len() > 20,
        "as many as fit: {}",
        read.causes.len()
    );
    assert_eq!(explained_bytes(&read), explained_bytes(&finding));
    assert_eq!(
        read.advice, finding.advice,
        "what is to be done stays whole"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_finding_fits_into_one_message_and_its_causes_still_add_up(finding in any::finding()) {
        let sent = alert(&finding, AlertFormat::Chat);
        prop_assert!(sent.bytes() <= MAX_ALERT_BYTES, "{} bytes", sent.bytes());
        let read: Finding = serde_json::from_value(sent.json).unwrap();
        prop_assert_eq!(explained_bytes(&read), explained_bytes(&finding));
    }
}

proptest! {
    #[test]
    fn any_subject_is_short_printable_ascii_and_carries_the_amount(finding in any::finding()) {
        let subject = crate::tell::subject::of(&finding);
        prop_assert!(subject.len() < 100, "{}", subject);
        prop_assert!(subject.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{:?}", subject);
        let amount = crate::tell::subject::amount(&finding).to_string();
        prop_assert!(subject.contains(&amount), "{} without {}", subject, amount);
    }
}

#[test]
fn attributes_allow_filter_policies() {
    let attributes = alert(&opened(), AlertFormat::Text).attributes;
    let month = alert(&opened(), AlertFormat::Text).numbers["month_dollars"];
    assert_eq!(month, Decimal::new(485_790, 2));
    let words: Vec<&str> = ["kind", "state", "severity", "account", "region"]
        .iter()
        .map(|name| attributes[name].as_str())
        .collect();
    assert_eq!(
        words,
        ["finding", "opened", "high", "123456789012", "us-east-1"]
    );
}
