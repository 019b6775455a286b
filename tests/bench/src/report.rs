//! What a benchmark hands on: rows of figures, as a table for people and as JSON for machines.

use std::path::Path;
use std::process::Command;

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use serde::Serialize;

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Called in a wrong way.
    #[error("{0}")]
    Usage(String),
    /// The local cloud failed.
    #[error(transparent)]
    Cloud(#[from] local_cloud::Error),
    /// A command that prepares the measurement failed.
    #[error("`{command}` failed: {reason}")]
    Command { command: String, reason: String },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        path: String,
        source: std::io::Error,
    },
    /// Something to be measured was not there.
    #[error("{0}")]
    NoFigure(String),
}

impl Error {
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { path, source }
    }
}

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    Lower,
    Higher,
}

/// One figure beside what it is compared with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) case: String,
    pub(crate) metric: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) ours: f64,
    /// 95% confidence interval of `ours`; both ends the same for what does not vary.
    pub(crate) ci: [f64; 2],
    pub(crate) peer: &'static str,
    pub(crate) theirs: Option<f64>,
    /// How many times better ours is.
    pub(crate) ratio: Option<f64>,
    pub(crate) required: Option<f64>,
    pub(crate) holds: bool,
    /// Why there is no figure of the peer; absent where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
}

/// What is measured, apart from the figures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure<'a> {
    pub(crate) case: &'a str,
    pub(crate) metric: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
}

impl Row {
    /// A figure beside a peer's of the same run; `required` is how many times better ours has to be.
    pub(crate) fn against(
        measure: Measure<'_>,
        ours: &Sample,
        peer: &'static str,
        theirs: &Sample,
        required: Option<f64>,
    ) -> Self {
        let ratio = match measure.better {
            Better::Lower => theirs.median / ours.median,
            Better::Higher => ours.median / theirs.median,
        };
        Self {
            theirs: Some(theirs.median),
            ratio: Some(ratio),
            holds: required.is_none_or(|required| ratio >= required),
            ..Self::without_peer(measure, ours, peer, required)
        }
    }

    /// A figure whose peer could not be measured, and why: a required one does not hold then.
    pub(crate) fn unmatched(
        measure: Measure<'_>,
        ours: &Sample,
        peer: &'static str,
        required: Option<f64>,
        why: String,
    ) -> Self {
        Self {
            why: Some(why),
            ..Self::without_peer(measure, ours, peer, required)
        }
    }

    fn without_peer(
        measure: Measure<'_>,
        ours: &Sample,
        peer: &'static str,
        required: Option<f64>,
    ) -> Self {
        Self {
            case: measure.case.to_owned(),
            metric: measure.metric,
            unit: measure.unit,
            better: measure.better,
            ours: ours.median,
            ci: ours.interval,
            peer,
            theirs: None,
            ratio: None,
            required,
            holds: required.is_none(),
            why: None,
        }
    }

    /// A figure that must reach an absolute target.
    pub(crate) fn over_target(
        case: &str,
        metric: &'static str,
        unit: &'static str,
        sample: &Sample,
        target: f64,
    ) -> Self {
        Self::target((case, metric, unit, Better::Higher), sample, target)
    }

    /// A figure that must stay under an absolute target.
    pub(crate) fn under_target(
        case: &str,
        metric: &'static str,
        unit: &'static str,
        sample: &Sample,
        target: f64,
    ) -> Self {
        Self::target((case, metric, unit, Better::Lower), sample, target)
    }

    fn target(
        (case, metric, unit, better): (&str, &'static str, &'static str, Better),
        sample: &Sample,
        target: f64,
    ) -> Self {
        let measure = Measure {
            case,
            metric,
            unit,
            better,
        };
        Self::against(measure, sample, "target", &Sample::exact(target), Some(1.0))
    }
}

/// Median and its 95% confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    median: f64,
    interval: [f64; 2],
}

impl Sample {
    /// A figure that does not vary.
    pub(crate) fn exact(value: f64) -> Self {
        Self {
            median: value,
            interval: [value, value],
        }
    }

    /// An estimate with an interval of its own.
    pub(crate) fn estimated(value: f64, interval: [f64; 2]) -> Self {
        Self {
            median: value,
            interval,
        }
    }

    /// Of measured values; the interval lies between order statistics, so it assumes no distribution. `None` of none.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let count = values.len();
        let last = count.checked_sub(1)?;
        let at = |rank: usize| values.get(rank.min(last)).copied();
        let low = lower_rank(count);
        Some(Self {
            median: f64::midpoint(at(last / 2)?, at(count / 2)?),
            interval: [at(low)?, at(last - low)?],
        })
    }
}

/// The largest rank (from 0) below which the median lies with a chance of at most 2.5%: a sum of binomials.
fn lower_rank(count: usize) -> usize {
    let mut chance = 0.5_f64.powi(i32::try_from(count).unwrap_or(i32::MAX));
    let mut below = chance;
    let mut rank = 0;
    while below <= 0.025 && rank < count / 2 {
        rank += 1;
        #[expect(clippy::cast_precision_loss, reason = "counts of rounds are small")]
        let factor = (count - rank + 1) as f64 / rank as f64;
        chance *= factor;
        below += chance;
    }
    rank.saturating_sub(1)
}

/// A benchmark's outcome.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Report {
    pub(crate) bench: &'static str,
    machine: String,
    commit: String,
    results: Vec<Row>,
}

impl Report {
    /// The figures of a benchmark that ran here and now.
    pub(crate) fn new(bench: &'static str, results: Vec<Row>) -> Self {
        Self {
            bench,
            machine: machine(),
            commit: commit(),
            results,
        }
    }

    /// Whether all required figures hold.
    pub(crate) fn holds(&self) -> bool {
        self.results.iter().all(|row| row.holds)
    }

    /// Prints the table and writes the JSON under `root`.
    pub(crate) fn publish(&self, root: &Path) -> Result<(), Error> {
        println!("{}\n{}, {}", self.table(), self.machine, self.commit);
        let folder = root.join("target/bench");
        std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        let path = folder.join(format!("{}.json", self.bench));
        let json = serde_json::to_string_pretty(self).unwrap_or_default();
        std::fs::write(&path, json + "\n").map_err(Error::file(&path))?;
        println!("written to target/bench/{}.json", self.bench);
        Ok(())
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN).set_header([
            "case",
            "metric",
            "ours",
            "95% interval",
            "compared with",
            "times better",
            "required",
            "holds",
        ]);
        for row in &self.results {
            let [low, high] = row.ci;
            let theirs = row.theirs.map_or("-".to_owned(), figure);
            table.add_row([
                row.case.clone(),
                row.metric.to_owned(),
                format!("{} {}", figure(row.ours), row.unit),
                format!("{} to {}", figure(low), figure(high)),
                match &row.why {
                    Some(why) => format!("{}: {why}", row.peer),
                    None => format!("{} {theirs} {}", row.peer, row.unit),
                },
                row.ratio
                    .map_or("-".to_owned(), |ratio| format!("{ratio:.2}")),
                row.required
                    .map_or("-".to_owned(), |required| format!("{required:.2}")),
                if row.holds { "yes" } else { "NO" }.to_owned(),
            ]);
        }
        table
    }
}

/// One place; three below ten, where shares and rates live.
fn figure(value: f64) -> String {
    if value.abs() < 10.0 && value.fract() != 0.0 {
        format!("{value:.3}")
    } else {
        format!("{value:.1}")
    }
}

fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or(std::env::consts::ARCH, |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{model}, {cores} cores, {}", std::env::consts::OS)
}

fn commit() -> String {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12"])
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok()
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ours: f64) -> Row {
        Row::under_target("rate-limiter", "start", "ms", &Sample::exact(ours), 20.0)
    }

    #[test]
    fn a_figure_under_its_target_holds_and_one_over_it_fails_the_report() {
        assert!(Report::new("cold-start", vec![row(20.0)]).holds());
        assert!(!Report::new("cold-start", vec![row(10.0), row(20.1)]).holds());
    }

    #[test]
    fn a_peer_that_could_not_be_measured_is_listed_and_fails_what_was_required() {
        let measure = Measure {
            case: "JSON logs",
            metric: "cpu",
            unit: "ms",
            better: Better::Lower,
        };
        let ours = Sample::exact(4.0);
        let missing =
            |required| Row::unmatched(measure, &ours, "peer", required, "not installed".to_owned());
        assert!(missing(None).holds && !missing(Some(5.0)).holds);
        let value = serde_json::to_value(missing(None)).unwrap();
        assert_eq!(
            (&value["theirs"], &value["why"]),
            (&serde_json::Value::Null, &"not installed".into())
        );
        let row = Row::against(measure, &ours, "peer", &Sample::exact(20.0), Some(5.0));
        assert_eq!((row.ratio, row.holds), (Some(5.0), true));
    }

    #[test]
    fn a_row_has_the_shape_that_machines_read() {
        let expected = serde_json::json!({
            "case": "rate-limiter", "metric": "start", "unit": "ms", "better": "lower", "ours": 10.0,
            "ci": [10.0, 10.0], "peer": "target", "theirs": 20.0, "ratio": 2.0, "required": 1.0, "holds": true,
        });
        assert_eq!(serde_json::to_value(row(10.0)).unwrap(), expected);
    }

    #[test]
    fn the_interval_of_fifteen_rounds_goes_from_the_fourth_to_the_twelfth() {
        let sample = Sample::of((1..=15).rev().map(f64::from).collect()).unwrap();
        assert_eq!(
            sample,
            Sample {
                median: 8.0,
                interval: [4.0, 12.0]
            }
        );
    }

    #[test]
    fn the_median_of_an_even_count_lies_in_the_middle_and_of_nothing_there_is_none() {
        let sample = Sample::of(vec![4.0, 1.0, 2.0, 3.0]).unwrap();
        assert_eq!(
            sample,
            Sample {
                median: 2.5,
                interval: [1.0, 4.0]
            }
        );
        assert_eq!(Sample::of(Vec::new()), None);
    }
}
