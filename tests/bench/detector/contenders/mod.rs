//! What is measured of detectors, and on what.

mod generator;

use std::io;

use generator::{Seed, Series, Variant};

/// `detector-series <seed> <number>`: a leaking series as lines of day and bytes.
pub(crate) fn run(name: &str, arguments: &[String]) -> io::Result<()> {
    match (name, arguments) {
        ("detector-series", [seed, number]) => {
            let number = number.parse().map_err(io::Error::other)?;
            print(&generator::leaking(
                self::seed(seed)?,
                Variant::Core,
                number,
            ));
            Ok(())
        }
        _ => Err(io::Error::other(format!("no contender `{name}`"))),
    }
}

fn seed(name: &str) -> io::Result<Seed> {
    match name {
        "tuning" => Ok(Seed::Tuning),
        "calibration" => Ok(Seed::Calibration),
        "test" => Ok(Seed::Test),
        _ => Err(io::Error::other(format!(
            "`{name}` is no seed: tuning, calibration or test"
        ))),
    }
}

fn print(series: &Series) {
    for (day, bytes) in series.history() {
        println!("{day} {bytes}");
    }
}
