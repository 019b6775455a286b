//! Which limits hold for which requests: the document in the setting `RULES`, validated as a whole.
//!
//! A rule has conditions (`conditions`), an identity to count by (`key`), limits (`limit`), weights (`cost`) and
//! exceptions for single identities (`overrides`). Beside the rules stand lists of client addresses (`lists`).
//! Nothing here knows Redis, events or the clock.

mod conditions;
mod cost;
mod document;
mod fields;
mod key;
mod limit;
mod lists;
mod networks;
mod overrides;
mod path;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub use conditions::When;
pub use cost::Cost;
pub use document::parse;
pub use fields::{Fields, Problem, Problems};
pub use key::KeyBy;
pub use limit::Limit;
pub use lists::{AddressLists, Entry, Listed, MOST_ENTRIES};
pub use networks::{Cidr, Networks};
pub use overrides::{Override, Overrides};
pub use path::{PathPattern, normalised};

pub(crate) use lists::entry as read_entry;
pub(crate) use overrides::read as read_override;

/// What the document says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// The rules, in the order in which they are written.
    pub rules: Vec<Rule>,
    /// Its entries of the address lists.
    pub entries: Vec<Entry>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name, in headers, answers and metrics.
    pub name: String,
    /// Whose requests are counted together: all of these have to be the same.
    pub key: Vec<KeyBy>,
    /// Which requests it holds for.
    pub when: When,
    /// How much is allowed: all of them hold.
    pub limits: Vec<Limit>,
    /// What a request costs.
    pub cost: Cost,
    /// Whether it only watches: counted and reported, never denying.
    pub shadow: bool,
    /// Other limits for single identities.
    pub overrides: Overrides,
    /// The fields of its window as they were written, if it has one only: overrides take from there what they leave
    /// out.
    only_window: Map<String, Value>,
}
