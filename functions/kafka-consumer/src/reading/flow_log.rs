//! Flow-log lines in a record's value: several, with or without a header line.
//!
//! Lines above any header line are read in the configured format, or in AWS's default one where they have its number of
//! columns. What is counted goes under the account and the interface (or regional NAT gateway) that the line names: both
//! must look like one, so that no odd line makes a key of its own.

use tollkeeper::flow_log::{Format, LineError, LineReader, Record};
use tollkeeper::rollup::Counted;

use super::{Entry, Rejected, Rules};

/// Hexadecimal digits of an id: 8 of old, 17 since.
const LONGEST_ID: usize = 17;
/// Digits of an account.
const ACCOUNT: usize = 12;

pub(super) fn read(
    text: &str,
    rules: &Rules,
    sink: &mut (impl FnMut(Entry<'_>) + ?Sized),
) -> Option<Rejected> {
    let configured = rules.flow_log_format.as_ref();
    let mut lines = LineReader::new(Some(configured.unwrap_or(Format::version_2())));
    let mut rejected = Rejected::default();
    for (number, line) in (1..).zip(text.lines()) {
        let Some(read) = lines.read(line.as_bytes()) else {
            continue;
        };
        let entry = match read {
            Ok(record) => place(&record, rules),
            Err(error) => Err(reason(
                &error,
                configured.is_some() || lines.header().is_some(),
            )),
        };
        match entry {
            Ok(Some(entry)) => sink(entry),
            Ok(None) => {}
            Err(reason) => rejected.add(number, reason, line.trim_ascii()),
        }
    }
    rejected.done()
}

/// Why a line is none; `told` where a header or a setting names the columns.
fn reason(error: &LineError, told: bool) -> String {
    match error {
        LineError::Columns { found, expected } if !told => format!(
            "{found} columns without a header line or FLOW_LOG_FORMAT: neither a JSON object nor the default flow-log \
             format of {expected}"
        ),
        error => error.to_string(),
    }
}

/// Where a record counts, and as what; `None` where it counts nowhere on purpose.
fn place<'a>(record: &Record<'a>, rules: &'a Rules) -> Result<Option<Entry<'a>>, String> {
    let counted = Counted::of(record, rules.ranges.as_ref()).map_err(|error| error.to_string())?;
    if counted == Counted::Nothing {
        return Ok(None);
    }
    let hour = record.hour().map_err(|error| error.to_string())?;
    let interface = record.recorder();
    if !is_recorder(interface) {
        return Err("flow-log line names no interface and no regional NAT gateway".to_owned());
    }
    let account = match record.account_id() {
        "" => "unknown",
        account if account == "unknown" || is_account(account) => account,
        _ => return Err("flow-log line names no account".to_owned()),
    };
    Ok(Some(Entry::Traffic {
        account,
        interface,
        hour,
        counted,
    }))
}

/// `eni-…` or `nat-…` in lower-case hexadecimal.
fn is_recorder(id: &str) -> bool {
    id.strip_prefix("eni-")
        .or_else(|| id.strip_prefix("nat-"))
        .is_some_and(|digits| {
            (1..=LONGEST_ID).contains(&digits.len())
                && digits
                    .bytes()
                    .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        })
}

fn is_account(id: &str) -> bool {
    (1..=ACCOUNT).contains(&id.len()) && id.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const V5: &str = "version account-id interface-id srcaddr dstaddr bytes packets start action log-status \
                      pkt-srcaddr pkt-dstaddr pkt-dst-aws-service";

    fn run(text: &str, format: Option<&str>) -> (Vec<String>, Option<String>) {
        let rules = Rules {
            flow_log_format: format.map(|format| Format::parse(format).unwrap()),
            ranges: None,
            ..Rules::default()
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
    fn fields_of_versions_to_come_are_passed_over() {
        let text = "interface-id colour bytes start log-status\neni-1 red 5 1791900000 SKIPDATA";
        assert_eq!(
            run(text, None),
            (vec!["unknown eni-1 2026-10-13T14 Skipped".to_owned()], None)
        );
    }

    #[test]
    fn below_a_header_that_places_nothing_nothing_is_guessed() {
        let (seen, reason) = run("interface-id start\neni-1 1791900000", None);
        assert!(seen.is_empty());
        assert_eq!(
            reason.unwrap(),
            "line 1: header line: flow-log format lacks the field `bytes` (and 1 further lines)"
        );
    }

    #[test]
    fn a_regional_gateway_counts_under_its_own_id() {
        let text = "interface-id resource-id srcaddr dstaddr bytes start\n\
                    - nat-0a1b2c3d4e5f60718 10.0.1.5 52.216.0.1 700 1791900000";
        assert_eq!(
            run(text, None).0,
            ["unknown nat-0a1b2c3d4e5f60718 2026-10-13T14 A|10.0.1.5|UNKNOWN| 700"]
        );
    }

    #[test]
    fn what_is_no_id_makes_no_key() {
        let line = |account: &str, interface: &str| {
            format!(
                "5 {account} {interface} 10.0.1.5 10.0.0.9 700 3 1791900000 ACCEPT OK 10.0.1.5 52.216.0.1 S3"
            )
        };
        for interface in [
            "-",
            "eni-",
            "eni-0A1B",
            "eni-1#2",
            "vpce-1",
            "eni-0123456789abcdef01",
        ] {
            let (seen, reason) = run(&line("1234", interface), Some(V5));
            assert!(seen.is_empty(), "{interface}");
            assert_eq!(
                reason.unwrap(),
                "line 1: flow-log line names no interface and no regional NAT gateway"
            );
        }
        let reason = run(&line("12#4", "eni-1"), Some(V5)).1;
        assert_eq!(reason.unwrap(), "line 1: flow-log line names no account");
        assert_eq!(run(&line("unknown", "eni-1"), Some(V5)).1, None);
    }

    proptest! {
        #[test]
        fn whatever_a_line_holds_its_key_is_an_id(words in proptest::collection::vec("[-#0-9a-z|:.]{1,20}", 13)) {
            let rules = Rules { flow_log_format: Some(Format::parse(V5).unwrap()), ranges: None, ..Rules::default() };
            let mut ids = Vec::new();
            read(&words.join(" "), &rules, &mut |entry| {
                if let Entry::Traffic { account, interface, .. } = entry {
                    ids.push((account.to_owned(), interface.to_owned()));
                }
            });
            for (account, interface) in ids {
                prop_assert!(account == "unknown" || is_account(&account));
                prop_assert!(is_recorder(&interface));
            }
        }
    }
}
