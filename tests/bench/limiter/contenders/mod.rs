//! Ours and the floors, of one client library, in one process: `contender limiter <redis url>`; redis-cell asked by the
//! same client: `contender limiter-cell <redis url>`; and a Runtime API for
//! whole functions: `contender limiter-api <event> <clients> <function>...`.
//!
//! For each line `<case> <count> <salt>` one round: decisions one after the other, each timed, on one thread as in the
//! function.

mod api;
mod asked;

use std::io::{self, BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::serve::cpu_ms;
use asked::Asked;

pub(crate) fn run(arguments: &[String]) -> io::Result<()> {
    match arguments {
        [name, url] if name == "limiter" => serve(url, ""),
        [name, url] if name == "limiter-cell" => serve(url, "cell-"),
        [name, event, clients, function @ ..] if name == "limiter-api" => {
            api::run(Path::new(event), clients, function)
        }
        _ => Err(io::Error::other(
            "usage: contender limiter | limiter-cell <redis url>, or limiter-api <event> <one | each> <program>...",
        )),
    }
}

/// `kind` is what all cases' names begin with.
fn serve(url: &str, kind: &str) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let asked = runtime.block_on(Asked::new(url))?;
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let parts: Vec<&str> = line.split(' ').collect();
        let [case, count, salt] = parts.as_slice() else {
            return Err(io::Error::other("expected <case> <count> <salt>"));
        };
        let count = count.parse().map_err(io::Error::other)?;
        let case = [kind, case].concat();
        let answer = runtime.block_on(round(&asked, &case, count, salt))?;
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

async fn round(asked: &Asked, case: &str, count: usize, salt: &str) -> io::Result<Value> {
    match case {
        "agree" => return Ok(json!({"allowed": asked.exhaust(salt).await})),
        "cell-agree" => return Ok(json!({"allowed": asked.exhaust_cell(salt).await?})),
        _ => {}
    }
    if let Some(case) = case.strip_prefix("at-once-") {
        let per_second = asked.at_once(case, count, salt).await?;
        return Ok(json!({"per_second": per_second}));
    }
    if case.starts_with("over") {
        asked.exhaust(salt).await;
    }
    if case == "cell-over" {
        asked.exhaust_cell(salt).await?;
    }
    let before = asked.scripts_run().await?;
    let mut took = Vec::with_capacity(count);
    let cpu = cpu_ms();
    for index in 0..count {
        // Of denials only the CPU time is compared: reading a clock twice costs a part of one that is known.
        if case == "over" {
            asked.once(case, salt, index).await?;
            continue;
        }
        let start = Instant::now();
        asked.once(case, salt, index).await?;
        took.push(start.elapsed());
    }
    let cpu_us = (cpu_ms() - cpu) * 1e3;
    // A Redis that is stopped cannot be asked what it has done.
    let asked_redis = match (before, asked.scripts_run().await?) {
        (Some(before), Some(after)) => json!(after - before),
        _ => Value::Null,
    };
    took.sort_unstable();
    let at = |share: usize| took.get(count * share / 100).map_or(0.0, micros);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let cpu_us = cpu_us / count as f64;
    Ok(json!({"p50_us": at(50), "p99_us": at(99), "cpu_us": cpu_us, "asked_redis": asked_redis}))
}

fn micros(duration: &Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
