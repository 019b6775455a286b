//! Flow logs in S3, folded day by day to the flows of one VPC.

use std::sync::Arc;

use aws_sdk_s3::Client;
use tollkeeper::aws::CallError;
use tollkeeper::flow_log_files::{self, Read, S3Location, Scope};
use tollkeeper::services::IpRanges;
use tollkeeper::time::Day;

use crate::plan::Place;
use crate::replay::{DayFlows, FlowFold, Watch};

/// Where flow logs lie, and what their addresses are looked up in.
#[derive(Debug)]
pub(crate) struct FlowLogs {
    client: Client,
    pub(crate) location: S3Location,
    pub(crate) ranges: Option<Arc<IpRanges>>,
}

impl FlowLogs {
    pub(crate) fn new(client: Client, location: S3Location, ranges: Option<IpRanges>) -> Self {
        Self {
            client,
            location,
            ranges: ranges.map(Arc::new),
        }
    }

    /// A day's flows by flow log; no file is begun once `go_on` says no.
    pub(crate) async fn day(
        &self,
        place: &Place,
        watch: &Arc<Watch>,
        day: Day,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Read<DayFlows>, CallError> {
        let scope = Scope {
            location: &self.location,
            account: &place.account,
            region: &place.region,
            watch: Arc::clone(watch),
        };
        flow_log_files::read_day::<FlowFold>(&self.client, &scope, day, go_on).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Write as _;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_sdk_s3::config::{BehaviorVersion, Region};
    use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
    use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
    use aws_sdk_s3::primitives::ByteStream;
    use aws_sdk_s3::types::Object;
    use aws_smithy_mocks::{
        MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock,
    };
    use flate2::{Compression, write::GzEncoder};
    use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;
    use crate::replay::one_vantage;

    const FOLDER: &str = "AWSLogs/123456789012/vpcflowlogs/us-east-1/2026/10/13/";
    const AT: i64 = 1_791_900_000;

    fn logs(rules: &[&Rule]) -> FlowLogs {
        let answers = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny);
        let answers = rules
            .iter()
            .fold(answers, |answers, rule| answers.with_rule(rule));
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .allow_no_auth()
            .http_client(create_mock_http_client())
            .interceptor(answers);
        let location = "s3://bucket".parse().unwrap();
        FlowLogs::new(Client::from_conf(config.build()), location, None)
    }

    fn lists(keys: &'static [&'static str], size: i64) -> Rule {
        mock!(Client::list_objects_v2).then_compute_output(move |request| {
            let there = request.prefix() == Some(FOLDER);
            let object = |key: &&str| Object::builder().key(*key).size(size).build();
            let objects = keys.iter().filter(|_| there).map(object).collect();
            ListObjectsV2Output::builder()
                .set_contents(Some(objects))
                .build()
        })
    }

    fn gives(bytes: Vec<u8>) -> Rule {
        mock!(Client::get_object).then_compute_output(move |request| {
            let range = request.range().and_then(|range| {
                let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
                Some(from.parse().ok()?..=to.parse::<usize>().ok()?)
            });
            let part = range.map_or(bytes.clone(), |range| bytes[range].to_vec());
            GetObjectOutput::builder()
                .body(ByteStream::from(part))
                .build()
        })
    }

    fn gzip(lines: &[&str]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(lines.join("\n").as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    /// One record, as AWS writes it in columns.
    fn parquet() -> Vec<u8> {
        let texts = [
            ("interface_id", "eni-web"),
            ("vpc_id", "vpc-1"),
            ("srcaddr", "10.0.1.6"),
            ("dstaddr", "3.5.0.1"),
            ("pkt_dst_aws_service", "S3"),
        ];
        let ports = [("srcport", 40_000), ("dstport", 80), ("protocol", 6)];
        let numbers = [("bytes", 700), ("start", AT)];
        let text = texts.map(|(name, _)| format!("REQUIRED BYTE_ARRAY {name} (UTF8);"));
        let port = ports.map(|(name, _)| format!("REQUIRED INT32 {name};"));
        let number = numbers.map(|(name, _)| format!("REQUIRED INT64 {name};"));
        let columns = format!("{}{}{}", text.concat(), port.concat(), number.concat());
        let schema = parse_message_type(&format!("message flow_logs {{ {columns} }}")).unwrap();
        let mut writer =
            SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::default()).unwrap();
        let mut rows = writer.next_row_group().unwrap();
        for (_, word) in texts {
            let mut column = rows.next_column().unwrap().unwrap();
            let word = [ByteArray::from(word)];
            column
                .typed::<ByteArrayType>()
                .write_batch(&word, None, None)
                .unwrap();
            column.close().unwrap();
        }
        for (_, port) in ports {
            let mut column = rows.next_column().unwrap().unwrap();
            column
                .typed::<Int32Type>()
                .write_batch(&[port], None, None)
                .unwrap();
            column.close().unwrap();
        }
        for (_, number) in numbers {
            let mut column = rows.next_column().unwrap().unwrap();
            column
                .typed::<Int64Type>()
                .write_batch(&[number], None, None)
                .unwrap();
            column.close().unwrap();
        }
        rows.close().unwrap();
        writer.into_inner().unwrap()
    }

    fn watch() -> Arc<Watch> {
        Arc::new(Watch::new(
            ("vpc-1", &["10.0.0.0/16".to_owned()]),
            "us-east-1",
            BTreeSet::from(["eni-nat".to_owned()]),
            (&BTreeSet::from(["s3"]), &BTreeSet::from(["sts"])),
            None,
        ))
    }

    async fn read(
        logs: &FlowLogs,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Read<DayFlows>, CallError> {
        let place = Place {
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let day = "2026-10-13".parse().unwrap();
        logs.day(&place, &watch(), day, go_on).await
    }

    fn rows(read: Read<DayFlows>) -> Vec<String> {
        let day = one_vantage(&watch().gateways, read.logs);
        let seen = day.seen.iter();
        seen.map(|seen| format!("{:?} {:?}", seen.key, seen.count.sum))
            .collect()
    }

    #[tokio::test]
    async fn text_and_columns_tell_the_same_flow_ports_and_all() {
        let text = gzip(&[
            "interface-id vpc-id srcaddr dstaddr srcport dstport protocol bytes start pkt-dst-aws-service",
            &format!("eni-web vpc-1 10.0.1.6 3.5.0.1 40000 80 6 700 {AT} S3"),
        ]);
        let columns = parquet();
        let size = i64::try_from(columns.len()).unwrap();
        let (list, get) = (lists(&["a.log.gz"], 0), gives(text));
        let by_text = rows(read(&logs(&[&list, &get]), &|| true).await.unwrap());
        let (list, get) = (lists(&["a.log.parquet"], size), gives(columns));
        let by_columns = rows(read(&logs(&[&list, &get]), &|| true).await.unwrap());
        assert_eq!(by_text, by_columns);
        assert_eq!(
            by_text,
            [
                r#"Key { source: 10.0.1.6, far: Service("s3"), port: Some(80) } Sum { flows: 1, bytes: 700 }"#
            ]
        );
    }

    #[tokio::test]
    async fn no_file_is_begun_once_the_time_is_up_and_those_left_are_counted() {
        let list = lists(&["a.log.gz", "b.log.gz", "c.log.gz"], 0);
        let get = gives(gzip(&["interface-id bytes start"]));
        let asked = AtomicUsize::new(0);
        let once = || asked.fetch_add(1, Ordering::Relaxed) < 1;
        let read = read(&logs(&[&list, &get]), &once).await.unwrap();
        assert_eq!((read.files, read.left_files, read.unread_files), (3, 2, 0));
        assert_eq!(get.num_calls(), 1);
    }

    #[tokio::test]
    async fn a_bucket_that_denies_is_an_error_and_not_an_empty_day() {
        let list = lists(&["a.log.gz"], 0);
        let denied = mock!(Client::get_object).then_error(|| {
            let meta = aws_sdk_s3::error::ErrorMetadata::builder();
            GetObjectError::generic(meta.code("AccessDenied").message("no").build())
        });
        let error = read(&logs(&[&list, &denied]), &|| true).await.unwrap_err();
        assert_eq!(
            (error.operation, error.code.as_str()),
            ("s3:GetObject", "AccessDenied")
        );
    }
}
