//! A process that does rounds on request: `<case> <count> <salt>` in, one line of JSON out.

use std::time::Duration;

use serde::Deserialize;

use crate::pinned::Pinned;
use crate::report::{Error, Sample};

/// No round takes longer.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a round came to; what was not measured is missing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    pub(super) p50_us: Option<f64>,
    pub(super) p99_us: Option<f64>,
    /// CPU time of a decision.
    pub(super) cpu_us: Option<f64>,
    pub(super) per_second: Option<f64>,
    pub(super) allowed: Option<f64>,
    /// Scripts that Redis ran meanwhile.
    pub(super) asked_redis: Option<f64>,
    pub(super) start_ms: Option<f64>,
    pub(super) first_ms: Option<f64>,
    pub(super) peak_mb: Option<f64>,
}

pub(super) struct Runner(Pinned);

impl Runner {
    /// Starts a process on the last core.
    pub(super) fn start(name: &'static str, command: &[String]) -> Result<Self, Error> {
        let core = std::thread::available_parallelism().map_or(0, |cores| cores.get() - 1);
        Ok(Self(Pinned::start(name, command, core)?))
    }

    pub(super) fn name(&self) -> &'static str {
        self.0.name
    }

    /// Everybody lets the same number of requests pass.
    pub(super) async fn agree(&mut self) -> Result<(), Error> {
        let salt = format!("agree-{}", self.name().replace([' ', ','], "-"));
        let allowed = self.round("agree", 1, &salt).await?.allowed;
        if allowed == Some(10.0) {
            Ok(())
        } else {
            Err(Error::NoFigure(format!(
                "{}: {allowed:?} of 15 requests passed a limit of 10",
                self.name()
            )))
        }
    }

    pub(super) async fn round(
        &mut self,
        case: &str,
        count: usize,
        salt: &str,
    ) -> Result<Answer, Error> {
        let name = self.name();
        let answer = self
            .0
            .ask(&format!("{case} {count} {salt}"), PATIENCE)
            .await;
        answer.map_err(|reason| Error::NoFigure(format!("{name}, {case}: {reason}")))
    }
}

/// Answers by who gave them and to what.
pub(super) struct Figures(Vec<(&'static str, &'static str, Answer)>);

impl Figures {
    /// One figure over all rounds.
    pub(super) fn of(
        &self,
        who: &str,
        case: &str,
        figure: impl Fn(&Answer) -> Option<f64>,
    ) -> Result<Sample, Error> {
        let rounds = self
            .0
            .iter()
            .filter(|(name, what, _)| *name == who && *what == case);
        let figures = rounds.filter_map(|(_, _, answer)| figure(answer)).collect();
        Sample::of(figures)
            .ok_or_else(|| Error::NoFigure(format!("{who}, {case}: nothing was measured")))
    }
}

/// Rounds of every case for those who run, the order reversed each time: a slow drift of the machine hits all alike.
pub(super) async fn race(
    runners: &mut [Runner],
    cases: &[(&'static str, &'static str, usize)],
    warm_up: usize,
    rounds: usize,
) -> Result<Figures, Error> {
    let mut cases = cases.to_vec();
    let mut figures = Vec::new();
    for round in 0..warm_up + rounds {
        for (name, case, count) in &cases {
            let Some(runner) = runners.iter_mut().find(|runner| runner.name() == *name) else {
                continue;
            };
            let salt = format!("{case}-{}-{round}", name.replace([' ', ','], "-"));
            let answer = runner.round(case, *count, &salt).await?;
            if round >= warm_up {
                figures.push((*name, *case, answer));
            }
        }
        cases.reverse();
    }
    Ok(Figures(figures))
}
