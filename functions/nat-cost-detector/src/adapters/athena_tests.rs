use super::*;
use crate::adapters::mocked;
use crate::explain::sums::tests::{FIELDS, lines, of_lines, rows, watch};
use aws_sdk_athena::operation::get_query_execution::GetQueryExecutionOutput;
use aws_sdk_athena::operation::get_query_results::GetQueryResultsOutput;
use aws_sdk_athena::operation::start_query_execution::StartQueryExecutionOutput;
use aws_sdk_athena::types::{
    Datum, QueryExecution, QueryExecutionStatistics, QueryExecutionStatus, ResultSet,
};
use aws_smithy_mocks::mock;

fn day() -> Day {
    "2026-10-13".parse().unwrap()
}

fn table(partitions: Partitions) -> AthenaTable {
    AthenaTable {
        database: "logs".to_owned(),
        table: "vpc_flow_logs".to_owned(),
        workgroup: "primary".to_owned(),
        output: Some("s3://results/athena".parse().unwrap()),
        partitions,
        fields: Fields::parse(FIELDS).unwrap(),
    }
}

#[test]
fn the_query_scans_the_partitions_of_the_day_and_of_late_files_alone() {
    assert_eq!(
        query(&table(Partitions::Day), &watch(), day()),
        "SELECT interface_id, resource_id, srcaddr, dstaddr, pkt_srcaddr, pkt_dstaddr, pkt_src_aws_service, \
         pkt_dst_aws_service, action, log_status, \"start\" / 3600 * 3600 AS hour, sum(bytes) AS sum_bytes, sum(packets) \
         AS sum_packets, count(*) AS records\n\
         FROM \"logs\".\"vpc_flow_logs\"\n\
         WHERE \"day\" IN ('2026/10/13', '2026/10/14')\n  \
         AND \"start\" >= 1791849600 AND \"start\" < 1791936000\n  \
         AND (interface_id IN ('eni-nat') OR resource_id IN ('nat-regional'))\n  \
         AND (log_status IS NULL OR log_status <> 'NODATA')\n  \
         AND (action IS NULL OR action <> 'REJECT')\n  \
         AND (srcaddr IS DISTINCT FROM pkt_srcaddr OR dstaddr IS DISTINCT FROM pkt_dstaddr OR log_status = 'SKIPDATA' OR \
         interface_id IS NULL OR interface_id = '-')\n\
         GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11"
    );
    let of = |kind| partitions(kind, day());
    assert_eq!(
        of(Partitions::Date),
        "\"date\" IN (DATE '2026-10-13', DATE '2026-10-14')"
    );
    assert!(
        of(Partitions::YearMonthDay)
            .starts_with("((\"year\" = '2026' AND \"month\" = '10' AND \"day\" = '13') OR ")
    );
    assert_eq!(of(Partitions::None), "");
}

fn row(values: Vec<Option<String>>) -> Row {
    let datum = |value: Option<String>| Datum::builder().set_var_char_value(value).build();
    Row::builder()
        .set_data(Some(values.into_iter().map(datum).collect()))
        .build()
}

fn execution(state: QueryExecutionState, reason: Option<&str>) -> GetQueryExecutionOutput {
    let status = QueryExecutionStatus::builder()
        .state(state)
        .set_state_change_reason(reason.map(str::to_owned));
    let statistics = QueryExecutionStatistics::builder().data_scanned_in_bytes(1 << 30);
    let execution = QueryExecution::builder()
        .status(status.build())
        .statistics(statistics.build());
    GetQueryExecutionOutput::builder()
        .query_execution(execution.build())
        .build()
}

fn started() -> aws_smithy_mocks::Rule {
    mock!(Client::start_query_execution)
        .match_requests(|request| {
            let output = request
                .result_configuration()
                .and_then(|to| to.output_location());
            request.work_group() == Some("primary") && output == Some("s3://results/athena/")
        })
        .then_output(|| {
            StartQueryExecutionOutput::builder()
                .query_execution_id("q")
                .build()
        })
}

#[tokio::test(start_paused = true)]
async fn athena_gives_the_sums_of_the_records_from_all_pages() {
    let table = table(Partitions::Day);
    let mut answer = rows(
        &table.fields,
        &lines(day()),
        &["eni-nat", "nat-regional"],
        day(),
    );
    // The partitions hold late records of other days, the query's own terms leave them out; the first row has names.
    let names = answer[0]
        .iter()
        .map(|(name, _)| Some(name.clone()))
        .collect();
    let values =
        |row: Vec<(String, Option<String>)>| row.into_iter().map(|(_, value)| value).collect();
    let rest = answer.split_off(answer.len() / 2);
    let page = move |rows: Vec<Row>, next: Option<&str>| {
        GetQueryResultsOutput::builder()
            .result_set(ResultSet::builder().set_rows(Some(rows)).build())
            .set_next_token(next.map(str::to_owned))
            .build()
    };
    let mut first: Vec<Row> = vec![row(names)];
    first.extend(answer.into_iter().map(|sum| row(values(sum))));
    let second: Vec<Row> = rest.into_iter().map(|sum| row(values(sum))).collect();
    let start = started();
    let runs = mock!(Client::get_query_execution)
        .sequence()
        .output(|| execution(QueryExecutionState::Queued, None))
        .output(|| execution(QueryExecutionState::Running, None))
        .output(|| execution(QueryExecutionState::Succeeded, None))
        .build();
    let first = mock!(Client::get_query_results)
        .match_requests(|request| request.next_token().is_none())
        .then_output(move || page(first.clone(), Some("more")));
    let second = mock!(Client::get_query_results)
        .match_requests(|request| request.next_token() == Some("more"))
        .then_output(move || page(second.clone(), None));
    let client = mocked!(aws_sdk_athena, MatchAny, [&start, &runs, &first, &second]);
    let read = read_day(&client, &table, &watch(), day()).await.unwrap();
    let plain = of_lines(FIELDS, &lines(day()), &watch(), day());
    assert_eq!(read.traffic.hours, plain.hours);
    assert_eq!((read.scanned_bytes, read.traffic.bad_lines), (1 << 30, 0));
}

#[tokio::test(start_paused = true)]
async fn a_query_that_fails_says_what_athena_says() {
    let start = started();
    let failed = mock!(Client::get_query_execution).then_output(|| {
        execution(
            QueryExecutionState::Failed,
            Some("COLUMN_NOT_FOUND: line 4: Column 'day' cannot be resolved"),
        )
    });
    let client = mocked!(aws_sdk_athena, MatchAny, [&start, &failed]);
    let error = read_day(&client, &table(Partitions::Day), &watch(), day())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "athena:GetQueryExecution failed (FAILED): COLUMN_NOT_FOUND: line 4: Column 'day' cannot be resolved"
    );
}
