use super::*;
use crate::flow_log::LineReader;
use proptest::prelude::*;

fn lines(format: &Format) -> LineReader<'_> {
    LineReader::new(Some(format))
}

#[test]
fn the_documented_example_is_read() {
    let line = "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK";
    let mut lines = lines(Format::version_2());
    let record = lines.read(line.as_bytes()).unwrap().unwrap();
    assert_eq!(
        (record.account_id(), record.recorder()),
        ("123456789010", "eni-1235b8ca123456789")
    );
    assert_eq!((record.packets(), record.bytes()), (Ok(20), Ok(4249)));
    assert_eq!(record.start(), Ok(1_418_530_010));
    assert_eq!(
        (record.accepted(), record.status()),
        (Ok(true), Ok(LogStatus::Ok))
    );
}

#[test]
fn dashes_and_empty_columns_are_absent_values() {
    let mut default = lines(Format::version_2());
    let record = default
        .read(b"2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - SKIPDATA")
        .unwrap()
        .unwrap();
    assert_eq!(record.status(), Ok(LogStatus::SkipData));
    assert_eq!((record.bytes(), record.accepted()), (Ok(0), Ok(true)));
    let format = Format::parse("instance-tag interface-id bytes start").unwrap();
    let mut lines = lines(&format);
    let record = lines.read(b"x  700 1791900000\r").unwrap().unwrap();
    assert_eq!((record.recorder(), record.bytes()), ("", Ok(700)));
}

#[test]
fn a_column_that_is_not_asked_for_may_hold_anything_but_blanks() {
    let format = Format::parse("instance-tag interface-id bytes interface-tag start").unwrap();
    let line = b"team%3Dnet%20work eni-1 700 \xff\xfe|# 1791900000";
    let mut lines = lines(&format);
    assert_eq!(lines.read(line).unwrap().unwrap().bytes(), Ok(700));
}

#[test]
fn the_next_hop_names_the_gateway_in_an_instances_own_record() {
    let format = Format::parse("interface-id next-hop-interface-id bytes start").unwrap();
    let mut lines = lines(&format);
    let record = lines.read(b"eni-instance eni-nat 700 1").unwrap().unwrap();
    assert_eq!(record.next_hop_interface_id(), "eni-nat");
    assert_eq!(record.recorder(), "eni-instance");
}

#[test]
fn an_odd_line_is_an_error_that_names_the_column_not_the_value() {
    let format = Format::parse("interface-id bytes start pkt-dst-aws-service").unwrap();
    let mut lines = lines(&format);
    let bytes = lines.read(b"eni-1 many 1 S3").unwrap().unwrap().bytes();
    assert_eq!(
        bytes.unwrap_err().to_string(),
        "flow-log column 2 is not a number of bytes"
    );
    let record = lines.read(b"eni-1 5 1 S3|x").unwrap().unwrap();
    assert_eq!(
        record.pkt_dst_service().unwrap_err().to_string(),
        "flow-log column 4 is not the name of an AWS service"
    );
    for (line, found) in [("eni-1 5", 2), ("eni-1 5 1 S3 x", 5)] {
        assert_eq!(
            lines
                .read(line.as_bytes())
                .unwrap()
                .unwrap_err()
                .to_string(),
            format!("flow-log line has {found} columns, its format 4")
        );
    }
}

proptest! {
    #[test]
    fn no_line_makes_the_reader_panic(line in proptest::collection::vec(any::<u8>(), 0..400)) {
        let format = Format::parse("interface-id start bytes srcaddr").unwrap();
        for format in [&format, Format::version_2()] {
            if let Some(Ok(record)) = lines(format).read(&line) {
                let _ = (record.recorder(), record.start(), record.bytes(), record.nat_side());
            }
        }
    }

    #[test]
    fn field_order_does_not_change_what_is_read(order in Just((0..14usize).collect::<Vec<_>>()).prop_shuffle()) {
        let names: Vec<_> = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status".split(' ').collect();
        let values: Vec<_> = "2 123456789010 eni-1 10.0.0.1 10.0.0.2 20641 22 6 20 4249 1418530010 1418530070 REJECT OK".split(' ').collect();
        let shuffled = |words: &[&str]| order.iter().map(|&i| words[i]).collect::<Vec<_>>().join(" ");
        let format = Format::parse(&shuffled(&names)).unwrap();
        let (line, mut lines) = (shuffled(&values), lines(&format));
        let record = lines.read(line.as_bytes()).unwrap().unwrap();
        prop_assert_eq!((record.account_id(), record.recorder()), ("123456789010", "eni-1"));
        prop_assert_eq!((record.packets(), record.bytes(), record.start()), (Ok(20), Ok(4249), Ok(1_418_530_010)));
        prop_assert_eq!((record.accepted(), record.status()), (Ok(false), Ok(LogStatus::Ok)));
        prop_assert_eq!(record.word(Field::DstAddr), Some(&b"10.0.0.2"[..]));
    }
}

#[test]
fn ports_protocol_and_vpc_are_there_for_who_asks_and_sums_need_none_of_them() {
    let format = Format::parse("interface-id srcport dstport protocol bytes start vpc-id").unwrap();
    let mut lines = lines(&format);
    let record = lines.read(b"eni-1 40000 443 6 7 1 vpc-1").unwrap().unwrap();
    assert_eq!(record.remote_port(Leg::A), Ok(Some(443)));
    assert_eq!(record.remote_port(Leg::D), Ok(Some(40_000)));
    assert_eq!((record.protocol(), record.vpc_id()), (Ok(Some(6)), "vpc-1"));
    let record = lines.read(b"eni-1 - 70000 - 7 1 -").unwrap().unwrap();
    assert_eq!(record.remote_port(Leg::D), Ok(None));
    assert_eq!(
        record.remote_port(Leg::A).unwrap_err().to_string(),
        "flow-log column 3 is not a port"
    );
    assert_eq!((record.protocol(), record.vpc_id()), (Ok(None), ""));
    let on_request = ["srcport", "dstport", "protocol", "vpc-id"];
    assert!(on_request.iter().all(|name| !Format::reads(name)));
}
