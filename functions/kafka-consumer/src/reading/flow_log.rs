//! Flow-log lines in a record's value: several, with or without a header line.

use tollkeeper::flow_log::{Format, FormatError, Record};
use tollkeeper::rollup::Counted;
use tollkeeper::time::Hour;

use super::{Entry, Rejected, Rules};

/// Columns of AWS's default format.
const VERSION_2_COLUMNS: usize = 14;

pub(super) fn read(text: &str, rules: &Rules, sink: &mut dyn FnMut(Entry<'_>)) -> Option<Rejected> {
    let version_2 = Format::version_2();
    // `None` after a header that could not be read: the lines below it have no known columns.
    let mut format = Some(rules.flow_log_format.clone());
    let mut rejected = Rejected::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if Format::is_header(line) {
            match Format::parse(line) {
                Ok(header) => format = Some(Some(header)),
                Err(reason) => {
                    rejected.add(number, header_reason(&reason), line);
                    format = None;
                }
            }
            continue;
        }
        let entry = match &format {
            Some(Some(format)) => format.read(line).map_err(|reason| reason.to_string()),
            Some(None) if columns(line) == VERSION_2_COLUMNS => {
                version_2.read(line).map_err(|reason| reason.to_string())
            }
            Some(None) => Err(format!(
                "{} columns without a header line or FLOW_LOG_FORMAT: neither a JSON object nor the default \
                 flow-log format of {VERSION_2_COLUMNS}",
                columns(line)
            )),
            None => Err("flow-log line below a header that could not be read".to_owned()),
        };
        match entry.and_then(|record| place(&record, rules)) {
            Ok(Some(entry)) => sink(entry),
            Ok(None) => {}
            Err(reason) => rejected.add(number, reason, line),
        }
    }
    rejected.done()
}

/// Without the word that is no field: in a line that only looks like a header it is payload.
fn header_reason(error: &FormatError) -> String {
    match error {
        FormatError::UnknownField(_) => "header line names an unknown field".to_owned(),
        FormatError::Lacks(_) => error.to_string(),
    }
}

/// Where a record counts, and as what; `None` where it counts nowhere on purpose.
fn place<'a>(record: &Record<'a>, rules: &Rules) -> Result<Option<Entry<'a>>, String> {
    let counted = Counted::of(record, rules.ranges.as_ref());
    if counted == Counted::Nothing {
        return Ok(None);
    }
    let hour = Hour::of_unix_seconds(record.start)
        .ok_or("flow-log line starts outside the calendar".to_owned())?;
    if record.interface_id.is_empty() {
        return Err("flow-log line names no interface (a regional NAT gateway's?)".to_owned());
    }
    let account = match record.account_id {
        "" => "unknown",
        account => account,
    };
    Ok(Some(Entry::Traffic {
        account,
        interface: record.interface_id,
        hour,
        counted,
    }))
}

fn columns(line: &str) -> usize {
    line.split_ascii_whitespace().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const V5: &str = "version account-id interface-id srcaddr dstaddr bytes packets start action log-status \
                      pkt-srcaddr pkt-dstaddr pkt-dst-aws-service";

    fn run(text: &str, format: Option<&str>) -> (Vec<String>, Option<String>) {
        let rules = Rules {
            flow_log_format: format.map(|format| Format::parse(format).unwrap()),
            ranges: None,
        };
        let mut seen = Vec::new();
        let rejected = read(text, &rules, &mut |entry| {
            if let Entry::Traffic {
                account,
                interface,
                hour,
                counted,
            } = entry
            {
                let what = match counted {
                    Counted::Cell(key, sums) => format!("{key} {}", sums.bytes),
                    other => format!("{other:?}"),
                };
                seen.push(format!("{account} {interface} {hour} {what}"));
            }
        });
        (seen, rejected.map(|rejected| rejected.reason))
    }

    #[test]
    fn a_header_line_in_the_value_sets_the_columns() {
        let text = format!(
            "{V5}\n5 1234 eni-1 10.0.1.5 10.0.0.9 700 3 1791900000 ACCEPT OK 10.0.1.5 52.216.0.1 S3\n\n\
             5 1234 eni-1 10.0.0.9 52.216.0.1 700 3 1791900000 ACCEPT OK 10.0.0.9 52.216.0.1 S3\n"
        );
        let expected = vec!["1234 eni-1 2026-10-13T14 A|10.0.1.5|S3| 700".to_owned()];
        assert_eq!(
            run(&text, None),
            (expected, None),
            "the outer leg counts nowhere"
        );
    }

    #[test]
    fn lines_without_a_header_are_read_in_the_configured_format() {
        let line = "5 - eni-1 10.0.1.5 10.0.0.9 700 3 1791900000 ACCEPT OK 10.0.1.5 52.216.0.1 S3";
        assert_eq!(
            run(line, Some(V5)).0,
            ["unknown eni-1 2026-10-13T14 A|10.0.1.5|S3| 700"]
        );
        let (seen, reason) = run(line, None);
        assert!(seen.is_empty());
        assert!(
            reason
                .unwrap()
                .starts_with("line 1: 13 columns without a header line")
        );
    }

    #[test]
    fn fourteen_columns_are_the_default_format_and_its_legs_are_unclassified() {
        let line = "2 1234 eni-1 10.0.1.5 10.0.0.9 1 443 6 3 700 1791900000 1791900060 ACCEPT OK";
        let (seen, reason) = run(line, None);
        assert_eq!(reason, None);
        assert!(seen[0].contains("Unclassified"), "{seen:?}");
        let skipped = "2 1234 eni-1 - - - - - - - 1791900000 1791900060 - SKIPDATA";
        assert!(run(skipped, None).0[0].ends_with("Skipped"));
    }

    #[test]
    fn a_bad_line_is_rejected_and_its_neighbours_count() {
        let good =
            "5 1234 eni-1 10.0.1.5 10.0.0.9 700 3 1791900000 ACCEPT OK 10.0.1.5 52.216.0.1 S3";
        let text = format!("{good}\n{}\nwhat\n{good}", good.replace("700", "many"));
        let (seen, reason) = run(&text, Some(V5));
        assert_eq!(seen.len(), 2);
        assert_eq!(
            reason.unwrap(),
            "line 2: flow-log column 6 is not a number of bytes (and 1 further lines)"
        );
    }

    #[test]
    fn below_an_unknown_header_nothing_is_guessed() {
        let (seen, reason) = run(
            "interface-id bytes start colour\neni-1 5 1791900000 red",
            None,
        );
        assert!(seen.is_empty());
        assert_eq!(
            reason.unwrap(),
            "line 1: header line names an unknown field (and 1 further lines)"
        );
    }

    #[test]
    fn a_line_without_an_interface_is_rejected_not_lost() {
        let line = "5 1234 - 10.0.1.5 10.0.0.9 700 3 1791900000 ACCEPT OK 10.0.1.5 52.216.0.1 S3";
        let reason = run(line, Some(V5)).1.unwrap();
        assert!(reason.contains("names no interface"), "{reason}");
    }
}
