//! What mutation starts from: the sample events, and small texts of every kind.

use std::io::{Read, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Texts of logs, with what makes readers, redaction and fingerprints work.
const TEXTS: [&str; 14] = [
    r#"{"level":"error","service":"pay","timestamp":"2026-10-13T15:00:00Z","message":"card 4111 1111 1111 1111 declined"}"#,
    r#"{"log":{"level":"critical"},"service":{"name":"pay"},"ts":1791903600.25}{"severity":30,"app":"cart","time":1791903600123}"#,
    r#"{"msg":"login","body":"{\"password\":\"hunter2 \\\" x\",\"token\":[\"a\",{\"b\":1}]}","status":502}"#,
    "2 123456789012 eni-0a1b2c3d 10.0.1.5 10.0.0.9 1 443 6 3 700 1791900000 1791900060 ACCEPT OK",
    "version account-id interface-id srcaddr dstaddr bytes packets start action log-status pkt-srcaddr pkt-dstaddr pkt-dst-aws-service\n\
     5 1234 eni-1 10.0.1.5 10.0.0.9 700 3 1791900000 ACCEPT OK 10.0.1.5 52.216.0.1 S3\n\
     5 1234 eni-1 - - - - 1791900000 - NODATA - - -",
    "${interface-id} ${bytes} ${start},${flow-direction}\neni-1 18446744073709551615 -1 egress",
    "level=error msg=\"login failed\" email=ann.lee@example.com token=abc123 pwd='x' --secret y AKIAIOSFODNN7EXAMPLE",
    "dial postgres://app:s3cr3t@db.internal:5432/shop: i/o timeout after 1m30.5s at [2001:db8::17]:443",
    "Authorization: Digest username=\"ann\", response=\"6629fae4\"\nCookie: sid=12; theme=dark\nBasic dXNlcjpwYXNz",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
    "Traceback (most recent call last):\n  File \"/app/pay.py\", line 77, in charge\nKeyError: 'amount'",
    "java.lang.IllegalStateException: Order 81723 is locked\n\tat com.acme.Orders.lock(Orders.java:112)",
    "thread 'main' panicked at src/main.rs:3:5:\nGET /a/550e8400-e29b-41d4-a716-446655440000?x=1 HTTP/1.1\" 503 [13/Oct/2026:15:00:01 +0000]",
    "\u{1b}[31mwörter 世界 \u{202e}…\u{1b}[0m eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln 日本@例え.jp",
];

pub(crate) const TEXT_TOKENS: [&[u8]; 34] = [
    b"\"",
    b"\\\"",
    b"\\",
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"=",
    b"\n",
    b"\\n",
    b" ",
    b"\0",
    b"@",
    b"%40",
    b"://",
    b"password=",
    b"\"token\":",
    b"[redacted:token]",
    b"-----BEGIN ",
    b"PRIVATE KEY-----",
    b"-----END ",
    b"Bearer ",
    b"cookie: ",
    b"eyJ",
    b"AKIA",
    b"1e999",
    b"null",
    "…".as_bytes(),
    "ß".as_bytes(),
    b"\xff",
    b"at ",
    b"File \"",
];

pub(crate) const EVENT_TOKENS: [&[u8]; 16] = [
    b"\"offset\":",
    b"\"value\":",
    b"\"records\":",
    b"\"eventSource\":",
    b"\"timestamp\":-1",
    b"null",
    b"[]",
    b"{}",
    b"\"\"",
    b"-1",
    b"9223372036854775808",
    b"\"aws:kafka\"",
    b"\"a-0\":",
    b",",
    b"\\u0041",
    b"\"headers\":[{\"h\":[-1]}]",
];

pub(crate) const BINARY_TOKENS: [&[u8]; 10] = [
    &[0x1f, 0x8b, 0x08],
    &[0x28, 0xb5, 0x2f, 0xfd],
    &[0x50, 0x2a, 0x4d, 0x18],
    &[0x04, 0x22, 0x4d, 0x18],
    b"\xff\x06\0\0sNaPpY",
    b"\x82SNAPPY\0",
    &[0, 0, 0, 0],
    &[0xff, 0xff, 0xff, 0xff],
    &[0x60, 0x40, 0x82],
    &[0x01],
];

/// The sample events and what a person would make up besides.
pub(crate) fn events() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/kafka-consumer");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

/// The texts, and the values of the sample events.
pub(crate) fn texts() -> Vec<Vec<u8>> {
    let mut texts: Vec<Vec<u8>> = TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect();
    for event in events() {
        let event: Value = serde_json::from_slice(&event).unwrap();
        let partitions = event["records"].as_object().into_iter().flatten();
        let records = partitions.flat_map(|(_, records)| records.as_array().into_iter().flatten());
        texts.extend(records.filter_map(|record| STANDARD.decode(record["value"].as_str()?).ok()));
    }
    assert!(
        texts.len() > TEXTS.len() + 5,
        "the sample events have values"
    );
    texts
}

/// Texts in every compression.
pub(crate) fn compressed() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for text in [texts().concat(), b"x".to_vec(), vec![0; 300_000]] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        all.push(gzip.finish().unwrap());
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(&text).unwrap();
        all.push(lz4.finish().unwrap());
        let mut snappy = Vec::new();
        snap::read::FrameEncoder::new(text.as_slice())
            .read_to_end(&mut snappy)
            .unwrap();
        all.push(snappy);
        let block = snap::raw::Encoder::new().compress_vec(&text).unwrap();
        let length = u32::try_from(block.len()).unwrap().to_be_bytes();
        all.push(
            [
                b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".as_slice(),
                &length,
                &block,
            ]
            .concat(),
        );
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        all.push(ruzstd::encoding::compress_to_vec(text.as_slice(), level));
    }
    all
}
