//! Client addresses that are never limited, and those that are always denied.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::fields::{Fields, Problems};
use super::networks::{Cidr, Networks};

/// Longest list. A look-up takes the same number of steps as one of a single entry, give or take a dozen.
pub const MOST_ENTRIES: usize = 10_000;
/// Longest reason of a blocked entry, characters.
const LONGEST_REASON: usize = 200;
const CIDR: &str = "an address or CIDR block such as 198.51.100.0/24 or 2001:db8::/32";

/// What a list says about an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// Never limited: no rule is asked.
    Allowed,
    /// Always denied.
    Blocked {
        /// Why, in the operator's words; shown in the answer.
        reason: Option<String>,
    },
}

/// One entry.
pub type Entry = (Cidr, Listed);

/// Both lists together: the most specific entry has the word; of two for the same block `block` has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressLists(Networks<Listed>);

impl AddressLists {
    /// Lists of these entries; see [`MOST_ENTRIES`].
    pub fn new(mut entries: Vec<Entry>) -> Self {
        // `Networks` keeps the first of two entries for one block.
        entries.sort_by_key(|(_, listed)| matches!(listed, Listed::Allowed));
        Self(Networks::new(entries))
    }

    /// What the lists say about an address.
    pub fn of(&self, address: Option<IpAddr>) -> Option<&Listed> {
        self.0.of(address?)
    }
}

/// Reads `allow` and `block` of a document.
pub(crate) fn read(fields: &Fields) -> Vec<Entry> {
    let allowed = cidrs(fields, "allow")
        .into_iter()
        .map(|cidr| (cidr, Listed::Allowed));
    allowed.chain(blocked(fields)).collect()
}

/// `"block": ["198.51.100.0/24", {"cidr": "203.0.113.7", "reason": "scraper"}]`.
fn blocked(fields: &Fields) -> Vec<Entry> {
    let expected = "a list of up to 10000 addresses, CIDR blocks, or {\"cidr\", \"reason\"}";
    let listed = match fields.value("block") {
        None => return Vec::new(),
        Some(Value::Array(listed)) if listed.len() <= MOST_ENTRIES => listed,
        Some(_) => {
            fields
                .problems
                .note(format!("{}, block", fields.place), expected);
            return Vec::new();
        }
    };
    let mut entries = Vec::with_capacity(listed.len());
    for value in listed {
        let entry = match value {
            Value::String(text) => {
                Cidr::parse(text).map(|cidr| (cidr, Listed::Blocked { reason: None }))
            }
            Value::Object(map) => entry(map, fields.problems, "block", false),
            _ => None,
        };
        match entry {
            Some(entry) => entries.push(entry),
            None => fields
                .problems
                .note(format!("{}, block entry {value}", fields.place), expected),
        }
    }
    entries
}

/// Reads `{"cidr", "reason"}` of either list.
pub(crate) fn entry(
    map: &Map<String, Value>,
    problems: &Problems,
    place: &str,
    allowed: bool,
) -> Option<Entry> {
    let fields = Fields {
        place,
        map,
        problems,
    };
    fields.only(&["cidr", "reason"]);
    if fields.value("cidr").is_none() {
        fields.wrong("cidr", CIDR);
    }
    let cidr = fields.text("cidr", CIDR, Cidr::parse);
    let expected = "a text of up to 200 characters on one line";
    let reason = fields.text("reason", expected, |text| {
        let plain = !text.is_empty()
            && text.chars().count() <= LONGEST_REASON
            && !text.contains(char::is_control);
        plain.then(|| text.to_owned())
    });
    let listed = if allowed {
        Listed::Allowed
    } else {
        Listed::Blocked { reason }
    };
    Some((cidr?, listed))
}

/// Reads a list of CIDR blocks.
pub(crate) fn cidrs(fields: &Fields, field: &str) -> Vec<Cidr> {
    if fields
        .value(field)
        .and_then(Value::as_array)
        .is_some_and(Vec::is_empty)
    {
        return Vec::new();
    }
    fields.texts(field, MOST_ENTRIES, CIDR, Cidr::parse)
}
