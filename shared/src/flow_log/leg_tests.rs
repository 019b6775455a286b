use super::super::{Format, LineReader};
use super::*;

const FIELDS: &str = "version interface-id srcaddr dstaddr bytes start pkt-srcaddr pkt-dstaddr action log-status \
                      pkt-src-aws-service pkt-dst-aws-service";

/// What `line` is, or why it is nothing.
fn read(format: &str, line: &str, check: impl FnOnce(Result<NatSide<'_>, LineError>)) {
    let format = Format::parse(format).unwrap();
    let mut lines = LineReader::new(Some(&format));
    check(lines.read(line.as_bytes()).unwrap().unwrap().nat_side());
}

fn assert_side(line: &str, expected: NatSide<'_>) {
    // 10.0.1.5 instance, 10.0.0.9 NAT, 52.216.0.1 S3.
    read(FIELDS, line, |side| {
        assert_eq!(side, Ok(expected), "{line}");
    });
}

fn to_s3(leg: Leg, source: &str, remote: &str) -> NatSide<'static> {
    NatSide::Counted(Flow {
        leg,
        source: source.parse().unwrap(),
        remote: remote.parse().unwrap(),
        remote_service: Some("S3"),
    })
}

#[test]
fn only_the_two_inner_legs_are_counted_and_name_both_ends() {
    assert_side(
        "5 eni-n 10.0.1.5 10.0.0.9 700 1 10.0.1.5 52.216.0.1 ACCEPT OK - S3",
        to_s3(Leg::A, "10.0.1.5", "52.216.0.1"),
    );
    assert_side(
        "5 eni-n 10.0.0.9 10.0.1.5 900 1 52.216.0.1 10.0.1.5 ACCEPT OK S3 -",
        to_s3(Leg::D, "10.0.1.5", "52.216.0.1"),
    );
    assert_side(
        "5 eni-n 10.0.0.9 52.216.0.1 700 1 10.0.0.9 52.216.0.1 ACCEPT OK - S3",
        NatSide::Outer,
    );
    assert_side(
        "5 eni-n 52.216.0.1 10.0.0.9 900 1 52.216.0.1 10.0.0.9 ACCEPT OK S3 -",
        NatSide::Outer,
    );
}

#[test]
fn what_cannot_be_counted_says_why() {
    assert_side(
        "5 eni-n 10.0.1.5 10.0.0.9 700 1 - - ACCEPT OK - -",
        NatSide::NoPacketAddresses,
    );
    assert_side(
        "5 eni-n 10.0.1.5 10.0.0.9 7 1 10.0.1.5 52.216.0.1 REJECT OK - -",
        NatSide::Rejected,
    );
    assert_side("5 eni-n - - - 1 - - - NODATA - -", NatSide::NoData);
    assert_side("5 eni-n - - - 1 - - - SKIPDATA - -", NatSide::SkipData);
}

/// `src dst pkt-src pkt-dst` at a regional gateway, S3 at the far end.
fn assert_regional(ends: &str, expected: NatSide<'_>) {
    let format = "interface-id resource-id bytes start srcaddr dstaddr pkt-srcaddr pkt-dstaddr pkt-src-aws-service \
                  pkt-dst-aws-service";
    let line = format!("- nat-0a1b2c3d 700 1 {ends} S3 S3");
    read(format, &line, |side| {
        assert_eq!(side, Ok(expected), "{ends}");
    });
}

#[test]
fn at_a_regional_gateway_the_inner_legs_are_those_with_one_private_end() {
    // 10.0.1.5 instance, 54.1.2.3 the gateway's Elastic IP, 52.216.0.1 S3.
    let upload = to_s3(Leg::A, "10.0.1.5", "52.216.0.1");
    let download = to_s3(Leg::D, "10.0.1.5", "52.216.0.1");
    for (ends, expected) in [
        ("10.0.1.5 52.216.0.1 10.0.1.5 52.216.0.1", upload),
        ("10.0.1.5 52.216.0.1 - -", upload),
        ("52.216.0.1 10.0.1.5 52.216.0.1 10.0.1.5", download),
        ("54.1.2.3 10.0.1.5 52.216.0.1 10.0.1.5", download),
        ("54.1.2.3 52.216.0.1 54.1.2.3 52.216.0.1", NatSide::Outer),
        ("54.1.2.3 52.216.0.1 10.0.1.5 52.216.0.1", NatSide::Outer),
        ("52.216.0.1 54.1.2.3 52.216.0.1 54.1.2.3", NatSide::Outer),
        ("10.0.1.5 10.0.2.7 10.0.1.5 10.0.2.7", NatSide::Outer),
        ("- - - -", NatSide::NoPacketAddresses),
    ] {
        assert_regional(ends, expected);
    }
}

#[test]
fn a_nat64_address_is_the_remote_whatever_the_instance_has() {
    let (source, remote) = ("2600:1f18::5", "64:ff9b::34d8:1");
    assert_regional(
        &format!("{source} {remote} {source} {remote}"),
        to_s3(Leg::A, source, remote),
    );
    assert_regional(
        &format!("{remote} {source} {remote} {source}"),
        to_s3(Leg::D, source, remote),
    );
}

#[test]
fn an_address_counts_as_itself_however_it_is_spelt() {
    // The packet's destination is the leg's own: an outer leg, not an upload.
    assert_side(
        "5 eni-n 2600::1 2600::0:5 7 1 2600::1 2600::5 ACCEPT OK - S3",
        NatSide::Outer,
    );
}

#[test]
fn what_matters_to_the_answer_must_be_what_it_should_be() {
    for (line, expected) in [
        (
            "5 eni-n 10.0.1.5 10.0.0.9 7 1 10.0.1.5 52.216.0 ACCEPT OK - S3",
            "column 8 is not an IP address",
        ),
        (
            "5 eni-n 10.0.1.5 10.0.0.9 7 1 10.0.1.5 52.216.0.1 DROP OK - S3",
            "column 9 is not ACCEPT or REJECT",
        ),
        (
            "5 eni-n 10.0.1.5 10.0.0.9 7 1 10.0.1.5 52.216.0.1 ACCEPT YES - S3",
            "column 10 is not OK, NODATA or SKIPDATA",
        ),
    ] {
        read(FIELDS, line, |side| {
            assert_eq!(
                side.unwrap_err().to_string(),
                format!("flow-log {expected}")
            );
        });
    }
}

#[test]
fn an_instances_own_interface_shows_its_public_traffic_even_in_version_2() {
    let side = |line: &str, expected: NatSide<'_>| {
        let format = "interface-id srcaddr dstaddr bytes start action log-status";
        let format = Format::parse(format).unwrap();
        let mut lines = LineReader::new(Some(&format));
        let record = lines.read(line.as_bytes()).unwrap().unwrap();
        assert_eq!(record.instance_side(), Ok(expected), "{line}");
    };
    let flow = |leg| {
        NatSide::Counted(Flow {
            leg,
            source: "10.0.1.5".parse().unwrap(),
            remote: "52.216.0.1".parse().unwrap(),
            remote_service: None,
        })
    };
    side("eni-web 10.0.1.5 52.216.0.1 7 1 ACCEPT OK", flow(Leg::A));
    side("eni-web 52.216.0.1 10.0.1.5 7 1 ACCEPT OK", flow(Leg::D));
    side("eni-web 10.0.1.5 10.0.2.9 7 1 ACCEPT OK", NatSide::Outer);
    side(
        "eni-web 10.0.1.5 52.216.0.1 7 1 REJECT OK",
        NatSide::Rejected,
    );
    side("eni-web - - - 1 - SKIPDATA", NatSide::SkipData);
}

/// What `line` is at an interface of a VPC whose range is 10.0.0.0/16, or of the shared range 100.64.0.0/10.
fn at_interface(line: &str, check: impl FnOnce(Result<NatSide<'_>, LineError>)) {
    let format = Format::parse(FIELDS).unwrap();
    let mut lines = LineReader::new(Some(&format));
    let record = lines.read(line.as_bytes()).unwrap().unwrap();
    check(record.interface_side(|address| address.to_string().starts_with("10.0.")));
}

#[test]
fn an_interface_of_a_known_vpc_shows_its_secondary_addresses_and_no_gateways_legs() {
    let expect = |line: &str, expected| at_interface(line, |side| assert_eq!(side, Ok(expected)));
    // 10.0.1.5 is the interface's first address, 10.0.1.77 another of its own.
    expect(
        "5 eni-w 10.0.1.5 52.216.0.1 700 1 10.0.1.77 52.216.0.1 ACCEPT OK - S3",
        to_s3(Leg::A, "10.0.1.77", "52.216.0.1"),
    );
    expect(
        "5 eni-w 52.216.0.1 10.0.1.5 900 1 52.216.0.1 10.0.1.77 ACCEPT OK S3 -",
        to_s3(Leg::D, "10.0.1.77", "52.216.0.1"),
    );
    for same_again in [
        "5 eni-n 10.0.1.5 10.0.0.9 700 1 10.0.1.5 52.216.0.1 ACCEPT OK - S3",
        "5 eni-n 10.0.0.9 10.0.1.5 900 1 52.216.0.1 10.0.1.5 ACCEPT OK S3 -",
        "5 eni-w 10.0.1.5 10.0.2.5 700 1 10.0.1.5 10.0.2.5 ACCEPT OK - -",
        "5 eni-w 10.0.1.5 192.168.7.7 700 1 10.0.1.5 192.168.7.7 ACCEPT OK - -",
    ] {
        expect(same_again, NatSide::Outer);
    }
    expect(
        "5 eni-w 10.0.1.5 52.216.0.1 7 1 - - REJECT OK - -",
        NatSide::Rejected,
    );
}
