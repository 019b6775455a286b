use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use super::*;
use crate::adapters::mocked;
use crate::config::S3Location;
use crate::explain::sums::tests::{FIELDS, lines};
use crate::explain::traffic::Side;
use aws_sdk_s3::operation::{get_object::GetObjectOutput, list_objects_v2::ListObjectsV2Output};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::Object as Listed;
use aws_smithy_mocks::mock;
use flate2::{Compression, write::GzEncoder};
use parquet::basic::{Compression as Codec, GzipLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

const HEADER: &str = "interface-id srcaddr dstaddr bytes start pkt-srcaddr pkt-dstaddr log-status";

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn listing(keys: &[(&str, usize)], next: Option<&str>) -> ListObjectsV2Output {
    let object = |(key, size): &(&str, usize)| {
        Listed::builder()
            .key(*key)
            .size(i64::try_from(*size).unwrap())
            .build()
    };
    ListObjectsV2Output::builder()
        .set_contents(Some(keys.iter().map(object).collect()))
        .is_truncated(next.is_some())
        .set_next_continuation_token(next.map(str::to_owned))
        .build()
}

fn scope(location: &S3Location) -> Scope<'_> {
    Scope {
        location,
        account: "1",
        region: "us-east-1",
        watch: Arc::new(Watch {
            nats: BTreeSet::from(["eni-nat".to_owned(), "nat-regional".to_owned()]),
            side: Side::Gateways,
            ranges: None,
        }),
    }
}

/// Answers requests for an object, whole or by ranges.
fn object(key: &'static str, bytes: Vec<u8>) -> aws_smithy_mocks::Rule {
    mock!(Client::get_object)
        .match_requests(move |request| request.key() == Some(key))
        .then_compute_output(move |request| {
            let part = request.range().map_or(&bytes[..], |range| {
                let (from, to) = range
                    .strip_prefix("bytes=")
                    .unwrap()
                    .split_once('-')
                    .unwrap();
                let to = to.parse().map_or(bytes.len(), |to: usize| to + 1);
                &bytes[from.parse().unwrap()..to.min(bytes.len())]
            });
            GetObjectOutput::builder()
                .body(ByteStream::from(part.to_vec()))
                .build()
        })
}

fn day() -> Day {
    "2026-10-13".parse().unwrap()
}

#[tokio::test]
async fn both_layouts_of_the_day_and_the_next_days_first_hour_are_read() {
    let day = day();
    let (start, end) = (day.start().as_second(), day.end().as_second());
    let of = |prefix: &'static str, token: Option<&'static str>| {
        mock!(Client::list_objects_v2).match_requests(move |request| {
            request.prefix() == Some(prefix) && request.continuation_token() == token
        })
    };
    let plain = "team/AWSLogs/1/vpcflowlogs/us-east-1/2026/10/13/";
    let first_page = of(plain, None).then_output(|| {
        listing(
            &[("x_20261013T1205Z_a.log.gz", 0), ("note.txt", 0)],
            Some("more"),
        )
    });
    let second_page =
        of(plain, Some("more")).then_output(|| listing(&[("x_20261013T1210Z_b.log.gz", 0)], None));
    let next_day = of("team/AWSLogs/1/vpcflowlogs/us-east-1/2026/10/14/", None).then_output(|| {
        listing(
            &[
                ("x_20261014T0005Z_c.log.gz", 0),
                ("x_20261014T0105Z_d.log.gz", 0),
            ],
            None,
        )
    });
    let hive = of(
        "team/AWSLogs/aws-account-id=1/aws-service=vpcflowlogs/aws-region=us-east-1/year=2026/month=10/day=13/",
        None,
    )
    .then_output(|| listing(&[("hour=12/x_20261013T1215Z_e.log.gz", 0)], None));
    let next_hive = of(
        "team/AWSLogs/aws-account-id=1/aws-service=vpcflowlogs/aws-region=us-east-1/year=2026/month=10/day=14/",
        None,
    )
    .then_output(|| listing(&[], None));
    let flow = |bytes: u64, start: i64| {
        format!("eni-nat 10.0.1.5 10.0.0.9 {bytes} {start} 10.0.1.5 3.5.0.1 OK\n")
    };
    let file = |key, text: String| object(key, gzip(&format!("{HEADER}\n{text}")));
    let a = file(
        "x_20261013T1205Z_a.log.gz",
        format!(
            "{}garbage\neni-nat - - - {start} - - SKIPDATA\neni-web - - - {start} - - OK\n",
            flow(100, start)
        ),
    );
    let b = file("x_20261013T1210Z_b.log.gz", flow(200, end - 1));
    let c = file(
        "x_20261014T0005Z_c.log.gz",
        flow(400, end - 60) + &flow(800, end),
    );
    let e = file("hour=12/x_20261013T1215Z_e.log.gz", flow(1600, start));
    let client = mocked!(
        aws_sdk_s3,
        MatchAny,
        [
            &first_page,
            &second_page,
            &next_day,
            &hive,
            &next_hive,
            &a,
            &b,
            &c,
            &e
        ]
    );
    let location = "s3://bucket/team".parse().unwrap();
    let read = read_day(&client, &scope(&location), day).await.unwrap();
    assert_eq!(
        read.traffic.bytes(),
        2300,
        "by start; the flow of the next day is left to it"
    );
    assert_eq!((read.files, read.unread_files), (4, 0));
    assert_eq!(
        (
            read.traffic.skipped(),
            read.traffic.bad_lines,
            read.traffic.other_lines
        ),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn an_interface_that_two_flow_logs_record_is_counted_from_the_richer_one() {
    const PLAIN: &str = "1_vpcflowlogs_us-east-1_fl-0a_20261013T1205Z_x.log.gz";
    const RICH: &str = "1_vpcflowlogs_us-east-1_fl-0b_20261013T1205Z_x.log.gz";
    let day = day();
    let start = day.start().as_second();
    let folder = "AWSLogs/1/vpcflowlogs/us-east-1/2026/10/13/";
    let list = mock!(Client::list_objects_v2).then_compute_output(move |request| {
        let is_day = request.prefix() == Some(folder);
        let files: &[(&str, usize)] = if is_day {
            &[(PLAIN, 0), (RICH, 0)]
        } else {
            &[]
        };
        listing(files, None)
    });
    let plain = object(
        PLAIN,
        gzip(&format!(
            "interface-id srcaddr dstaddr bytes start log-status\neni-nat 10.0.1.5 10.0.0.9 700 {start} OK\n"
        )),
    );
    let rich = object(
        RICH,
        gzip(&format!(
            "{HEADER}\neni-nat 10.0.1.5 10.0.0.9 700 {start} 10.0.1.5 3.5.0.1 OK\n"
        )),
    );
    let client = mocked!(aws_sdk_s3, MatchAny, [&list, &plain, &rich]);
    let location = "s3://bucket".parse().unwrap();
    let read = read_day(&client, &scope(&location), day).await.unwrap();
    assert_eq!(
        (read.traffic.bytes(), read.traffic.unclassified_bytes()),
        (700, 0)
    );
    assert_eq!(read.recorded_twice, ["eni-nat".to_owned()].into());
}

/// The same lines as AWS writes them: names with underscores, whole numbers as such, nothing where a field is `-`.
fn parquet(lines: &[String], codec: Codec) -> Vec<u8> {
    let names: Vec<&str> = FIELDS.split_whitespace().collect();
    let column = |name: &&str| {
        let kind = match *name {
            "bytes" | "start" => "INT64",
            "packets" => "INT32",
            _ => "BYTE_ARRAY",
        };
        let text = if kind == "BYTE_ARRAY" { "(UTF8)" } else { "" };
        format!("OPTIONAL {kind} {} {text};", name.replace('-', "_"))
    };
    let columns: Vec<String> = names.iter().map(column).collect();
    // Fields that no record is made of are passed over.
    let schema = format!(
        "message flow_logs {{ OPTIONAL INT32 version; {} OPTIONAL BOOLEAN odd; }}",
        columns.join(" ")
    );
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().set_compression(codec).build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    for group in lines.chunks(5_000) {
        let mut rows = writer.next_row_group().unwrap();
        let words: Vec<Vec<&str>> = group.iter().map(|line| line.split(' ').collect()).collect();
        let all = vec![1_i16; group.len()];
        let none = vec![0_i16; group.len()];
        let mut version = rows.next_column().unwrap().unwrap();
        version
            .typed::<Int32Type>()
            .write_batch(&vec![5; group.len()], Some(&all), None)
            .unwrap();
        version.close().unwrap();
        for (at, name) in names.iter().enumerate() {
            let there: Vec<&str> = words
                .iter()
                .map(|words| words[at])
                .filter(|word| *word != "-")
                .collect();
            let levels: Vec<i16> = words
                .iter()
                .map(|words| i16::from(words[at] != "-"))
                .collect();
            let mut column = rows.next_column().unwrap().unwrap();
            match *name {
                "bytes" | "start" => {
                    let values: Vec<i64> = there.iter().map(|word| word.parse().unwrap()).collect();
                    column
                        .typed::<Int64Type>()
                        .write_batch(&values, Some(&levels), None)
                        .unwrap()
                }
                "packets" => {
                    let values: Vec<i32> = there.iter().map(|word| word.parse().unwrap()).collect();
                    column
                        .typed::<Int32Type>()
                        .write_batch(&values, Some(&levels), None)
                        .unwrap()
                }
                // AWS writes `-` in texts as well as nothing at all.
                "action" => {
                    let values: Vec<ByteArray> =
                        words.iter().map(|words| words[at].into()).collect();
                    column
                        .typed::<ByteArrayType>()
                        .write_batch(&values, Some(&all), None)
                        .unwrap()
                }
                _ => {
                    let values: Vec<ByteArray> = there.iter().map(|word| (*word).into()).collect();
                    column
                        .typed::<ByteArrayType>()
                        .write_batch(&values, Some(&levels), None)
                        .unwrap()
                }
            };
            column.close().unwrap();
        }
        let mut odd = rows.next_column().unwrap().unwrap();
        odd.typed::<parquet::data_type::BoolType>()
            .write_batch(&[], Some(&none), None)
            .unwrap();
        odd.close().unwrap();
        rows.close().unwrap();
    }
    writer.into_inner().unwrap()
}

async fn read_one(key: &'static str, bytes: Vec<u8>) -> Read {
    let size = bytes.len();
    let first = mock!(Client::list_objects_v2)
        .match_requests(|request| {
            request.prefix() == Some("AWSLogs/1/vpcflowlogs/us-east-1/2026/10/13/")
        })
        .then_output(move || listing(&[(key, size)], None));
    let rest = mock!(Client::list_objects_v2).then_output(|| listing(&[], None));
    let object = object(key, bytes);
    let client = mocked!(aws_sdk_s3, MatchAny, [&first, &rest, &object]);
    let location = "s3://bucket".parse().unwrap();
    read_day(&client, &scope(&location), day()).await.unwrap()
}

#[tokio::test]
async fn the_same_records_give_the_same_sums_from_text_and_from_parquet() {
    let lines = lines(day());
    let text = gzip(&format!("{FIELDS}\n{}\n", lines.join("\n")));
    let text = read_one("a.log.gz", text).await;
    assert_eq!(text.traffic.recorders().len(), 2);
    assert!(text.traffic.skipped() > 0 && text.traffic.other_lines == 1500);
    for codec in [
        Codec::GZIP(GzipLevel::default()),
        Codec::SNAPPY,
        Codec::UNCOMPRESSED,
    ] {
        let columns = read_one("a.log.parquet", parquet(&lines, codec)).await;
        assert_eq!(columns, text, "{codec:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_none_is_counted_as_unread_and_the_others_stay() {
    let mut cut = parquet(&lines(day()), Codec::SNAPPY);
    let length = cut.len();
    // The footer is whole, a page is not.
    cut[length / 3..length / 3 + 400].fill(0xA5);
    for (key, bytes) in [
        ("a.log.parquet", cut),
        ("b.log.parquet", b"PAR1 and nothing else".to_vec()),
        ("c.log.gz", b"no gzip at all".to_vec()),
    ] {
        let read = read_one(key, bytes).await;
        assert_eq!((read.files, read.unread_files), (1, 1), "{key}");
    }
}

#[tokio::test]
async fn a_broken_file_keeps_what_was_read_and_says_so() {
    let mut random = 1_u64;
    let mut lines = String::new();
    for number in 0..20_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        writeln!(
            lines,
            "eni-nat 10.0.1.5 10.0.0.9 {} {} 10.0.1.5 3.5.0.1 OK",
            random >> 40,
            day().start().as_second() + number
        )
        .unwrap();
    }
    let mut bytes = gzip(&format!("{HEADER}\n{lines}"));
    bytes.truncate(bytes.len() - 12);
    let read = read_one("a.log.gz", bytes).await;
    assert_eq!(read.unread_files, 1);
    assert!(read.traffic.bytes() > 0);
}
