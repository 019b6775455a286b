//! Seeds, changed at random: a little of what a coverage-guided fuzzer does, repeatable and on stable.

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Longest input: what takes long to read finds no more.
const LONGEST: usize = 64 << 10;

/// Lengths and counts that sit on an edge.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 23,
    (1 << 23) + 1,
    u64::MAX,
];

/// The input of an iteration: a function of its number alone, so that any can be replayed.
pub(crate) fn input(iteration: u64, seeds: &[Vec<u8>], dictionary: &[&[u8]]) -> Vec<u8> {
    let mut random = SmallRng::seed_from_u64(iteration);
    let mut input = seeds.choose(&mut random).cloned().unwrap_or_default();
    // One iteration in sixteen tries a seed as it is.
    for _ in 0..random.random_range(0..16_u32).min(6) {
        mutate(&mut input, &mut random, seeds, dictionary);
        input.truncate(LONGEST);
    }
    input
}

fn mutate(input: &mut Vec<u8>, random: &mut SmallRng, seeds: &[Vec<u8>], dictionary: &[&[u8]]) {
    let at = random.random_range(0..=input.len());
    // Short ranges are likelier than long ones: most fields are short.
    let length = random
        .random_range(0..=input.len() - at)
        .min(1 << random.random_range(0..13));
    let range = at..at + length;
    match random.random_range(0..9) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.random_range(0..8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = random.random();
            }
        }
        2 => input.truncate(at),
        3 => drop(input.drain(range)),
        4 => {
            let copy = input[range].repeat(random.random_range(1..4));
            input.splice(at..at, copy);
        }
        5 => {
            let token = dictionary.choose(random).copied().unwrap_or_default();
            let replaced = if random.random() { at..at } else { range };
            input.splice(replaced, token.iter().copied());
        }
        6 => {
            let number = EDGES.choose(random).copied().unwrap_or_default();
            let width = [1, 2, 4, 8][random.random_range(0..4)];
            let bytes = if random.random() {
                number.to_le_bytes()[..width].to_vec()
            } else {
                number.to_be_bytes()[8 - width..].to_vec()
            };
            let end = input.len().min(at + width);
            input.splice(at..end, bytes);
        }
        7 => {
            let other = seeds.choose(random).map_or(&[][..], Vec::as_slice);
            let from = random.random_range(0..=other.len());
            let to = random.random_range(from..=other.len());
            input.splice(range, other[from..to].iter().copied());
        }
        _ => {
            let digits = EDGES
                .choose(random)
                .copied()
                .unwrap_or_default()
                .to_string();
            input.splice(range, digits.into_bytes());
        }
    }
}
