//! The settings of this function, read once at start.

use std::num::NonZeroUsize;
use std::time::Duration;

use tollkeeper::settings::{SettingError, Settings, wrong};

use crate::breaker;
use crate::limiter::Policy;
use crate::redis_server::{self, Location};
use crate::rules::{self, Rule};

/// What happens to requests while Redis is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOutage {
    /// All pass.
    Open,
    /// None passes.
    Closed,
    /// Each process limits on its own, to its share.
    Local,
}

impl OnOutage {
    /// The word for it in settings and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Local => "local",
        }
    }
}

/// How API Gateway is told of a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorizerDeny {
    /// The request goes through with the verdict in its context; the application answers 429.
    Context,
    /// API Gateway answers 403: that cannot be changed there.
    Forbid,
}

/// The settings.
#[derive(Debug)]
pub struct Config {
    /// Where Redis is.
    pub redis: Location,
    /// The limits.
    pub rules: Vec<Rule>,
    /// What happens beside what Redis says; while it is away: no default.
    pub policy: Policy,
    /// Proxies in front of the function that append to `x-forwarded-for`: 1 is the load balancer alone.
    pub trusted_hops: NonZeroUsize,
    /// How long a request waits for Redis, connecting included.
    pub redis_deadline: Duration,
    /// How API Gateway is told of a denial.
    pub authorizer_deny: AuthorizerDeny,
}

impl Config {
    /// Reads and validates all settings.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingError> {
        let modes = [OnOutage::Open, OnOutage::Closed, OnOutage::Local];
        let modes = modes.map(|mode| (mode.as_str(), mode));
        let denials = [
            ("context", AuthorizerDeny::Context),
            ("forbid", AuthorizerDeny::Forbid),
        ];
        let hops = settings.within("TRUSTED_HOPS", 1, 1, 10)?;
        let deadline_ms = settings.within("REDIS_DEADLINE_MS", 80, 5, 5_000)?;
        Ok(Self {
            redis: redis(settings)?,
            rules: rules(settings)?,
            policy: Policy {
                on_outage: settings.choice("ON_OUTAGE", None, &modes)?,
                local_share_percent: settings.within("LOCAL_SHARE_PERCENT", 10, 1, 100)?,
                denials_for: Duration::from_secs(settings.within(
                    "DENIAL_CACHE_SECONDS",
                    2,
                    0,
                    60,
                )?),
                breaker: breaker(settings)?,
            },
            trusted_hops: NonZeroUsize::new(hops).unwrap_or(NonZeroUsize::MIN),
            redis_deadline: Duration::from_millis(deadline_ms),
            authorizer_deny: settings.choice(
                "AUTHORIZER_DENY",
                Some(AuthorizerDeny::Context),
                &denials,
            )?,
        })
    }
}

/// The URL may carry a password: no error shows it.
fn redis(settings: &Settings) -> Result<Location, SettingError> {
    let expected = "redis://[user:password@]host[:port] or rediss://... (TLS)";
    let url = settings.required_text("REDIS_URL", expected)?;
    redis_server::locate(&url).ok_or_else(|| wrong("REDIS_URL", "(hidden)", expected))
}

fn breaker(settings: &Settings) -> Result<breaker::Settings, SettingError> {
    let first: u64 = settings.within("BREAKER_PAUSE_MS", 250, 10, 60_000)?;
    let longest: u64 =
        settings.within("BREAKER_LONGEST_PAUSE_MS", 5_000.max(first), first, 600_000)?;
    Ok(breaker::Settings {
        failures: settings.within("BREAKER_FAILURES", 3, 0, 1_000)?,
        first_pause_us: first * 1_000,
        longest_pause_us: longest * 1_000,
    })
}

fn rules(settings: &Settings) -> Result<Vec<Rule>, SettingError> {
    let document = settings.required_text("RULES", "a JSON document with rules")?;
    rules::parse(&document).map_err(|error| wrong("RULES", &error.found, &error.expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 3] = [
        ("REDIS_URL", "redis://127.0.0.1:6379"),
        (
            "RULES",
            r#"{"rules":[{"name":"default","limit":100,"window_seconds":60}]}"#,
        ),
        ("ON_OUTAGE", "closed"),
    ];

    fn with(variable: &'static str, value: &'static str) -> Result<Config, SettingError> {
        let mut pairs = vec![(variable, value)];
        pairs.extend(GOOD);
        Config::from_settings(&Settings::from_pairs(&pairs))
    }

    #[test]
    fn the_settings_that_are_not_dangerous_have_defaults() {
        let config = with("UNRELATED", "1").unwrap();
        assert_eq!(config.trusted_hops.get(), 1);
        assert_eq!(config.redis_deadline, Duration::from_millis(80));
        assert_eq!(config.authorizer_deny, AuthorizerDeny::Context);
        assert_eq!(config.policy.local_share_percent, 10);
        assert_eq!(config.policy.denials_for, Duration::from_secs(2));
        let breaker = breaker::Settings {
            failures: 3,
            first_pause_us: 250_000,
            longest_pause_us: 5_000_000,
        };
        assert_eq!(config.policy.breaker, breaker);
    }

    #[test]
    fn a_bad_value_stops_the_start_and_says_what_was_expected() {
        let errors: Vec<String> = [
            ("REDIS_URL", ""),
            ("REDIS_URL", "http://user:s3cret@cache"),
            ("REDIS_URL", "rediss://user:s3cret@cache/#insecure"),
            ("RULES", ""),
            (
                "RULES",
                r#"{"rules":[{"name":"a","limit":0,"window_seconds":60}]}"#,
            ),
            ("ON_OUTAGE", ""),
            ("ON_OUTAGE", "opne"),
            ("TRUSTED_HOPS", "0"),
            ("REDIS_DEADLINE_MS", "1"),
            ("AUTHORIZER_DENY", "429"),
            ("LOCAL_SHARE_PERCENT", "101"),
            ("DENIAL_CACHE_SECONDS", "61"),
            ("BREAKER_PAUSE_MS", "1"),
            ("BREAKER_LONGEST_PAUSE_MS", "249"),
            ("BREAKER_FAILURES", "-1"),
        ]
        .map(|(variable, value)| with(variable, value).unwrap_err().to_string())
        .to_vec();
        assert!(!errors.concat().contains("s3cret"));
        insta::assert_snapshot!(errors.join("\n"), @r#"
        REDIS_URL is not set: expected redis://[user:password@]host[:port] or rediss://... (TLS)
        REDIS_URL=`(hidden)` is wrong: expected redis://[user:password@]host[:port] or rediss://... (TLS)
        REDIS_URL=`(hidden)` is wrong: expected redis://[user:password@]host[:port] or rediss://... (TLS)
        RULES is not set: expected a JSON document with rules
        RULES=`rule a, limit=0` is wrong: expected a whole number from 1 to 600000
        ON_OUTAGE is not set: expected one of open, closed, local
        ON_OUTAGE=`opne` is wrong: expected one of open, closed, local
        TRUSTED_HOPS=`0` is wrong: expected a number from 1 to 10
        REDIS_DEADLINE_MS=`1` is wrong: expected a number from 5 to 5000
        AUTHORIZER_DENY=`429` is wrong: expected one of context, forbid
        LOCAL_SHARE_PERCENT=`101` is wrong: expected a number from 1 to 100
        DENIAL_CACHE_SECONDS=`61` is wrong: expected a number from 0 to 60
        BREAKER_PAUSE_MS=`1` is wrong: expected a number from 10 to 60000
        BREAKER_LONGEST_PAUSE_MS=`249` is wrong: expected a number from 250 to 600000
        BREAKER_FAILURES=`-1` is wrong: expected a number from 0 to 1000
"#);
    }
}
