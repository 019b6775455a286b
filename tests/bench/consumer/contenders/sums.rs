//! What all contenders must come to, in one spelling.

use std::collections::BTreeMap;

use tollkeeper::canonical::hash_text;

/// Sums by what they are kept by.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// By `hour|service|level`: records and bytes.
    pub(super) logs: BTreeMap<String, [u64; 2]>,
    /// By `interface|hour|leg|source|service`: bytes, packets and flows.
    pub(super) traffic: BTreeMap<String, [u64; 3]>,
    /// Records that cannot be read.
    pub(super) unreadable: usize,
}

impl Sums {
    pub(super) fn digest(&self) -> String {
        let logs = self
            .logs
            .iter()
            .map(|(key, [records, bytes])| format!("{key}|{records}|{bytes}"));
        let traffic = self
            .traffic
            .iter()
            .map(|(key, [bytes, packets, flows])| format!("{key}|{bytes}|{packets}|{flows}"));
        let mut lines: Vec<String> = logs.chain(traffic).collect();
        lines.sort();
        format!(
            "{} sums, {} unreadable, {}",
            lines.len(),
            self.unreadable,
            hash_text(&lines.join("\n"))
        )
    }
}

/// Adds to sums.
pub(super) fn add<const N: usize>(sums: &mut [u64; N], more: [u64; N]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
}
