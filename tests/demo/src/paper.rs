//! What the reader of the demo sees: plain text, readable without colour, at most some 100 columns wide.

use std::fmt::Display;
use std::io::{Stdout, Write as _, stdout};
use std::time::Instant;

use crate::failure::Failure;

/// Writes the story to standard output.
pub(crate) struct Paper {
    out: Stdout,
    steps: usize,
    number: usize,
    title: &'static str,
    checks: usize,
    began: Instant,
    step_began: Instant,
}

impl Paper {
    /// A reader who has gone (a closed pipe) does not stop the story.
    fn line(&self, line: impl Display) {
        let _ = writeln!(self.out.lock(), "{line}");
    }

    pub(crate) fn new(steps: usize) -> Self {
        let now = Instant::now();
        Self {
            out: stdout(),
            steps,
            number: 0,
            title: "",
            checks: 0,
            began: now,
            step_began: now,
        }
    }

    /// Begins a step.
    pub(crate) fn step(&mut self, title: &'static str) {
        self.number += 1;
        self.title = title;
        self.step_began = Instant::now();
        let heading = format!("[{}/{}] {title}", self.number, self.steps);
        self.line(format_args!(
            "\n{heading}\n{}",
            "-".repeat(heading.chars().count())
        ));
    }

    /// Ends a step: how long it took.
    pub(crate) fn done(&self) {
        self.line(format_args!(
            "  ({:.1} s)",
            self.step_began.elapsed().as_secs_f64()
        ));
    }

    /// A paragraph.
    pub(crate) fn say(&self, text: impl Display) {
        for line in text.to_string().lines() {
            self.line(format_args!("  {line}"));
        }
    }

    /// Something that was printed elsewhere first: a message, a plan, a table. Set off by a margin.
    pub(crate) fn quote(&self, text: impl Display) {
        self.line("");
        for line in text.to_string().lines() {
            self.line(format_args!("  | {line}"));
        }
        self.line("");
    }

    /// What is being worked on, while it takes a moment.
    pub(crate) fn working(&self, text: impl Display) {
        self.line(format_args!("  ... {text}"));
    }

    /// Prints a claim that holds, or fails with it and with what was found instead.
    pub(crate) fn check(
        &mut self,
        holds: bool,
        claim: impl Display,
        found: impl Display,
    ) -> Result<(), Failure> {
        if !holds {
            return Err(Failure::new(format!("expected: {claim}; found: {found}")));
        }
        self.checks += 1;
        self.line(format_args!("  ok  {claim}"));
        Ok(())
    }

    /// How many claims have held so far.
    pub(crate) fn checks(&self) -> usize {
        self.checks
    }

    /// Seconds since the beginning.
    pub(crate) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// The end, when it is not a good one.
    pub(crate) fn failed(&self, failure: &Failure) {
        self.line(format_args!(
            "\nFAILED in step {} of {} ({}): {failure}",
            self.number, self.steps, self.title
        ));
    }
}
