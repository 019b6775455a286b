//! Settings of the function. A wrong value stops it at init, with variable, value and what was expected.

use std::str::FromStr;

use rust_decimal::Decimal;
use tollkeeper::settings::{SettingError, Settings, missing, wrong};

use crate::detect::Gates;
use crate::explain::sums::Fields;
use crate::scope::Scope;

/// What the function is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Ledger table; `nightly` needs it.
    pub ledger_table: Option<String>,
    /// Topic of the alerts; `nightly` needs it.
    pub alert_topic: Option<String>,
    /// What subscribers of the default protocol and of `https` get.
    pub alert_format: AlertFormat,
    /// Where explanations come from.
    pub explain: ExplainSource,
    /// Quiet same weekdays that an excess is compared with, at most.
    pub baseline_days: u8,
    /// Tags that sources are grouped by; none: every source under its own name.
    pub tag_keys: Vec<String>,
    /// What an alarm must exceed to matter.
    pub gates: Gates,
    /// Cost Explorer pages (a cent each) a request may ask for.
    pub max_pages: u32,
    /// Accounts and regions that a night looks at.
    pub scope: Scope,
}

/// What an alert is written for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AlertFormat {
    /// People by mail, machines over `https`.
    #[default]
    Text,
    /// Slack and Teams through Amazon Q Developer in chat applications; people by mail all the same.
    Chat,
}

/// Where the day's traffic is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExplainSource {
    /// Flow-log files in S3.
    S3(S3Location),
    /// A flow-log group in CloudWatch Logs, through Logs Insights.
    Insights(LogGroup),
    /// A flow-log table in Athena.
    Athena(AthenaTable),
    /// The Rollups table.
    Rollups(String),
    /// Nowhere: findings name no causes.
    None,
}

/// A log group that flow logs are delivered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogGroup {
    /// Its name.
    pub name: String,
    /// The fields of its lines; `None`: as DescribeFlowLogs says.
    pub fields: Option<Fields>,
}

/// A flow-log table as AWS documents it: fields with underscores for dashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AthenaTable {
    /// Its database in the data catalogue.
    pub database: String,
    /// Its name.
    pub table: String,
    /// Workgroup the queries run in.
    pub workgroup: String,
    /// Where results go; `None`: where the workgroup says.
    pub output: Option<S3Location>,
    /// How it is partitioned by day.
    pub partitions: Partitions,
    /// The fields that it has columns of.
    pub fields: Fields,
}

/// How a table is partitioned by day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitions {
    /// A text `day`, `2026/10/13`: partition projection as AWS documents it.
    Day,
    /// A date `date`.
    Date,
    /// Texts `year`, `month` and `day`: AWS's generated template, and Hive-compatible prefixes.
    YearMonthDay,
    /// Not at all: every query scans the whole table.
    None,
}

/// Where flow logs are delivered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Location {
    /// Bucket.
    pub bucket: String,
    /// What stands before `AWSLogs/`: empty, or ends with a slash.
    pub prefix: String,
}

/// A text that names no place in S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected s3://bucket or s3://bucket/prefix")]
pub struct NotAnS3Location;

const S3_EXPECTED: &str = "s3://bucket or s3://bucket/prefix";

impl FromStr for S3Location {
    type Err = NotAnS3Location;
    fn from_str(text: &str) -> Result<Self, NotAnS3Location> {
        let rest = text.strip_prefix("s3://").ok_or(NotAnS3Location)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(NotAnS3Location);
        }
        let prefix = prefix.trim_matches('/');
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}/")
            },
        })
    }
}

#[derive(Clone, Copy)]
enum Kind {
    S3,
    Insights,
    Athena,
    Rollups,
    None,
}

impl Config {
    /// Reads the settings.
    pub fn from_settings(settings: &Settings<'_>) -> Result<Self, SettingError> {
        Ok(Self {
            ledger_table: settings.text("LEDGER_TABLE"),
            alert_topic: settings.text("ALERT_TOPIC_ARN"),
            alert_format: settings.choice(
                "ALERT_FORMAT",
                Some(AlertFormat::Text),
                &[("text", AlertFormat::Text), ("chat", AlertFormat::Chat)],
            )?,
            explain: explain_source(settings)?,
            baseline_days: settings.within("BASELINE_DAYS", 4, 1, 4)?,
            tag_keys: tag_keys(settings)?,
            gates: Gates {
                dollars: settings.within(
                    "MIN_EXCESS_DOLLARS",
                    Decimal::from(5),
                    Decimal::ZERO,
                    Decimal::from(1_000_000),
                )?,
                percent: settings.within(
                    "MIN_EXCESS_PERCENT",
                    Decimal::from(25),
                    Decimal::ZERO,
                    Decimal::from(10_000),
                )?,
            },
            max_pages: settings.within("COST_EXPLORER_MAX_PAGES", 20, 1, 1_000)?,
            scope: Scope::from_settings(settings)?,
        })
    }
}

fn explain_source(settings: &Settings<'_>) -> Result<ExplainSource, SettingError> {
    let location: Option<S3Location> = settings.optional("FLOW_LOGS_LOCATION", S3_EXPECTED)?;
    let default = if location.is_some() {
        Kind::S3
    } else {
        Kind::None
    };
    let choices = [
        ("s3", Kind::S3),
        ("insights", Kind::Insights),
        ("athena", Kind::Athena),
        ("rollups", Kind::Rollups),
        ("none", Kind::None),
    ];
    match settings.choice("EXPLAIN_SOURCE", Some(default), &choices)? {
        Kind::S3 => location
            .map(ExplainSource::S3)
            .ok_or_else(|| missing("FLOW_LOGS_LOCATION", S3_EXPECTED)),
        Kind::Insights => Ok(ExplainSource::Insights(LogGroup {
            name: settings.required_text("INSIGHTS_LOG_GROUP", "the name of a log group")?,
            fields: fields(settings)?,
        })),
        Kind::Athena => athena(settings).map(ExplainSource::Athena),
        Kind::Rollups => settings
            .required_text("ROLLUPS_TABLE", "the name of the Rollups table")
            .map(ExplainSource::Rollups),
        Kind::None => Ok(ExplainSource::None),
    }
}

/// What tables have that were made as AWS documents it: versions 2 to 5.
const TABLE_FIELDS: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes \
                            start end action log-status vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr \
                            pkt-dstaddr az-id sublocation-type sublocation-id pkt-src-aws-service \
                            pkt-dst-aws-service flow-direction traffic-path";

fn fields(settings: &Settings<'_>) -> Result<Option<Fields>, SettingError> {
    const VARIABLE: &str = "FLOW_LOG_FORMAT";
    let Some(text) = settings.text(VARIABLE) else {
        return Ok(None);
    };
    let fields = Fields::parse(&text).map_err(|error| {
        wrong(
            VARIABLE,
            &text,
            &format!("the fields of the log in order ({error})"),
        )
    })?;
    Ok(Some(fields))
}

fn athena(settings: &Settings<'_>) -> Result<AthenaTable, SettingError> {
    const NAME: &str = "letters, digits and underscores";
    let name = |variable| {
        let value = settings.required_text(variable, NAME)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if value.chars().all(plain) {
            Ok(value)
        } else {
            Err(wrong(variable, &value, NAME))
        }
    };
    let standard = || {
        // Our own text: a test reads it.
        Fields::parse(TABLE_FIELDS)
            .map_err(|error| wrong("FLOW_LOG_FORMAT", TABLE_FIELDS, &error.to_string()))
    };
    Ok(AthenaTable {
        database: name("ATHENA_DATABASE")?,
        table: name("ATHENA_TABLE")?,
        workgroup: settings
            .text("ATHENA_WORKGROUP")
            .unwrap_or_else(|| "primary".to_owned()),
        output: settings.optional("ATHENA_OUTPUT", S3_EXPECTED)?,
        partitions: settings.choice(
            "ATHENA_PARTITIONS",
            Some(Partitions::Day),
            &[
                ("day", Partitions::Day),
                ("date", Partitions::Date),
                ("year-month-day", Partitions::YearMonthDay),
                ("none", Partitions::None),
            ],
        )?,
        fields: fields(settings)?.map_or_else(standard, Ok)?,
    })
}

/// Keys of tags, parted by commas. AWS allows 128 characters a key.
fn tag_keys(settings: &Settings<'_>) -> Result<Vec<String>, SettingError> {
    const VARIABLE: &str = "TAG_KEYS";
    let text = settings.text(VARIABLE).unwrap_or_default();
    let keys = text.split(',').map(str::trim);
    let keys: Vec<String> = if text.is_empty() {
        Vec::new()
    } else {
        keys.map(str::to_owned).collect()
    };
    let odd = |key: &String| key.is_empty() || key.chars().count() > 128;
    if keys.len() > 5 || keys.iter().any(odd) {
        let expected = "at most five tag keys parted by commas";
        return Err(wrong(VARIABLE, &text, expected));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        Config::from_settings(&Settings::from_pairs(pairs)).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_set_is_enough_for_an_audit() {
        let config = read(&[]).unwrap();
        assert_eq!(
            (config.ledger_table, config.explain),
            (None, ExplainSource::None)
        );
        assert_eq!(config.gates.dollars, Decimal::from(5));
    }

    #[test]
    fn a_location_of_flow_logs_is_reason_enough_to_read_them() {
        let config = read(&[("FLOW_LOGS_LOCATION", "s3://logs/team/")]).unwrap();
        let location = S3Location {
            bucket: "logs".to_owned(),
            prefix: "team/".to_owned(),
        };
        assert_eq!(config.explain, ExplainSource::S3(location));
    }

    #[test]
    fn each_bad_value_is_named_with_what_was_expected() {
        let cases = [
            (
                "FLOW_LOGS_LOCATION",
                "logs/team",
                "FLOW_LOGS_LOCATION=`logs/team` is wrong: expected s3://bucket or s3://bucket/prefix",
            ),
            (
                "ALERT_FORMAT",
                "slack",
                "ALERT_FORMAT=`slack` is wrong: expected one of text, chat",
            ),
            (
                "EXPLAIN_SOURCE",
                "kafka",
                "EXPLAIN_SOURCE=`kafka` is wrong: expected one of s3, insights, athena, rollups, none",
            ),
            (
                "EXPLAIN_SOURCE",
                "s3",
                "FLOW_LOGS_LOCATION is not set: expected s3://bucket or s3://bucket/prefix",
            ),
            (
                "EXPLAIN_SOURCE",
                "rollups",
                "ROLLUPS_TABLE is not set: expected the name of the Rollups table",
            ),
            (
                "EXPLAIN_SOURCE",
                "insights",
                "INSIGHTS_LOG_GROUP is not set: expected the name of a log group",
            ),
            (
                "EXPLAIN_SOURCE",
                "athena",
                "ATHENA_DATABASE is not set: expected letters, digits and underscores",
            ),
            (
                "BASELINE_DAYS",
                "5",
                "BASELINE_DAYS=`5` is wrong: expected a number from 1 to 4",
            ),
            (
                "TAG_KEYS",
                "team,,service",
                "TAG_KEYS=`team,,service` is wrong: expected at most five tag keys parted by commas",
            ),
            (
                "MIN_EXCESS_DOLLARS",
                "-1",
                "MIN_EXCESS_DOLLARS=`-1` is wrong: expected a number from 0 to 1000000",
            ),
            (
                "MIN_EXCESS_PERCENT",
                "much",
                "MIN_EXCESS_PERCENT=`much` is wrong: expected a number from 0 to 10000",
            ),
            (
                "COST_EXPLORER_MAX_PAGES",
                "0",
                "COST_EXPLORER_MAX_PAGES=`0` is wrong: expected a number from 1 to 1000",
            ),
        ];
        for (variable, value, message) in cases {
            assert_eq!(read(&[(variable, value)]).unwrap_err(), message);
        }
    }

    #[test]
    fn a_table_in_athena_is_read_as_aws_documents_it_unless_told_otherwise() {
        let pairs = [
            ("EXPLAIN_SOURCE", "athena"),
            ("ATHENA_DATABASE", "logs"),
            ("ATHENA_TABLE", "vpc_flow_logs"),
        ];
        let ExplainSource::Athena(table) = read(&pairs).unwrap().explain else {
            panic!("not Athena");
        };
        assert_eq!(
            (table.workgroup.as_str(), table.partitions),
            ("primary", Partitions::Day)
        );
        assert!(table.fields.has("pkt-srcaddr") && !table.fields.has("resource-id"));
        for (variable, value, expected) in [
            (
                "ATHENA_TABLE",
                "flow\" OR 1",
                "letters, digits and underscores",
            ),
            (
                "ATHENA_PARTITIONS",
                "week",
                "one of day, date, year-month-day, none",
            ),
            (
                "FLOW_LOG_FORMAT",
                "interface-id start",
                "the fields of the log in order (flow-log format lacks the field `bytes`)",
            ),
        ] {
            let mut pairs: Vec<_> = pairs
                .iter()
                .copied()
                .filter(|(name, _)| *name != variable)
                .collect();
            pairs.push((variable, value));
            let message = format!("{variable}=`{value}` is wrong: expected {expected}");
            assert_eq!(read(&pairs).unwrap_err(), message);
        }
    }
}
