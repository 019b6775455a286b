//! Severity of a log line, under all its names.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Finer than debug.
    Trace,
    /// For developers.
    Debug,
    /// Normal life.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
    /// The process or system cannot go on.
    Fatal,
    /// None given, or none known here.
    Other,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
            Self::Other => "other",
        })
    }
}

/// Characters of the longest name.
const LONGEST: usize = 13;

impl Level {
    /// A level by its name in any case, as the loggers in common use spell it, or by its number as text. Go's slog
    /// writes steps in between, `INFO+2`: they count as the level they are written with.
    pub(super) fn named(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        // Nearly all that is ever written.
        match text {
            b"info" | b"INFO" => return Some(Self::Info),
            b"debug" | b"DEBUG" => return Some(Self::Debug),
            b"warn" | b"WARN" => return Some(Self::Warn),
            b"error" | b"ERROR" => return Some(Self::Error),
            _ => {}
        }
        let text = text.trim_ascii();
        let end = text
            .iter()
            .position(|byte| matches!(byte, b'+' | b'-'))
            .unwrap_or(text.len());
        let text = text.get(..end)?;
        let mut lower = [0; LONGEST];
        let lower = lower.get_mut(..text.len())?;
        lower.copy_from_slice(text);
        lower.make_ascii_lowercase();
        Some(match &*lower {
            b"info" | b"information" | b"informational" | b"notice" | b"inf" => Self::Info,
            b"error" | b"err" | b"severe" | b"eror" => Self::Error,
            b"warn" | b"warning" | b"wrn" => Self::Warn,
            b"debug" | b"fine" | b"dbug" | b"dbg" => Self::Debug,
            b"trace" | b"verbose" | b"finer" | b"finest" | b"silly" | b"trc" => Self::Trace,
            b"fatal" | b"critical" | b"crit" | b"alert" | b"emerg" | b"emergency" | b"panic"
            | b"dpanic" | b"ftl" => Self::Fatal,
            _ => return Self::numbered(std::str::from_utf8(text).ok()?),
        })
    }

    /// The numbers of pino and bunyan (10 to 69) and of Monolog (100 to 600).
    pub(super) fn numbered(text: &str) -> Option<Self> {
        Some(match text.parse::<u16>().ok()? {
            10..20 => Self::Trace,
            20..30 | 100 => Self::Debug,
            30..40 | 200 | 250 => Self::Info,
            40..50 | 300 => Self::Warn,
            50..60 | 400 => Self::Error,
            60..70 | 500 | 550 | 600 => Self::Fatal,
            _ => return None,
        })
    }

    /// Whether somebody should read what such a line says.
    pub(super) fn is_failure(self) -> bool {
        matches!(self, Self::Error | Self::Fatal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_severity_has_many_names() {
        for (names, level) in [
            ("trace Verbose FINEST 10 silly", Level::Trace),
            ("debug DEBUG-4 fine 20 25 100", Level::Debug),
            ("info Information NOTICE INFO+2 30 250", Level::Info),
            ("warn WARNING Wrn 40 300", Level::Warn),
            ("error ERR Severe 50 400 eror", Level::Error),
            ("fatal Critical EMERGENCY panic 60 600", Level::Fatal),
        ] {
            for name in names.split(' ') {
                assert_eq!(Level::named(name), Some(level), "{name}");
            }
        }
        for name in ["", "loud", "+", "7", "70", "200.0", "informationally", "é"] {
            assert_eq!(Level::named(name), None, "{name}");
        }
    }
}
