//! Where the columns of a line stand.
//!
//! Sixty-four bytes at a time become a mask of 64 bits, in plain registers: no table, no instruction set, nothing to
//! dispatch on. One byte up to the space (0x20, so a tab too) parts two columns; two of them have an empty column
//! between. What a column holds is left alone, whatever its encoding.

/// Columns whose place is kept. All versions together have 54 fields; the rest is for those to come.
pub(super) const MAX_COLUMNS: usize = 96;

/// The columns of one line of at most 65,535 bytes; the line itself lies with the caller.
#[derive(Debug)]
pub(super) struct Words {
    /// Where each column ends, after the end of one before the first; what lies beyond the last is meaningless.
    ends: [u16; 1 + MAX_COLUMNS],
    count: usize,
}

impl Words {
    /// No columns yet.
    pub(super) fn new() -> Self {
        Self {
            ends: [u16::MAX; 1 + MAX_COLUMNS],
            count: 0,
        }
    }

    /// Finds the columns of a line and how many they are, those beyond [`MAX_COLUMNS`] included.
    pub(super) fn find(&mut self, line: &[u8]) -> usize {
        self.count = 0;
        let (blocks, tail) = line.as_chunks::<64>();
        let mut base = 0;
        for block in blocks {
            self.mark(separators(block), base);
            base += 64;
        }
        // The end of the line ends the last column.
        self.mark(separators_of_tail(line, tail) | 1 << tail.len(), base);
        self.count
    }

    fn mark(&mut self, mut mask: u64, base: u16) {
        while mask != 0 {
            self.count += 1;
            if let Some(end) = self.ends.get_mut(self.count) {
                *end = base + bit(mask);
            }
            mask &= mask - 1;
        }
    }

    /// The word in a column of the line that was searched, from 0; empty where it has none.
    pub(super) fn get<'a>(&self, line: &'a [u8], column: usize) -> &'a [u8] {
        match self.ends.get(column..column + 2) {
            Some(&[before, end]) if column < self.count => line
                .get(usize::from(before.wrapping_add(1))..usize::from(end))
                .unwrap_or_default(),
            _ => &[],
        }
    }
}

/// The lowest bit that is set.
fn bit(mask: u64) -> u16 {
    // At most 64.
    u16::try_from(mask.trailing_zeros()).unwrap_or_default()
}

/// The mask of a line's last bytes, which fill no block.
fn separators_of_tail(line: &[u8], tail: &[u8]) -> u64 {
    match line.last_chunk::<64>() {
        _ if tail.is_empty() => 0,
        // A block that ends with the line, without what other blocks had already.
        Some(block) => separators(block) >> (64 - tail.len()),
        None => {
            let mut block = [b'x'; 64];
            for (to, from) in block.iter_mut().zip(tail) {
                *to = *from;
            }
            separators(&block)
        }
    }
}

/// One bit for each byte that parts columns, in order.
fn separators(block: &[u8; 64]) -> u64 {
    let mut flags = [0_u8; 64];
    for (flag, byte) in flags.iter_mut().zip(block) {
        *flag = u8::from(*byte <= b' ');
    }
    // The product's top byte gathers the lowest bit of each of eight bytes.
    let (eights, _) = flags.as_chunks::<8>();
    eights.iter().rev().fold(0, |mask, eight| {
        mask << 8 | u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(line: &[u8]) -> Vec<&[u8]> {
        let mut words = Words::new();
        let count = words.find(line);
        (0..count).map(|column| words.get(line, column)).collect()
    }

    #[test]
    fn one_blank_parts_two_columns_and_two_have_an_empty_one_between() {
        assert_eq!(
            words(b"5\teni-1 -  x"),
            [&b"5"[..], b"eni-1", b"-", b"", b"x"]
        );
        assert_eq!(words(b""), [b""]);
    }

    #[test]
    fn columns_beyond_the_kept_ones_are_counted_only() {
        let line = b"x ".repeat(MAX_COLUMNS + 3);
        let mut words = Words::new();
        assert_eq!(words.find(&line), MAX_COLUMNS + 4);
        assert_eq!(words.get(&line, MAX_COLUMNS - 1), b"x");
        assert_eq!(words.get(&line, MAX_COLUMNS), b"");
    }

    #[test]
    fn a_shorter_line_has_nothing_of_the_one_before() {
        let mut words = Words::new();
        words.find(b"a b c");
        assert_eq!(words.find(b"d"), 1);
        assert_eq!(
            (words.get(b"d", 0), words.get(b"d", 1)),
            (&b"d"[..], &b""[..])
        );
    }

    proptest! {
        #[test]
        fn words_are_what_lies_between_bytes_up_to_the_space(
            line in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b' ')], 0..300),
        ) {
            let plain: Vec<&[u8]> = line.split(|byte| *byte <= b' ').collect();
            prop_assume!(plain.len() <= MAX_COLUMNS);
            prop_assert_eq!(words(&line), plain);
        }
    }
}
