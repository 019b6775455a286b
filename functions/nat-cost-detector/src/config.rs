//! Settings of the function. A wrong value stops it at init, with variable, value and what was expected.

use std::str::FromStr;

use rust_decimal::Decimal;
use tollkeeper::settings::{SettingError, Settings, missing};

use crate::detect::Gates;
use crate::scope::Scope;

/// What the function is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Ledger table; `nightly` needs it.
    pub ledger_table: Option<String>,
    /// Topic of the alerts; `nightly` needs it.
    pub alert_topic: Option<String>,
    /// Where explanations come from.
    pub explain: ExplainSource,
    /// What an alarm must exceed to matter.
    pub gates: Gates,
    /// Cost Explorer pages (a cent each) a request may ask for.
    pub max_pages: u32,
    /// Accounts and regions that a night looks at.
    pub scope: Scope,
}

/// Where the day's traffic is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExplainSource {
    /// Flow-log files in S3.
    S3(S3Location),
    /// The Rollups table.
    Rollups(String),
    /// Nowhere: findings name no causes.
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
    Rollups,
    None,
}

impl Config {
    /// Reads the settings.
    pub fn from_settings(settings: &Settings<'_>) -> Result<Self, SettingError> {
        Ok(Self {
            ledger_table: settings.text("LEDGER_TABLE"),
            alert_topic: settings.text("ALERT_TOPIC_ARN"),
            explain: explain_source(settings)?,
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
        ("rollups", Kind::Rollups),
        ("none", Kind::None),
    ];
    match settings.choice("EXPLAIN_SOURCE", Some(default), &choices)? {
        Kind::S3 => location
            .map(ExplainSource::S3)
            .ok_or_else(|| missing("FLOW_LOGS_LOCATION", S3_EXPECTED)),
        Kind::Rollups => settings
            .required_text("ROLLUPS_TABLE", "the name of the Rollups table")
            .map(ExplainSource::Rollups),
        Kind::None => Ok(ExplainSource::None),
    }
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
                "EXPLAIN_SOURCE",
                "kafka",
                "EXPLAIN_SOURCE=`kafka` is wrong: expected one of s3, rollups, none",
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
}
