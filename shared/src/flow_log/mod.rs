//! VPC flow-log records and the NAT legs they show.
//!
//! Fields: <https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html>, versions 2 to 11, in any
//! order, named by a header line or a configured format. This module reads lines from bytes, without allocating for a
//! record and without interpreting a column that nothing here needs; it refuses to know where the lines come from,
//! which interface is a NAT gateway's, and who an address is.

mod field;
mod format;
mod leg;
mod parse;
mod reader;
mod record;
mod words;

pub use format::{Format, FormatError};
pub use leg::{Flow, Leg, NatSide};
pub use reader::{LONGEST_LINE, LineReader, ReadError, Reader};
pub use record::{LineError, LogStatus, Record};
