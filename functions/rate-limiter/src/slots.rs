//! Which keys a Redis cluster keeps together: the hash slot of a key, and the claims of a request by slot.
//!
//! Source: Redis cluster specification, "Key distribution model" and "Hash tags" (CRC-16/XMODEM modulo 16,384).

use crate::quota::Claim;

const SLOTS: u16 = 16_384;
const POLYNOMIAL: u16 = 0x1021;

/// The slot of a key: of the part between its first `{` and the next `}`, where that is not empty.
pub(crate) fn slot(key: &str) -> u16 {
    let tagged = key
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'));
    let hashed = tagged.map_or(key, |(tag, _)| if tag.is_empty() { key } else { tag });
    hashed.bytes().fold(0, with_byte) % SLOTS
}

fn with_byte(sum: u16, byte: u8) -> u16 {
    (0..8).fold(sum ^ (u16::from(byte) << 8), |sum, _| {
        let shifted = sum << 1;
        if sum & 0x8000 == 0 {
            shifted
        } else {
            shifted ^ POLYNOMIAL
        }
    })
}

/// The places of the claims of each slot, slots in the order in which the claims name them.
pub(crate) fn groups(claims: &[Claim]) -> Vec<Vec<usize>> {
    let mut groups: Vec<(u16, Vec<usize>)> = Vec::new();
    for (index, claim) in claims.iter().enumerate() {
        let slot = slot(&claim.key);
        match groups.iter_mut().find(|(known, _)| *known == slot) {
            Some((_, members)) => members.push(index),
            None => groups.push((slot, vec![index])),
        }
    }
    groups.into_iter().map(|(_, members)| members).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::{Algorithm, own_key};

    #[test]
    fn slots_are_those_of_the_specification() {
        // "123456789" is the check value of CRC-16/XMODEM; the others are what CLUSTER KEYSLOT answers.
        assert_eq!(slot("123456789"), 0x31c3);
        assert_eq!(
            (slot("foo"), slot(""), slot("foo{}{bar}")),
            (12_182, 0, 8_363)
        );
        assert_eq!(slot("foo{{bar}}zap"), slot("{bar"));
        assert_eq!(slot("{user1000}.following"), slot("user1000"));
    }

    #[test]
    fn a_state_of_its_own_shares_the_slot_of_its_identity() {
        let algorithm = Algorithm::SlidingLog {
            limit: 1,
            window_us: 1,
        };
        for key in ["plain", "tollkeeper:limit:{address:203.0.113.7}"] {
            let claim = Claim::new(key, "rule:s1:1", algorithm, 1);
            assert_eq!(slot(&own_key(&claim)), slot(key));
        }
    }

    #[test]
    fn claims_are_grouped_by_slot_in_their_own_order() {
        let algorithm = Algorithm::Gcra {
            interval_us: 1,
            burst: 1,
        };
        let claims =
            ["{b}1", "{a}1", "{b}2", "{c}"].map(|key| Claim::new(key, "rule", algorithm, 1));
        assert_eq!(groups(&claims), [vec![0, 2], vec![1], vec![3]]);
    }
}
