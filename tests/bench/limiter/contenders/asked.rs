//! What can be asked for in a round.

use std::io;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rate_limiter::breaker;
use rate_limiter::config::OnOutage;
use rate_limiter::limiter::{Limiter, Policy};
use rate_limiter::quota::{Algorithm, Claim, Demand};
use rate_limiter::redis_server::{RedisServer, locate};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Script, cmd};
use tollkeeper::telemetry::wall_clock;

/// The function's own default, for a Redis that is stopped.
const DEADLINE: Duration = Duration::from_millis(80);
/// Where Redis is in reach: a busy machine must not end a round.
const PATIENCE: Duration = Duration::from_secs(5);
const HOUR_US: u64 = 3_600_000_000;
const AT_ONCE: usize = 32;

/// Limiters as the function has them, and a connection of the same client for the floors.
pub(super) struct Asked {
    cached: Limiter,
    uncached: Limiter,
    without_breaker: Limiter,
    with_breaker: Limiter,
    /// What rules are called in their state: known since the start.
    narrow: String,
    wide: [String; 3],
    plain: MultiplexedConnection,
    floor: Script,
}

impl Asked {
    pub(super) async fn new(url: &str) -> io::Result<Self> {
        let limiter = |denials_for: u64, failures: u32, deadline: Duration| {
            let location = locate(url).ok_or_else(|| io::Error::other("not a URL of Redis"))?;
            let policy = Policy {
                on_outage: OnOutage::Open,
                local_share_percent: 10,
                denials_for: Duration::from_secs(denials_for),
                breaker: breaker::Settings {
                    failures,
                    first_pause_us: 250_000,
                    longest_pause_us: 5_000_000,
                },
            };
            io::Result::Ok(Limiter::new(RedisServer::new(location, deadline), policy))
        };
        let client = redis::Client::open(url).map_err(io::Error::other)?;
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let plain = client.get_multiplexed_async_connection_with_config(&config);
        Ok(Self {
            cached: limiter(2, 3, PATIENCE)?,
            uncached: limiter(0, 3, PATIENCE)?,
            without_breaker: limiter(2, 0, DEADLINE)?,
            with_breaker: limiter(2, 3, DEADLINE)?,
            narrow: format!("narrow:{}", NARROW.signature()),
            wide: [1, 2, 3].map(|rule| format!("rule-{rule}:{}", WIDE.signature())),
            plain: plain.await.map_err(io::Error::other)?,
            floor: Script::new("return 1"),
        })
    }

    /// One decision, or one command of a floor.
    pub(super) async fn once(&self, case: &str, salt: &str, index: usize) -> io::Result<()> {
        let now = wall_clock();
        let unique = || key(&format!("{salt}-{index}"));
        match case {
            "ping" => self.send(&cmd("PING")).await?,
            "incr" => {
                self.send(cmd("INCR").arg(format!("{salt}-{index}")))
                    .await?;
            }
            "incr-hot" => self.send(cmd("INCR").arg(salt)).await?,
            "evalsha" => {
                let mut command = cmd("EVALSHA");
                command.arg(self.floor.get_hash()).arg(0);
                if self.send(&command).await.is_err() {
                    self.send(cmd("EVAL").arg("return 1").arg(0)).await?;
                }
            }
            "cell-unique" => decided(self.throttle(&unique(), CELL_WIDE).await?, false)?,
            "cell-hot" => decided(self.throttle(&key(salt), CELL_WIDE).await?, false)?,
            "cell-over" => decided(self.throttle(&key(salt), CELL_NARROW).await?, true)?,
            "one" => expect(true, &self.cached, &self.one(&unique()), now).await?,
            "hot" => expect(true, &self.cached, &self.one(&key(salt)), now).await?,
            "three" => expect(true, &self.cached, &self.three(&unique()), now).await?,
            "over" => expect(false, &self.cached, &self.narrow(salt), now).await?,
            "over-asked" => expect(false, &self.uncached, &self.narrow(salt), now).await?,
            "stopped" | "stopped-breaker" => {
                let limiter = match case {
                    "stopped" => &self.without_breaker,
                    _ => &self.with_breaker,
                };
                let key = unique();
                std::hint::black_box(limiter.ask(&Demand::take(&self.one(&key)), now).await);
            }
            _ => return Err(io::Error::other(format!("no case `{case}`"))),
        }
        Ok(())
    }

    /// A second's worth of 32 at a time, decisions a second.
    pub(super) async fn at_once(&self, case: &str, count: usize, salt: &str) -> io::Result<f64> {
        let start = Instant::now();
        let lanes = (0..AT_ONCE).map(|lane| async move {
            for index in (lane..count).step_by(AT_ONCE) {
                self.once(case, salt, index).await?;
            }
            io::Result::Ok(())
        });
        futures::future::try_join_all(lanes).await?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let per_second = count as f64 / start.elapsed().as_secs_f64();
        Ok(per_second)
    }

    /// Uses up a quota of ten; how many of fifteen passed.
    pub(super) async fn exhaust(&self, salt: &str) -> u32 {
        let mut allowed = 0;
        for _ in 0..15 {
            let claims = self.narrow(salt);
            let verdict = self.cached.ask(&Demand::take(&claims), wall_clock()).await;
            allowed += u32::from(verdict.allowed && verdict.outage.is_none());
        }
        allowed
    }

    /// Whether redis-cell limits.
    async fn throttle(&self, key: &str, (burst, count, seconds): Throttle) -> io::Result<bool> {
        let mut command = cmd("CL.THROTTLE");
        command.arg(key).arg(burst).arg(count).arg(seconds);
        let mut connection = self.plain.clone();
        let answer = command.query_async::<[i64; 5]>(&mut connection);
        let [is_limited, ..] = answer.await.map_err(io::Error::other)?;
        Ok(is_limited == 1)
    }

    /// Uses up a quota of ten of redis-cell's; how many of fifteen passed.
    pub(super) async fn exhaust_cell(&self, salt: &str) -> io::Result<u32> {
        let mut allowed = 0;
        for _ in 0..15 {
            allowed += u32::from(!self.throttle(&key(salt), CELL_NARROW).await?);
        }
        Ok(allowed)
    }

    /// Scripts that Redis has run so far; `None`: it does not say in time.
    pub(super) async fn scripts_run(&self) -> io::Result<Option<u64>> {
        let mut connection = self.plain.clone();
        let mut info = cmd("INFO");
        info.arg("commandstats");
        let answer = info.query_async::<String>(&mut connection);
        let Ok(answer) = tokio::time::timeout(DEADLINE, answer).await else {
            return Ok(None);
        };
        let calls = |line: &str| {
            let (name, rest) = line.split_once(":calls=")?;
            let is_script = name.starts_with("cmdstat_eval");
            let calls = rest.split(',').next()?.parse::<u64>().ok()?;
            is_script.then_some(calls)
        };
        let info = answer.map_err(io::Error::other)?;
        Ok(Some(info.lines().filter_map(calls).sum()))
    }

    fn narrow(&self, salt: &str) -> [Claim<'_>; 1] {
        [Claim::new(key(salt), self.narrow.as_str(), NARROW, 1)]
    }

    fn one<'a>(&'a self, key: &'a str) -> [Claim<'a>; 1] {
        let [field, ..] = &self.wide;
        [Claim::new(key, field, WIDE, 1)]
    }

    fn three<'a>(&'a self, key: &'a str) -> [Claim<'a>; 3] {
        self.wide
            .each_ref()
            .map(|field| Claim::new(key, field, WIDE, 1))
    }

    async fn send(&self, command: &Cmd) -> io::Result<()> {
        let mut connection = self.plain.clone();
        command
            .exec_async(&mut connection)
            .await
            .map_err(io::Error::other)
    }
}

fn key(client: &str) -> String {
    ["tollkeeper:limit:{address:", client, "}"].concat()
}

const WIDE: Algorithm = Algorithm::Gcra {
    interval_us: 36,
    burst: 100_000_000,
};

/// redis-cell's burst beyond the first unit, and so many units in so many seconds.
type Throttle = (u32, u32, u32);
const CELL_WIDE: Throttle = (99_999_999, 1_000_000, 36);
const CELL_NARROW: Throttle = (9, 10, 3_600);

const NARROW: Algorithm = Algorithm::Gcra {
    interval_us: HOUR_US / 10,
    burst: 10,
};

/// A figure of something that was not decided as it should be is no figure.
async fn expect(
    allowed: bool,
    limiter: &Limiter,
    claims: &[Claim<'_>],
    now: Timestamp,
) -> io::Result<()> {
    let verdict = limiter.ask(&Demand::take(claims), now).await;
    if verdict.allowed == allowed && verdict.outage.is_none() {
        Ok(())
    } else {
        Err(io::Error::other(format!("decided otherwise: {verdict:?}")))
    }
}

fn decided(limited: bool, expected: bool) -> io::Result<()> {
    if limited == expected {
        Ok(())
    } else {
        Err(io::Error::other("redis-cell decided otherwise"))
    }
}
