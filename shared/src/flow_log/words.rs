//! Where the words of a line stand.
//!
//! Eight bytes at a time in a 64-bit register: no table, no instruction set, nothing to dispatch on. A word ends at any
//! byte up to the space (0x20), so tabs and a carriage return at the end part words too; what a word holds is left
//! alone, whatever its encoding.

/// Columns whose place is kept. All versions together have 54 fields; the rest is for those to come.
pub(super) const MAX_COLUMNS: usize = 96;

/// The words of one line.
pub(super) struct Words<'a> {
    line: &'a [u8],
    bounds: [(u32, u32); MAX_COLUMNS],
    count: usize,
}

impl<'a> Words<'a> {
    /// Finds them.
    pub(super) fn of(line: &'a [u8]) -> Self {
        let mut words = Self {
            line,
            bounds: [(0, 0); MAX_COLUMNS],
            count: 0,
        };
        let (mut start, mut base) = (0, 0);
        let (blocks, tail) = line.as_chunks::<64>();
        for block in blocks {
            words.mark(separators(block), &mut start, base);
            base += 64;
        }
        let mut last = [b'x'; 64];
        for (to, from) in last.iter_mut().zip(tail) {
            *to = *from;
        }
        words.mark(separators(&last), &mut start, base);
        words.push(start, u32::try_from(line.len()).unwrap_or(u32::MAX));
        words
    }

    fn mark(&mut self, mut ends: u64, start: &mut u32, base: u32) {
        while ends != 0 {
            let end = base + ends.trailing_zeros();
            self.push(*start, end);
            *start = end + 1;
            ends &= ends - 1;
        }
    }

    fn push(&mut self, start: u32, end: u32) {
        if start < end {
            if let Some(slot) = self.bounds.get_mut(self.count) {
                *slot = (start, end);
            }
            self.count += 1;
        }
    }

    /// How many there are, those beyond [`MAX_COLUMNS`] included.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The word of a column, from 0; empty where the line has none.
    pub(super) fn get(&self, column: usize) -> &'a [u8] {
        let (start, end) = self.bounds.get(column).copied().unwrap_or_default();
        self.line
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }
}

/// One bit for each byte that parts words.
fn separators(block: &[u8; 64]) -> u64 {
    let mut mask = 0;
    let (eights, _) = block.as_chunks::<8>();
    for (index, eight) in eights.iter().enumerate() {
        mask |= separators_of_eight(u64::from_le_bytes(*eight)) << (8 * index);
    }
    mask
}

fn separators_of_eight(bytes: u64) -> u64 {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const ABOVE_SPACE: u64 = 0x2121_2121_2121_2121;
    // With its high bit set no byte borrows from the next; the bit then falls away up to the space.
    let up_to_space = !((bytes | HIGH) - ABOVE_SPACE) & !bytes & HIGH;
    // Gathers the eight high bits in the top byte, in order.
    (up_to_space >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(line: &[u8]) -> Vec<&[u8]> {
        let words = Words::of(line);
        (0..words.count()).map(|column| words.get(column)).collect()
    }

    #[test]
    fn blanks_part_words_however_many_there_are() {
        assert_eq!(
            words(b" 5\teni-1  - \r"),
            [&b"5"[..], &b"eni-1"[..], &b"-"[..]]
        );
        assert_eq!(words(b""), [&b""[..]; 0]);
    }

    #[test]
    fn columns_beyond_the_kept_ones_are_counted_only() {
        let line = b"x ".repeat(MAX_COLUMNS + 3);
        let words = Words::of(&line);
        assert_eq!(words.count(), MAX_COLUMNS + 3);
        assert_eq!(
            (words.get(MAX_COLUMNS - 1), words.get(MAX_COLUMNS)),
            (&b"x"[..], &b""[..])
        );
    }

    proptest! {
        #[test]
        fn words_are_what_lies_between_bytes_up_to_the_space(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            let plain: Vec<&[u8]> = line.split(|byte| *byte <= b' ').filter(|word| !word.is_empty()).collect();
            prop_assume!(plain.len() <= MAX_COLUMNS);
            prop_assert_eq!(words(&line), plain);
        }
    }
}
