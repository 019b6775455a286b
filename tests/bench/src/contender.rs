//! Contenders: long-lived processes that do the same work on request and say what it cost them.
//!
//! A contender prepares its input, then does one round of the work for each line on its standard input and answers with
//! one line of JSON, `{"cpu_ms": 4.1, "peak_kb": 20480, "digest": "..."}`: the CPU time of the round, all its threads
//! together, the most memory it has had so far, and what came out. A floor, which does only a part of the work, has no
//! digest. This module refuses to know what the work is.

use std::time::Duration;

use serde::Deserialize;

use crate::pinned::Pinned;
use crate::report::{Error, Sample};

/// Rounds before those that count: caches, and compilers at run time, are warm then.
const WARM_UP: usize = 3;
/// No round of any contender comes near this.
const PATIENCE: Duration = Duration::from_mins(5);

/// How to start a contender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// Program and arguments.
    pub(crate) command: Vec<String>,
}

/// What a contender's rounds cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    /// Milliseconds of CPU a round.
    pub(crate) cpu: Sample,
    /// Megabytes resident at the most, over the process's life.
    pub(crate) peak: Sample,
}

/// Compares the contenders' results, then times `rounds` rounds of each on one core, in alternating order (ABBA).
pub(crate) async fn race(programs: &[Program], rounds: usize) -> Result<Vec<Outcome>, Error> {
    let core = std::thread::available_parallelism().map_or(0, |cores| cores.get() - 1);
    let mut running = Vec::new();
    for program in programs {
        running.push(Running::start(program, core)?);
    }
    agree(&mut running).await?;
    for round in 0..WARM_UP - 1 + rounds {
        let counts = round >= WARM_UP - 1;
        // Whoever came last comes first in the next round: a slow drift of the machine hits all alike.
        for contender in &mut running {
            let answer = contender.round().await?;
            if counts {
                contender.answers.push(answer);
            }
        }
        running.reverse();
    }
    programs
        .iter()
        .map(|program| {
            running
                .iter()
                .find(|contender| contender.name() == program.name)
                .and_then(Running::outcome)
                .ok_or_else(|| Error::NoFigure(format!("{}: nothing was measured", program.name)))
        })
        .collect()
}

/// The first round of each: all that have a digest must have the same.
async fn agree(running: &mut [Running]) -> Result<(), Error> {
    let mut first: Option<(&'static str, String)> = None;
    for contender in running {
        let digest = contender.round().await?.digest;
        match (&first, digest) {
            (_, None) => {}
            (None, Some(digest)) => first = Some((contender.name(), digest)),
            (Some((_, expected)), Some(digest)) if *expected == digest => {}
            (Some((name, expected)), Some(digest)) => {
                return Err(Error::NoFigure(format!(
                    "results differ: {name} has `{expected}`, {} has `{digest}`",
                    contender.name()
                )));
            }
        }
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
struct Answer {
    cpu_ms: f64,
    peak_kb: f64,
    digest: Option<String>,
}

/// A started contender; killed when dropped.
struct Running {
    process: Pinned,
    answers: Vec<Answer>,
}

impl Running {
    fn start(program: &Program, core: usize) -> Result<Self, Error> {
        Ok(Self {
            process: Pinned::start(program.name, &program.command, core)?,
            answers: Vec::new(),
        })
    }

    fn name(&self) -> &'static str {
        self.process.name
    }

    async fn round(&mut self) -> Result<Answer, Error> {
        let name = self.name();
        let answer = self.process.ask("go", PATIENCE).await;
        answer.map_err(|reason| Error::NoFigure(format!("{name}: {reason}")))
    }

    fn outcome(&self) -> Option<Outcome> {
        let cpu = self.answers.iter().map(|answer| answer.cpu_ms);
        let peak = self
            .answers
            .iter()
            .map(|answer| answer.peak_kb * 1_024.0 / 1e6);
        Some(Outcome {
            name: self.name(),
            cpu: Sample::of(cpu.collect())?,
            peak: Sample::of(peak.collect())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(name: &'static str, script: &str) -> Program {
        Program {
            name,
            command: ["sh", "-c", script].map(str::to_owned).to_vec(),
        }
    }

    fn constant(name: &'static str, cpu: u32, digest: &str) -> Program {
        let answer = format!(r#"{{"cpu_ms":{cpu},"peak_kb":1000,"digest":{digest}}}"#);
        shell(name, &format!("while read go; do echo '{answer}'; done"))
    }

    #[tokio::test]
    async fn contenders_that_agree_are_timed_and_a_floor_needs_no_result() {
        let programs = [
            constant("ours", 4, r#""x""#),
            constant("floor", 1, "null"),
            constant("peer", 20, r#""x""#),
        ];
        let outcomes = race(&programs, 3).await.unwrap();
        let seen: Vec<_> = outcomes.iter().map(|o| (o.name, o.cpu)).collect();
        assert_eq!(
            seen,
            [
                ("ours", Sample::exact(4.0)),
                ("floor", Sample::exact(1.0)),
                ("peer", Sample::exact(20.0))
            ]
        );
        assert_eq!(outcomes[0].peak, Sample::exact(1.024));
    }

    #[tokio::test]
    async fn the_rounds_that_warm_up_do_not_count() {
        let counting = r#"n=100; while read go; do
            n=$((n > 1 ? n / 10 : 1)); echo "{\"cpu_ms\":$n,\"peak_kb\":1,\"digest\":null}"; done"#;
        let outcomes = race(&[shell("ours", counting)], 4).await.unwrap();
        assert_eq!(outcomes[0].cpu, Sample::exact(1.0));
    }

    #[tokio::test]
    async fn contenders_that_disagree_are_an_error_that_shows_both() {
        let programs = [
            constant("ours", 4, r#""3 lines""#),
            constant("peer", 4, r#""2 lines""#),
        ];
        let error = race(&programs, 3).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "results differ: ours has `3 lines`, peer has `2 lines`"
        );
    }

    #[tokio::test]
    async fn a_contender_that_ends_is_named() {
        let error = race(&[shell("peer", "read go; exit 3")], 3)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "peer: ended; what it said is above");
    }
}
