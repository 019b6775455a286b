//! Traffic from sums that a query made: CloudWatch Logs Insights' or Athena's.
//!
//! A query adds up bytes by hour and by the fields that decide what a record counts as; nothing is judged there. Each
//! sum is read here as the one line it stands for, by the reader of all lines, so that labels and legs agree with the
//! other sources. Refuses to know who made the sums.

use std::fmt::Write as _;

use tollkeeper::flow_log::{Format, FormatError, LineReader};
use tollkeeper::time::Day;

use crate::explain::traffic::{DayTally, DayTraffic, Watch};

/// What sums are grouped by, as flow logs name it.
const GROUPED: [&str; 10] = [
    "interface-id",
    "resource-id",
    "srcaddr",
    "dstaddr",
    "pkt-srcaddr",
    "pkt-dstaddr",
    "pkt-src-aws-service",
    "pkt-dst-aws-service",
    "action",
    "log-status",
];
/// What is added up or counted beside them: the names that a query gives.
pub const HOUR: &str = "hour";
/// See [`HOUR`].
pub const BYTES: &str = "sum_bytes";
/// See [`HOUR`].
pub const PACKETS: &str = "sum_packets";
/// See [`HOUR`].
pub const RECORDS: &str = "records";

/// The fields of a log, in order, that its format names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields(Vec<String>);

impl Fields {
    /// From a format as AWS or a person writes it, with or without `${…}`.
    pub fn parse(format: &str) -> Result<Self, FormatError> {
        Format::parse(format)?;
        let plain = |word: &str| {
            word.strip_prefix("${")
                .and_then(|rest| rest.strip_suffix('}'))
                .unwrap_or(word)
                .to_owned()
        };
        let words = format.split(|part: char| part.is_ascii_whitespace() || part == ',');
        Ok(Self(
            words.filter(|word| !word.is_empty()).map(plain).collect(),
        ))
    }

    /// All of them, with underscores, as queries spell them.
    pub fn columns(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|name| name.replace('-', "_"))
    }

    /// Those that sums are grouped by, spelt so.
    pub fn grouped(&self) -> impl Iterator<Item = String> {
        GROUPED
            .iter()
            .filter(|name| self.has(name))
            .map(|name| name.replace('-', "_"))
    }

    /// Whether a field is among them.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|own| own == name)
    }
}

/// A sum without a figure it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotASum;

/// A day's traffic while sums are added up.
#[derive(Debug)]
pub struct SumTally<'w> {
    watch: &'w Watch,
    tally: DayTally,
    format: Format,
}

impl<'w> SumTally<'w> {
    /// Nothing added up yet.
    pub fn new(day: Day, watch: &'w Watch) -> Result<Self, FormatError> {
        let format = format!("{} bytes packets start", GROUPED.join(" "));
        Ok(Self {
            watch,
            tally: DayTally::new(day),
            format: Format::parse(&format)?,
        })
    }

    /// Adds a row, whose values are asked for by the names that queries give; an odd one counts as a bad line.
    pub fn add<'v>(&mut self, value: impl Fn(&str) -> Option<&'v str>) {
        if self.try_add(value).is_err() {
            self.tally.bad_line();
        }
    }

    fn try_add<'v>(&mut self, value: impl Fn(&str) -> Option<&'v str>) -> Result<(), NotASum> {
        let figure = |name| value(name).and_then(whole);
        let words = GROUPED.iter().map(|name| {
            value(&name.replace('-', "_"))
                .filter(|word| !word.is_empty())
                .unwrap_or("-")
        });
        let mut line: String = words.flat_map(|word| [word, " "]).collect();
        // Sums of records without figures (SKIPDATA) are absent.
        let (bytes, packets) = (figure(BYTES).unwrap_or(0), figure(PACKETS).unwrap_or(0));
        let hour = figure(HOUR).ok_or(NotASum)?;
        let records = figure(RECORDS).ok_or(NotASum)?;
        // Writing into a String cannot fail.
        let _ = write!(line, "{bytes} {packets} {hour}");
        let mut lines = LineReader::new(Some(&self.format));
        let record = lines
            .read(line.as_bytes())
            .ok_or(NotASum)?
            .map_err(|_| NotASum)?;
        if record.status() == Ok(tollkeeper::flow_log::LogStatus::SkipData) {
            // Each of them hides flows of its own.
            for _ in 0..records {
                self.tally.count(&record, self.watch);
            }
        } else {
            self.tally.count_sum(&record, records, self.watch);
        }
        Ok(())
    }

    /// What was added up.
    pub fn traffic(&self) -> DayTraffic {
        self.tally.traffic()
    }
}

/// A whole number as queries spell it: Insights writes large ones as `1.7918496E9`, exact up to 2^53.
fn whole(text: &str) -> Option<u64> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let number: f64 = text.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a finite number from 0 on; beyond 2^64 it stays at the maximum"
    )]
    (number.is_finite() && number >= 0.0).then(|| number.round() as u64)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::explain::traffic::Side;

    pub(crate) const FIELDS: &str = "interface-id resource-id srcaddr dstaddr bytes packets start action log-status \
                                     pkt-srcaddr pkt-dstaddr pkt-src-aws-service pkt-dst-aws-service";

    /// Lines of all kinds: of a zonal gateway, a regional one and an instance; uploads, downloads, outer legs,
    /// rejected traffic and skipped flows.
    pub(crate) fn lines(day: Day) -> Vec<String> {
        let line = |number: i64| {
            let (source, at) = (number % 7, day.start().as_second() + number * 9);
            match number % 6 {
                0 => format!(
                    "eni-nat - 10.0.1.{source} 10.0.0.9 {number} 3 {at} ACCEPT OK 10.0.1.{source} 3.5.0.1 - S3"
                ),
                1 => format!(
                    "eni-nat - 10.0.0.9 10.0.1.{source} {number} 3 {at} ACCEPT OK 3.5.0.1 10.0.1.{source} S3 -"
                ),
                2 => format!(
                    "eni-nat - 10.0.0.9 3.5.0.1 {number} 3 {at} ACCEPT OK 10.0.0.9 3.5.0.1 - S3"
                ),
                3 => format!(
                    "eni-web - 10.0.1.{source} 3.5.0.1 {number} 3 {at} ACCEPT OK 10.0.1.{source} 3.5.0.1 - S3"
                ),
                4 if number % 5 == 0 => format!("eni-nat - - - - - {at} - SKIPDATA - - - -"),
                4 => format!(
                    "eni-nat - 10.0.1.{source} 10.0.0.9 {number} 3 {at} REJECT OK 10.0.1.{source} 3.5.0.1 - -"
                ),
                _ => format!(
                    "- nat-regional 10.0.1.{source} 2600:1f18::1 {number} 3 {at} ACCEPT OK - - - EC2"
                ),
            }
        };
        (0..9_000).map(line).collect()
    }

    pub(crate) fn watch() -> Watch {
        Watch {
            nats: ["eni-nat", "nat-regional"].map(str::to_owned).into(),
            side: Side::Gateways,
            ranges: None,
        }
    }

    /// What a query over these lines answers: rows of name and value. Legs are told apart as the queries do it.
    pub(crate) fn rows(
        fields: &Fields,
        lines: &[String],
        nats: &[&str],
        day: Day,
    ) -> Vec<Vec<(String, Option<String>)>> {
        let mut sums: BTreeMap<(Vec<Option<String>>, i64), [u64; 3]> = BTreeMap::new();
        let names: Vec<String> = fields.columns().collect();
        for line in lines {
            let words: BTreeMap<&str, &str> = names
                .iter()
                .map(String::as_str)
                .zip(line.split(' '))
                .collect();
            let word = |name: &str| words.get(name).copied().filter(|word| *word != "-");
            let number = |name: &str| word(name).and_then(|word| word.parse::<u64>().ok());
            let start = i64::try_from(number("start").unwrap()).unwrap();
            let recorder = word("interface_id").or(word("resource_id"));
            let outer = word("interface_id").is_some()
                && word("srcaddr") == word("pkt_srcaddr")
                && word("dstaddr") == word("pkt_dstaddr")
                && word("log_status") != Some("SKIPDATA");
            if !nats.iter().any(|nat| Some(*nat) == recorder)
                || !(day.start().as_second()..day.end().as_second()).contains(&start)
                || word("log_status") == Some("NODATA")
                || word("action") == Some("REJECT")
                || outer
            {
                continue;
            }
            let group = fields
                .grouped()
                .map(|name| word(&name).map(str::to_owned))
                .collect();
            let sum = sums.entry((group, start / 3600 * 3600)).or_default();
            sum[0] += number("bytes").unwrap_or(0);
            sum[1] += number("packets").unwrap_or(0);
            sum[2] += 1;
        }
        let row = |((group, hour), sums): ((Vec<Option<String>>, i64), [u64; 3])| {
            let mut row: Vec<_> = fields.grouped().zip(group).collect();
            let figures = [
                (HOUR, hour.to_string()),
                (BYTES, sums[0].to_string()),
                (PACKETS, sums[1].to_string()),
                (RECORDS, sums[2].to_string()),
            ];
            row.extend(figures.map(|(name, value)| (name.to_owned(), Some(value))));
            row
        };
        sums.into_iter().map(row).collect()
    }

    /// The traffic of the lines themselves.
    pub(crate) fn of_lines(format: &str, lines: &[String], watch: &Watch, day: Day) -> DayTraffic {
        let format = Format::parse(format).unwrap();
        let mut reader = LineReader::new(Some(&format));
        let mut tally = DayTally::new(day);
        for line in lines {
            tally.count(&reader.read(line.as_bytes()).unwrap().unwrap(), watch);
        }
        tally.traffic()
    }

    #[test]
    fn numbers_are_read_however_a_query_spells_them() {
        assert_eq!(whole("1791849600"), Some(1_791_849_600));
        assert_eq!(whole("1.7918496E9"), Some(1_791_849_600));
        assert_eq!(whole("700.0"), Some(700));
        assert_eq!(whole("-1"), None);
        assert_eq!(whole("many"), None);
    }

    #[test]
    fn a_row_without_its_hour_is_a_bad_line() {
        let watch = watch();
        let mut tally = SumTally::new("2026-10-13".parse().unwrap(), &watch).unwrap();
        tally.add(|name| (name == "interface_id").then_some("eni-nat"));
        assert_eq!(tally.traffic().bad_lines, 1);
    }
}
