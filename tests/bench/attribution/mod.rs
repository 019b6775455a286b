//! Attribution against known truth: does a finding name who caused the excess, with the right share, and does it say
//! what it cannot know?
//!
//! Each trial is a generated network (`world.rs`) with a day under analysis and four quiet same weekdays before it.
//! Reading, attribution and explanation are the product's own. "Where the data allows" is: not behind a gateway that
//! records version 2 alone, not with SKIPDATA, and on a flow whose usual scatter (three deviations) is under half a
//! hundredth of the excess. Elsewhere the finding must say why it does not know.

mod score;
mod world;

use crate::report::{Better, Error, Measure, Report, Row, Sample};
use score::Score;

/// Generated networks. Their seeds were never looked at while the rules were made: those were made on 1,000 and up.
const TRIALS: u64 = 60;

/// Prints and writes the figures.
pub(crate) fn run() -> Result<Report, Error> {
    Ok(Report::new("attribution", all_rows()?))
}

/// The figures of all seeds.
pub(crate) fn all_rows() -> Result<Vec<Row>, Error> {
    rows(0..TRIALS)
}

/// The figures of some seeds.
fn rows(seeds: std::ops::Range<u64>) -> Result<Vec<Row>, Error> {
    let score = Score::of(seeds).map_err(Error::NoFigure)?;
    for missed in &score.missed {
        println!("  {missed}");
    }
    let percent = |part: u32, of: u32| 100.0 * f64::from(part) / f64::from(of.max(1));
    let none = || Error::NoFigure("no cause was generated".to_owned());
    let worst = score.errors.iter().copied().fold(0.0, f64::max);
    let errors = Sample::of(score.errors).ok_or_else(none)?;
    let mean = score.invented.iter().sum::<f64>()
        / f64::from(u32::try_from(score.invented.len()).unwrap_or(1));
    let case = "attribution, causes over 1 % of the excess";
    let informal = Measure {
        case: "attribution, causes over 1 % that nobody made",
        metric: "a finding",
        unit: "causes",
        better: Better::Lower,
    };
    Ok(vec![
        Row::over_target(
            case,
            "named where the data allows",
            "%",
            &Sample::exact(percent(score.named, score.allowed)),
            100.0,
        ),
        Row::under_target(case, "error of a share, median", "points", &errors, 1.0),
        Row::under_target(
            case,
            "error of a share, worst",
            "points",
            &Sample::exact(worst),
            1.0,
        ),
        Row::over_target(
            case,
            "named, or said to be unknown, elsewhere",
            "%",
            &Sample::exact(percent(score.said, score.doubtful)),
            100.0,
        ),
        Row::against(
            informal,
            &Sample::exact(mean),
            "target",
            &Sample::exact(0.0),
            None,
        ),
    ])
}
