//! Where explanations come from: which source, and how it is reached.

use tollkeeper::flow_log_files::S3_EXPECTED;
use tollkeeper::settings::{SettingError, Settings, missing, wrong};

use crate::explain::sums::Fields;

pub use tollkeeper::flow_log_files::{NotAnS3Location, S3Location};

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

#[derive(Clone, Copy)]
enum Kind {
    S3,
    Insights,
    Athena,
    Rollups,
    None,
}

impl ExplainSource {
    /// Reads the settings that say where explanations come from.
    pub(super) fn from_settings(settings: &Settings<'_>) -> Result<Self, SettingError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<ExplainSource, String> {
        ExplainSource::from_settings(&Settings::from_pairs(pairs))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_table_in_athena_is_read_as_aws_documents_it_unless_told_otherwise() {
        let pairs = [
            ("EXPLAIN_SOURCE", "athena"),
            ("ATHENA_DATABASE", "logs"),
            ("ATHENA_TABLE", "vpc_flow_logs"),
        ];
        let ExplainSource::Athena(table) = read(&pairs).unwrap() else {
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
