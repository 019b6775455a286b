//! Settings of the function. A wrong value stops it at init, with variable, value and what was expected.

pub mod scope;
mod source;

use rust_decimal::Decimal;
use tollkeeper::settings::{SettingError, Settings, wrong};

use crate::detect::Gates;
use scope::Scope;

pub use source::{AthenaTable, ExplainSource, LogGroup, NotAnS3Location, Partitions, S3Location};

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
            explain: ExplainSource::from_settings(settings)?,
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
}
