//! What the ledger needs of a table. A trait, because lock, lease and journal are proved over two runs that race for one
//! table in memory.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tollkeeper::aws::{Condition, Put, Table, TableError};

/// Items under two keys, with conditional writes.
pub(crate) trait Rows {
    /// Reads one item, strongly consistent.
    async fn get<T: DeserializeOwned>(&self, pk: &str, sk: &str) -> Result<Option<T>, TableError>;

    /// Writes one item whatever is there.
    async fn put<T: Serialize>(&self, pk: &str, sk: &str, item: &T) -> Result<(), TableError>;

    /// Writes over exactly `version` (0: no item), and raises it by one.
    async fn put_versioned<T: Serialize>(
        &self,
        pk: &str,
        sk: &str,
        item: &T,
        version: i64,
    ) -> Result<Put, TableError>;

    /// Every item of a partition whose sort key starts with the prefix, in order.
    async fn query<T: DeserializeOwned>(
        &self,
        pk: &str,
        sk_prefix: &str,
    ) -> Result<Vec<T>, TableError>;
}

impl Rows for Table {
    async fn get<T: DeserializeOwned>(&self, pk: &str, sk: &str) -> Result<Option<T>, TableError> {
        Self::get(self, pk, sk).await
    }

    async fn put<T: Serialize>(&self, pk: &str, sk: &str, item: &T) -> Result<(), TableError> {
        Self::put(self, pk, sk, item, &Condition::Always).await?;
        Ok(())
    }

    async fn put_versioned<T: Serialize>(
        &self,
        pk: &str,
        sk: &str,
        item: &T,
        version: i64,
    ) -> Result<Put, TableError> {
        Self::put_versioned(self, pk, sk, item, version).await
    }

    async fn query<T: DeserializeOwned>(
        &self,
        pk: &str,
        sk_prefix: &str,
    ) -> Result<Vec<T>, TableError> {
        Self::query(self, pk, sk_prefix).await
    }
}
