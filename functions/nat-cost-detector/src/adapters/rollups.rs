//! A day's traffic from the Rollups table: for each NAT interface and hour one Query that adds up the shards.

use futures::{StreamExt, TryStreamExt, stream};
use tollkeeper::aws::{Table, TableError};
use tollkeeper::rollup::{Traffic, traffic_pk};
use tollkeeper::time::Day;

use crate::explain::traffic::DayTraffic;

/// Queries in flight.
const AT_ONCE: usize = 8;
/// What the sort keys of an hour's traffic start with.
const CELLS: &str = "cells#";

/// A day's traffic, and the read units it took; without any item of the day it is empty.
pub async fn read_day(
    table: &Table,
    account: &str,
    nat_interfaces: &[String],
    day: Day,
) -> Result<(DayTraffic, f64), TableError> {
    let hours = nat_interfaces
        .iter()
        .flat_map(|interface| day.hours().map(move |hour| (interface, hour)));
    let items: Vec<_> = stream::iter(hours)
        .map(|(interface, hour)| async move {
            let pk = traffic_pk(account, interface, hour);
            let (shards, units) = table.query_metered::<Traffic>(&pk, CELLS).await?;
            Ok::<_, TableError>((interface, hour, shards, units))
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let mut traffic = DayTraffic::empty(day);
    let mut read_units = 0.0;
    for (interface, hour, shards, units) in items {
        read_units += units;
        for shard in shards {
            traffic.add(interface, hour, &shard);
        }
    }
    Ok((traffic, read_units))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::mocked;
    use aws_sdk_dynamodb::Client;
    use aws_sdk_dynamodb::operation::query::QueryOutput;
    use aws_sdk_dynamodb::types::{AttributeValue, ConsumedCapacity};
    use std::collections::HashMap;

    fn item(sk: &str, bytes: &str) -> HashMap<String, AttributeValue> {
        let number = |text: &str| AttributeValue::N(text.to_owned());
        let sums = HashMap::from([
            ("bytes".to_owned(), number(bytes)),
            ("packets".to_owned(), number("1")),
            ("flows".to_owned(), number("1")),
        ]);
        let cells = HashMap::from([(
            "A|10.0.1.5|S3|us-east-1".to_owned(),
            AttributeValue::M(sums),
        )]);
        HashMap::from([
            (
                "pk".to_owned(),
                AttributeValue::S("traffic#1#eni-nat#2026-10-13T00".to_owned()),
            ),
            ("sk".to_owned(), AttributeValue::S(sk.to_owned())),
            ("cells".to_owned(), AttributeValue::M(cells)),
            ("skipped".to_owned(), number("1")),
            ("version".to_owned(), number("41")),
            ("expires_at".to_owned(), number("1800000000")),
        ])
    }

    fn took(units: f64) -> ConsumedCapacity {
        ConsumedCapacity::builder().capacity_units(units).build()
    }

    #[tokio::test]
    async fn the_shards_of_every_hour_are_added_up() {
        let first = aws_smithy_mocks::mock!(Client::query).then_output(|| {
            QueryOutput::builder()
                .items(item("cells#flow#0#1", "100"))
                .items(item("cells#flow#1#1", "200"))
                .consumed_capacity(took(2.5))
                .build()
        });
        let rest = aws_smithy_mocks::mock!(Client::query)
            .sequence()
            .output(|| QueryOutput::builder().consumed_capacity(took(0.5)).build())
            .repeatedly()
            .build();
        let table = Table::new(mocked!(aws_sdk_dynamodb, [&first, &rest]), "rollups");
        let day: Day = "2026-10-13".parse().unwrap();
        let (traffic, units) = read_day(&table, "1", &["eni-nat".to_owned()], day)
            .await
            .unwrap();
        assert_eq!((traffic.bytes(), traffic.skipped()), (300, 2));
        assert!((units - 14.0).abs() < 1e-9, "2.5 and 23 times 0.5: {units}");
    }

    /// An item as the consumer writes it.
    fn item_of(traffic: &Traffic) -> HashMap<String, AttributeValue> {
        let number = |value: u64| AttributeValue::N(value.to_string());
        let sums = |sums: &tollkeeper::rollup::Sums| {
            AttributeValue::M(HashMap::from([
                ("bytes".to_owned(), number(sums.bytes)),
                ("packets".to_owned(), number(sums.packets)),
                ("flows".to_owned(), number(sums.flows)),
            ]))
        };
        let cells = traffic
            .cells
            .iter()
            .map(|(key, cell)| (key.clone(), sums(cell)));
        HashMap::from([
            ("cells".to_owned(), AttributeValue::M(cells.collect())),
            ("unclassified".to_owned(), sums(&traffic.unclassified)),
            ("skipped".to_owned(), number(traffic.skipped)),
        ])
    }

    #[tokio::test]
    async fn the_same_records_give_the_same_sums_from_the_table_as_from_their_lines() {
        use crate::explain::sums::tests::{FIELDS, lines, of_lines, watch};
        use tollkeeper::flow_log::{Format, LineReader};
        use tollkeeper::rollup::Counted;

        let day: Day = "2026-10-13".parse().unwrap();
        let (lines, watch) = (lines(day), watch());
        let format = Format::parse(FIELDS).unwrap();
        let mut reader = LineReader::new(Some(&format));
        // Two shards an hour, as two partitions write them.
        let mut items: HashMap<(String, usize), Traffic> = HashMap::new();
        for (number, line) in lines.iter().enumerate() {
            let record = reader.read(line.as_bytes()).unwrap().unwrap();
            let pk = traffic_pk("1", record.recorder(), record.hour().unwrap());
            let counted = Counted::of(&record, None).unwrap();
            if counted != Counted::Nothing {
                items.entry((pk, number % 2)).or_default().count(&counted);
            }
        }
        let query = aws_smithy_mocks::mock!(Client::query).then_compute_output(move |request| {
            let pk = request.expression_attribute_values().unwrap()[":pk"]
                .as_s()
                .unwrap()
                .clone();
            let shards = (0..2).filter_map(|shard| Some(item_of(items.get(&(pk.clone(), shard))?)));
            QueryOutput::builder()
                .set_items(Some(shards.collect()))
                .build()
        });
        let table = Table::new(mocked!(aws_sdk_dynamodb, MatchAny, [&query]), "rollups");
        let nats: Vec<String> = watch.nats.iter().cloned().collect();
        let (traffic, _) = read_day(&table, "1", &nats, day).await.unwrap();
        assert_eq!(traffic.hours, of_lines(FIELDS, &lines, &watch, day).hours);
    }
}
