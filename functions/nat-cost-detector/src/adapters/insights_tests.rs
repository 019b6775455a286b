use super::*;
use crate::adapters::mocked;
use crate::explain::sums::tests::{FIELDS, lines, of_lines, rows, watch};
use aws_sdk_cloudwatchlogs::operation::get_query_results::GetQueryResultsOutput;
use aws_sdk_cloudwatchlogs::operation::start_query::StartQueryOutput;
use aws_sdk_cloudwatchlogs::operation::stop_query::StopQueryOutput;
use aws_sdk_cloudwatchlogs::types::QueryStatistics;
use aws_smithy_mocks::mock;
use std::sync::atomic::{AtomicUsize, Ordering};

fn day() -> Day {
    "2026-10-13".parse().unwrap()
}

fn field(name: &str, value: &str) -> ResultField {
    ResultField::builder().field(name).value(value).build()
}

/// What Insights answers to a query over some seconds: the sums of the lines, under the query's own names.
fn answer(from: i64, to: i64) -> Vec<Vec<ResultField>> {
    let fields = Fields::parse(FIELDS).unwrap();
    let within = |line: &String| {
        let start: i64 = line.split(' ').nth(6).unwrap().parse().unwrap();
        (from..to).contains(&start)
    };
    let lines: Vec<String> = lines(day()).into_iter().filter(within).collect();
    let row = |row: Vec<(String, Option<String>)>| {
        let named = |(name, value): (String, Option<String>)| {
            let own = [HOUR, BYTES, PACKETS, RECORDS].contains(&name.as_str());
            let name = if own { name } else { format!("f_{name}") };
            // Fields of a parsed line are texts: an absent one is a dash.
            field(&name, value.as_deref().unwrap_or("-"))
        };
        row.into_iter().map(named).collect()
    };
    rows(&fields, &lines, &["eni-nat", "nat-regional"], day())
        .into_iter()
        .map(row)
        .collect()
}

#[test]
fn the_query_groups_by_what_decides_and_leaves_out_what_counts_nowhere() {
    let fields = Fields::parse(FIELDS).unwrap();
    assert_eq!(
        query(&fields, &watch(), 1_791_849_600, 1_791_936_000),
        "parse @message \"* * * * * * * * * * * * *\" as f_interface_id, f_resource_id, f_srcaddr, f_dstaddr, f_bytes, \
         f_packets, f_start, f_action, f_log_status, f_pkt_srcaddr, f_pkt_dstaddr, f_pkt_src_aws_service, \
         f_pkt_dst_aws_service\n\
         | filter f_start >= 1791849600 and f_start < 1791936000\n\
         | filter f_interface_id in [\"eni-nat\"] or f_resource_id in [\"nat-regional\"]\n\
         | filter f_log_status != \"NODATA\"\n\
         | filter f_action != \"REJECT\"\n\
         | filter f_srcaddr != f_pkt_srcaddr or f_dstaddr != f_pkt_dstaddr or f_log_status = \"SKIPDATA\" or \
         f_interface_id = \"-\"\n\
         | fields floor(f_start / 3600) * 3600 as hour\n\
         | stats sum(f_bytes) as sum_bytes, sum(f_packets) as sum_packets, count(*) as records by f_interface_id, \
         f_resource_id, f_srcaddr, f_dstaddr, f_pkt_srcaddr, f_pkt_dstaddr, f_pkt_src_aws_service, \
         f_pkt_dst_aws_service, f_action, f_log_status, hour\n\
         | sort sum_bytes desc\n\
         | limit 10000"
    );
    let plain = Fields::parse("interface-id srcaddr dstaddr bytes start").unwrap();
    let query = query(&plain, &watch(), 0, 1);
    assert!(
        !query.contains("pkt") && !query.contains("packets"),
        "{query}"
    );
}

#[tokio::test(start_paused = true)]
async fn insights_gives_the_sums_of_the_records_and_a_full_answer_is_asked_for_in_halves() {
    let start = mock!(Client::start_query)
        .match_requests(|request| request.log_group_name() == Some("flow"))
        .then_compute_output(|request| {
            let (from, to) = (request.start_time().unwrap(), request.end_time().unwrap());
            let id = format!("{} {}", from + SLACK, to - SLACK);
            StartQueryOutput::builder().query_id(id).build()
        });
    let polls = AtomicUsize::new(0);
    let results = mock!(Client::get_query_results).then_compute_output(move |request| {
        let reply = GetQueryResultsOutput::builder();
        // Every other time it still runs.
        if polls.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            return reply.status(QueryStatus::Running).build();
        }
        let (from, to) = request.query_id().unwrap().split_once(' ').unwrap();
        let (from, to): (i64, i64) = (from.parse().unwrap(), to.parse().unwrap());
        let rows = if to - from > 43_200 {
            vec![vec![field("f_interface_id", "eni-nat")]; ROWS]
        } else {
            answer(from, to)
        };
        reply
            .status(QueryStatus::Complete)
            .set_results(Some(rows))
            .statistics(QueryStatistics::builder().bytes_scanned(1e9).build())
            .build()
    });
    let client = mocked!(aws_sdk_cloudwatchlogs, MatchAny, [&start, &results]);
    let (fields, watch) = (Fields::parse(FIELDS).unwrap(), watch());
    let read = read_day(&client, "flow", &fields, &watch, day())
        .await
        .unwrap();
    assert_eq!(
        (read.queries, read.scanned_bytes, read.cut_ranges),
        (3, 3_000_000_000, 0)
    );
    let plain = of_lines(FIELDS, &lines(day()), &watch, day());
    assert_eq!(read.traffic.hours, plain.hours);
    assert_eq!(read.traffic.bad_lines, 0);
}

#[tokio::test(start_paused = true)]
async fn what_stays_full_to_the_end_is_told_and_a_query_that_never_ends_is_stopped() {
    let start = mock!(Client::start_query)
        .then_output(|| StartQueryOutput::builder().query_id("q").build());
    let start_full = mock!(Client::start_query).then_compute_output(|request| {
        // Ten minutes of the day have too much to tell, and all ranges around them.
        let is_full = request.start_time().unwrap() + SLACK == day().start().as_second();
        let id = if is_full { "full" } else { "empty" };
        StartQueryOutput::builder().query_id(id).build()
    });
    let full = mock!(Client::get_query_results).then_compute_output(|request| {
        let row = vec![
            field("f_interface_id", "eni-nat"),
            field(HOUR, "1791849600"),
            field(RECORDS, "1"),
        ];
        let rows = if request.query_id() == Some("full") {
            ROWS
        } else {
            0
        };
        GetQueryResultsOutput::builder()
            .status(QueryStatus::Complete)
            .set_results(Some(vec![row; rows]))
            .build()
    });
    let client = mocked!(aws_sdk_cloudwatchlogs, MatchAny, [&start_full, &full]);
    let (fields, watch) = (Fields::parse(FIELDS).unwrap(), watch());
    let read = read_day(&client, "flow", &fields, &watch, day())
        .await
        .unwrap();
    assert_eq!(read.cut_ranges, 1);

    let running = mock!(Client::get_query_results).then_output(|| {
        GetQueryResultsOutput::builder()
            .status(QueryStatus::Running)
            .build()
    });
    let stop = mock!(Client::stop_query).then_output(|| StopQueryOutput::builder().build());
    let client = mocked!(aws_sdk_cloudwatchlogs, MatchAny, [&start, &running, &stop]);
    let error = read_day(&client, "flow", &fields, &watch, day())
        .await
        .unwrap_err();
    assert_eq!((error.code.as_str(), stop.num_calls()), ("Timeout", 1));
}
