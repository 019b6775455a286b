//! Limiter: what a decision costs, in time, in CPU and in trips to Redis, with Redis in reach and without.
//!
//! A real redis-server on one core and everybody against it from another, one process each, in alternating order (ABBA):
//! ours with floors of the same client library (PING, INCR, `EVALSHA return 1`), redis-cell asked by that client,
//! `@upstash/ratelimit` over ioredis, and the classic INCR and EXPIRE in redis-py. All of them first let ten of fifteen
//! requests of one client pass. Then whole functions, ours and the classic one in Python, on a Runtime API that does
//! nothing else. Not measured: a network; it adds the same to every trip to Redis, so it makes the ratios of latencies
//! smaller and those of denials larger.

mod functions;
mod runner;

use std::path::{Path, PathBuf};
use std::process::Command;

use local_cloud::{LocalCloud, workspace};

use crate::report::{Better, Error, Measure, Report, Row, Sample};
use crate::{build, peers};
use runner::{Figures, Runner};

/// Rounds that count; two more warm up.
const ROUNDS: usize = 11;
const WARM_UP: usize = 2;
/// Decisions in a round.
const COUNT: usize = 2_000;
const DEADLINE_MS: f64 = 80.0;

const OURS: &str = "ours";
const UPSTASH: &str = "upstash-token-bucket";
const UPSTASH_CACHED: &str = "upstash-fixed-window, cache on";
const CELL: &str = "redis-cell CL.THROTTLE";
const CLASSIC: &str = "redis-py INCR + EXPIRE";

/// Who is asked for what in every round.
const CASES: [(&str, &str, usize); 20] = [
    (OURS, "ping", COUNT),
    (OURS, "incr", COUNT),
    (OURS, "evalsha", COUNT),
    (OURS, "one", COUNT),
    (OURS, "hot", COUNT),
    (OURS, "three", COUNT),
    (OURS, "over", 100 * COUNT),
    (OURS, "over-asked", COUNT),
    (OURS, "at-once-one", 5 * COUNT),
    (OURS, "at-once-incr", 5 * COUNT),
    (CELL, "unique", COUNT),
    (CELL, "hot", COUNT),
    (CELL, "over", COUNT),
    (UPSTASH, "unique", COUNT),
    (UPSTASH, "hot", COUNT),
    (UPSTASH, "over", COUNT),
    (UPSTASH_CACHED, "over", 10 * COUNT),
    (CLASSIC, "unique", COUNT),
    (CLASSIC, "hot", COUNT),
    (CLASSIC, "over", COUNT),
];

/// Builds, installs, compares and measures.
pub(crate) async fn run() -> Result<Report, Error> {
    let root = workspace::root();
    build::contender(&root)?;
    build::release(&root, &["--package", "rate-limiter"])?;
    let peers = Peers::install(&root);
    let module = peers.cell.as_ref().ok().cloned();
    let cloud = LocalCloud::builder("bench-limiter").redis_with(module);
    let cloud = cloud.start().await?;
    let rows = rows(&cloud, &root, &peers).await;
    cloud.stop().await?;
    Ok(Report::new("limiter", rows?))
}

/// What the peers need, or why it is not there.
struct Peers {
    /// A folder with our script and its packages.
    node: Result<PathBuf, String>,
    /// A Python with redis-py.
    python: Result<String, String>,
    /// A module for redis-server.
    cell: Result<PathBuf, String>,
}

async fn rows(cloud: &LocalCloud, root: &Path, peers: &Peers) -> Result<Vec<Row>, Error> {
    let url = cloud.redis()?.url();
    set_apart(&url).await?;
    let ours = vec![contender(root), "limiter".to_owned(), url.clone()];
    let mut runners = vec![Runner::start(OURS, &ours)?];
    for (name, command) in peers.commands(root, &url) {
        if let Ok(command) = command {
            runners.push(Runner::start(name, &command)?);
        }
    }
    for runner in &mut runners {
        runner.agree().await?;
    }
    println!("Decisions: {ROUNDS} rounds, everybody in turn.");
    let figures = runner::race(&mut runners, &CASES, WARM_UP, ROUNDS).await?;
    drop(runners);
    let mut rows = latency(&figures, peers)?;
    rows.extend(denials(&figures, peers)?);
    rows.extend(saturation(&figures)?);
    println!("Redis stopped (SIGSTOP).");
    rows.extend(stopped(cloud, &ours).await?);
    println!("Whole functions.");
    rows.extend(functions::rows(root, &url, &peers.python).await?);
    Ok(rows)
}

/// Redis on the first core, the others run on the last: else the scheduler puts it beside one and not beside another, and
/// a trip to the same core takes a quarter of the time.
async fn set_apart(url: &str) -> Result<(), Error> {
    let failed = |reason: String| Error::Command {
        command: "taskset -cp 0 <redis-server>".to_owned(),
        reason,
    };
    let id = process_id(url)
        .await
        .map_err(|error| failed(error.to_string()))?;
    let output = Command::new("taskset")
        .args(["-cp", "0", &id.to_string()])
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

async fn process_id(url: &str) -> redis::RedisResult<u32> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let mut info = redis::cmd("INFO");
    let info: redis::InfoDict = info.arg("server").query_async(&mut connection).await?;
    Ok(info.get("process_id").unwrap_or(0))
}

fn latency(figures: &Figures, peers: &Peers) -> Result<Vec<Row>, Error> {
    let p50 = |who, case| figures.of(who, case, |answer| answer.p50_us);
    let measure = |case| Measure {
        case,
        metric: "p50",
        unit: "us",
        better: Better::Lower,
    };
    let one = p50(OURS, "one")?;
    let hot = p50(OURS, "hot")?;
    let three = p50(OURS, "three")?;
    let mut rows = Vec::new();
    // At most 1.25 times the floor.
    for (floor, case, required) in [
        ("EVALSHA return 1", "evalsha", Some(1.0 / 1.25)),
        ("INCR", "incr", None),
        ("PING", "ping", None),
    ] {
        let theirs = p50(OURS, case)?;
        rows.push(Row::against(
            measure("a decision, unique clients"),
            &one,
            floor,
            &theirs,
            required,
        ));
        rows.push(Row::against(
            measure("a decision, one hot client"),
            &hot,
            floor,
            &theirs,
            required,
        ));
    }
    let three_rules = measure("three rules");
    rows.push(Row::against(
        three_rules,
        &three,
        "ours, one rule",
        &one,
        Some(1.0 / 1.5),
    ));
    for name in [UPSTASH, CELL, CLASSIC] {
        for (case, ours, theirs) in [
            ("a decision, unique clients", &one, "unique"),
            ("a decision, one hot client", &hot, "hot"),
        ] {
            rows.push(match peers.missing(name) {
                Some(why) => Row::unmatched(measure(case), ours, name, None, why),
                None => Row::against(measure(case), ours, name, &p50(name, theirs)?, None),
            });
        }
    }
    Ok(rows)
}

/// Of a client that is over its limit. CPU of the asking process only: that of redis-server comes on top of it for the
/// others.
fn denials(figures: &Figures, peers: &Peers) -> Result<Vec<Row>, Error> {
    let of = |who, case| figures.of(who, case, |answer| answer.cpu_us.map(|cpu_us| 1e6 / cpu_us));
    let measure = Measure {
        case: "a client over its limit",
        metric: "denials a CPU second",
        unit: "",
        better: Better::Higher,
    };
    let ours = of(OURS, "over")?;
    let mut rows = vec![Row::against(
        measure,
        &ours,
        "ours, without the cache",
        &of(OURS, "over-asked")?,
        None,
    )];
    for (name, required) in [
        (CLASSIC, 50.0),
        (UPSTASH, 50.0),
        (CELL, 50.0),
        (UPSTASH_CACHED, 10.0),
    ] {
        rows.push(match peers.missing(name) {
            Some(why) => Row::unmatched(measure, &ours, name, Some(required), why),
            None => Row::against(measure, &ours, name, &of(name, "over")?, Some(required)),
        });
    }
    let asked = figures.of(OURS, "over", |answer| answer.asked_redis)?;
    rows.push(Row::under_target(
        "a client over its limit, 200,000 denials",
        "scripts run by Redis",
        "calls",
        &asked,
        // An entry of the cache may end in the middle of a round.
        1.0,
    ));
    Ok(rows)
}

/// Where plain INCR is ahead, and by how much.
fn saturation(figures: &Figures) -> Result<Vec<Row>, Error> {
    let per_second = |case| figures.of(OURS, case, |answer| answer.per_second);
    let measure = Measure {
        case: "32 at a time, unique clients",
        metric: "decisions a second",
        unit: "",
        better: Better::Higher,
    };
    let (ours, incr) = (per_second("at-once-one")?, per_second("at-once-incr")?);
    Ok(vec![Row::against(measure, &ours, "INCR", &incr, None)])
}

async fn stopped(cloud: &LocalCloud, ours: &[String]) -> Result<Vec<Row>, Error> {
    let mut runner = Runner::start(OURS, ours)?;
    // Connected, as a function that has been asked before.
    for case in ["stopped", "stopped-breaker"] {
        runner.round(case, 10, "running").await?;
    }
    cloud.redis()?.stop().await;
    let (mut waits, mut open) = (Vec::new(), Vec::new());
    for round in 0..5 {
        let salt = format!("stopped-{round}");
        let answer = runner.round("stopped", 50, &salt).await?;
        waits.extend(answer.p99_us.map(|us| us / 1e3));
        let answer = runner.round("stopped-breaker", 50_000, &salt).await?;
        open.extend(answer.p99_us.map(|us| us / 1e3));
    }
    cloud.redis()?.cont().await;
    let none = || Error::NoFigure("nothing was measured while Redis was stopped".to_owned());
    let waits = Sample::of(waits).ok_or_else(none)?;
    let open = Sample::of(open).ok_or_else(none)?;
    let case = "Redis stopped";
    Ok(vec![
        Row::under_target(
            case,
            "p99, deadline of 80 ms",
            "ms",
            &waits,
            1.2 * DEADLINE_MS,
        ),
        Row::under_target(case, "p99 with the breaker", "ms", &open, 1.0),
    ])
}

fn contender(root: &Path) -> String {
    root.join("target/release/contender").display().to_string()
}

impl Peers {
    fn install(root: &Path) -> Self {
        Self {
            node: peers::node(root, "limiter"),
            python: peers::tool(root, "bench-limiter"),
            cell: peers::tool(root, "redis-cell").map(PathBuf::from),
        }
    }

    /// Each peer's name and what to run; the error says why it cannot be.
    fn commands(&self, root: &Path, url: &str) -> [(&'static str, Result<Vec<String>, String>); 4] {
        let upstash = |algorithm: &str, cache: &str| {
            let script = self.node.clone()?.join("upstash.mjs").display().to_string();
            let words = ["node", &script, url, algorithm, cache];
            Ok(words.map(str::to_owned).to_vec())
        };
        let classic = self.python.clone().map(|python| {
            let script = root.join("tests/bench/limiter/python/classic.py");
            vec![python, script.display().to_string(), url.to_owned()]
        });
        // Asked by the same client as ours.
        let cell = self.cell.clone().map(|_| {
            let words = [contender(root), "limiter-cell".to_owned(), url.to_owned()];
            words.to_vec()
        });
        [
            (CELL, cell),
            (UPSTASH, upstash("token-bucket", "no-cache")),
            (UPSTASH_CACHED, upstash("fixed-window", "cache")),
            (CLASSIC, classic),
        ]
    }

    fn missing(&self, name: &str) -> Option<String> {
        match name {
            CLASSIC => self.python.as_ref().err().cloned(),
            CELL => self.cell.as_ref().err().cloned(),
            _ => self.node.as_ref().err().cloned(),
        }
    }
}
