//! Runs of plain text inside JSON strings: eight bytes at a time, as whole words.
//!
//! Sixteen at a time, vectors, and bits for 64 bytes at once were all measured slower: most strings of a log line are
//! short, and the next one can only be looked for where the last one ended.

/// Bytes looked at in one step.
const STEP: usize = 8;
const ONES: u64 = u64::MAX / 255;

/// The first quote, backslash or control character at or after a position; the length if there is none.
#[inline]
pub(super) fn run(bytes: &[u8], mut at: usize) -> usize {
    let mut rest = bytes.get(at..).unwrap_or_default();
    while let Some((step, further)) = rest.split_first_chunk::<STEP>() {
        let found = specials(*step);
        if found != 0 {
            return at + lane(found);
        }
        at += STEP;
        rest = further;
    }
    last_run(bytes, at)
}

/// A run as [`run`] finds it, and its first bytes as one number: a key that is to be looked up.
#[inline]
pub(super) fn run_of_key(bytes: &[u8], at: usize) -> (usize, u64) {
    let rest = bytes.get(at..).unwrap_or_default();
    let Some(step) = rest.first_chunk::<STEP>() else {
        let end = last_run(bytes, at);
        return (end, head(rest.get(..end - at).unwrap_or_default()));
    };
    let first = u64::from_le_bytes(*step);
    let found = specials(*step);
    if found == 0 {
        return (run(bytes, at + STEP), first);
    }
    // All bits below the lane that was found.
    let before = ((found & found.wrapping_neg()) - 1) >> 7;
    (at + lane(found), first & before)
}

/// Bytes of a key that its head holds.
pub(super) const HEAD: usize = STEP;

/// The first bytes of a key as one number.
pub(super) fn head(key: &[u8]) -> u64 {
    key.iter()
        .take(HEAD)
        .rev()
        .fold(0, |head, byte| head << 8 | u64::from(*byte))
}

/// A run among the last few bytes, which do not fill a step of their own.
#[inline(never)]
fn last_run(bytes: &[u8], at: usize) -> usize {
    let left = bytes.len().saturating_sub(at);
    match bytes.last_chunk::<STEP>() {
        // What lies before the position is shifted out. The zeros shifted in are control characters: one of them, at
        // the position of the length, is found at the latest.
        Some(step) if left > 0 => {
            let kept = (u64::from_le_bytes(*step) >> (8 * (STEP - left))).to_le_bytes();
            at + lane(specials(kept))
        }
        _ => bytes
            .iter()
            .skip(at)
            .position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\'))
            .map_or(bytes.len(), |run| at + run),
    }
}

/// Marks bytes that end or interrupt a run by their highest bit. Marks above the lowest one may be wrong: a borrow
/// runs on from there.
#[inline]
fn specials(step: [u8; STEP]) -> u64 {
    let bytes = u64::from_le_bytes(step);
    // Flipping the bit of value 2 leaves control characters below 0x20 and takes the quote, 0x22, to 0x20.
    let quotes_and_controls = (bytes ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslashes = (bytes ^ (ONES * 0x5c)).wrapping_sub(ONES);
    (quotes_and_controls | backslashes) & !bytes & (ONES * 0x80)
}

/// The place of the lowest mark.
#[inline]
fn lane(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_run_ends_where_a_byte_by_byte_search_ends(
            bytes in proptest::collection::vec(
                prop_oneof![6 => 0x20..=0xffu8, 1 => Just(b'"'), 1 => Just(b'\\'), 1 => 0..0x22u8], 0..60),
            at in 0..60usize,
        ) {
            let at = at.min(bytes.len());
            let expected = bytes[at..]
                .iter()
                .position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\')
                .map_or(bytes.len(), |run| at + run);
            prop_assert_eq!(run(&bytes, at), expected);
            let head = bytes[at..expected].iter().take(8).rev().fold(0, |head, byte| head << 8 | u64::from(*byte));
            prop_assert_eq!(run_of_key(&bytes, at), (expected, head));
        }
    }
}
