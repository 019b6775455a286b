//! Blast-radius replay: the flows of the last days, run against the network as a plan will leave it.
//!
//! `watch` says what of the logs matters, `flows` folds a day of them, `vantage` counts each flow once, `after` reads the
//! plan, `narrowed` one that leaves clients out, `judge` says what happens to every flow, `report` is what the plan keeps of it, `words` how people read it. All
//! pure: the logs are read by `flow_logs`, the clients by `ec2`. Flows carry no principal: a
//! plan of policies is held against the calls that CloudTrail recorded at the endpoints instead (`calls`).

mod after;
mod calls;
mod clients;
mod flows;
mod judge;
mod narrowed;
#[cfg(test)]
mod oracle_tests;
mod report;
mod sum;
#[cfg(test)]
mod tests;
mod vantage;
mod watch;
mod words;

pub(crate) use after::After;
pub(crate) use clients::{Clients, Interface};
pub(crate) use flows::{DayFlows, FlowFold};
pub(crate) use judge::Judge;
pub(crate) use report::{Files, Replay};
pub(crate) use vantage::{DaySeen, one_vantage};
pub(crate) use watch::Watch;
pub(crate) use words::{details, headline};
