#![no_main]

#[path = "../../tests/it/fuzz_targets.rs"]
#[expect(dead_code, reason = "a target of several")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::inflate(data));
