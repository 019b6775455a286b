//! Flow-log files over HTTP whose bodies break off: they are read on from there, and nothing counts twice.
//!
//! The memory of a whole night on 2 GB is measured in `make bench BENCH=detector`.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of these tests panic as the tests do"
)]

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{Response, StatusCode, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use nat_cost_detector::adapters::flow_logs::{Read, Scope, read_day};
use nat_cost_detector::explain::traffic::{Side, Watch};
use tollkeeper::time::Day;

const HEADER: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end \
                      action log-status vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id \
                      sublocation-type sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path";
const NATS: u64 = 50;
/// Sources behind each of them.
const SOURCES: u64 = 40;

/// A bucket that lists one file many times over.
#[derive(Clone)]
struct Bucket {
    file: PathBuf,
    copies: usize,
    /// Every second body is cut after this many bytes.
    cut_after: Option<u64>,
    requests: Arc<AtomicUsize>,
}

async fn answer(
    State(bucket): State<Bucket>,
    Query(query): Query<BTreeMap<String, String>>,
    request: Request,
) -> Response<Body> {
    let size = std::fs::metadata(&bucket.file).unwrap().len();
    if query.contains_key("list-type") {
        let plain = query["prefix"] == "AWSLogs/1/vpcflowlogs/us-east-1/2026/10/13/";
        let keys = if plain { bucket.copies } else { 0 };
        let mut objects = String::new();
        for number in 0..keys {
            objects += "<Contents><Key>";
            objects += &number.to_string();
            objects += "_20261013T1205Z_x.log.gz</Key><Size>";
            objects += &size.to_string();
            objects += "</Size></Contents>";
        }
        let list = format!(
            "<ListBucketResult><IsTruncated>false</IsTruncated>{objects}</ListBucketResult>"
        );
        return Response::new(list.into());
    }
    let from: u64 = request.headers().get(header::RANGE).map_or(0, |range| {
        let range = range.to_str().unwrap().strip_prefix("bytes=").unwrap();
        range.split('-').next().unwrap().parse().unwrap()
    });
    let number = bucket.requests.fetch_add(1, Ordering::Relaxed);
    let cut = bucket.cut_after.filter(|_| number.is_multiple_of(2));
    let mut file = std::fs::File::open(&bucket.file).unwrap();
    file.seek(SeekFrom::Start(from)).unwrap();
    let pieces = futures::stream::unfold((file, 0_u64), move |(mut file, sent)| async move {
        if cut.is_some_and(|cut| sent >= cut) {
            let broken = std::io::Error::other("cut");
            return Some((Err(broken), (file, 0)));
        }
        let mut piece = vec![0; 64 << 10];
        let length = file.read(&mut piece).unwrap();
        piece.truncate(length);
        (length > 0).then(|| (Ok(piece), (file, sent + length as u64)))
    });
    Response::builder()
        .status(if from > 0 {
            StatusCode::PARTIAL_CONTENT
        } else {
            StatusCode::OK
        })
        .header(header::ETAG, "\"one\"")
        .header(header::CONTENT_LENGTH, size - from)
        .body(Body::from_stream(pieces))
        .unwrap()
}

async fn serve(bucket: Bucket) -> Client {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().fallback(answer).with_state(bucket);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{address}"))
        .force_path_style(true)
        .allow_no_auth();
    Client::from_conf(config.build())
}

/// A file of about so many bytes, gzip: uploads and downloads, both legs of each.
fn write(path: &Path, bytes: u64, day: Day) -> u64 {
    let mut file = GzEncoder::new(std::fs::File::create(path).unwrap(), Compression::fast());
    writeln!(file, "{HEADER}").unwrap();
    let (mut random, mut lines) = (7_u64, 0);
    while file.get_ref().metadata().unwrap().len() < bytes {
        for _ in 0..1_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let roll = random >> 20;
            let (nat, source) = (roll % NATS, (roll >> 8) % SOURCES);
            let (start, size) = (
                day.start().as_second() + i64::try_from(roll % 86_000).unwrap(),
                roll % 1_000_000,
            );
            let (own, far) = (
                format!("10.{nat}.1.{source}"),
                format!("52.216.{}.{}", roll % 251, (roll >> 9) % 251),
            );
            writeln!(
                file,
                "5 123456789012 eni-nat-{nat} {own} 10.{nat}.0.9 {} 443 6 {} {size} {start} {} ACCEPT OK \
                 vpc-0f1e2d3c4b5a69788 subnet-0a9b8c7d6e5f4{nat:04x} - 19 IPv4 {own} {far} us-east-1 use1-az1 - - - S3 ingress -",
                1_024 + roll % 60_000,
                size / 1_000,
                start + 59
            )
            .unwrap();
            lines += 1;
        }
    }
    file.finish().unwrap();
    lines
}

async fn read(bucket: Bucket, day: Day) -> Read {
    let client = serve(bucket).await;
    let location = "s3://bucket".parse().unwrap();
    let scope = Scope {
        location: &location,
        account: "1",
        region: "us-east-1",
        watch: Arc::new(Watch {
            nats: (0..NATS).map(|nat| format!("eni-nat-{nat}")).collect(),
            side: Side::Gateways,
            ranges: None,
        }),
    };
    read_day(&client, &scope, day).await.unwrap()
}

fn bucket(name: &str, copies: usize, cut_after: Option<u64>) -> Bucket {
    Bucket {
        file: std::env::temp_dir().join(format!("tollkeeper-{name}-{}.log.gz", std::process::id())),
        copies,
        cut_after,
        requests: Arc::default(),
    }
}

fn day() -> Day {
    "2026-10-13".parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_is_read_on_from_there() {
    let whole = bucket("whole", 2, None);
    let lines = write(&whole.file, 1 << 20, day());
    let cut = Bucket {
        cut_after: Some(300_000),
        ..whole.clone()
    };
    let requests = Arc::clone(&cut.requests);
    let (expected, found) = (read(whole.clone(), day()).await, read(cut, day()).await);
    std::fs::remove_file(&whole.file).unwrap();
    let flows: u64 = found
        .traffic
        .hours
        .values()
        .flat_map(|hour| hour.cells.values())
        .map(|sums| sums.flows)
        .sum();
    assert_eq!(flows, 2 * lines);
    assert_eq!((found.unread_files, &found), (0, &expected));
    assert!(requests.load(Ordering::Relaxed) > 4);
}
