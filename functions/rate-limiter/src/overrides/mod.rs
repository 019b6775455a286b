//! Limits and address lists that change while the function runs: kept in a DynamoDB table, read in the background.
//!
//! `items` turns the table's items into overrides and list entries and says what is wrong with them; `table` reads the
//! table; `live` keeps the last good copy and knows when it is old.

mod items;
mod live;
mod table;

pub use items::{Loaded, Refused, read};
pub use live::{Live, Overrides};
pub use table::{Attributes, OverridesTable, TableError};
