//! A Redis cluster of three real masters without replicas. It knows how nodes become a cluster, not what is kept there.

use std::path::Path;
use std::time::Duration;

use redis::{Cmd, cmd};

use crate::{Error, Redis, wait};

/// A fresh node takes no queries for its first two seconds.
const READY: Duration = Duration::from_secs(30);
/// The slots of each node, first and last.
const SLOTS: [(u16, u16); 3] = [(0, 5460), (5461, 10_922), (10_923, 16_383)];

/// Three nodes that share the slots. As Redis has it by default, the others answer CLUSTERDOWN once they have agreed
/// that one is gone, and it comes back empty ([`Redis::restart`]).
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Box<[Redis; 3]>,
}

impl RedisCluster {
    pub(crate) async fn start(logs: &Path) -> Result<Self, Error> {
        let (one, two, three) = tokio::try_join!(
            Redis::start_node("redis-1", logs),
            Redis::start_node("redis-2", logs),
            Redis::start_node("redis-3", logs),
        )?;
        let cluster = Self {
            nodes: Box::new([one, two, three]),
        };
        cluster.share_slots().await?;
        cluster.introduce().await?;
        cluster.wait_until_ok().await?;
        Ok(cluster)
    }

    /// `redis://127.0.0.1:<port>` of each node.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }

    /// The nodes, in the order of their slots: each can be frozen, killed and brought back.
    pub fn nodes(&self) -> &[Redis; 3] {
        &self.nodes
    }

    /// Waits until every node sees all slots served; [`Error::ClusterNotOk`] when that takes longer than 30 seconds.
    pub async fn wait_until_ok(&self) -> Result<(), Error> {
        let found = wait::until(READY, || async {
            for node in self.nodes() {
                is_ok(node).await.ok().filter(|ok| *ok)?;
            }
            Some(())
        });
        found.await.ok_or(Error::ClusterNotOk { waited: READY })
    }

    pub(crate) async fn kill(&self) -> Result<(), Error> {
        for node in self.nodes() {
            node.kill().await?;
        }
        Ok(())
    }

    async fn share_slots(&self) -> Result<(), Error> {
        for (epoch, (node, (first, last))) in (1..).zip(self.nodes.iter().zip(SLOTS)) {
            // Nodes that start with the same epoch would have to settle first who is right.
            let mut set_epoch = cmd("CLUSTER");
            set_epoch.arg("SET-CONFIG-EPOCH").arg::<u32>(epoch);
            ask(node, &set_epoch).await?;
            let mut add = cmd("CLUSTER");
            add.arg("ADDSLOTSRANGE").arg(first).arg(last);
            ask(node, &add).await?;
        }
        Ok(())
    }

    /// The first node meets the others; these hear of each other from it.
    async fn introduce(&self) -> Result<(), Error> {
        let [first, others @ ..] = self.nodes();
        for (port, bus) in others.iter().filter_map(Redis::node_ports) {
            let mut meet = cmd("CLUSTER");
            meet.arg("MEET").arg("127.0.0.1").arg(port).arg(bus);
            ask(first, &meet).await?;
        }
        Ok(())
    }
}

async fn ask(node: &Redis, command: &Cmd) -> Result<(), Error> {
    Ok(command.exec_async(&mut node.connection().await?).await?)
}

async fn is_ok(node: &Redis) -> Result<bool, Error> {
    let mut connection = node.connection().await?;
    let info: String = cmd("CLUSTER")
        .arg("INFO")
        .query_async(&mut connection)
        .await?;
    let has = |wanted: &str| info.lines().any(|line| line == wanted);
    Ok(has("cluster_state:ok") && has("cluster_known_nodes:3"))
}
