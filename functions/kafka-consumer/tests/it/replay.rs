//! Whatever Lambda does (shifted batches, duplicates, overlaps, crashes between item writes, two runs at once, batches
//! given up and handed in again later, other settings half-way, a topic created anew), the totals end up exact.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kafka_consumer::state::Origin;
use proptest::prelude::*;
use proptest::test_runner::Config as Cases;
use serde_json::{Value, json};

use crate::memory::{Memory, Shelf, Trouble, Version};

const HOUR: i64 = 1_791_900_000;
const HOURS: [&str; 2] = ["2026-10-13T14", "2026-10-13T15"];
const FIELDS: &str =
    "account-id interface-id srcaddr dstaddr packets bytes start pkt-srcaddr pkt-dstaddr";
const RANGES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../events/kafka-consumer/few-ip-ranges.json"
);

/// One record, and by that what it must add to the totals.
#[derive(Debug, Clone)]
enum Content {
    /// Lines of (hour, source, bytes).
    Flows(Vec<(usize, u8, u32)>),
    /// A line of a service in an hour.
    Log(usize, u8),
    Poison,
    Tombstone,
}

/// A record of a partition.
#[derive(Debug, Clone)]
struct Written {
    offset: i64,
    timestamp: i64,
    content: Content,
}

#[derive(Debug, Clone)]
struct Delivery {
    partition: usize,
    /// How far before the committed position it starts, and where it ends.
    back: usize,
    length: usize,
    /// The batch of a second run at the same time, which may end elsewhere and have other settings.
    twin: Option<(usize, bool)>,
    trouble: Trouble,
    /// Which version of the function it is.
    labelled: bool,
    /// Whether Lambda gives the batch up where it fails, and goes on behind it.
    give_up: bool,
}

/// Totals by partition key and what is summed there; cells of one source and leg together, whatever their label, and
/// log lines of one service, by whichever of its two names.
type Totals = BTreeMap<(String, String), u64>;

impl Content {
    fn value(&self) -> Option<String> {
        Some(match self {
            Self::Flows(lines) => lines.iter().fold(FIELDS.to_owned(), |text, (hour, source, bytes)| {
                let start = HOUR + 3600 * i64::from(*hour == 1);
                format!("{text}\n1234 eni-1 10.0.1.{source} 10.0.0.9 1 {bytes} {start} 10.0.1.{source} 52.216.0.9")
            }),
            Self::Log(hour, service) => {
                let time = HOUR + 3600 * i64::from(*hour == 1);
                format!(r#"{{"level":"info","service":"s{service}","team":"t{service}","ts":{time}}}"#)
            }
            Self::Poison => "neither".to_owned(),
            Self::Tombstone => return None,
        })
    }

    fn add_to(&self, totals: &mut Totals) {
        match self {
            Self::Flows(lines) => {
                for (hour, source, bytes) in lines {
                    let what = (
                        format!("traffic {}", HOURS[*hour]),
                        format!("A|10.0.1.{source}"),
                    );
                    *totals.entry(what).or_default() += u64::from(*bytes);
                }
            }
            Self::Log(hour, service) => {
                let what = (format!("logs {}", HOURS[*hour]), format!("{service}|info"));
                *totals.entry(what).or_default() += 1;
            }
            Self::Poison => {
                *totals
                    .entry((String::from("quarantine"), String::new()))
                    .or_default() += 1;
            }
            Self::Tombstone => {}
        }
    }
}

/// What a reader of the table would add up.
fn totals(memory: &Memory) -> Totals {
    let mut totals = Totals::new();
    for ((pk, _), item) in memory.items() {
        let kind = pk.split('#').next().unwrap();
        if kind == "quarantine" {
            *totals.entry((kind.to_owned(), String::new())).or_default() += 1;
        }
        let hour = pk.rsplit('#').next().unwrap();
        for (name, sums) in item["cells"].as_object().into_iter().flatten() {
            let name = name.trim_start_matches(['s', 't']);
            let name: Vec<&str> = name.split('|').take(2).collect();
            let counter = if kind == "traffic" {
                "bytes"
            } else {
                "records"
            };
            *totals
                .entry((format!("{kind} {hour}"), name.join("|")))
                .or_default() += sums[counter].as_u64().unwrap();
        }
    }
    totals
}

fn event(partition: usize, records: &[Written]) -> String {
    let records: Vec<Value> = records
        .iter()
        .map(|Written { offset, timestamp, content }| {
            let value = content.value().map(|text| STANDARD.encode(text));
            json!({"topic": "t", "partition": partition, "offset": offset, "timestamp": timestamp, "value": value})
        })
        .collect();
    json!({"eventSource": "aws:kafka", "records": {format!("t-{partition}"): records}}).to_string()
}

/// The function in two versions: by their settings the same record counts in another cell (an address table), or in
/// another item altogether (the name of a service decides its bucket).
struct Versions<'m> {
    plain: Version<'m>,
    labelled: Version<'m>,
}

impl<'m> Versions<'m> {
    fn new(memory: &'m Memory, epoch: u32) -> Self {
        let epochs = format!("t/0={epoch},t/1={epoch}");
        let settings = [
            ("EPOCHS", epochs.as_str()),
            ("IP_RANGES", RANGES),
            ("JSON_SERVICE", "/team"),
        ];
        Self {
            plain: Version::new(memory, &settings[..1]),
            labelled: Version::new(memory, &settings),
        }
    }

    fn archiving(self, archive: &'m Shelf) -> Self {
        Self {
            plain: self.plain.archiving(archive),
            labelled: self.labelled.archiving(archive),
        }
    }

    async fn commits(&self, labelled: bool, event: &str) -> bool {
        self.of(labelled).commits(event, Origin::Delivery).await
    }

    fn of(&self, labelled: bool) -> &Version<'m> {
        if labelled {
            &self.labelled
        } else {
            &self.plain
        }
    }
}

/// Plays the deliveries, then delivers what is left without trouble, as Lambda would in the end, and hands in what
/// was given up.
async fn play(
    versions: &Versions<'_>,
    memory: &Memory,
    logs: &[Vec<Written>],
    deliveries: &[Delivery],
) {
    let mut committed = vec![0_usize; logs.len()];
    let mut given_up = Vec::new();
    for delivery in deliveries {
        let log = &logs[delivery.partition];
        let position = &mut committed[delivery.partition];
        let start = position.saturating_sub(delivery.back);
        let batch = |length: usize| &log[start..(start + length).min(log.len())];
        memory.trouble(delivery.trouble);
        let first = event(delivery.partition, batch(delivery.length));
        let second = delivery
            .twin
            .map(|(length, labelled)| (event(delivery.partition, batch(length)), labelled));
        let (all, _) = tokio::join!(versions.commits(delivery.labelled, &first), async {
            match &second {
                Some((event, labelled)) => versions.commits(*labelled, event).await,
                None => true,
            }
        });
        if all || delivery.give_up {
            *position = (*position).max(start + batch(delivery.length).len());
        }
        if !all && delivery.give_up {
            given_up.push((delivery.labelled, first));
        }
        memory.trouble(Trouble::None);
    }
    for (partition, log) in logs.iter().enumerate() {
        let rest = event(partition, &log[committed[partition]..]);
        assert!(versions.commits(partition == 0, &rest).await, "{rest}");
    }
    for (labelled, batch) in given_up {
        assert!(
            versions.of(!labelled).commits(&batch, Origin::Replay).await,
            "{batch}"
        );
    }
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        4 => proptest::collection::vec((0..2usize, 0..3u8, 1..1000u32), 0..3).prop_map(Content::Flows),
        3 => (0..2usize, 0..2u8).prop_map(|(hour, service)| Content::Log(hour, service)),
        1 => Just(Content::Poison),
        1 => Just(Content::Tombstone),
    ]
}

/// A partition's records; offsets may have gaps (compaction, transactions), times only rise.
fn log() -> impl Strategy<Value = Vec<Written>> {
    proptest::collection::vec((1..4i64, 0..3i64, content()), 1..20).prop_map(|records| {
        let (mut offset, mut timestamp) = (-1, HOUR * 1000);
        let step = |(gap, pause, content)| {
            offset += gap;
            timestamp += pause;
            Written {
                offset,
                timestamp,
                content,
            }
        };
        records.into_iter().map(step).collect()
    })
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        2 => Just(Trouble::None),
        3 => (0..8usize, any::<bool>()).prop_map(|(writes, applied)| Trouble::CrashAfter { writes, applied }),
        2 => (0..6usize, 1..4usize, any::<bool>())
            .prop_map(|(after, times, applied)| Trouble::Stumble { after, times, applied }),
        1 => Just(Trouble::Refuse("T15")),
        1 => Just(Trouble::Refuse("state#")),
    ]
}

fn delivery() -> impl Strategy<Value = Delivery> {
    let twin = proptest::option::weighted(0.3, (1..12usize, any::<bool>()));
    let rest = (any::<bool>(), any::<bool>());
    (0..2usize, 0..8usize, 1..12usize, twin, trouble(), rest).prop_map(
        |(partition, back, length, twin, trouble, (labelled, give_up))| Delivery {
            partition,
            back,
            length,
            twin,
            trouble,
            labelled,
            give_up,
        },
    )
}

fn expected(logs: &[Vec<Written>]) -> Totals {
    let mut totals = Totals::new();
    for record in logs.iter().flatten() {
        record.content.add_to(&mut totals);
    }
    totals
}

/// Time that passes by itself: pauses and time-outs cost none.
fn run<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

proptest! {
    #![proptest_config(Cases { cases: 10_000, ..Cases::default() })]

    #[test]
    fn totals_are_exact_after_any_schedule_of_replays_and_crashes(
        logs in proptest::collection::vec(log(), 2),
        deliveries in proptest::collection::vec(delivery(), 0..10),
    ) {
        let memory = Memory::default();
        run(play(&Versions::new(&memory, 0), &memory, &logs, &deliveries));
        prop_assert_eq!(totals(&memory), expected(&logs));
    }
}

proptest! {
    #![proptest_config(Cases { cases: 1_000, ..Cases::default() })]

    #[test]
    fn a_topic_that_was_created_anew_stands_still_until_its_epoch_is_set_and_then_counts_whole(
        old in proptest::collection::vec(log(), 2),
        new in proptest::collection::vec(log(), 2),
        deliveries in proptest::collection::vec(delivery(), 0..5),
    ) {
        let later = |log: Vec<Written>| -> Vec<Written> {
            log.into_iter().map(|record| Written { timestamp: record.timestamp + 3_600_000, ..record }).collect()
        };
        let new: Vec<_> = new.into_iter().map(later).collect();
        let memory = Memory::default();
        let before = Versions::new(&memory, 0);
        run(play(&before, &memory, &old, &deliveries));
        let counted = totals(&memory);
        for (partition, log) in new.iter().enumerate() {
            let was_there = |offset| old[partition].iter().any(|record| record.offset == offset);
            if log.iter().any(|record| was_there(record.offset)) {
                prop_assert!(!run(before.commits(false, &event(partition, log))));
            }
        }
        prop_assert_eq!(totals(&memory), counted, "nothing of a regressed partition is counted");
        run(play(&Versions::new(&memory, 1), &memory, &new, &deliveries));
        let both: Vec<_> = old.into_iter().chain(new).collect();
        prop_assert_eq!(totals(&memory), expected(&both));
    }
}

proptest! {
    #![proptest_config(Cases { cases: 2_000, ..Cases::default() })]

    #[test]
    fn the_archive_loses_nothing_and_doubles_nothing_while_batches_come_one_by_one(
        log in log(),
        deliveries in proptest::collection::vec(delivery(), 0..10),
        one_by_one in any::<bool>(),
    ) {
        let (memory, shelf) = (Memory::default(), Shelf::default());
        let versions = Versions::new(&memory, 0).archiving(&shelf);
        let calm = |delivery: Delivery| Delivery { give_up: false, twin: None, ..delivery };
        let deliveries: Vec<_> = deliveries
            .into_iter()
            .map(|delivery| Delivery { partition: 0, ..delivery })
            .map(|delivery| if one_by_one { calm(delivery) } else { delivery })
            .collect();
        let every: Vec<i64> = log.iter().map(|record| record.offset).collect();
        let logs = [log];
        run(play(&versions, &memory, &logs, &deliveries));
        let mut archived = shelf.offsets();
        if !one_by_one {
            archived.dedup();
        }
        prop_assert_eq!(archived, every);
        prop_assert_eq!(totals(&memory), expected(&logs));
    }
}
