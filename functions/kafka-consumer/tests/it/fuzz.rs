//! A bounded fuzzing of all that reads bytes from outside: a fixed number of iterations, the same in every run.
//!
//! `TOLLKEEPER_FUZZ_ITERATIONS=5000000` runs each target longer, `=17..18` replays one iteration. A failure prints
//! its iteration and input.

use std::ops::Range;

use crate::fuzz_mutation::input;
use crate::fuzz_seeds::{BINARY_TOKENS, EVENT_TOKENS, TEXT_TOKENS, compressed, events, texts};
use crate::fuzz_targets as targets;

/// Says what a panicking target was given.
struct Replay {
    target: &'static str,
    iteration: u64,
    input: Vec<u8>,
}

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self {
                target,
                iteration,
                input,
            } = self;
            let next = *iteration + 1;
            eprintln!(
                "replay: TOLLKEEPER_FUZZ_ITERATIONS={iteration}..{next} cargo test -p kafka-consumer fuzz::{target}"
            );
            eprintln!("input: {}", input.escape_ascii());
        }
    }
}

fn run(
    target: &'static str,
    count: u64,
    seeds: &[Vec<u8>],
    dictionary: &[&[u8]],
    check: fn(&[u8]),
) {
    for iteration in iterations(count) {
        let input = input(iteration, seeds, dictionary);
        let replay = Replay {
            target,
            iteration,
            input,
        };
        check(&replay.input);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a switch for the person who runs the tests"
)]
fn iterations(count: u64) -> Range<u64> {
    let Ok(wanted) = std::env::var("TOLLKEEPER_FUZZ_ITERATIONS") else {
        return 0..count;
    };
    let (from, to) = wanted.split_once("..").unwrap_or(("0", &wanted));
    from.parse().unwrap()..to.parse().unwrap()
}

#[test]
fn no_event_breaks_the_envelope() {
    run(
        "no_event_breaks_the_envelope",
        6_000,
        &events(),
        &EVENT_TOKENS,
        targets::envelope,
    );
}

#[test]
fn no_value_breaks_a_reader() {
    run(
        "no_value_breaks_a_reader",
        4_000,
        &texts(),
        &TEXT_TOKENS,
        targets::value,
    );
}

#[test]
fn no_compressed_value_breaks_a_decoder_or_its_bounds() {
    run(
        "no_compressed_value_breaks_a_decoder_or_its_bounds",
        6_000,
        &compressed(),
        &BINARY_TOKENS,
        targets::inflate,
    );
}

#[test]
fn no_text_saves_a_secret_from_being_redacted() {
    run(
        "no_text_saves_a_secret_from_being_redacted",
        2_000,
        &texts(),
        &TEXT_TOKENS,
        targets::redact,
    );
}

#[test]
fn no_message_breaks_its_fingerprint() {
    run(
        "no_message_breaks_its_fingerprint",
        20_000,
        &texts(),
        &TEXT_TOKENS,
        targets::fingerprint,
    );
}

#[test]
fn no_line_breaks_a_flow_log_format() {
    run(
        "no_line_breaks_a_flow_log_format",
        20_000,
        &texts(),
        &TEXT_TOKENS,
        targets::flow_log,
    );
}
