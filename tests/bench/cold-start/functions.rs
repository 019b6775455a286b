//! The functions and the settings without which they do not start.

/// A function as it is deployed.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) binary: &'static str,
    pub(super) package: &'static str,
    pub(super) settings: &'static [(&'static str, &'static str)],
    /// Whether it reads the table of AWS's addresses.
    pub(super) reads_addresses: bool,
    /// Most the archive may have, MB.
    pub(super) archive_target_mb: f64,
}

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:alerts";

/// All five, those of one package in a row.
pub(super) const FUNCTIONS: [Function; 5] = [
    Function {
        binary: "kafka-consumer",
        package: "kafka-consumer",
        settings: &[("ROLLUPS_TABLE", "rollups")],
        reads_addresses: true,
        archive_target_mb: 4.0,
    },
    Function {
        binary: "rate-limiter",
        package: "rate-limiter",
        // Nobody listens there: a Redis that is away must not keep the function from starting.
        settings: &[
            ("REDIS_URL", "redis://127.0.0.1:1"),
            (
                "RULES",
                r#"{"rules":[{"name":"default","limit":100,"window_seconds":60}]}"#,
            ),
            ("ON_OUTAGE", "closed"),
        ],
        reads_addresses: false,
        archive_target_mb: 4.0,
    },
    Function {
        binary: "nat-cost-detector",
        package: "nat-cost-detector",
        settings: &[("LEDGER_TABLE", "ledger"), ("ALERT_TOPIC_ARN", TOPIC)],
        reads_addresses: true,
        archive_target_mb: 8.0,
    },
    Function {
        binary: "endpoint-remediator",
        package: "endpoint-remediator",
        settings: &[("LEDGER_TABLE", "ledger"), ("ALERT_TOPIC_ARN", TOPIC)],
        reads_addresses: false,
        archive_target_mb: 8.0,
    },
    Function {
        binary: "endpoint-approval",
        package: "endpoint-remediator",
        settings: &[("LEDGER_TABLE", "ledger")],
        reads_addresses: false,
        archive_target_mb: 8.0,
    },
];
