//! The Rollups table, as far as the consumer needs it.
//!
//! A trait, because what keeps the sums exact is the play between items and conditional writes: the replay test runs
//! it against a table in memory that fails where it likes.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tollkeeper::aws::{Condition, Put, Table, TableError};
use tollkeeper::rollup::ItemKey;

/// Reads and conditionally writes items.
pub trait Rollups: Sync {
    /// The item under a key, strongly consistent.
    fn get<T: DeserializeOwned>(
        &self,
        key: &ItemKey,
    ) -> impl Future<Output = Result<Option<T>, TableError>> + Send;

    /// Writes an item whole, if the condition holds.
    fn put<T: Serialize + Sync>(
        &self,
        key: &ItemKey,
        item: &T,
        condition: &Condition,
    ) -> impl Future<Output = Result<Put, TableError>> + Send;
}

impl Rollups for Table {
    async fn get<T: DeserializeOwned>(&self, key: &ItemKey) -> Result<Option<T>, TableError> {
        Table::get(self, &key.pk, &key.sk).await
    }

    async fn put<T: Serialize + Sync>(
        &self,
        key: &ItemKey,
        item: &T,
        condition: &Condition,
    ) -> Result<Put, TableError> {
        Table::put(self, &key.pk, &key.sk, item, condition).await
    }
}
