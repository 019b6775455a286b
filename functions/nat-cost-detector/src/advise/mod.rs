//! Prices the remedies for a day's traffic: what to build, what it costs, what it saves, what it leaves as it is.
//!
//! A saving is for a month of days like the one under analysis, after the remedy's own cost; a remedy that saves nothing
//! is not advised. What costs nothing and whose saving nobody can measure is for audits, see [`set_up_badly`]. Nothing
//! is claimed for traffic whose region is unknown or another one, and no byte is saved twice: add savings up with
//! [`total_monthly_saving`].

mod flow_log;
mod gateway;
mod last_resort;
mod limits;
mod month;
mod order;
mod pollers;
mod standing;
mod zones;

use std::collections::BTreeSet;

use tollkeeper::finding::Advice;
use tollkeeper::prices::RegionPrices;

use crate::explain::attribute::{Flow, Flows};
use crate::measure::network::{KafkaMapping, Network};
use month::Untaken;

pub use flow_log::flow_log;
pub use month::far_end;
pub use order::{in_order, total_monthly_saving};
pub use standing::{Standing, Usage, idle_gateways, remarks, set_up_badly};

/// What advice is made from.
#[derive(Clone, Copy)]
pub struct Situation<'a> {
    /// The day's flows.
    pub flows: &'a Flows,
    /// The network as it is now.
    pub network: &'a Network,
    /// Kafka mappings.
    pub mappings: &'a [KafkaMapping],
    /// List prices of the region.
    pub prices: &'static RegionPrices,
    /// The incident that a plan is to end.
    pub incident_id: Option<&'a str>,
}

/// The remedies, in the order to do them: what is free first, then by what they save.
pub fn advise(situation: Situation<'_>) -> Vec<Advice> {
    let vpcs: BTreeSet<&str> = situation.flows.keys().map(Flow::vpc_id).collect();
    let mut untaken = Untaken::all(situation.flows);
    let mut advice = Vec::new();
    for vpc in &vpcs {
        advice.extend(gateway::remedies(situation, vpc, &mut untaken));
        advice.extend(pollers::remedies(situation, vpc, &mut untaken));
    }
    // What is left goes through the gateways whatever is built.
    advice.extend(zones::remedies(situation, &untaken));
    advice.extend(last_resort::remedies(situation, &untaken));
    in_order(advice)
}

#[cfg(test)]
mod network_tests;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
