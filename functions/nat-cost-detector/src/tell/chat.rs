//! A finding for Slack and Teams: the custom notification of Amazon Q Developer in chat applications.
//!
//! Source: <https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html>. All updates of an incident go
//! into one thread. Names that come from AWS are written as code, so that none of them can mention or link.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tollkeeper::finding::{Advice, Cause, Finding, State};

use crate::advise::far_end;
use crate::tell::cause_table::direction;
use crate::tell::text::{human_bytes, weekday_name};
use crate::tell::{message, subject};

/// Causes in a message: a chat shows a screen, the mail has all of them.
const CAUSES: usize = 5;
/// Remedies in a message.
const STEPS: usize = 5;
/// Resources named in a message.
const RESOURCES: usize = 10;
/// Characters of a name.
const NAME: usize = 60;
/// Characters of a next step.
const STEP: usize = 300;

/// The notification.
pub fn notification(finding: &Finding) -> Value {
    let title = subject::of(finding);
    json!({
        "version": "1.0",
        "source": "custom",
        "id": clip(&format!("{}/{}/{}", finding.incident_id, finding.state.as_str(), finding.day), STEP),
        "content": {
            "textType": "client-markdown",
            "title": title,
            "description": description(finding),
            "nextSteps": next_steps(finding),
            "keywords": ["NAT cost", finding.severity.as_str(), clip(&finding.region, NAME), clip(&finding.account, NAME)],
        },
        "metadata": {
            "threadId": clip(&finding.incident_id, STEP),
            "summary": title,
            "eventType": format!("tollkeeper.finding.{}", finding.state.as_str()),
            "relatedResources": resources(finding),
            "additionalContext": {
                "account": clip(&finding.account, NAME),
                "region": clip(&finding.region, NAME),
                "day": finding.day.to_string(),
                "incident": clip(&finding.incident_id, STEP),
                "severity": finding.severity.as_str(),
                "excess_a_day": finding.excess.cost.to_string(),
                "projected_month": finding.projected_month.to_string(),
            },
        },
    })
}

fn description(finding: &Finding) -> String {
    let mut lines = vec![
        format!(
            "*{}* in {}, account {}.",
            message::in_a_sentence(finding),
            code(&finding.region),
            code(&finding.account)
        ),
        format!(
            "{} {}: {}, {}; usual are {} to {}.",
            weekday_name(finding.day),
            finding.day,
            human_bytes(finding.observed.bytes),
            finding.observed.cost,
            human_bytes(finding.expected.low_bytes),
            human_bytes(finding.expected.high_bytes)
        ),
    ];
    if finding.state != State::Resolved {
        lines.push(format!(
            "If it lasts: *{} a month*.",
            finding.projected_month
        ));
    }
    if let Some(saving) = &finding.saving {
        let measured = saving.measured_a_day.as_ref();
        lines.push(format!(
            "Saved: {} measured on the new path; at most {} a day by the fall of the NAT traffic.",
            measured.map_or("nothing".to_owned(), |money| format!("*{money} a day*")),
            saving.upper_bound_a_day
        ));
    }
    lines.extend(finding.causes.iter().take(CAUSES).map(cause));
    let more = finding.causes.len().saturating_sub(CAUSES) as u64
        + finding
            .further_causes
            .as_ref()
            .map_or(0, |further| further.count);
    if more > 0 {
        lines.push(format!("- {more} smaller cause(s)"));
    }
    if finding.excess.bytes > 0 {
        lines.push(format!("- {} not explained", finding.unexplained.cost));
    }
    lines.join("\n")
}

fn cause(cause: &Cause) -> String {
    let mark = if cause.inferred { " (inferred)" } else { "" };
    format!(
        "- {} a day: {}{mark} {} {} through {}",
        cause.excess.cost,
        code(&cause.source.name),
        direction(cause.direction),
        code(&far_end(&cause.service, &cause.service_region)),
        code(&cause.nat_gateway_id)
    )
}

fn next_steps(finding: &Finding) -> Vec<String> {
    let mut steps: Vec<String> = finding.advice.iter().take(STEPS - 1).map(step).collect();
    steps.push(match finding.state {
        State::Resolved => "Nothing to do: the incident is closed".to_owned(),
        _ => format!(
            "Look the incident up: {} (causes, prices and limits are in the mail and in the JSON)",
            code(&finding.incident_id)
        ),
    });
    steps
}

fn step(advice: &Advice) -> String {
    let money = format!(
        " Costs {} a month, saves {} after that.",
        advice.monthly_cost, advice.monthly_saving
    );
    let title = harmless(&advice.title, STEP);
    format!("{title}.{money}")
}

fn resources(finding: &Finding) -> Vec<String> {
    let nats = finding
        .causes
        .iter()
        .map(|cause| cause.nat_gateway_id.as_str());
    let distinct: BTreeSet<&str> = nats.collect();
    distinct
        .into_iter()
        .take(RESOURCES)
        .map(|nat| clip(nat, NAME))
        .collect()
}

/// A name as inline code.
fn code(name: &str) -> String {
    format!("`{}`", harmless(name, NAME))
}

/// Text without what a chat takes for a mention, a link or the end of inline code.
fn harmless(text: &str, length: usize) -> String {
    let plain: String = text
        .chars()
        .map(|c| match c {
            '`' | '<' | '>' | '&' | '[' | ']' | '@' => '\'',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    clip(&plain, length)
}

fn clip(text: &str, length: usize) -> String {
    let mut clipped: String = text.chars().take(length).collect();
    if clipped.len() < text.len() {
        clipped.push_str("...");
    }
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tell::any;
    use proptest::prelude::*;

    fn golden() -> Finding {
        serde_json::from_str(include_str!(
            "../../../../events/contracts/finding-opened.json"
        ))
        .unwrap()
    }

    #[test]
    fn a_chat_room_reads_who_how_much_and_what_next() {
        let notification = notification(&golden());
        insta::assert_snapshot!(notification["content"]["title"].as_str().unwrap(), @"NAT cost up $161.93 a day ($4,857.90 a month) in us-east-1: Kafka pollers of logs-consumer");
        insta::assert_snapshot!(notification["content"]["description"].as_str().unwrap(), @r#"
*NAT gateway traffic costs $161.93 a day more than usual* in `us-east-1`, account `123456789012`.
Tuesday 2026-10-13: 3,700.0 GB, $166.50; usual are 82.9 GB to 124.2 GB.
If it lasts: *$4,857.90 a month*.
- $148.05 a day: `Kafka pollers of logs-consumer` (inferred) uploads to `AWS, unresolved, in us-east-1` through `nat-a`
- $13.50 a day: `image-builder` downloads from `S3 in us-east-1` through `nat-a`
- $0.04 a day: `web-1` uploads to `the internet` through `nat-a`
- $0.34 not explained
"#);
        insta::assert_json_snapshot!(notification["content"]["nextSteps"], @r#"
[
  "Give vpc-1 a gateway endpoint for s3 in the route tables of its private subnets: it costs nothing. Costs $0.00 a month, saves $486.00 after that.",
  "Give vpc-1 interface endpoints for lambda and sts: the Kafka pollers hand their batches to the Lambda API through the NAT gateways. Costs $1,016.20 a month, saves $3,425.30 after that.",
  "Or switch the Kafka event source mappings to provisioned mode, whose pollers need neither NAT gateway nor endpoints. Costs $405.15 a month, saves $4,036.35 after that.",
  "Look the incident up: `123456789012/us-east-1/NatGateway-Bytes/2026-10-13` (causes, prices and limits are in the mail and in the JSON)"
]
"#);
        insta::assert_json_snapshot!(notification["metadata"], @r#"
{
  "threadId": "123456789012/us-east-1/NatGateway-Bytes/2026-10-13",
  "summary": "NAT cost up $161.93 a day ($4,857.90 a month) in us-east-1: Kafka pollers of logs-consumer",
  "eventType": "tollkeeper.finding.opened",
  "relatedResources": [
    "nat-a"
  ],
  "additionalContext": {
    "account": "123456789012",
    "region": "us-east-1",
    "day": "2026-10-13",
    "incident": "123456789012/us-east-1/NatGateway-Bytes/2026-10-13",
    "severity": "high",
    "excess_a_day": "$161.93",
    "projected_month": "$4,857.90"
  }
}
"#);
    }

    #[test]
    fn no_name_can_mention_a_channel_or_link() {
        let mut finding = golden();
        finding.causes[0].source.name = "<!channel> `x` <https://evil|click> [a](b)".to_owned();
        let text = notification(&finding).to_string();
        assert!(
            !text.contains("<!channel>") && !text.contains("<https") && !text.contains("[a]"),
            "{text}"
        );
    }

    proptest! {
        #[test]
        fn any_finding_becomes_a_notification_of_a_screen(finding in any::finding()) {
            let notification = notification(&finding);
            let content = &notification["content"];
            prop_assert!(content["description"].as_str().unwrap().chars().count() < 4_000);
            prop_assert!(content["nextSteps"].as_array().unwrap().len() <= STEPS);
            prop_assert!(notification["metadata"]["additionalContext"].as_object().unwrap().values().all(Value::is_string));
            let quoted = content["description"].as_str().unwrap().matches('`').count();
            prop_assert_eq!(quoted % 2, 0, "inline code is closed");
        }
    }
}
