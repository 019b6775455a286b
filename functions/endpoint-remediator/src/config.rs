//! Settings of both binaries.

use std::time::Duration;

use jiff::SignedDuration;
use tollkeeper::flow_log_files::{S3_EXPECTED, S3Location};
use tollkeeper::settings::{SettingError, Settings};

/// Settings of `endpoint-remediator`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Ledger table.
    pub ledger_table: String,
    /// Topic that plans are announced on.
    pub alert_topic_arn: String,
    /// Most changes one plan may hold.
    pub max_changes: usize,
    /// Most of a VPC's route tables that one plan may change, percent.
    pub max_tables_percent: usize,
    /// How long a lock outlives its holder's last sign of life. EC2 ignores fencing counters, so half of it must outlast
    /// a call in flight (60 s with its retries).
    pub lease: Duration,
    /// For how long an applied plan is watched before it counts as verified, and goes back by itself should clients lose
    /// their service.
    pub soak: SignedDuration,
    /// Where the flow logs lie that plans are replayed on; none: no replay.
    pub flow_logs: Option<S3Location>,
    /// Days of them.
    pub replay_days: u8,
    /// What the plan's text tells people to call.
    pub function_name: String,
    /// What the plan's text tells people to approve at.
    pub approval_url: String,
}

/// Settings of `endpoint-approval`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalConfig {
    /// Ledger table.
    pub ledger_table: String,
    /// How far ahead an approval may expire.
    pub max_hours: u32,
    /// Whether who asked for a plan may approve it.
    pub self_approval: bool,
}

const TABLE: &str = "the name of the Ledger table";

impl Config {
    /// Reads and checks every setting.
    pub fn from_settings(settings: &Settings<'_>) -> Result<Self, SettingError> {
        let topic = settings.required_text("ALERT_TOPIC_ARN", "the ARN of an SNS topic")?;
        if !topic.starts_with("arn:") {
            let expected = "the ARN of an SNS topic";
            return Err(tollkeeper::settings::wrong(
                "ALERT_TOPIC_ARN",
                &topic,
                expected,
            ));
        }
        let text = |name, default: &str| settings.text(name).unwrap_or_else(|| default.to_owned());
        Ok(Self {
            ledger_table: settings.required_text("LEDGER_TABLE", TABLE)?,
            alert_topic_arn: topic,
            max_changes: settings.within("MAX_CHANGES", 30, 1, 200)?,
            max_tables_percent: settings.within("MAX_TABLES_PERCENT", 100, 1, 100)?,
            lease: Duration::from_secs(settings.within("LEASE_SECONDS", 150, 1, 3_600)?),
            soak: SignedDuration::from_mins(settings.within("SOAK_MINUTES", 60, 0, 10_080)?),
            flow_logs: settings.optional("FLOW_LOGS_LOCATION", S3_EXPECTED)?,
            replay_days: settings.within("REPLAY_DAYS", 3, 1, 14)?,
            function_name: text("AWS_LAMBDA_FUNCTION_NAME", "endpoint-remediator"),
            approval_url: text("APPROVAL_URL", "<URL of the approval function>"),
        })
    }
}

impl ApprovalConfig {
    /// Reads and checks every setting.
    pub fn from_settings(settings: &Settings<'_>) -> Result<Self, SettingError> {
        Ok(Self {
            ledger_table: settings.required_text("LEDGER_TABLE", TABLE)?,
            max_hours: settings.within("APPROVAL_MAX_HOURS", 72, 1, 720)?,
            self_approval: settings.flag("ALLOW_SELF_APPROVAL", false)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 2] = [
        ("LEDGER_TABLE", "ledger"),
        (
            "ALERT_TOPIC_ARN",
            "arn:aws:sns:us-east-1:123456789012:alerts",
        ),
    ];

    fn error_with(name: &'static str, value: &'static str) -> String {
        let mut pairs = GOOD.to_vec();
        pairs.retain(|(known, _)| *known != name);
        pairs.push((name, value));
        let settings = Settings::from_pairs(&pairs);
        let approval = ApprovalConfig::from_settings(&settings).map(|_| ());
        let both = approval.and_then(|()| Config::from_settings(&settings).map(|_| ()));
        both.unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_what_the_readme_says() {
        let settings = Settings::from_pairs(&GOOD);
        let config = Config::from_settings(&settings).unwrap();
        assert_eq!((config.max_changes, config.lease.as_secs()), (30, 150));
        assert_eq!(
            (config.max_tables_percent, config.soak.as_mins()),
            (100, 60)
        );
        assert_eq!((config.flow_logs, config.replay_days), (None, 3));
        let approval = ApprovalConfig::from_settings(&settings).unwrap();
        assert_eq!((approval.max_hours, approval.self_approval), (72, false));
    }

    #[test]
    fn each_wrong_value_is_named_with_what_was_expected() {
        insta::assert_snapshot!(error_with("LEDGER_TABLE", ""), @"LEDGER_TABLE is not set: expected the name of the Ledger table");
        insta::assert_snapshot!(error_with("ALERT_TOPIC_ARN", "alerts"), @"ALERT_TOPIC_ARN=`alerts` is wrong: expected the ARN of an SNS topic");
        insta::assert_snapshot!(error_with("MAX_CHANGES", "0"), @"MAX_CHANGES=`0` is wrong: expected a number from 1 to 200");
        insta::assert_snapshot!(error_with("MAX_TABLES_PERCENT", "101"), @"MAX_TABLES_PERCENT=`101` is wrong: expected a number from 1 to 100");
        insta::assert_snapshot!(error_with("LEASE_SECONDS", "soon"), @"LEASE_SECONDS=`soon` is wrong: expected a number from 1 to 3600");
        insta::assert_snapshot!(error_with("SOAK_MINUTES", "-1"), @"SOAK_MINUTES=`-1` is wrong: expected a number from 0 to 10080");
        insta::assert_snapshot!(error_with("FLOW_LOGS_LOCATION", "bucket"), @"FLOW_LOGS_LOCATION=`bucket` is wrong: expected s3://bucket or s3://bucket/prefix");
        insta::assert_snapshot!(error_with("REPLAY_DAYS", "0"), @"REPLAY_DAYS=`0` is wrong: expected a number from 1 to 14");
        insta::assert_snapshot!(error_with("ALLOW_SELF_APPROVAL", "yes"), @"ALLOW_SELF_APPROVAL=`yes` is wrong: expected true or false");
        insta::assert_snapshot!(error_with("APPROVAL_MAX_HOURS", "1000"), @"APPROVAL_MAX_HOURS=`1000` is wrong: expected a number from 1 to 720");
    }
}
