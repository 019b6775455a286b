//! Whatever Lambda does (shifted batches, duplicates, overlaps, crashes between item writes, two runs at once), the
//! totals end up exact.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::memory::{Memory, Trouble, commits};

const HOUR: i64 = 1_791_900_000;
const HOURS: [&str; 2] = ["2026-10-13T14", "2026-10-13T15"];
const FIELDS: &str =
    "account-id interface-id srcaddr dstaddr packets bytes start pkt-srcaddr pkt-dstaddr";

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

#[derive(Debug, Clone)]
struct Delivery {
    partition: usize,
    /// How far before the committed position it starts, and where it ends.
    back: usize,
    length: usize,
    /// The batch of a second run at the same time, which may end elsewhere.
    twin: Option<usize>,
    trouble: Trouble,
}

/// Totals by partition key and what is summed there.
type Totals = BTreeMap<(String, String), u64>;

impl Content {
    fn value(&self) -> Option<String> {
        Some(match self {
            Self::Flows(lines) => lines.iter().fold(FIELDS.to_owned(), |text, (hour, source, bytes)| {
                let start = HOUR + 3600 * i64::from(*hour == 1);
                format!("{text}\n1234 eni-1 10.0.1.{source} 10.0.0.9 1 {bytes} {start} 10.0.1.{source} 3.5.0.9")
            }),
            Self::Log(hour, service) => {
                let time = HOUR + 3600 * i64::from(*hour == 1);
                format!(r#"{{"level":"info","service":"s{service}","ts":{time}}}"#)
            }
            Self::Poison => "neither".to_owned(),
            Self::Tombstone => return None,
        })
    }

    fn add_to(&self, totals: &mut Totals) {
        match self {
            Self::Flows(lines) => {
                for (hour, source, bytes) in lines {
                    let cell = format!("A|10.0.1.{source}|UNKNOWN|");
                    let pk = format!("traffic#1234#eni-1#{}", HOURS[*hour]);
                    *totals.entry((pk, cell)).or_default() += u64::from(*bytes);
                }
            }
            Self::Log(hour, service) => {
                let pk = format!("logs#s{service}#{}", HOURS[*hour]);
                *totals.entry((pk, "info".to_owned())).or_default() += 1;
            }
            Self::Poison => {
                *totals
                    .entry(("quarantine".to_owned(), String::new()))
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
        if pk.starts_with("quarantine#") {
            *totals
                .entry(("quarantine".to_owned(), String::new()))
                .or_default() += 1;
        }
        for (field, counter) in [("cells", "bytes"), ("levels", "records")] {
            for (name, sums) in item[field].as_object().into_iter().flatten() {
                *totals.entry((pk.clone(), name.clone())).or_default() +=
                    sums[counter].as_u64().unwrap();
            }
        }
    }
    totals
}

fn event(partition: usize, records: &[(i64, Content)]) -> String {
    let records: Vec<Value> = records
        .iter()
        .map(|(offset, content)| {
            let value = content.value().map(|text| STANDARD.encode(text));
            json!({"topic": "t", "partition": partition, "offset": offset, "timestamp": HOUR * 1000, "value": value})
        })
        .collect();
    json!({"eventSource": "aws:kafka", "records": {format!("t-{partition}"): records}}).to_string()
}

/// Plays the deliveries, then delivers what is left without trouble, as Lambda would in the end.
async fn play(logs: &[Vec<(i64, Content)>], deliveries: &[Delivery]) -> Memory {
    let memory = Memory::default();
    let mut committed = vec![0_usize; logs.len()];
    for delivery in deliveries {
        let log = &logs[delivery.partition];
        let position = &mut committed[delivery.partition];
        let start = position.saturating_sub(delivery.back);
        let batch = |length: usize| &log[start..(start + length).min(log.len())];
        memory.trouble(delivery.trouble);
        let first = event(delivery.partition, batch(delivery.length));
        let second = delivery
            .twin
            .map(|length| event(delivery.partition, batch(length)));
        let (committed_all, _) = tokio::join!(commits(&memory, &first), async {
            match &second {
                Some(event) => commits(&memory, event).await,
                None => true,
            }
        });
        if committed_all {
            *position = (*position).max(start + batch(delivery.length).len());
        }
        memory.trouble(Trouble::None);
    }
    for (partition, log) in logs.iter().enumerate() {
        let rest = &log[committed[partition]..];
        assert!(commits(&memory, &event(partition, rest)).await);
    }
    memory
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        4 => proptest::collection::vec((0..2usize, 0..3u8, 1..1000u32), 0..4).prop_map(Content::Flows),
        3 => (0..2usize, 0..2u8).prop_map(|(hour, service)| Content::Log(hour, service)),
        1 => Just(Content::Poison),
        1 => Just(Content::Tombstone),
    ]
}

/// A partition's records; offsets may have gaps (compaction, transactions).
fn log() -> impl Strategy<Value = Vec<(i64, Content)>> {
    proptest::collection::vec((1..4i64, content()), 1..25).prop_map(|records| {
        let mut offset = -1;
        let step = |(gap, content)| {
            offset += gap;
            (offset, content)
        };
        records.into_iter().map(step).collect()
    })
}

fn delivery() -> impl Strategy<Value = Delivery> {
    let trouble = prop_oneof![
        2 => Just(Trouble::None),
        3 => (0..8usize, any::<bool>()).prop_map(|(writes, applied)| Trouble::CrashAfter { writes, applied }),
        1 => Just(Trouble::Refuse("T15")),
        1 => Just(Trouble::Refuse("state#")),
    ];
    let twin = proptest::option::weighted(0.3, 1..15usize);
    (0..2usize, 0..12usize, 1..15usize, twin, trouble).prop_map(
        |(partition, back, length, twin, trouble)| Delivery {
            partition,
            back,
            length,
            twin,
            trouble,
        },
    )
}

proptest! {
    #[test]
    fn totals_are_exact_after_any_schedule_of_replays_and_crashes(
        logs in proptest::collection::vec(log(), 2),
        deliveries in proptest::collection::vec(delivery(), 0..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let memory = runtime.block_on(play(&logs, &deliveries));
        let mut expected = Totals::new();
        for (_, content) in logs.iter().flatten() {
            content.add_to(&mut expected);
        }
        prop_assert_eq!(totals(&memory), expected);
    }
}
