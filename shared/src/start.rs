//! What every function does first: logging, settings, the packaged address table. A failure here ends the process
//! with one line in the log, under a stable type that alarms match.

use std::path::{Path, PathBuf};

use crate::error::{Fault, chain};
use crate::services::{IpRanges, IpRangesError};
use crate::settings::{SettingError, Settings};
use crate::telemetry::start_logging;

/// Name of the address table that is packaged beside a function's binary.
const PACKAGED_RANGES: &str = "ip-ranges.json";

/// Why a function does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The address table cannot be read.
    #[error("IP_RANGES file `{path}` cannot be read")]
    RangesFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The address table is none.
    #[error("IP_RANGES file `{path}` is wrong")]
    Ranges {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: IpRangesError,
    },
}

impl Fault for StartError {
    fn fault_type(&self) -> &'static str {
        match self {
            Self::Setting(_) => "Init.Setting",
            Self::RangesFile { .. } | Self::Ranges { .. } => "Init.IpRanges",
        }
    }
}

/// Settings from the environment, with logging started at `LOG_LEVEL` (default `info`). Call it in `main` only.
pub fn environment() -> Settings<'static> {
    let settings = Settings::from_environment();
    start_logging(settings.text("LOG_LEVEL").as_deref().unwrap_or("info"));
    settings
}

/// Logs why the function does not start and ends the process: Lambda then reports the init as failed.
pub fn give_up(error: impl Into<StartError>) -> ! {
    let error = error.into();
    tracing::error!(
        error_type = error.fault_type(),
        error_message = chain(&error),
        "cannot start"
    );
    std::process::exit(1)
}

/// A file with AWS's addresses.
#[derive(Debug)]
pub struct RangesFile {
    /// Where it was found.
    pub path: PathBuf,
    /// Its content.
    pub json: Vec<u8>,
}

/// The file of AWS's addresses: the one that `IP_RANGES` names, which must be there, or else the packaged one, which
/// may be missing.
pub fn ip_ranges_file(settings: &Settings<'_>) -> Result<Option<RangesFile>, StartError> {
    let packaged = || {
        let root = settings.text("LAMBDA_TASK_ROOT")?;
        Some(Path::new(&root).join(PACKAGED_RANGES)).filter(|path| path.exists())
    };
    let named = settings.text("IP_RANGES").map(PathBuf::from);
    let Some(path) = named.or_else(packaged) else {
        return Ok(None);
    };
    match std::fs::read(&path) {
        Ok(json) => Ok(Some(RangesFile { path, json })),
        Err(source) => Err(StartError::RangesFile { path, source }),
    }
}

/// The table that a file holds.
pub fn parse_ip_ranges(file: &RangesFile) -> Result<IpRanges, StartError> {
    IpRanges::from_json(&file.json).map_err(|source| StartError::Ranges {
        path: file.path.clone(),
        source,
    })
}

/// The table of AWS's addresses, from the file that [`ip_ranges_file`] finds.
pub fn ip_ranges(settings: &Settings<'_>) -> Result<Option<IpRanges>, StartError> {
    let file = ip_ranges_file(settings)?;
    file.as_ref().map(parse_ip_ranges).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_named_must_be_there_and_a_packaged_one_may_be_missing() {
        let pairs = [("IP_RANGES", "no/such/file")];
        let error = ip_ranges(&Settings::from_pairs(&pairs)).unwrap_err();
        assert_eq!(error.fault_type(), "Init.IpRanges");
        assert!(chain(&error).starts_with("IP_RANGES file `no/such/file` cannot be read: "));

        let pairs = [("LAMBDA_TASK_ROOT", "no/such/folder")];
        assert!(ip_ranges(&Settings::from_pairs(&pairs)).unwrap().is_none());
        assert!(ip_ranges(&Settings::from_pairs(&[])).unwrap().is_none());
    }
}
