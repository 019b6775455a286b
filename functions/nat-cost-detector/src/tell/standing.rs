//! What an audit says of the network as it stands, whether or not a day was out of the ordinary.

use std::fmt::Write as _;

use serde::Serialize;
use tollkeeper::finding::Advice;
use tollkeeper::money::Money;

use crate::explain::poller_path::PollerPath;
use crate::explain::poller_report::{PollerReport, PricedWay, Way};
use crate::tell::text::{columns, human_bytes};

/// The network as it stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StandingReport {
    /// What is set up badly, in the order to put it right.
    pub advice: Vec<Advice>,
    /// What has no price, in sentences.
    pub remarks: Vec<String>,
    /// Which way the pollers of Kafka event source mappings take, and what each way costs.
    pub kafka_pollers: Vec<PollerReport>,
}

impl StandingReport {
    /// For a terminal, without the advice; empty where there is nothing to say.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        if !self.kafka_pollers.is_empty() {
            out.push_str("\nKafka pollers\n");
        }
        for report in &self.kafka_pollers {
            let _ = writeln!(out, "  {}.", headline(report));
            out.push_str(&ways(report));
            for note in &report.notes {
                let _ = writeln!(out, "     {note}.");
            }
        }
        if !self.remarks.is_empty() {
            out.push_str("\nWorth knowing\n");
        }
        for remark in &self.remarks {
            let _ = writeln!(out, "  - {remark}.");
        }
        out
    }
}

/// Whose pollers, and which way they go.
pub fn headline(report: &PollerReport) -> String {
    let whose = report.functions.join(", ");
    let off = if report.disabled {
        " (switched off)"
    } else {
        ""
    };
    let volume = match report.nat_bytes_a_day {
        Some(bytes) if bytes > 0 => {
            format!(
                ", {} on the day under analysis (inferred)",
                human_bytes(bytes)
            )
        }
        _ => String::new(),
    };
    format!("Pollers of {whose}{off} {}{volume}", way(&report.path))
}

fn way(path: &PollerPath) -> String {
    match path {
        PollerPath::Nothing => {
            "are provisioned: their invocations use no network of yours".to_owned()
        }
        PollerPath::NoVpc => "are in no VPC: the brokers are reached over the internet".to_owned(),
        PollerPath::LambdaEndpoint { endpoint_ids } => {
            format!(
                "use an endpoint of the Lambda API ({})",
                endpoint_ids.join(", ")
            )
        }
        PollerPath::NatGateways { nat_gateway_ids } => format!(
            "invoke through NAT gateways ({}): every batch is paid for by the GB",
            nat_gateway_ids.join(", ")
        ),
        PollerPath::TransitGateways {
            transit_gateway_ids,
        } => format!(
            "leave through a Transit Gateway ({}), and whatever is behind it",
            transit_gateway_ids.join(", ")
        ),
        PollerPath::NatInstances { interface_ids } => {
            format!(
                "leave through an instance that forwards ({})",
                interface_ids.join(", ")
            )
        }
        PollerPath::NoWay => {
            "have no way out of their subnets: they cannot reach the Lambda API".to_owned()
        }
        PollerPath::Unknown => "take a way that could not be read".to_owned(),
    }
}

/// The three ways as rows: what each costs a month.
pub fn priced(way: &PricedWay) -> [String; 3] {
    let name = match way.way {
        Way::NatGateways => "NAT gateways",
        Way::InterfaceEndpoints => "lambda and sts endpoints",
        Way::ProvisionedPollers => "provisioned pollers",
    };
    let at_volume = way.at_volume_a_month.as_ref();
    [
        name.to_owned(),
        format!("{} a month before any GB", way.fixed_a_month),
        at_volume.map_or_else(
            || "unknown at your volume".to_owned(),
            |money: &Money| format!("{money} a month at the day's volume"),
        ),
    ]
}

fn ways(report: &PollerReport) -> String {
    let rows: Vec<Vec<String>> = report.ways.iter().map(|way| priced(way).to_vec()).collect();
    columns(&rows, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;

    fn report(path: PollerPath, bytes: Option<u64>) -> PollerReport {
        let money = |cents| Money::usd(Decimal::new(cents, 2));
        let way = |way, fixed, at_volume: Option<i64>| PricedWay {
            way,
            fixed_a_month: money(fixed),
            at_volume_a_month: at_volume.map(money),
            break_even_gb_a_month: None,
        };
        PollerReport {
            mapping_ids: vec!["esm-1".to_owned()],
            functions: vec!["logs-consumer".to_owned()],
            cluster_arns: Vec::new(),
            disabled: false,
            vpc_id: "vpc-1".to_owned(),
            subnets: Vec::new(),
            groups: Vec::new(),
            zones: Vec::new(),
            path,
            nat_bytes_a_day: bytes,
            ways: vec![
                way(Way::NatGateways, 0, Some(449_955)),
                way(Way::InterfaceEndpoints, 2_920, Some(102_910)),
                way(Way::ProvisionedPollers, 40_515, None),
            ],
            notes: vec!["Prices are list prices".to_owned()],
        }
    }

    #[test]
    fn a_person_reads_which_way_the_pollers_go_and_what_each_way_costs() {
        let path = PollerPath::NatGateways {
            nat_gateway_ids: vec!["nat-a".to_owned()],
        };
        let standing = StandingReport {
            kafka_pollers: vec![report(path, Some(3_333_000_000_000))],
            remarks: vec!["No flow log records nat-b".to_owned()],
            ..StandingReport::default()
        };
        insta::assert_snapshot!(standing.to_text(), @r"

        Kafka pollers
          Pollers of logs-consumer invoke through NAT gateways (nat-a): every batch is paid for by the GB, 3,104.1 GB on the day under analysis (inferred).
          NAT gateways              $0.00 a month before any GB    $4,499.55 a month at the day's volume
          lambda and sts endpoints  $29.20 a month before any GB   $1,029.10 a month at the day's volume
          provisioned pollers       $405.15 a month before any GB  unknown at your volume
             Prices are list prices.

        Worth knowing
          - No flow log records nat-b.
        ");
    }

    #[test]
    fn a_network_with_nothing_to_say_says_nothing() {
        assert_eq!(StandingReport::default().to_text(), "");
    }
}
