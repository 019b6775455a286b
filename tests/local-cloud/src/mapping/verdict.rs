//! What a reply means for the batch it answers: which records come again.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::kafka::Record;
use crate::runtime::Reply;

/// How partial answers (`batchItemFailures`) are read. AWS's own pages disagree on the last two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partial {
    /// Not enabled, as in on-demand mode: any answer without an error is a success, and records named in
    /// `batchItemFailures` are lost.
    Off,
    /// Only the named records come again.
    Named,
    /// Each partition comes again from its lowest named offset.
    Resume,
}

/// A reading of a reply.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// (partition, offset) of the records that come again.
    pub(super) again: BTreeSet<(i32, i64)>,
    /// Records that the function named as failed and nobody brings again.
    pub(super) lost: usize,
    /// Why a partial answer was not understood; the whole batch comes again.
    pub(super) refused: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "itemIdentifier")]
    identifier: Identifier,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identifier {
    partition: String,
    offset: i64,
}

/// Reads `reply` to a batch of `records`.
pub(super) fn verdict(
    reply: &Reply,
    topic: &str,
    records: &[&Record],
    partial: Partial,
) -> Verdict {
    let all = || {
        records
            .iter()
            .map(|record| (record.partition, record.offset))
            .collect()
    };
    let Reply::Ok(answer) = reply else {
        return Verdict {
            again: all(),
            ..Verdict::default()
        };
    };
    let named = named(answer, topic, records);
    match (partial, named) {
        (Partial::Off, named) => Verdict {
            lost: named.map_or(0, |named| named.len()),
            ..Verdict::default()
        },
        (_, Err(problem)) => Verdict {
            again: all(),
            refused: Some(problem),
            ..Verdict::default()
        },
        (Partial::Named, Ok(named)) => Verdict {
            again: named,
            ..Verdict::default()
        },
        (Partial::Resume, Ok(named)) => {
            let is_behind = |record: &(i32, i64)| {
                named
                    .iter()
                    .any(|(partition, offset)| *partition == record.0 && *offset <= record.1)
            };
            let all: BTreeSet<(i32, i64)> = all();
            Verdict {
                again: all.into_iter().filter(is_behind).collect(),
                ..Verdict::default()
            }
        }
    }
}

/// The records an answer names. Nothing, null and an empty list mean success; anything that names no record of this
/// batch is an error.
fn named(answer: &Value, topic: &str, records: &[&Record]) -> Result<BTreeSet<(i32, i64)>, String> {
    let items = match answer {
        Value::Null => return Ok(BTreeSet::new()),
        Value::Object(fields) => match fields.get("batchItemFailures") {
            None | Some(Value::Null) => return Ok(BTreeSet::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err("batchItemFailures is not a list".to_owned()),
        },
        _ => return Err("the answer is not an object".to_owned()),
    };
    let find = |item: &Value| {
        let Item { identifier } = Item::deserialize(item)
            .map_err(|error| format!("an itemIdentifier is malformed: {error}"))?;
        let is_named = |record: &&&Record| {
            identifier.partition == format!("{topic}-{}", record.partition)
                && identifier.offset == record.offset
        };
        let record = records.iter().find(is_named);
        let unknown = || {
            format!(
                "{} offset {} is not in the batch",
                identifier.partition, identifier.offset
            )
        };
        record
            .map(|record| (record.partition, record.offset))
            .ok_or_else(unknown)
    };
    items.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kafka::Message;

    fn read(answer: Value, partial: Partial) -> Verdict {
        let records: Vec<_> = [(0, 4), (0, 5), (0, 6), (1, 9)]
            .map(|(partition, offset)| Record {
                partition,
                offset,
                message: Message::default(),
            })
            .into();
        verdict(
            &Reply::Ok(answer),
            "logs",
            &records.iter().collect::<Vec<_>>(),
            partial,
        )
    }

    fn failure(partition: &str, offset: i64) -> Value {
        json!({"batchItemFailures": [{"itemIdentifier": {"partition": partition, "offset": offset}}]})
    }

    #[test]
    fn without_partial_answers_named_records_are_lost() {
        assert_eq!(
            read(failure("logs-0", 5), Partial::Off),
            Verdict {
                lost: 1,
                ..Verdict::default()
            }
        );
    }

    #[test]
    fn named_brings_only_the_named_record_again() {
        assert_eq!(
            read(failure("logs-0", 5), Partial::Named).again,
            BTreeSet::from([(0, 5)])
        );
    }

    #[test]
    fn resume_brings_the_partition_again_from_there() {
        assert_eq!(
            read(failure("logs-0", 5), Partial::Resume).again,
            BTreeSet::from([(0, 5), (0, 6)])
        );
    }

    #[test]
    fn empty_answers_are_a_success() {
        for answer in [
            json!(null),
            json!({}),
            json!({"batchItemFailures": null}),
            json!({"batchItemFailures": []}),
        ] {
            assert_eq!(
                read(answer.clone(), Partial::Named),
                Verdict::default(),
                "{answer}"
            );
        }
    }

    #[test]
    fn an_answer_that_names_no_record_of_the_batch_brings_all_of_it_again() {
        let bad_key = json!({"batchItemFailures": [{"itemIdentifier": {"topic-partition": "logs-0", "offset": 5}}]});
        let no_identifier = json!({"batchItemFailures": [{"itemIdentifier": null}]});
        for answer in [
            failure("logs-0", 7),
            failure("logs", 5),
            bad_key,
            no_identifier,
            json!({"batchItemFailures": {}}),
            json!("done"),
        ] {
            let verdict = read(answer.clone(), Partial::Resume);
            assert_eq!(verdict.again.len(), 4, "{answer}");
            assert!(verdict.refused.is_some(), "{answer}");
        }
    }

    #[test]
    fn an_error_a_crash_and_a_timeout_bring_the_whole_batch_again() {
        let record = Record {
            partition: 0,
            offset: 1,
            message: Message::default(),
        };
        let message = String::new();
        for reply in [
            Reply::Error {
                error_type: "X".to_owned(),
                message: message.clone(),
            },
            Reply::Crashed {
                message: message.clone(),
            },
            Reply::TimedOut { message },
        ] {
            assert_eq!(
                verdict(&reply, "logs", &[&record], Partial::Off).again,
                BTreeSet::from([(0, 1)])
            );
        }
    }
}
