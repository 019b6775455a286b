//! Flow logs: what five million lines cost, from the file's bytes to sums.
//!
//! Everyone reads the same file, plain or gzip, on one core, and comes to the bytes, packets and flows of the counted
//! legs by interface, hour, direction, source and service, which is checked first: the library's reader and tally, as
//! the detector uses them, Polars, DuckDB, and a floor that only counts lines. The lines are generated once
//! (`contenders/generate.rs`). Not measured: network, and labelling addresses from AWS's table, which the peers lack.

use std::path::{Path, PathBuf};
use std::process::Command;

use local_cloud::workspace;

use crate::contender::{Outcome, Program, race};
use crate::report::{Better, Error, Measure, Report, Row};
use crate::{build, peers};

/// Rounds of each contender that count.
const ROUNDS: usize = 7;
/// Raise it with anything that changes the generated lines.
const INPUT: &str = "flow-logs-1";

const OURS: &str = "ours";
const FLOOR: &str = "only counting lines";

/// A file, and how many times less than a peer ours must need.
struct Case {
    name: &'static str,
    extension: &'static str,
    peers: [(&'static str, Option<f64>); 3],
}

const CASES: [Case; 2] = [
    Case {
        name: "5M lines, plain",
        extension: "log",
        peers: [("polars", Some(1.5)), ("duckdb", None), (FLOOR, None)],
    },
    Case {
        name: "5M lines, gzip",
        extension: "log.gz",
        peers: [("polars", None), ("duckdb", Some(2.5)), (FLOOR, None)],
    },
];

/// Builds, installs, generates, compares and measures.
pub(crate) async fn run() -> Result<Report, Error> {
    let root = workspace::root();
    build::contender(&root)?;
    let python = peers::tool(&root, "bench-flow-logs");
    let data = root.join("target/bench/data");
    std::fs::create_dir_all(&data).map_err(Error::file(&data))?;
    generate(&root, &data)?;
    let mut rows = Vec::new();
    for case in &CASES {
        println!(
            "{}: one round after the other of each contender.",
            case.name
        );
        rows.extend(case_rows(case, &root, &data, &python).await?);
    }
    Ok(Report::new("flow-logs", rows))
}

fn file(data: &Path, extension: &str) -> PathBuf {
    data.join(format!("{INPUT}.{extension}"))
}

fn generate(root: &Path, data: &Path) -> Result<(), Error> {
    let [plain, gzip] = CASES.each_ref().map(|case| file(data, case.extension));
    if plain.is_file() && gzip.is_file() {
        return Ok(());
    }
    println!("Writing five million lines, plain and gzip: 1.3 GB, once.");
    let mut command = Command::new(contender(root));
    command.arg("flow-logs-write").args([plain, gzip]);
    let status = command.status().map_err(|error| error.to_string());
    let reason = match status {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => status.to_string(),
        Err(reason) => reason,
    };
    Err(Error::Command {
        command: format!("{command:?}"),
        reason,
    })
}

async fn case_rows(
    case: &Case,
    root: &Path,
    data: &Path,
    python: &Result<String, String>,
) -> Result<Vec<Row>, Error> {
    let input = file(data, case.extension).display().to_string();
    let ours = |name: &str| vec![contender(root), name.to_owned(), input.clone()];
    let mut programs = vec![
        program(OURS, ours("flow-logs")),
        program(FLOOR, ours("flow-logs-floor")),
    ];
    if let Ok(python) = python {
        let script = root.join("tests/bench/flow-logs/python/peer.py");
        let script = script.display().to_string();
        programs.extend(
            case.peers
                .iter()
                .filter(|(peer, _)| *peer != FLOOR)
                .map(|(peer, _)| {
                    let command = [python, &script, *peer, &input].map(str::to_owned);
                    program(peer, command.to_vec())
                }),
        );
    }
    let outcomes = race(&programs, ROUNDS).await?;
    let find = |name: &str| outcomes.iter().find(|outcome| outcome.name == name);
    let ours = find(OURS).ok_or_else(|| Error::NoFigure("ours was not measured".to_owned()))?;
    let rows = case
        .peers
        .iter()
        .flat_map(|&(peer, required)| match (find(peer), python) {
            (Some(theirs), _) => against(case, ours, theirs, required),
            (None, reason) => {
                let why = reason.clone().err().unwrap_or_default();
                vec![Row::unmatched(cpu(case), &ours.cpu, peer, required, why)]
            }
        });
    Ok(rows.collect())
}

fn against(case: &Case, ours: &Outcome, theirs: &Outcome, required: Option<f64>) -> Vec<Row> {
    let time = Row::against(cpu(case), &ours.cpu, theirs.name, &theirs.cpu, required);
    if theirs.name == FLOOR {
        // It keeps nothing.
        return vec![time];
    }
    let memory = Measure {
        metric: "peak memory",
        unit: "MB",
        ..cpu(case)
    };
    let memory = Row::against(memory, &ours.peak, theirs.name, &theirs.peak, None);
    vec![time, memory]
}

fn cpu(case: &Case) -> Measure<'static> {
    Measure {
        case: case.name,
        metric: "cpu",
        unit: "ms",
        better: Better::Lower,
    }
}

fn program(name: &'static str, command: Vec<String>) -> Program {
    Program { name, command }
}

fn contender(root: &Path) -> String {
    root.join("target/release/contender").display().to_string()
}
