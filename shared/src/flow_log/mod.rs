//! VPC flow-log records and the NAT legs they show.
//!
//! Fields: <https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html>, versions 2 to 5, in any order,
//! named by a header line or a configured format. This module reads text lines; it refuses to know where they come
//! from, which interface is a NAT gateway's, and who an address is.

mod format;
mod leg;
mod reader;
mod record;

pub use format::{Format, FormatError};
pub use leg::{Flow, Leg, NatSide};
pub use reader::{ReadError, Reader};
pub use record::{LineError, LogStatus, Record};
