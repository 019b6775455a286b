//! A real cluster: three masters, and a replica where a test adds one.

use std::time::{Duration, Instant};

use redis::{Cmd, FromRedisValue};

use crate::server::Server;

/// A fresh node takes no queries for its first two seconds.
const READY: Duration = Duration::from_mins(1);
/// The slots of each node.
const SLOTS: [(u16, u16); 3] = [(0, 5460), (5461, 10_922), (10_923, 16_383)];

pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Server>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let nodes: Vec<Server> = SLOTS.iter().map(|_| Server::start_node()).collect();
        for (epoch, (node, (first, last))) in (1..).zip(nodes.iter().zip(SLOTS)) {
            // Nodes that start with the same epoch would have to settle first who is right.
            let () = ask(node, cluster(&["SET-CONFIG-EPOCH"]).arg::<u32>(epoch));
            let () = ask(node, cluster(&["ADDSLOTSRANGE"]).arg(first).arg(last));
        }
        for other in &nodes[1..] {
            meet(&nodes[0], other);
        }
        let cluster = Self { nodes };
        wait_until("three nodes agree", || {
            cluster.nodes.iter().all(|node| knows(node, 3))
        });
        cluster
    }

    /// A new node with a copy of what a master keeps: the last of the nodes.
    pub(crate) fn add_replica_of(&mut self, master: usize) {
        let replica = Server::start_node();
        meet(&self.nodes[0], &replica);
        self.nodes.push(replica);
        wait_until("four nodes agree", || {
            self.nodes.iter().take(3).all(|node| knows(node, 4))
        });
        let replica = &self.nodes[3];
        let id = self.id(master);
        wait_until("the replica has heard of its master", || {
            try_ask::<()>(replica, &cluster(&["REPLICATE", &id])).is_ok()
        });
        wait_until("the replica has a copy", || {
            let info: String = ask(replica, redis::cmd("INFO").arg("replication"));
            info.contains("master_link_status:up")
        });
    }

    pub(crate) fn id(&self, node: usize) -> String {
        ask(&self.nodes[node], &mut cluster(&["MYID"]))
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Server::url).collect()
    }
}

/// `CLUSTER ...`.
pub(crate) fn cluster(words: &[&str]) -> Cmd {
    let mut command = redis::cmd("CLUSTER");
    command.arg(words);
    command
}

pub(crate) fn ask<T: FromRedisValue>(node: &Server, command: &mut Cmd) -> T {
    try_ask(node, command).unwrap_or_else(|error| panic!("{error}"))
}

fn try_ask<T: FromRedisValue>(node: &Server, command: &Cmd) -> redis::RedisResult<T> {
    command.query(&mut node.connection())
}

fn meet(one: &Server, other: &Server) {
    let (port, bus) = (other.port().to_string(), other.bus().to_string());
    let () = ask(one, &mut cluster(&["MEET", "127.0.0.1", &port, &bus]));
}

fn knows(node: &Server, nodes: usize) -> bool {
    let info: String = ask(node, &mut cluster(&["INFO"]));
    info.contains("cluster_state:ok") && info.contains(&format!("cluster_known_nodes:{nodes}"))
}

pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + READY;
    while !is_so() {
        assert!(
            Instant::now() < until,
            "in {READY:?} it did not come that {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
