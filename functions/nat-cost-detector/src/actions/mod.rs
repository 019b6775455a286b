//! One file for each action: observe, decide, act.

mod accounts;
pub mod audit;
pub mod explain;
#[cfg(test)]
mod night_fixture;
pub mod nightly;
mod place_night;
mod series_night;
