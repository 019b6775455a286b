use super::*;
use crate::flow_log::LineReader;

#[test]
fn a_format_names_its_columns_in_any_order() {
    let format = Format::parse("bytes vpc-id interface-id start pkt-srcaddr").unwrap();
    let mut lines = LineReader::new(Some(&format));
    let line = b"1500 vpc-1 eni-9 1791900000 10.0.1.5";
    let record = lines.read(line).unwrap().unwrap();
    assert_eq!(
        (record.bytes(), record.interface_id(), record.start()),
        (Ok(1500), "eni-9", Ok(1_791_900_000))
    );
    assert_eq!(record.word(Field::PktSrcAddr), Some(&b"10.0.1.5"[..]));
}

#[test]
fn the_console_spelling_and_commas_or_tabs_are_understood() {
    let plain = Format::parse("interface-id bytes start");
    assert_eq!(Format::parse("${interface-id} ${bytes} ${start}"), plain);
    assert_eq!(Format::parse("interface-id,bytes,\tstart"), plain);
    assert_eq!(
        Format::header(b"${interface-id} ${bytes} ${start}\r"),
        plain
    );
}

#[test]
fn the_fields_of_all_versions_are_known() {
    let all = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end \
               action log-status vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id \
               sublocation-type sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path \
               ecs-cluster-arn ecs-cluster-name ecs-container-instance-arn ecs-container-instance-id \
               ecs-container-id ecs-second-container-id ecs-service-name ecs-task-definition-arn ecs-task-arn \
               ecs-task-id reject-reason resource-id encryption-status instance-tag instance-tag-2 interface-tag \
               interface-tag-2 asg-tag asg-tag-2 interface-type next-hop-interface-id next-hop-subnet-id \
               next-hop-az-id next-hop-vpc-id next-hop-interface-type";
    let format = Format::parse(all).unwrap();
    assert_eq!(format.columns(), 54);
    assert!(!format.at.contains(&ABSENT));
}

#[test]
fn what_a_person_wrote_wrong_is_named() {
    let error = |text| Format::parse(text).unwrap_err().to_string();
    assert_eq!(
        error("interface-id bytes start colour"),
        "`colour` is not a flow-log field"
    );
    assert_eq!(
        error("interface-id start"),
        "flow-log format lacks the field `bytes`"
    );
    assert_eq!(
        error("interface-id bytes start bytes"),
        "flow-log format names the field `bytes` twice"
    );
    assert_eq!(
        error(&"interface-id ".repeat(MAX_COLUMNS + 1)),
        "flow-log format has more than 96 fields"
    );
}

#[test]
fn a_header_may_name_fields_of_versions_to_come() {
    let format = Format::header(b"interface-id colour-2 bytes start").unwrap();
    assert_eq!(format.unknown_fields(), ["colour-2"]);
    let mut lines = LineReader::new(Some(&format));
    let record = lines.read(b"eni-1 red 5 1").unwrap().unwrap();
    assert_eq!(record.bytes(), Ok(5));
    assert!(Format::header(b"interface-id Colour! bytes start").is_err());
    assert!(Format::header(b"interface-id bytes").is_err());
}

#[test]
fn a_line_fits_a_format_if_all_that_counts_can_be_read() {
    let format = Format::parse("srcaddr interface-id bytes start").unwrap();
    assert!(format.fits(b"10.0.1.5 eni-1 700 1791900000"));
    assert!(format.fits(b"- eni-1 - 1791900000"));
    assert!(!format.fits(b"four words like these"));
    assert!(!format.fits(b"10.0.1.5 eni-1 700"));
}

#[test]
fn a_header_is_told_from_a_record_and_from_prose() {
    assert!(Format::is_header("version account-id interface-id"));
    assert!(Format::is_header("${interface-id},${bytes},${start}"));
    for line in [
        "2 123456789012 eni-1 - - - - - - - 1 2 - NODATA",
        // The first column of a format may hold any word, even a field's name.
        "bytes eni-1 700 1791900000",
        "the start of the day",
        "Version account-id",
        "",
    ] {
        assert!(!Format::is_header(line), "{line}");
    }
}
