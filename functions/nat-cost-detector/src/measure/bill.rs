//! The bill in the product's own types: what was used and what it cost, by account, region, day and usage type.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use tollkeeper::time::Day;

use crate::measure::usage_type::{Unit, UsageType};

/// Price of a page of Cost Explorer, dollars.
pub const PAGE_PRICE: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

/// Quantity and cost of one usage type on one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// In the bill's unit: gigabytes, hours, Gbps-hours.
    pub quantity: Decimal,
    /// Unblended dollars; what was billed in another currency is not in it.
    pub cost: Decimal,
}

/// One day of the bill. Absent usage is zero: the bill lists what was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BillDay {
    /// What the bytes of all NAT gateways cost, unblended dollars.
    pub nat_bytes_cost: Decimal,
    /// What the hours (and provisioned Gbps) of all NAT gateways cost, unblended dollars.
    pub nat_hours_cost: Decimal,
    /// What interface endpoints cost, hours and bytes, unblended dollars.
    pub endpoints_cost: Decimal,
    /// The bill may still change.
    pub estimated: bool,
    /// By usage type, in the order of [`UsageType::ALL`].
    pub usage: [Usage; UsageType::ALL.len()],
}

impl BillDay {
    /// Adds usage: a day's lines may be spread over pages.
    pub fn add(&mut self, usage_type: UsageType, usage: Usage) {
        let slot = &mut self.usage[usage_type as usize];
        slot.quantity += usage.quantity;
        slot.cost += usage.cost;
        match (usage_type.is_nat(), usage_type.unit()) {
            (true, Unit::Bytes) => self.nat_bytes_cost += usage.cost,
            (true, Unit::Hours | Unit::GbpsHours) => self.nat_hours_cost += usage.cost,
            (false, _) => self.endpoints_cost += usage.cost,
        }
    }

    /// Quantity and cost of a usage type.
    pub fn usage(&self, usage_type: UsageType) -> Usage {
        self.usage[usage_type as usize]
    }

    /// Quantity of a usage type in this product's unit: bytes or whole hours.
    pub fn quantity(&self, usage_type: UsageType) -> u64 {
        usage_type.quantity(self.usage(usage_type).quantity)
    }

    /// Bytes of NAT gateways of every kind: what CloudWatch's bytes are compared with.
    pub fn nat_bytes(&self) -> u64 {
        UsageType::ALL
            .into_iter()
            .filter(|usage| usage.is_nat_bytes())
            .map(|usage| self.quantity(usage))
            .fold(0, u64::saturating_add)
    }
}

/// The bill of one account and region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bill {
    /// Days the bill knows.
    pub days: BTreeMap<Day, BillDay>,
    /// Pages that were asked for to learn it, those of other places in the same answer included.
    pub pages: u32,
    /// Costs in other currencies than dollars, by currency: never added to dollars.
    pub other_currencies: BTreeMap<String, Decimal>,
    /// Days on which a line was negative: a credit or refund written as usage.
    pub negative_days: Vec<Day>,
}

/// The bills of several accounts and regions, from one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bills {
    /// By account and region.
    pub places: BTreeMap<(String, &'static str), Bill>,
    /// Pages asked for.
    pub pages: u32,
}

impl Bills {
    /// The bill of a place; `None` where the answer does not know it.
    pub fn of(&self, account: &str, region: &str) -> Option<Bill> {
        let (_, bill) = self
            .places
            .iter()
            .find(|((known, place), _)| known == account && *place == region)?;
        Some(Bill {
            pages: self.pages,
            ..bill.clone()
        })
    }
}
