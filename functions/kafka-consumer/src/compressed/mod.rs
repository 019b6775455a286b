//! Values that declare themselves compressed, inflated within fixed bounds.
//!
//! Kafka's own compression is undone before Lambda sees a record. This is for producers that compress each value
//! themselves: gzip, zstd, lz4 frames, framed snappy and the snappy blocks of Kafka's Java client. Members (frames)
//! that follow each other are one value, as their command-line tools read them. A value is taken as compressed when
//! it starts with a format's magic bytes; none of them begins a text, a JSON object or a flow-log line.
//!
//! Whoever writes to the topic may send a bomb, so output, window and number of members are bounded, and a value
//! beyond a bound is poison like any other. The checksums of gzip, lz4 and framed snappy are verified; those of zstd
//! are not (the decoder reads over them) and the Java client's snappy blocks have none. What comes out is not
//! inflated again: nobody nests compression on purpose. This module refuses to know what a value says.

mod formats;
mod output;
#[cfg(test)]
mod tests;

use std::fmt;

use output::{Output, Source};

/// Most bytes a value may inflate to, and the largest window a decoder may keep: 8 MiB.
///
/// An event has at most 6 MB in base64, so a value arrives with at most 4.5 MB; real logs shrink five- to tenfold,
/// and values are batches of far less than a megabyte. The output and a decoder's window or block buffers (12 MiB at
/// most, lz4's linked blocks) stay under 64 MB together with the event. 8 MiB is also the window that RFC 8878 asks
/// every zstd decoder to support; only `--ultra` and `--long` go beyond.
pub const LIMIT: usize = 8 << 20;

/// Most members in a value. Each costs its decoder buffers of its own, however little it holds: without a bound,
/// megabytes of empty members would keep a function busy for minutes. Block gzip (64 KiB a member) needs 128.
pub const MEMBERS: usize = 256;

/// A format that values declare with their first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// A frame of zstd or lz4 that holds no data.
    Skippable,
    /// Snappy's framing format.
    SnappyFramed,
    /// Snappy blocks as Kafka's Java client (xerial snappy-java) frames them.
    SnappyJava,
    /// The lz4 frame format.
    Lz4,
}

/// Why a compressed value is not inflated. Never says what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The bound of the output.
    #[error("{0} value inflates to over 8 MiB")]
    TooLarge(Format),
    /// The bound of the decoder's memory.
    #[error("{0} value needs a window of over 8 MiB")]
    Window(Format),
    /// The bound of the number of members.
    #[error("compressed value has over 256 members")]
    Members,
    /// There is no dictionary here.
    #[error("{0} value needs a dictionary")]
    Dictionary(Format),
    /// Cut off.
    #[error("{0} value ends early")]
    EndsEarly(Format),
    /// Breaks its format, or its checksum.
    #[error("{0} value is corrupt")]
    Corrupt(Format),
    /// The compressed data ends, the value does not.
    #[error("{0} value has other bytes behind its end")]
    Trailing(Format),
}

/// The value inflated into `buffer`, or as it is where it declares no compression.
///
/// The buffer is for reuse from value to value: what it held before is dropped, and its capacity stays under
/// [`LIMIT`] unless it came with more.
pub fn inflate<'a>(value: &'a [u8], buffer: &'a mut Vec<u8>) -> Result<&'a [u8], Reason> {
    let Some(mut format) = Format::of(value) else {
        return Ok(value);
    };
    let mut output = Output::into(buffer);
    let mut source = Source::new(value);
    for _ in 0..MEMBERS {
        formats::member(format, &mut source, &mut output)?;
        if source.rest().is_empty() {
            return Ok(buffer);
        }
        format = Format::of(source.rest()).ok_or(Reason::Trailing(format))?;
    }
    Err(Reason::Members)
}

impl Format {
    /// The format that a value declares; `None` for a plain one.
    pub fn of(value: &[u8]) -> Option<Self> {
        match value {
            [0x1f, 0x8b, 0x08, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Skippable),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            _ if value.starts_with(b"\xff\x06\0\0sNaPpY") => Some(Self::SnappyFramed),
            _ if value.starts_with(formats::SNAPPY_JAVA) => Some(Self::SnappyJava),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Skippable => "skippable frame's",
            Self::SnappyFramed | Self::SnappyJava => "snappy",
            Self::Lz4 => "lz4",
        })
    }
}
