//! Sorted, disjoint ranges of addresses, and the search in them.

/// A range of addresses with one label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range<A> {
    pub(super) first: A,
    pub(super) last: A,
    /// Number of its label.
    pub(super) label: u16,
}

/// Where the ranges of each upper half of an IPv4 address begin: AWS's table has some thousand ranges, few of them in
/// one such half. 256 KB, filled in one pass.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    /// For each upper half, how many ranges begin below it; one more for the end.
    begin: Vec<u32>,
}

impl Directory {
    /// Of sorted ranges.
    pub(super) fn of(ranges: &[Range<u32>]) -> Self {
        let mut begin = Vec::with_capacity((1 << 16) + 1);
        for (index, range) in (0..).zip(ranges) {
            // Up to the half it begins in, ranges before it are those that begin below.
            begin.resize(begin.len().max((range.first >> 16) as usize + 1), index);
        }
        begin.resize(
            (1 << 16) + 1,
            u32::try_from(ranges.len()).unwrap_or(u32::MAX),
        );
        Self { begin }
    }

    /// The label of the range that an address lies in.
    pub(super) fn find(&self, ranges: &[Range<u32>], address: u32) -> Option<u16> {
        let half = (address >> 16) as usize;
        let from = *self.begin.get(half)? as usize;
        let to = *self.begin.get(half + 1)? as usize;
        let within = ranges.get(from..to)?;
        let after = from + within.partition_point(|range| range.first <= address);
        let range = ranges.get(after.checked_sub(1)?)?;
        (address <= range.last).then_some(range.label)
    }
}

/// The label of the range that an address lies in.
pub(super) fn find<A: Ord + Copy>(ranges: &[Range<A>], address: A) -> Option<u16> {
    let after = ranges.partition_point(|range| range.first <= address);
    let range = ranges.get(after.checked_sub(1)?)?;
    (address <= range.last).then_some(range.label)
}

/// Flattens nested prefixes, given in order of rising precedence, into sorted disjoint ranges.
///
/// Prefixes nest or are apart, never overlap in part; so one sweep with a stack of open prefixes is enough.
pub(super) fn disjoint<A: Ord + Copy + Step>(
    by_precedence: impl Iterator<Item = Range<A>>,
) -> Vec<Range<A>> {
    let mut ranked: Vec<(usize, Range<A>)> = by_precedence.enumerate().collect();
    // By start; where two start together the one of lower precedence (the wider, or the vaguer) opens first.
    ranked.sort_by(|(rank_a, a), (rank_b, b)| a.first.cmp(&b.first).then(rank_a.cmp(rank_b)));
    let mut out: Vec<Range<A>> = Vec::with_capacity(ranked.len());
    let mut open: Vec<Range<A>> = Vec::new();
    let mut next: Option<A> = None; // first address not yet written
    let mut write = |first: Option<A>, last: Option<A>, label: u16| {
        if let (Some(first), Some(last)) = (first, last)
            && first <= last
        {
            match out.last_mut() {
                Some(previous)
                    if previous.label == label && previous.last.after() == Some(first) =>
                {
                    previous.last = last;
                }
                _ => out.push(Range { first, last, label }),
            }
        }
    };
    for (_, range) in ranked {
        while let Some(top) = open.last().copied()
            && top.last < range.first
        {
            write(next, Some(top.last), top.label);
            next = top.last.after();
            open.pop();
        }
        if let Some(top) = open.last() {
            write(next, range.first.before(), top.label);
        }
        next = Some(range.first);
        open.push(range);
    }
    while let Some(top) = open.pop() {
        write(next, Some(top.last), top.label);
        next = top.last.after();
    }
    out
}

/// The neighbours of an address.
pub(super) trait Step: Sized {
    fn after(self) -> Option<Self>;
    fn before(self) -> Option<Self>;
}

impl Step for u32 {
    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn before(self) -> Option<Self> {
        self.checked_sub(1)
    }
}

impl Step for u128 {
    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn before(self) -> Option<Self> {
        self.checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_directory_finds_what_a_search_of_all_ranges_finds(
            firsts in proptest::collection::btree_set(any::<u32>(), 0..60), widths in proptest::collection::vec(0u32..200_000, 60),
            probes in proptest::collection::vec(any::<u32>(), 20),
        ) {
            let firsts: Vec<u32> = firsts.into_iter().collect();
            let ranges: Vec<_> = (0..).zip(&firsts).zip(widths).map(|((label, first), width)| {
                let next = firsts.get(usize::from(label) + 1).map_or(u32::MAX, |next| next - 1);
                Range { first: *first, last: first.saturating_add(width).min(next), label }
            }).collect();
            let directory = Directory::of(&ranges);
            let edges = ranges.iter().flat_map(|range| [range.first, range.last, range.last.wrapping_add(1)]);
            for address in probes.into_iter().chain(edges) {
                prop_assert_eq!(directory.find(&ranges, address), find(&ranges, address), "address {}", address);
            }
        }
    }
}
