//! The Ledger table in memory, with DynamoDB's conditional writes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tollkeeper::aws::{Put, TableError};

use super::stage::Stage;
use crate::rows::Rows;

/// Items by both keys.
#[derive(Debug, Clone)]
pub(crate) struct MemoryRows {
    stage: Rc<Stage>,
    items: Rc<RefCell<BTreeMap<(String, String), Value>>>,
}

impl MemoryRows {
    pub(crate) fn new(stage: &Rc<Stage>) -> Self {
        Self {
            stage: stage.clone(),
            items: Rc::default(),
        }
    }
}

fn key(pk: &str, sk: &str) -> (String, String) {
    (pk.to_owned(), sk.to_owned())
}

fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

impl Rows for MemoryRows {
    async fn get<T: DeserializeOwned>(&self, pk: &str, sk: &str) -> Result<Option<T>, TableError> {
        self.stage.turn().await;
        Ok(self.items.borrow().get(&key(pk, sk)).map(read))
    }

    async fn put<T: Serialize>(&self, pk: &str, sk: &str, item: &T) -> Result<(), TableError> {
        self.stage.turn().await;
        let value = serde_json::to_value(item).unwrap();
        self.items.borrow_mut().insert(key(pk, sk), value);
        Ok(())
    }

    async fn put_versioned<T: Serialize>(
        &self,
        pk: &str,
        sk: &str,
        item: &T,
        version: i64,
    ) -> Result<Put, TableError> {
        self.stage.turn().await;
        let mut items = self.items.borrow_mut();
        let known = items.get(&key(pk, sk));
        let stored = known.map_or(0, |known| known["version"].as_i64().unwrap());
        if stored != version {
            return Ok(Put::Conflict);
        }
        let mut value = serde_json::to_value(item).unwrap();
        value["version"] = (version + 1).into();
        items.insert(key(pk, sk), value);
        Ok(Put::Done)
    }

    async fn query<T: DeserializeOwned>(
        &self,
        pk: &str,
        sk_prefix: &str,
    ) -> Result<Vec<T>, TableError> {
        self.stage.turn().await;
        let items = self.items.borrow();
        let found = items
            .iter()
            .filter(|((partition, sort), _)| partition == pk && sort.starts_with(sk_prefix));
        Ok(found.map(|(_, value)| read(value)).collect())
    }
}
