//! The local cloud: starts and stops, on free loopback ports, everything the function binaries run against. moto_server
//! as AWS with the fixes it needs ([`front`]), real redis-servers, a Kafka broker, the Lambda Runtime API around the
//! real binaries, and an event source mapping that polls the broker for them.
//!
//! Everything ends with the [`LocalCloud`] and its handles, also when a test panics or is killed; each process's log
//! stays in `<workspace>/target/local-cloud/<name>-<pid>/`. It refuses to know what the functions do: no type of the
//! product appears here.

mod error;
mod host;
mod kafka;
mod mapping;
mod moto;
mod process;
mod redis_cluster;
mod redis_server;
mod runtime;
mod sdk;

pub mod events;
pub mod front;
pub mod wait;
pub mod workspace;
pub mod world;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aws_config::SdkConfig;

pub use error::{Error, LogTail};
pub use front::Front;
pub use front::cost_explorer::{CostExplorer, CostLine};
pub use front::faults::Fault;
pub use front::holds::{Held, Hold};
pub use front::sns::Published;
pub use kafka::{Kafka, Message};
pub use mapping::{MappingBuilder, MappingReport, Partial, Poller};
pub use redis_cluster::RedisCluster;
pub use redis_server::Redis;
pub use runtime::{Function, FunctionBuilder, Reply};

/// The account everything belongs to.
pub const ACCOUNT_ID: &str = "123456789012";
/// The region functions run in unless told otherwise.
pub const REGION: &str = "us-east-1";

/// Fake credentials: moto accepts anything.
const ACCESS_KEY: &str = "testing";

/// Says what to start; made by [`LocalCloud::builder`].
#[derive(Debug)]
#[must_use = "nothing runs until start"]
pub struct Builder {
    name: String,
    redis: bool,
    redis_module: Option<PathBuf>,
    redis_cluster: bool,
    kafka: bool,
}

impl Builder {
    /// Also starts a redis-server.
    pub fn redis(mut self) -> Self {
        self.redis = true;
        self
    }

    /// Also starts a redis-server with a module.
    pub fn redis_with(mut self, module: Option<PathBuf>) -> Self {
        self.redis_module = module;
        self.redis()
    }

    /// Also starts a Redis cluster of three nodes.
    pub fn redis_cluster(mut self) -> Self {
        self.redis_cluster = true;
        self
    }

    /// Also starts a Kafka broker.
    pub fn kafka(mut self) -> Self {
        self.kafka = true;
        self
    }

    /// Starts everything and waits until it answers.
    pub async fn start(self) -> Result<LocalCloud, Error> {
        let logs = workspace::log_folder(&self.name)?;
        let redis = async {
            if self.redis {
                Redis::start(self.redis_module.as_deref(), &logs)
                    .await
                    .map(Some)
            } else {
                Ok(None)
            }
        };
        let redis_cluster = async {
            if self.redis_cluster {
                // Boxed: few clouds have one, and all would carry three servers' start in their own.
                Box::pin(RedisCluster::start(&logs)).await.map(Some)
            } else {
                Ok(None)
            }
        };
        let (moto, redis, redis_cluster) =
            tokio::try_join!(moto::Moto::start(&logs), redis, redis_cluster)?;
        let front = Front::start(moto.endpoint()).await?;
        let sdk = sdk::config(front.endpoint(), REGION).await;
        let kafka = self.kafka.then(Kafka::start).transpose()?;
        Ok(LocalCloud {
            logs,
            sdk,
            front,
            redis,
            redis_cluster,
            kafka,
            offsets: mapping::Offsets::default(),
            functions: Mutex::default(),
            moto,
        })
    }
}

/// A running local cloud. Dropping it kills its processes; functions end with their own handles.
#[derive(Debug)]
pub struct LocalCloud {
    logs: PathBuf,
    sdk: SdkConfig,
    front: Front,
    redis: Option<Redis>,
    redis_cluster: Option<RedisCluster>,
    kafka: Option<Kafka>,
    offsets: mapping::Offsets,
    functions: Mutex<HashMap<String, usize>>,
    moto: moto::Moto,
}

impl LocalCloud {
    /// A cloud whose logs are kept under `name`.
    pub fn builder(name: &str) -> Builder {
        Builder {
            name: name.to_owned(),
            redis: false,
            redis_module: None,
            redis_cluster: false,
            kafka: false,
        }
    }

    /// SDK settings for this cloud: endpoint, region and fake credentials.
    pub fn sdk_config(&self) -> SdkConfig {
        self.sdk.clone()
    }

    /// What AWS_ENDPOINT_URL is for the functions: the front.
    pub fn endpoint_url(&self) -> &str {
        self.front.endpoint()
    }

    /// moto itself, past the fixes: for tests of the fixes and for moto's own interface under `/moto-api`.
    pub fn moto_url(&self) -> &str {
        self.moto.endpoint()
    }

    /// The folder with the log of each process.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// The front: faults and call counts.
    pub fn front(&self) -> &Front {
        &self.front
    }

    /// The bill that Cost Explorer answers from.
    pub fn cost_explorer(&self) -> &CostExplorer {
        self.front.cost_explorer()
    }

    /// The redis-server; [`Error::NotStarted`] without [`Builder::redis`].
    pub fn redis(&self) -> Result<&Redis, Error> {
        self.redis.as_ref().ok_or(Error::NotStarted("redis"))
    }

    /// The Redis cluster; [`Error::NotStarted`] without [`Builder::redis_cluster`].
    pub fn redis_cluster(&self) -> Result<&RedisCluster, Error> {
        let cluster = self.redis_cluster.as_ref();
        cluster.ok_or(Error::NotStarted("a Redis cluster"))
    }

    /// The Kafka broker; [`Error::NotStarted`] without [`Builder::kafka`].
    pub fn kafka(&self) -> Result<&Kafka, Error> {
        self.kafka.as_ref().ok_or(Error::NotStarted("kafka"))
    }

    /// Describes an event source mapping from a topic to a function.
    pub fn mapping(&self, topic: &str, function: &Function) -> Result<MappingBuilder, Error> {
        Ok(MappingBuilder::new(
            self.kafka()?,
            &self.offsets,
            topic,
            function,
        ))
    }

    /// Messages published to a topic so far, oldest first.
    pub fn sns_messages(&self, topic_arn: &str) -> Vec<Published> {
        self.front.sns().of_topic(topic_arn)
    }

    /// Delivers a message to a function as SNS would.
    pub async fn deliver_sns(
        &self,
        message: &Published,
        function: &Function,
    ) -> Result<Reply, Error> {
        function.invoke(&message.lambda_event()).await
    }

    /// Describes a function to run: its binary is `name` unless set otherwise.
    pub fn function(&self, name: &str) -> FunctionBuilder {
        let mut started = self
            .functions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let number = started.entry(name.to_owned()).or_default();
        *number += 1;
        let log = if *number == 1 {
            format!("{name}.log")
        } else {
            format!("{name}-{number}.log")
        };
        FunctionBuilder::new(name, REGION, self.front.endpoint(), self.logs.join(log))
    }

    /// Ends everything and waits until it has ended. Dropping the cloud does the same without waiting.
    pub async fn stop(self) -> Result<(), Error> {
        if let Some(redis) = &self.redis {
            redis.kill().await?;
        }
        if let Some(cluster) = &self.redis_cluster {
            cluster.kill().await?;
        }
        self.moto.stop().await
    }
}

/// Ties this crate to the clone it is built in (`docs/adr/0007`): it looks for binaries there.
const _: Option<&str> = option_env!("TOLLKEEPER_CLONE");
