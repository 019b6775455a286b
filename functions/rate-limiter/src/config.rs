//! The settings of this function, read once at start.

mod redis;

use std::fmt::Write;
use std::time::Duration;

use tollkeeper::settings::{SettingError, Settings, wrong};

use crate::aws::Aws;
use crate::breaker;
use crate::limiter::Policy;
use crate::overrides::{Overrides, OverridesTable};
use crate::redis_server::Location;
use crate::rules::{self, Document};
use crate::upstream::Target;

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

/// How requests that come over HTTP are read and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpSettings {
    /// How API Gateway is told of a denial (HTTP APIs).
    pub authorizer_deny: AuthorizerDeny,
    /// Proxies in front of the function that append to `x-forwarded-for`: 1 is the load balancer or API alone.
    pub trusted_hops: usize,
    /// Whether answers carry `X-RateLimit-*`, too.
    pub x_ratelimit_headers: bool,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            authorizer_deny: AuthorizerDeny::Context,
            trusted_hops: 1,
            x_ratelimit_headers: false,
        }
    }
}

/// The settings.
#[derive(Debug)]
pub struct Config {
    /// Where Redis is, and how to log in.
    pub redis: Location,
    /// The limits and lists.
    pub document: Document,
    /// What happens beside what Redis says; while it is away: no default.
    pub policy: Policy,
    /// How long a request waits for Redis, connecting included.
    pub redis_deadline: Duration,
    /// Whether nothing is denied at all: everything is only counted and reported.
    pub shadow: bool,
    /// How requests that come over HTTP are read and answered.
    pub http: HttpSettings,
    /// Where limits and lists that change are read from.
    pub overrides: Option<Overrides>,
    /// Where allowed requests are passed on to.
    pub upstream: Option<Target>,
}

impl Config {
    /// Reads and validates all settings.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingError> {
        let aws = Aws::default();
        let deadline_ms = settings.within("REDIS_DEADLINE_MS", 80, 5, 5_000)?;
        Ok(Self {
            redis: redis::read(settings, &aws)?,
            document: document(settings)?,
            policy: policy(settings)?,
            redis_deadline: Duration::from_millis(deadline_ms),
            shadow: settings.choice("SHADOW", Some(false), &[("rules", false), ("all", true)])?,
            http: http(settings)?,
            overrides: overrides(settings, &aws)?,
            upstream: upstream(settings)?,
        })
    }
}

fn policy(settings: &Settings) -> Result<Policy, SettingError> {
    let modes = [OnOutage::Open, OnOutage::Closed, OnOutage::Local];
    let modes = modes.map(|mode| (mode.as_str(), mode));
    Ok(Policy {
        on_outage: settings.choice("ON_OUTAGE", None, &modes)?,
        local_share_percent: settings.within("LOCAL_SHARE_PERCENT", 10, 1, 100)?,
        denials_for: Duration::from_secs(settings.within("DENIAL_CACHE_SECONDS", 2, 0, 60)?),
        breaker: breaker(settings)?,
    })
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

fn http(settings: &Settings) -> Result<HttpSettings, SettingError> {
    let denials = [
        ("context", AuthorizerDeny::Context),
        ("forbid", AuthorizerDeny::Forbid),
    ];
    let default = HttpSettings::default();
    Ok(HttpSettings {
        authorizer_deny: settings.choice(
            "AUTHORIZER_DENY",
            Some(default.authorizer_deny),
            &denials,
        )?,
        trusted_hops: settings.within("TRUSTED_HOPS", default.trusted_hops, 1, 10)?,
        x_ratelimit_headers: settings.flag("X_RATELIMIT_HEADERS", default.x_ratelimit_headers)?,
    })
}

/// All that is wrong with the document is said at once.
fn document(settings: &Settings) -> Result<Document, SettingError> {
    let document = settings.required_text("RULES", "a JSON document with rules")?;
    rules::parse(&document).map_err(|problems| {
        let mut problems = problems.into_iter();
        let first = problems.next();
        let (found, mut expected) =
            first.map_or_else(Default::default, |first| (first.found, first.expected));
        for problem in problems {
            let _ = write!(expected, "; {problem}");
        }
        wrong("RULES", &found, &expected)
    })
}

fn overrides(settings: &Settings, aws: &Aws) -> Result<Option<Overrides>, SettingError> {
    let seconds = settings.within("OVERRIDES_REFRESH_SECONDS", 30, 1, 3_600)?;
    let table = settings.text("OVERRIDES_TABLE");
    Ok(table.map(|name| Overrides {
        table: OverridesTable::new(aws.clone(), name),
        refresh: Duration::from_secs(seconds),
    }))
}

fn upstream(settings: &Settings) -> Result<Option<Target>, SettingError> {
    let timeout_ms = settings.within("UPSTREAM_TIMEOUT_MS", 5_000, 50, 60_000)?;
    let Some(url) = settings.text("UPSTREAM_URL") else {
        return Ok(None);
    };
    let target = Target::parse(&url, Duration::from_millis(timeout_ms));
    let expected = "http(s)://host[:port][/path], without user and query";
    let shown = if url.contains('@') { "(hidden)" } else { &url };
    target
        .map(Some)
        .ok_or_else(|| wrong("UPSTREAM_URL", shown, expected))
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
        assert_eq!(config.http, HttpSettings::default());
        assert_eq!(config.redis_deadline, Duration::from_millis(80));
        assert!(!config.shadow && config.overrides.is_none() && config.upstream.is_none());
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
                r#"{"rules":[{"name":"a","limit":0,"window_seconds":60},{"name":"b","limit":1,"window_second":60}]}"#,
            ),
            ("REDIS_ENDPOINT", "cache.internal"),
            ("REDIS_SECRET", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:redis"),
            ("SHADOW", "true"),
            ("OVERRIDES_REFRESH_SECONDS", "0"),
            ("UPSTREAM_URL", "https://user:s3cret@orders.internal"),
            ("UPSTREAM_URL", "orders.internal"),
            ("UPSTREAM_TIMEOUT_MS", "1"),
            ("X_RATELIMIT_HEADERS", "yes"),
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
        RULES=`rule a, limit=0` is wrong: expected a whole number from 1 to 600000; rule b, field `window_second`: expected only name, limits, key, path, method, route, header, claim, api_key, client_address, cost, shadow, limit, window_seconds, burst, algorithm, strict, max_in_flight, lease_seconds, overrides; rule b, window_seconds is missing: expected a whole number from 1 to 2678400
        REDIS_ENDPOINT=`cache.internal` is wrong: expected either REDIS_URL or REDIS_ENDPOINT
        REDIS_ENDPOINT is not set: expected host[:port] (TLS), rediss://host[:port] or redis://host[:port], without a user
        SHADOW=`true` is wrong: expected one of rules, all
        OVERRIDES_REFRESH_SECONDS=`0` is wrong: expected a number from 1 to 3600
        UPSTREAM_URL=`(hidden)` is wrong: expected http(s)://host[:port][/path], without user and query
        UPSTREAM_URL=`orders.internal` is wrong: expected http(s)://host[:port][/path], without user and query
        UPSTREAM_TIMEOUT_MS=`1` is wrong: expected a number from 50 to 60000
        X_RATELIMIT_HEADERS=`yes` is wrong: expected true or false
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
