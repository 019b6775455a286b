//! Says on a terminal what is being done and for how long. Elsewhere it is silent: the function's logs are JSON.

use std::future::Future;
use std::io::IsTerminal as _;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often the line is written anew.
const TICK: Duration = Duration::from_millis(200);

/// Where progress goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nowhere.
    Silent,
    /// One line on the error output for each step, with the seconds it has taken.
    Terminal,
}

impl Progress {
    /// Shown where the error output is a terminal and nobody asked for silence.
    pub fn of_terminal(quiet: bool) -> Self {
        if !quiet && std::io::stderr().is_terminal() {
            Self::Terminal
        } else {
            Self::Silent
        }
    }

    /// Runs a step and shows it meanwhile.
    pub async fn during<T>(self, what: &str, step: impl Future<Output = T>) -> T {
        match self {
            Self::Silent => step.await,
            Self::Terminal => shown(&mut std::io::stderr(), what, step).await,
        }
    }
}

/// A terminal that does not take the line is no reason to stop.
async fn shown<T>(out: &mut impl std::io::Write, what: &str, step: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut step = std::pin::pin!(step);
    loop {
        tokio::select! {
            biased;
            done = &mut step => {
                let _ = writeln!(out, "\r\x1b[2K  done  {what} ({} s)", started.elapsed().as_secs());
                return done;
            }
            _ = ticks.tick() => {
                let _ = write!(out, "\r\x1b[2K  ....  {what} ({} s)", started.elapsed().as_secs());
                let _ = out.flush();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_step_is_shown_while_it_runs_and_ends_its_line() {
        let mut out = Vec::new();
        let step = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            5
        };
        assert_eq!(shown(&mut out, "reading", step).await, 5);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("....  reading (2 s)"), "{text}");
        assert!(text.ends_with("done  reading (3 s)\n"), "{text}");
    }
}
