//! What `report` answers: the month so far by account, NAT gateway and service.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;
use tollkeeper::finding::Volume;
use tollkeeper::money::Money;
use tollkeeper::time::Day;

use crate::tell::report::GatewayCost;
use crate::tell::text::{columns, human_bytes};

/// The month so far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MonthReport {
    /// Region.
    pub region: String,
    /// First day of the month.
    pub from: Day,
    /// Last day that is counted.
    pub to: Day,
    /// What each account paid, dearest first; empty where the bill could not be read.
    pub accounts: Vec<AccountCost>,
    /// The caller's gateways, by CloudWatch at list price.
    pub gateways: Vec<GatewayCost>,
    /// Far ends, by flow logs at list price.
    pub services: Vec<ServiceCost>,
    /// Days of flow logs that the services rest on.
    pub flow_log_days: u64,
    /// What the figures rest on and do not cover.
    pub notes: Vec<String>,
}

/// One account's month, unblended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountCost {
    /// The account.
    pub account: String,
    /// Bytes through NAT gateways of every kind.
    pub nat_bytes: Money,
    /// Their hours.
    pub nat_hours: Money,
    /// VPC endpoints, hours and bytes.
    pub interface_endpoints: Money,
    /// All of it.
    pub total: Money,
}

/// What went to and came from a far end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceCost {
    /// For people: `S3 in us-east-1`.
    pub far_end: String,
    /// Both directions.
    pub processed: Volume,
}

impl MonthReport {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// For a terminal.
    pub fn to_text(&self) -> String {
        let mut out = format!(
            "NAT gateways in {}, {} to {}\n\nBy account (bill)\n",
            self.region, self.from, self.to
        );
        if self.accounts.is_empty() {
            out.push_str("  nothing, or unknown: see below\n");
        } else {
            out.push_str(&columns(&self.account_rows(), &[0, 1, 2, 3]));
        }
        out.push_str("\nBy NAT gateway (CloudWatch, list price)\n");
        let rows = self
            .gateways
            .iter()
            .map(|gateway| volume_row(&gateway.processed, &gateway.nat_gateway_id));
        out.push_str(&table(rows));
        let _ = write!(
            out,
            "\nBy service ({} day(s) of flow logs, both directions, list price)\n",
            self.flow_log_days
        );
        let rows = self
            .services
            .iter()
            .map(|service| volume_row(&service.processed, &service.far_end));
        out.push_str(&table(rows));
        out.push_str("\nWhat this rests on\n");
        for note in &self.notes {
            let _ = writeln!(out, "  - {note}");
        }
        out
    }

    fn account_rows(&self) -> Vec<Vec<String>> {
        let header = ["total", "NAT bytes", "NAT hours", "endpoints", "account"];
        let rows = self.accounts.iter().map(|account| {
            let money = [
                &account.total,
                &account.nat_bytes,
                &account.nat_hours,
                &account.interface_endpoints,
            ];
            let mut row: Vec<String> = money.iter().map(ToString::to_string).collect();
            row.push(account.account.clone());
            row
        });
        std::iter::once(header.map(str::to_owned).to_vec())
            .chain(rows)
            .collect()
    }
}

fn volume_row(processed: &Volume, name: &str) -> Vec<String> {
    vec![
        processed.cost.to_string(),
        human_bytes(processed.bytes),
        name.to_owned(),
    ]
}

fn table(rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        "  unknown: see below\n".to_owned()
    } else {
        columns(&rows, &[0, 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;

    #[test]
    fn a_person_reads_the_month_by_account_gateway_and_service() {
        let usd = |cents| Money::usd(Decimal::new(cents, 2));
        let processed = |gb: u64, cents| Volume {
            bytes: gb << 30,
            cost: usd(cents),
        };
        let report = MonthReport {
            region: "us-east-1".to_owned(),
            from: "2026-10-01".parse().unwrap(),
            to: "2026-10-13".parse().unwrap(),
            accounts: vec![AccountCost {
                account: "123456789012".to_owned(),
                nat_bytes: usd(22_103),
                nat_hours: usd(2_808),
                interface_endpoints: usd(0),
                total: usd(24_911),
            }],
            gateways: vec![GatewayCost {
                nat_gateway_id: "nat-a".to_owned(),
                processed: processed(4_900, 22_050),
            }],
            services: vec![ServiceCost {
                far_end: "S3 in us-east-1".to_owned(),
                processed: processed(780, 3_510),
            }],
            flow_log_days: 7,
            notes: vec!["2 Cost Explorer page(s), a cent each".to_owned()],
        };
        insta::assert_snapshot!(report.to_text(), @r#"
NAT gateways in us-east-1, 2026-10-01 to 2026-10-13

By account (bill)
    total  NAT bytes  NAT hours  endpoints  account
  $249.11    $221.03     $28.08      $0.00  123456789012

By NAT gateway (CloudWatch, list price)
  $220.50  4,900.0 GB  nat-a

By service (7 day(s) of flow logs, both directions, list price)
  $35.10  780.0 GB  S3 in us-east-1

What this rests on
  - 2 Cost Explorer page(s), a cent each
"#);
    }
}
