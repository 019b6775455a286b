//! Detector: how many leaks it finds at how many false alarms, how soon, and what it costs.
//!
//! Generated daily volumes with known leaks (`contenders/generator.rs`, fixed before any tuning, and seeds that tuning
//! never saw), the same for every contender; recall is compared at equal false alarms (`contenders/roc.rs`). The oracle
//! knows level, weekly profile and scale of the noise. NAB's nyc_taxi is judged when `TOLLKEEPER_NAB` names the folder
//! with `nyc_taxi.csv`. Then whether causes are found (`../attribution`, which can be run alone), and the memory of a large
//! night (`night.rs`). Not measured: series unlike the generated ones beyond that.

mod night;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use local_cloud::workspace;
use serde::Deserialize;
use std::collections::BTreeMap;

use crate::contender::{Program, race};
use crate::report::{Better, Error, Measure, Report, Row, Sample};
use crate::{attribution, build};

/// Series without a leak, and as many with one.
const SERIES: usize = 720;
/// Rounds of the speed case that count.
const ROUNDS: usize = 7;
const TAXI: &str = "nyc_taxi.csv";
const NAB: &str = "TOLLKEEPER_NAB";

/// Contenders, and how many times their recall ours must reach at 1 and at 3 false alarms a series-year.
const CONTENDERS: [(&str, [f64; 2]); 5] = [
    ("oracle", [0.90, 0.95]),
    ("same-weekday median/MAD", [1.0, 1.0]),
    ("mean + 3 sigma", [1.0, 1.0]),
    ("Holt-Winters", [1.0, 1.0]),
    ("S-H-ESD", [1.0, 1.0]),
];
const KINDS: [&str; 4] = ["spikes", "shifts", "ramps", "weekends"];

/// Value and both ends of its 95 % interval.
type Figure = [f64; 3];

#[derive(Debug, Deserialize)]
struct Figures {
    series: usize,
    contenders: BTreeMap<String, Contender>,
    shipped_false_alarms: Figure,
    shipped_recall: Figure,
    shift_delay: Figure,
    ramp_delay: Figure,
    month_start: [Figure; 2],
    missing_days: [Figure; 2],
    missing_days_recall: Figure,
    short_history: Figure,
    short_history_recall: Figure,
    prices_and_credits: [Figure; 2],
    taxi: Option<[f64; 2]>,
}

#[derive(Debug, Deserialize)]
struct Contender {
    recall: [Figure; 2],
    by_kind: [f64; 4],
}

/// Builds, judges all series and times a night.
pub(crate) async fn run() -> Result<Report, Error> {
    let root = workspace::root();
    build::contender(&root)?;
    let contender = root.join("target/release/contender").display().to_string();
    let taxi = taxi(&root);
    println!(
        "Judging {} generated series, every day from the 71st on: some minutes.",
        2 * SERIES
    );
    let figures = figures(&contender, taxi.as_deref().ok())?;
    println!("{} series were judged.", figures.series);
    let mut rows = recalls(&figures)?;
    rows.extend(shipped(&figures));
    rows.extend(beside(&figures));
    rows.extend(known_causes(&figures, taxi.err()));
    println!("A night over 1,000 series: one round after the other.");
    let program = Program {
        name: "ours",
        command: vec![contender, "detector-speed".to_owned()],
    };
    for outcome in race(&[program], ROUNDS).await? {
        rows.push(Row::under_target(
            "1,000 series of 400 days",
            "cpu",
            "ms",
            &outcome.cpu,
            1_000.0,
        ));
    }
    rows.extend(attribution::all_rows()?);
    rows.extend(night::rows(&root).await?);
    Ok(Report::new("detector", rows))
}

/// The file with the known causes, or why there is none.
fn taxi(root: &Path) -> Result<PathBuf, String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the benchmark's one setting, read once"
    )]
    let folder = std::env::var_os(NAB).ok_or(format!("{NAB} names no folder with {TAXI}"))?;
    let path = root.join(folder).join(TAXI);
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!("{} is no file", path.display()))
    }
}

fn figures(contender: &str, taxi: Option<&Path>) -> Result<Figures, Error> {
    let mut command = Command::new(contender);
    command
        .args(["detector-quality", "test", &SERIES.to_string()])
        .args(taxi);
    let failed = |reason: String| Error::Command {
        command: format!("{contender} detector-quality"),
        reason,
    };
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
}

fn sample([value, low, high]: Figure) -> Sample {
    Sample::estimated(value, [low, high])
}

fn recall(case: &str) -> Measure<'_> {
    Measure {
        case,
        metric: "recall",
        unit: "",
        better: Better::Higher,
    }
}

fn recalls(figures: &Figures) -> Result<Vec<Row>, Error> {
    let find = |name: &str| {
        let found = figures.contenders.get(name);
        found.ok_or_else(|| Error::NoFigure(format!("{name} was not measured")))
    };
    let ours = find("ours")?;
    let mut rows = Vec::new();
    for (peer, required) in CONTENDERS {
        let theirs = find(peer)?;
        let cases = [
            "core, 1 false alarm a series-year",
            "core, 3 false alarms a series-year",
        ];
        for (index, case) in cases.iter().enumerate() {
            let [ours, theirs] = [ours, theirs].map(|side| sample(side.recall[index]));
            rows.push(Row::against(
                recall(case),
                &ours,
                peer,
                &theirs,
                Some(required[index]),
            ));
        }
    }
    let oracle = find("oracle")?;
    for (index, kind) in KINDS.iter().enumerate() {
        let case = format!("{kind} of the core, 1 false alarm a series-year");
        let [ours, theirs] = [ours, oracle].map(|side| Sample::exact(side.by_kind[index]));
        rows.push(Row::against(recall(&case), &ours, "oracle", &theirs, None));
    }
    Ok(rows)
}

const FALSE_ALARMS: &str = "false alarms a series-year";

fn shipped(figures: &Figures) -> Vec<Row> {
    let clean = sample(figures.shipped_false_alarms);
    let [shift, ramp] = [figures.shift_delay, figures.ramp_delay].map(sample);
    vec![
        Row::under_target("core, shipped threshold", FALSE_ALARMS, "", &clean, 1.2),
        noted("core, shipped threshold", "recall", figures.shipped_recall),
        Row::under_target(
            "shifts of 2 scales and more",
            "median delay",
            "days",
            &shift,
            1.0,
        ),
        Row::under_target(
            "ramps of 2 scales and more",
            "median delay",
            "days",
            &ramp,
            5.0,
        ),
    ]
}

fn beside(figures: &Figures) -> Vec<Row> {
    let against = |case, [ours, theirs]: [Figure; 2], peer| {
        let measure = Measure {
            case,
            metric: FALSE_ALARMS,
            unit: "",
            better: Better::Lower,
        };
        Row::against(measure, &sample(ours), peer, &sample(theirs), None)
    };
    let weekday = CONTENDERS[1].0;
    vec![
        against(
            "first day of each month is higher",
            figures.month_start,
            weekday,
        ),
        against("15 % of days missing", figures.missing_days, weekday),
        noted(
            "15 % of days missing",
            "recall",
            figures.missing_days_recall,
        ),
        noted(
            "3 to 14 days of history",
            FALSE_ALARMS,
            figures.short_history,
        ),
        noted(
            "3 to 14 days of history",
            "recall",
            figures.short_history_recall,
        ),
        against(
            "prices change, credits",
            figures.prices_and_credits,
            "the same on costs",
        ),
    ]
}

/// A figure that nothing is required of.
fn noted(case: &str, metric: &'static str, figure: Figure) -> Row {
    let better = if metric == "recall" {
        Better::Higher
    } else {
        Better::Lower
    };
    let measure = Measure {
        case,
        metric,
        unit: "",
        better,
    };
    Row::unmatched(
        measure,
        &sample(figure),
        "none",
        None,
        "reported, nothing required".to_owned(),
    )
}

fn known_causes(figures: &Figures, missing: Option<String>) -> Vec<Row> {
    let found = Measure {
        case: "NAB nyc_taxi by day",
        metric: "known causes found of 5",
        unit: "",
        better: Better::Higher,
    };
    let Some([causes, others]) = figures.taxi else {
        let why = missing.unwrap_or_default();
        return vec![Row::unmatched(
            found,
            &Sample::exact(0.0),
            "target",
            None,
            why,
        )];
    };
    vec![
        Row::against(
            found,
            &Sample::exact(causes),
            "target",
            &Sample::exact(4.0),
            Some(1.0),
        ),
        Row::under_target(
            found.case,
            "other episodes",
            "",
            &Sample::exact(others),
            2.0,
        ),
    ]
}
