//! What counts of a value, and as what.

use super::*;

const KAFKA: Option<i64> = Some(1_791_900_000_123);

fn run(text: &str, timestamp: Option<i64>) -> (Vec<String>, Option<String>) {
    let mut seen = Vec::new();
    let rejected = read(text, &Names::default(), timestamp, &mut |entry| {
        if let Entry::Log {
            service,
            hour,
            line,
            error,
        } = entry
        {
            let error = error.map(|error| format!(": {error}")).unwrap_or_default();
            seen.push(format!(
                "{service} {hour} {:?} {}{error}",
                line.level, line.bytes
            ));
        }
    });
    (seen, rejected.map(|rejected| rejected.reason))
}

fn one(text: &str) -> String {
    run(text, KAFKA).0.remove(0)
}

#[test]
fn the_usual_names_flat_and_nested_are_found() {
    for (line, expected) in [
        (
            r#"{"level":"WARN","service":"pay","timestamp":"2026-10-13T15:00:00Z"}"#,
            "pay 2026-10-13T15 Warn 67",
        ),
        (
            r#"{"log.level":"error","service.name":"pay","@timestamp":"2026-10-13T17:30:00+02:00","msg":"no"}"#,
            "pay 2026-10-13T15 Error 94: no",
        ),
        (
            r#"{"log":{"level":"critical"},"service":{"name":"pay"},"ts":1791903600.25}"#,
            r#"pay 2026-10-13T15 Fatal 72: {"log":{"level":"critical"},"service":{"name":"pay"},"ts":1791903600.25}"#,
        ),
        (
            r#"{"severity":30,"app":"a#b","time":1791903600123}"#,
            "a_b 2026-10-13T15 Info 48",
        ),
        (
            r#"{"SeverityText":"INFO","Resource":{"service.name":"pay"},"Timestamp":"2026-10-13T15:00:00Z"}"#,
            "pay 2026-10-13T15 Info 92",
        ),
        (
            r#"{"lvl":"debug","kubernetes":{"container_name":"c","labels":{"app":"pay"}}}"#,
            "pay 2026-10-13T14 Debug 74",
        ),
        (
            r#"{"errorType":"Error","errorMessage":"timed \"out\"","level":"FATAL"}"#,
            "unknown 2026-10-13T14 Fatal 68: timed \"out\"",
        ),
    ] {
        assert_eq!(one(line), expected, "{line}");
    }
}

#[test]
fn precedence_is_the_names_not_the_lines() {
    for line in [
        r#"{"level":"info","log.level":"warn","app":"a","service":"s"}"#,
        r#"{"service":"s","app":"a","log.level":"warn","level":"info"}"#,
        r#"{"log.level":"loud","service":" ","app":"s","level":"warn"}"#,
        r#"{"level":"info","service":"x","level":"warn","service":"s"}"#,
        r#"{"log":{"level":"info"},"log":{},"level":"warn","service":"s"}"#,
    ] {
        assert!(one(line).starts_with("s 2026-10-13T14 Warn"), "{line}");
    }
}

#[test]
fn given_names_take_the_place_of_the_usual_ones() {
    let names = Names::new([
        None,
        Some("/who/team/name,/a~1b".parse().unwrap()),
        None,
        None,
    ]);
    let service = |text: &str| {
        let mut services = Vec::new();
        let rejected = read(text, &names, KAFKA, &mut |entry| {
            if let Entry::Log { service, line, .. } = entry {
                services.push(format!("{service} {:?}", line.level));
            }
        });
        assert_eq!(rejected, None);
        services.remove(0)
    };
    let line = r#"{"a/b":"second","who":{"team":{"name":"first"}},"service":"x","level":"warn"}"#;
    assert_eq!(service(line), "first Warn");
    assert_eq!(
        service(r#"{"a/b":"second","who":{"team":[]}}"#),
        "second Other"
    );
    assert_eq!(service(r#"{"service":"x"}"#), "unknown Other");
}

#[test]
fn a_line_inside_a_line_is_read_too() {
    let docker = r#"{"log":"{\"level\":\"error\",\"service\":\"pay\",\"msg\":\"no\"}\n","time":"2026-10-13T15:00:00Z"}"#;
    assert_eq!(one(docker), "pay 2026-10-13T15 Error 98: no");
    let fluent_bit =
        r#"{"log":"2026-10-13 15:00:00 ERROR broke","kubernetes":{"labels":{"app":"pay"}}}"#;
    assert_eq!(
        one(fluent_bit),
        "pay 2026-10-13T14 Error 79: 2026-10-13 15:00:00 ERROR broke"
    );
    assert!(one(r#"{"log":"{torn","app":"a"}"#).starts_with("a 2026-10-13T14 Other"));
}

#[test]
fn without_a_time_of_its_own_a_line_has_kafkas() {
    assert_eq!(one("{}"), "unknown 2026-10-13T14 Other 2");
    assert_eq!(
        one(r#"{"time":"half past","level":"loud"}"#),
        "unknown 2026-10-13T14 Other 35"
    );
    let (seen, reason) = run("{}", None);
    assert!(seen.is_empty());
    assert_eq!(reason.unwrap(), "line 1: no time in the line or its record");
    let (_, reason) = run(r#"{"ts":1e300}"#, KAFKA);
    assert_eq!(reason.unwrap(), "line 1: time outside the calendar");
}

#[test]
fn objects_count_one_by_one_and_a_torn_tail_is_rejected() {
    let text =
        "{\"app\":\"a\"}\n  {\n \"app\": \"b\" }{\"app\":\"c\"}\n[1,{\"app\":\"d\"}]\n{\"app\":\n";
    let (seen, reason) = run(text, KAFKA);
    assert_eq!(
        seen,
        [
            "a 2026-10-13T14 Other 11",
            "b 2026-10-13T14 Other 15",
            "c 2026-10-13T14 Other 11",
            "d 2026-10-13T14 Other 11"
        ]
    );
    assert_eq!(
        reason.unwrap(),
        "line 4: JSON, but no object (and 1 further lines)"
    );
    assert_eq!(run(" \n", KAFKA).1.unwrap(), "line 1: value is blank");
    assert_eq!(run("[]", KAFKA), (vec![], None));
}

#[test]
fn after_a_broken_line_the_next_ones_count() {
    for (text, reason) in [
        (
            "{\"app\":\"a\"\n{\"app\":\"b\"}\n",
            "line 1: not JSON after 11 bytes",
        ),
        (
            "{\"app\":\"a\n{\"app\":\"b\"}",
            "line 1: not JSON after 9 bytes",
        ),
        (
            "{\"app\":\n{\"app\":\"b\"}\n",
            "line 1: not JSON after 20 bytes",
        ),
        (
            "\n[{\"a\":1,}\n,2]\n[{\"app\":\"b\"}]",
            "line 2: not JSON after 7 bytes",
        ),
        ("no JSON\n{\"app\":\"b\"}", "line 1: not JSON after 1 bytes"),
    ] {
        let (seen, rejected) = run(text, KAFKA);
        assert_eq!(seen, ["b 2026-10-13T14 Other 11"], "{text}");
        assert_eq!(rejected.as_deref(), Some(reason), "{text}");
    }
}

#[test]
fn an_array_that_breaks_off_counts_up_to_there() {
    let (seen, reason) = run("[{\"app\":\"a\"},\n{\"app\":\"b\"},{\"ap", KAFKA);
    assert_eq!(seen.len(), 2);
    assert_eq!(reason.unwrap(), "line 2: not JSON after 4 bytes");
}
