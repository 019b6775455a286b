//! What Lambda is told about a batch.
//!
//! By default anything uncommitted is an error, and the whole batch comes again: that loses nothing in any mode of
//! the event source mapping. A partial answer is given only where configured, because a mapping that does not ask
//! for one takes it for success (docs/adr/0001).

use serde_json::{Value, json};
use tollkeeper::error::Fault;

/// How uncommitted partitions are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// As an error of the whole batch.
    Error,
    /// By name, for mappings with `ReportBatchItemFailures`.
    Partial,
}

/// What became of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// AWS's name of it, `logs-0`.
    pub partition: String,
    /// Offset of each of its records, in order; `None` for one without.
    pub offsets: Vec<Option<i64>>,
    /// Why it was not committed, if it was not.
    pub failure: Option<String>,
}

/// Partitions were not committed: the batch has to come again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} of {partitions} partitions not committed: {}", failures.len(), failures.join("; "))]
pub struct Uncommitted {
    partitions: usize,
    failures: Vec<String>,
}

impl Fault for Uncommitted {
    fn fault_type(&self) -> &'static str {
        "Batch.Uncommitted"
    }
}

/// The answer to a batch. Success is an empty list of failures, which every mapping understands.
pub fn answer(answers: Answers, outcomes: &[Outcome]) -> Result<Value, Uncommitted> {
    let failing = || outcomes.iter().filter(|outcome| outcome.failure.is_some());
    // A record without an offset cannot be named: naming only its neighbours would lose it.
    let nameable = failing().all(|outcome| outcome.offsets.iter().all(Option::is_some));
    if failing().next().is_some() && (answers == Answers::Error || !nameable) {
        return Err(Uncommitted {
            partitions: outcomes.len(),
            failures: failing().map(describe).collect(),
        });
    }
    // Every uncommitted record, not just the first: right whether Lambda sends the named ones again or resumes
    // at the first of them.
    let failures: Vec<Value> = failing()
        .flat_map(|outcome| {
            let named = |offset| json!({"itemIdentifier": {"partition": outcome.partition, "offset": offset}});
            outcome.offsets.iter().flatten().map(named)
        })
        .collect();
    Ok(json!({"batchItemFailures": failures}))
}

fn describe(outcome: &Outcome) -> String {
    let from = match outcome.offsets.iter().flatten().next() {
        Some(offset) => format!("from offset {offset}"),
        None => "without offsets".to_owned(),
    };
    let why = outcome.failure.as_deref().unwrap_or_default();
    format!("{} {from} ({why})", outcome.partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(partition: &str, offsets: &[i64], failure: Option<&str>) -> Outcome {
        Outcome {
            partition: partition.to_owned(),
            offsets: offsets.iter().copied().map(Some).collect(),
            failure: failure.map(str::to_owned),
        }
    }

    fn one_of_two_fails() -> [Outcome; 2] {
        [
            outcome("app-logs-0", &[100, 101], None),
            outcome("app-logs-1", &[15, 16, 18], Some("deadline")),
        ]
    }

    #[test]
    fn by_default_an_uncommitted_partition_is_an_error_that_names_it() {
        let error = answer(Answers::Error, &one_of_two_fails()).unwrap_err();
        assert_eq!(error.fault_type(), "Batch.Uncommitted");
        insta::assert_snapshot!(error, @"1 of 2 partitions not committed: app-logs-1 from offset 15 (deadline)");
    }

    #[test]
    fn a_partial_answer_names_every_uncommitted_record() {
        let golden =
            include_str!("../../../events/kafka-consumer/one-partition-fails.partial.reply.json");
        let golden: Value = serde_json::from_str(golden).unwrap();
        assert_eq!(answer(Answers::Partial, &one_of_two_fails()), Ok(golden));
    }

    #[test]
    fn a_partial_answer_is_refused_where_it_would_lose_a_record_without_offset() {
        let mut outcomes = one_of_two_fails();
        outcomes[1].offsets.insert(0, None);
        assert!(answer(Answers::Partial, &outcomes).is_err());
        outcomes[1].failure = None;
        assert!(answer(Answers::Partial, &outcomes).is_ok());
    }

    #[test]
    fn success_is_an_empty_list_of_failures_in_both_modes() {
        let outcomes = [outcome("app-logs-0", &[100], None)];
        for answers in [Answers::Error, Answers::Partial] {
            assert_eq!(
                answer(answers, &outcomes),
                Ok(json!({"batchItemFailures": []}))
            );
            assert_eq!(answer(answers, &[]), Ok(json!({"batchItemFailures": []})));
        }
    }
}
