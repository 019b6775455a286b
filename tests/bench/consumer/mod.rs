//! Consumer: what a batch of Kafka records costs, from the payload's bytes to hourly sums.
//!
//! Everyone reads the same events, on one core: ours as the function does it, Powertools for AWS Lambda in Python and
//! TypeScript, plain JavaScript, the typed events of `aws_lambda_events`, and a floor that only decodes base64 and looks
//! at every byte once. All of them come to the same sums, which is checked first. Then the memory of the real function.
//! Not measured: network, and writing to DynamoDB.

mod events;
mod lines;
mod memory;
mod peers;

use std::path::{Path, PathBuf};

use local_cloud::workspace;

use crate::build;
use crate::contender::{Outcome, Program, race};
use crate::report::{Better, Error, Measure, Report, Row};
use events::Kind;
use peers::{Installed, Peer};

/// Rounds of each contender that count.
const ROUNDS: usize = 11;
/// How many times the CPU time of the floor is allowed.
const FLOORS: f64 = 4.0;

/// An event, and who reads it.
struct Case {
    name: &'static str,
    kind: Kind,
    peers: Vec<Peer>,
}

impl Case {
    fn all() -> [Self; 3] {
        let floor = |required| Peer::Rust("floor", "consumer-floor", required);
        let naive = |required| Peer::Rust("aws_lambda_events", "consumer-naive", required);
        [
            Self {
                name: "5.9 MB JSON logs",
                kind: Kind::Json,
                peers: vec![
                    // 20 times better than either is 20 times better than the better one.
                    Peer::Python("powertools-python-kafka", "kafka-json", Some(20.0)),
                    Peer::Python("powertools-python-batch", "batch-json", Some(20.0)),
                    Peer::Node("powertools-typescript-kafka", "powertools.mjs", "json"),
                    Peer::Node("node", "plain.mjs", "json"),
                    naive(Some(5.0)),
                    floor(Some(1.0 / FLOORS)),
                ],
            },
            Self {
                name: "5.9 MB flow logs",
                kind: Kind::FlowLogs,
                peers: vec![
                    Peer::Python("powertools-python-kafka", "kafka-flow-logs", None),
                    Peer::Node("powertools-typescript-kafka", "powertools.mjs", "flow-logs"),
                    Peer::Node("node", "plain.mjs", "flow-logs"),
                    naive(None),
                    floor(None),
                ],
            },
            // With poison in it, which the others stop at.
            Self {
                name: "5.9 MB mixed",
                kind: Kind::Mixed,
                peers: vec![naive(None), floor(None)],
            },
        ]
    }
}

/// Builds, installs, compares and measures.
pub(crate) async fn run() -> Result<Report, Error> {
    let root = workspace::root();
    let data = root.join("target/bench/data");
    std::fs::create_dir_all(&data).map_err(Error::file(&data))?;
    build::contender(&root)?;
    build::release(&root, &["--package", "kafka-consumer"])?;
    let installed = Installed::new(&root);
    let mut rows = Vec::new();
    let mut events = Vec::new();
    for case in Case::all() {
        let path = data.join(format!("consumer-{:?}.json", case.kind).to_lowercase());
        std::fs::write(&path, events::event(case.kind)).map_err(Error::file(&path))?;
        println!(
            "{}: one round after the other of each contender.",
            case.name
        );
        rows.extend(case_rows(&case, &path, &root, &installed).await?);
        events.push((case.name, path));
    }
    rows.extend(memory::rows(&root, &events).await?);
    Ok(Report::new("consumer", rows))
}

async fn case_rows(
    case: &Case,
    event: &Path,
    root: &Path,
    installed: &Installed,
) -> Result<Vec<Row>, Error> {
    let mut programs = vec![ours(root, event)];
    let mut listed = Vec::new();
    for peer in &case.peers {
        let command = peer.command(root, event, installed);
        listed.push((peer, command.as_ref().err().cloned()));
        programs.extend(command.ok().map(|command| Program {
            name: peer.name(),
            command,
        }));
    }
    let outcomes = race(&programs, ROUNDS).await?;
    let of = |name: &str| {
        outcomes
            .iter()
            .find(|outcome| outcome.name == name)
            .ok_or_else(|| Error::NoFigure(format!("{name}: nothing was measured")))
    };
    let ours = of(OURS)?;
    let mut rows = Vec::new();
    for (peer, missing) in listed {
        match missing {
            None => rows.extend(peer_rows(case, ours, peer, of(peer.name())?)),
            Some(why) => rows.push(Row::unmatched(
                cpu(case),
                &ours.cpu,
                peer.name(),
                peer.required(),
                why,
            )),
        }
    }
    Ok(rows)
}

fn peer_rows(case: &Case, ours: &Outcome, peer: &Peer, theirs: &Outcome) -> Vec<Row> {
    let memory = Measure {
        metric: "peak memory",
        unit: "MB",
        ..cpu(case)
    };
    let cpu = Row::against(
        cpu(case),
        &ours.cpu,
        peer.name(),
        &theirs.cpu,
        peer.required(),
    );
    // A floor keeps nothing.
    let memory = (!peer.is_floor())
        .then(|| Row::against(memory, &ours.peak, peer.name(), &theirs.peak, None));
    [Some(cpu), memory].into_iter().flatten().collect()
}

fn cpu(case: &Case) -> Measure<'static> {
    Measure {
        case: case.name,
        metric: "cpu",
        unit: "ms",
        better: Better::Lower,
    }
}

const OURS: &str = "ours";

fn ours(root: &Path, event: &Path) -> Program {
    Program {
        name: OURS,
        command: contender(root, "consumer", event),
    }
}

/// The command of a contender of our language.
fn contender(root: &Path, name: &str, event: &Path) -> Vec<String> {
    let program: PathBuf = root.join("target/release/contender");
    vec![
        program.display().to_string(),
        name.to_owned(),
        event.display().to_string(),
        lines::FLOW_LOG_FORMAT.to_owned(),
    ]
}
