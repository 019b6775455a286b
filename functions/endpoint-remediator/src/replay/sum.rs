//! Flow-log records and their bytes, added up.

use serde::{Deserialize, Serialize};

/// The largest whole number that canonical JSON keeps exactly: 2^53 - 1.
const MOST: u64 = (1 << 53) - 1;

/// How many flow-log records, and the bytes they tell of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Sum {
    pub(crate) flows: u64,
    pub(crate) bytes: u64,
}

impl Sum {
    /// One record.
    pub(crate) fn of(bytes: u64) -> Self {
        Self { flows: 1, bytes }
    }

    /// Adds another sum; stays at 2^53 - 1 (9 PB) rather than lose a digit in the plan's JSON.
    pub(crate) fn add(&mut self, other: Self) {
        self.flows = self.flows.saturating_add(other.flows).min(MOST);
        self.bytes = self.bytes.saturating_add(other.bytes).min(MOST);
    }
}

impl std::iter::Sum for Sum {
    fn sum<I: Iterator<Item = Self>>(sums: I) -> Self {
        let mut total = Self::default();
        sums.for_each(|sum| total.add(sum));
        total
    }
}
