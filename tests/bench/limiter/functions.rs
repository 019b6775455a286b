//! Whole functions: ours as it is deployed, and the classic one in Python.

use std::path::Path;

use super::runner::{self, Answer, Runner};
use crate::report::{Better, Error, Measure, Row};

const ROUNDS: usize = 7;
const WARM_UP: usize = 1;
const COUNT: usize = 2_000;
const PEER: &str = "Python INCR + EXPIRE";
const RULES: &str = r#"{"rules":[{"name":"default","limit":100,"window_seconds":60}]}"#;
const EVENT: &str = "events/rate-limiter/load-balancer-request.json";

/// A figure of a round, and how many times better ours has to be.
struct Metric {
    name: &'static str,
    unit: &'static str,
    better: Better,
    of: fn(&Answer) -> Option<f64>,
    required: Option<f64>,
}

const METRICS: [Metric; 4] = [
    Metric {
        name: "invocations a second",
        unit: "",
        better: Better::Higher,
        of: |answer| answer.per_second,
        required: Some(5.0),
    },
    Metric {
        name: "start to first poll",
        unit: "ms",
        better: Better::Lower,
        of: |answer| answer.start_ms,
        required: Some(10.0),
    },
    Metric {
        name: "start to first answer",
        unit: "ms",
        better: Better::Lower,
        of: |answer| answer.first_ms,
        required: None,
    },
    Metric {
        name: "peak memory",
        unit: "MB",
        better: Better::Lower,
        of: |answer| answer.peak_mb,
        required: Some(4.0),
    },
];

pub(super) async fn rows(
    root: &Path,
    url: &str,
    python: &Result<String, String>,
) -> Result<Vec<Row>, Error> {
    let scripts = root
        .join("tests/bench/limiter/python")
        .display()
        .to_string();
    let binary = root
        .join("target/release/rate-limiter")
        .display()
        .to_string();
    let environment = |more: &[(&str, &str)]| {
        let pairs = more.iter().map(|(name, value)| format!("{name}={value}"));
        let mut words = vec!["env".to_owned()];
        words.extend(pairs);
        words
    };
    let ours = environment(&[
        ("REDIS_URL", url),
        ("RULES", RULES),
        ("ON_OUTAGE", "closed"),
        ("LOG_LEVEL", "error"),
    ]);
    let theirs = environment(&[
        ("REDIS_URL", url),
        ("LIMIT", "100"),
        ("PYTHONPATH", &scripts),
    ]);
    let mut rows = Vec::new();
    for (clients, case) in [
        ("each", "function, every request another client"),
        ("one", "function, one client over its limit"),
    ] {
        let start = |name, function: &[String], program: &[String]| {
            let mut command = vec![super::contender(root), "limiter-api".to_owned()];
            command.extend([root.join(EVENT).display().to_string(), clients.to_owned()]);
            command.extend_from_slice(function);
            command.extend_from_slice(program);
            Runner::start(name, &command)
        };
        let mut runners = vec![start(super::OURS, &ours, std::slice::from_ref(&binary))?];
        if let Ok(python) = python {
            let module = ["-m", "awslambdaric", "function.handler"].map(str::to_owned);
            let program = [std::slice::from_ref(python), &module].concat();
            runners.push(start(PEER, &theirs, &program)?);
        }
        let cases = [(super::OURS, "start", COUNT), (PEER, "start", COUNT)];
        let figures = runner::race(&mut runners, &cases, WARM_UP, ROUNDS).await?;
        for metric in METRICS {
            let measure = Measure {
                case,
                metric: metric.name,
                unit: metric.unit,
                better: metric.better,
            };
            let ours = figures.of(super::OURS, "start", metric.of)?;
            rows.push(match python {
                Ok(_) => {
                    let theirs = figures.of(PEER, "start", metric.of)?;
                    Row::against(measure, &ours, PEER, &theirs, metric.required)
                }
                Err(why) => Row::unmatched(measure, &ours, PEER, metric.required, why.clone()),
            });
        }
    }
    Ok(rows)
}
