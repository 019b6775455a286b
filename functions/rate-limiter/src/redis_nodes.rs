//! The nodes of Redis, and which of them decides on a slot.
//!
//! A server of its own has one node, the one that was named. A cluster shows itself by its answers (MOVED, CROSSSLOT);
//! from then on the table of slots is asked for, from whichever node answers first, and again whenever a node was gone or
//! sent us elsewhere: that is how a failover is followed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::{Client, ConnectionAddr, IntoConnectionInfo, RedisError, RedisResult, Value};
use tokio::task::JoinSet;

use crate::credentials::Credentials;
use crate::redis_link::Link;

/// One or several.
pub(crate) struct Nodes {
    named: Arc<Link>,
    client: Client,
    credentials: Arc<Credentials>,
    /// Whether the server has turned out to be a cluster.
    is_cluster: AtomicBool,
    /// Whether the table may be wrong.
    is_stale: AtomicBool,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// By `host:port`.
    links: HashMap<String, Arc<Link>>,
    /// First and last slot, and the node that has them.
    ranges: Vec<(u16, u16, Arc<Link>)>,
}

impl Nodes {
    /// The node that `client` names, for the time being.
    pub(crate) fn new(client: Client, credentials: Arc<Credentials>) -> Self {
        Self {
            named: Arc::new(Link::new(client.clone(), Arc::clone(&credentials))),
            client,
            credentials,
            is_cluster: AtomicBool::new(false),
            is_stale: AtomicBool::new(false),
            table: Mutex::default(),
        }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.is_cluster.load(Ordering::Relaxed)
    }

    /// A node has told us that it is one of several, or that it no longer has a slot.
    pub(crate) fn found_cluster(&self) {
        self.is_cluster.store(true, Ordering::Relaxed);
        self.distrust();
    }

    /// A node is gone: another may have taken over.
    pub(crate) fn distrust(&self) {
        self.is_stale.store(true, Ordering::Relaxed);
    }

    /// The node that decides on a slot; the named one where nobody has said.
    pub(crate) async fn of_slot(&self, slot: u16) -> Arc<Link> {
        if !self.is_cluster() {
            return Arc::clone(&self.named);
        }
        if self.is_stale.load(Ordering::Relaxed) {
            self.learn().await;
        }
        let table = self.table();
        let has = |(first, last, _): &&(u16, u16, Arc<Link>)| (*first..=*last).contains(&slot);
        let found = table.ranges.iter().find(has);
        found.map_or_else(|| Arc::clone(&self.named), |(_, _, link)| Arc::clone(link))
    }

    /// The node at `host:port`.
    pub(crate) fn at(&self, address: &str) -> RedisResult<Arc<Link>> {
        let mut table = self.table();
        if let Some(link) = table.links.get(address) {
            return Ok(Arc::clone(link));
        }
        let link = Arc::new(Link::new(
            self.client_of(address)?,
            Arc::clone(&self.credentials),
        ));
        table.links.insert(address.to_owned(), Arc::clone(&link));
        Ok(link)
    }

    /// Asks all nodes for the table and believes the first that answers. If none does, the old one stays.
    async fn learn(&self) {
        let mut links: Vec<Arc<Link>> = self.table().links.values().map(Arc::clone).collect();
        links.push(Arc::clone(&self.named));
        let mut asked = JoinSet::new();
        for link in links {
            asked.spawn(async move { slots_as_seen_by(&link).await });
        }
        while let Some(answer) = asked.join_next().await {
            let Ok(Ok(ranges)) = answer else { continue };
            if self.believe(ranges).is_ok() {
                self.is_stale.store(false, Ordering::Relaxed);
                return;
            }
        }
    }

    fn believe(&self, found: Vec<(u16, u16, String)>) -> RedisResult<()> {
        let mut ranges = Vec::with_capacity(found.len());
        for (first, last, address) in found {
            ranges.push((first, last, self.at(&address)?));
        }
        let mut table = self.table();
        let in_use = |link: &Arc<Link>| ranges.iter().any(|(_, _, used)| Arc::ptr_eq(used, link));
        table.links.retain(|_, link| in_use(link));
        table.ranges = ranges;
        Ok(())
    }

    /// Another node, with the same user, password and TLS settings.
    fn client_of(&self, address: &str) -> RedisResult<Client> {
        let named = self.client.get_connection_info().clone();
        let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
        let own = match named.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                (host.clone(), *port)
            }
            _ => (String::new(), 0),
        };
        // A node that does not know its own name leaves it out: the one we asked is meant.
        let host = if host.is_empty() {
            own.0
        } else {
            host.to_owned()
        };
        let port = port.parse().unwrap_or(own.1);
        let address = match named.addr() {
            ConnectionAddr::TcpTls {
                insecure,
                tls_params,
                ..
            } => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(host, port),
        };
        Client::open(named.set_addr(address).into_connection_info()?)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// First slot, last slot and `host:port` of who has them.
async fn slots_as_seen_by(link: &Link) -> RedisResult<Vec<(u16, u16, String)>> {
    let mut connection = link.connection().await?.connection;
    let answer: RedisResult<Vec<Value>> = redis::cmd("CLUSTER")
        .arg("SLOTS")
        .query_async(&mut connection)
        .await;
    if answer.as_ref().is_err_and(RedisError::is_io_error) {
        link.forget();
    }
    let ranges: Vec<_> = answer?.iter().filter_map(range).collect();
    if ranges.is_empty() {
        return Err(std::io::Error::other("a table of no slots").into());
    }
    Ok(ranges)
}

/// `[first, last, [host, port, ...], replicas...]`.
fn range(entry: &Value) -> Option<(u16, u16, String)> {
    let Value::Array(entry) = entry else {
        return None;
    };
    let [
        Value::Int(first),
        Value::Int(last),
        Value::Array(master),
        ..,
    ] = entry.as_slice()
    else {
        return None;
    };
    let [host, Value::Int(port), ..] = master.as_slice() else {
        return None;
    };
    let host = match host {
        Value::BulkString(host) => String::from_utf8(host.clone()).ok()?,
        Value::SimpleString(host) => host.clone(),
        _ => String::new(),
    };
    let host = if host == "?" { String::new() } else { host };
    let slots = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
    Some((slots.0, slots.1, format!("{host}:{port}")))
}
