//! One file for each action: observe, decide, act.

mod accounts;
pub mod audit;
pub mod backfill;
pub mod clock;
pub mod compare_front_door;
pub mod explain;
#[cfg(test)]
mod night_fixture;
pub mod nightly;
mod place_night;
mod replay;
pub mod report;
mod series_night;
