//! The Rollups table, as far as the consumer needs it.
//!
//! A trait, because what keeps the sums exact is the play between items and conditional writes: the replay test runs
//! it against a table in memory that fails where it likes.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tollkeeper::aws::{Condition, Put, Table, TableError, Versioned};
use tollkeeper::rollup::ItemKey;

/// Reads and conditionally writes items.
pub trait Rollups: Sync {
    /// The item under a key, strongly consistent.
    fn get<T: DeserializeOwned + Send>(
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

    /// Writes an item over the version that was read; 0 where there was none.
    fn replace<T: Serialize + Send + Sync>(
        &self,
        key: &ItemKey,
        item: T,
        version: i64,
    ) -> impl Future<Output = Result<Put, TableError>> + Send {
        async move {
            let condition = match version {
                0 => Condition::Absent,
                value => Condition::Number {
                    attribute: "version",
                    value,
                },
            };
            let item = Versioned {
                version: version + 1,
                item,
            };
            self.put(key, &item, &condition).await
        }
    }
}

impl Rollups for Table {
    async fn get<T: DeserializeOwned + Send>(
        &self,
        key: &ItemKey,
    ) -> Result<Option<T>, TableError> {
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
