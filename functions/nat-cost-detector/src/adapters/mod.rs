//! One adapter for each outside system; each offers what a decision needs, in own types.

pub mod accounts;
pub mod alerts;
pub mod athena;
pub mod cloudwatch;
mod cost_and_usage;
pub mod cost_explorer;
pub mod ec2;
pub mod endpoint_metrics;
pub mod flow_logs;
pub mod front_doors;
pub mod identity;
pub mod insights;
pub mod kafka;
pub mod lambda;
pub mod ledger;
mod polling;
pub mod rollups;
pub mod surroundings;
pub mod usage;

/// A client that answers from rules instead of the network. The SDKs' own macro wants their `test-util` feature,
/// which would compile every SDK crate a second time.
#[cfg(test)]
macro_rules! mocked {
    ($sdk:ident, [$($rule:expr),+ $(,)?]) => {
        $crate::adapters::mocked!($sdk, Sequential, [$($rule),+])
    };
    ($sdk:ident, $mode:ident, [$($rule:expr),+ $(,)?]) => {
        $crate::adapters::mocked!(
            $sdk,
            aws_smithy_mocks::MockResponseInterceptor::new()
                .rule_mode(aws_smithy_mocks::RuleMode::$mode)
                $(.with_rule($rule))+
        )
    };
    ($sdk:ident, $interceptor:expr) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::latest())
                .region($sdk::config::Region::new("us-east-1"))
                .allow_no_auth()
                .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
                .http_client(aws_smithy_mocks::create_mock_http_client())
                .interceptor($interceptor)
                .build(),
        )
    };
}
#[cfg(test)]
pub(crate) use mocked;
