//! What is measured of detectors, and on what.

mod generator;
mod ours;
mod peers;
mod quality;
mod roc;
mod taxi;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use generator::{Seed, Series, Variant};
use tollkeeper::time::Day;

use crate::serve::serve;

/// Series and days of the speed case.
const SPEED: (usize, usize) = (1_000, 400);

/// - `detector-quality <seed> <series> [nyc_taxi.csv]`: all figures, as JSON;
/// - `detector-speed`: serves rounds of a night over a thousand series;
/// - `detector-series <seed> <number>`: a leaking series as lines of day and bytes.
pub(crate) fn run(name: &str, arguments: &[String]) -> io::Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match (name, arguments.as_slice()) {
        ("detector-quality", [seed, series, taxi @ ..]) => {
            let series = series.parse().map_err(io::Error::other)?;
            let taxi = taxi.first().map(Path::new);
            println!("{}", quality::figures(self::seed(seed)?, series, taxi)?);
            Ok(())
        }
        ("detector-speed", []) => {
            let night = long_histories();
            serve(
                || night.iter().filter_map(ours::verdict).count(),
                |count| Some(count.to_string()),
            )
        }
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

/// Histories of four hundred days: generated ones joined end to end, so that they also have shifts.
fn long_histories() -> Vec<BTreeMap<Day, u64>> {
    let (series, days) = SPEED;
    let joined = |number: usize| {
        let parts = (0..days.div_ceil(generator::DAYS))
            .map(|part| generator::clean(Seed::Tuning, Variant::Core, 3 * number + part));
        let volumes = parts.flat_map(|part| part.volumes).flatten().take(days);
        let first = generator::clean(Seed::Tuning, Variant::Core, number).first;
        (0..).map(|day| first.plus(day)).zip(volumes).collect()
    };
    (0..series).map(joined).collect()
}

fn print(series: &Series) {
    for (day, bytes) in series.history() {
        println!("{day} {bytes}");
    }
}
