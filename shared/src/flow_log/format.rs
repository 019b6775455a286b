//! Which field stands in which column.

use super::record::{LineError, Record};

/// The default format (version 2), in the order in which AWS writes it.
const DEFAULT: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes \
                       start end action log-status";

/// The columns that this crate reads; others are skipped by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Version,
    AccountId,
    InterfaceId,
    SrcAddr,
    DstAddr,
    SrcPort,
    DstPort,
    Protocol,
    Packets,
    Bytes,
    Start,
    End,
    Action,
    LogStatus,
    PktSrcAddr,
    PktDstAddr,
    PktSrcService,
    PktDstService,
    FlowDirection,
    /// A field of some version that nothing here needs.
    Skipped,
}

/// The order of a log's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    pub(super) columns: Vec<Field>,
}

/// A header or configured format that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A word that is no field of any version.
    #[error("`{0}` is not a flow-log field")]
    UnknownField(String),
    /// A field without which no line can be placed.
    #[error("flow-log format lacks the field `{0}`")]
    Lacks(&'static str),
}

impl Format {
    /// AWS's default format: version 2.
    pub fn version_2() -> Self {
        Self::parse(DEFAULT).unwrap_or(Self {
            columns: Vec::new(),
        })
    }

    /// Reads a header line, or a configured format with or without `${…}` around the names.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let columns = text
            .split([' ', '\t', ','])
            .filter(|word| !word.is_empty())
            .map(|word| {
                let name = word
                    .strip_prefix("${")
                    .and_then(|rest| rest.strip_suffix('}'))
                    .unwrap_or(word);
                field(name).ok_or_else(|| FormatError::UnknownField(name.to_owned()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        for (needed, name) in [
            (Field::InterfaceId, "interface-id"),
            (Field::Bytes, "bytes"),
            (Field::Start, "start"),
        ] {
            if !columns.contains(&needed) {
                return Err(FormatError::Lacks(name));
            }
        }
        Ok(Self { columns })
    }

    /// Whether a line is a header: its first word is the name of a field, and no value looks like one.
    pub fn is_header(line: &str) -> bool {
        line.split_ascii_whitespace()
            .next()
            .is_some_and(|word| field(word).is_some())
    }

    /// Reads one line of this format.
    pub fn read<'a>(&self, line: &'a str) -> Result<Record<'a>, LineError> {
        Record::read(self, line)
    }
}

fn field(name: &str) -> Option<Field> {
    Some(match name {
        "version" => Field::Version,
        "account-id" => Field::AccountId,
        "interface-id" => Field::InterfaceId,
        "srcaddr" => Field::SrcAddr,
        "dstaddr" => Field::DstAddr,
        "srcport" => Field::SrcPort,
        "dstport" => Field::DstPort,
        "protocol" => Field::Protocol,
        "packets" => Field::Packets,
        "bytes" => Field::Bytes,
        "start" => Field::Start,
        "end" => Field::End,
        "action" => Field::Action,
        "log-status" => Field::LogStatus,
        "pkt-srcaddr" => Field::PktSrcAddr,
        "pkt-dstaddr" => Field::PktDstAddr,
        "pkt-src-aws-service" => Field::PktSrcService,
        "pkt-dst-aws-service" => Field::PktDstService,
        "flow-direction" => Field::FlowDirection,
        "vpc-id" | "subnet-id" | "instance-id" | "tcp-flags" | "type" | "region" | "az-id"
        | "sublocation-type" | "sublocation-id" | "traffic-path" => Field::Skipped,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_names_its_columns_in_any_order() {
        let format = Format::parse("bytes vpc-id interface-id start pkt-srcaddr").unwrap();
        let record = format.read("1500 vpc-1 eni-9 1791900000 10.0.1.5").unwrap();
        assert_eq!(
            (record.bytes, record.interface_id, record.start),
            (1500, "eni-9", 1_791_900_000)
        );
        assert_eq!(record.pkt_src, Some("10.0.1.5".parse().unwrap()));
    }

    #[test]
    fn the_console_spelling_with_dollar_and_braces_is_understood() {
        assert_eq!(
            Format::parse("${interface-id} ${bytes} ${start}"),
            Format::parse("interface-id bytes start")
        );
    }

    #[test]
    fn an_unknown_or_missing_field_is_named() {
        assert_eq!(
            Format::parse("interface-id bytes start colour")
                .unwrap_err()
                .to_string(),
            "`colour` is not a flow-log field"
        );
        assert_eq!(
            Format::parse("interface-id start").unwrap_err().to_string(),
            "flow-log format lacks the field `bytes`"
        );
    }

    #[test]
    fn a_header_is_told_from_a_record() {
        assert!(Format::is_header("version account-id interface-id"));
        assert!(!Format::is_header(
            "2 123456789012 eni-1 - - - - - - - 1 2 - NODATA"
        ));
    }
}
