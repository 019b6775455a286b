//! Cold start: what a function costs before it does anything.
//!
//! Process start to the first poll of the Runtime API (warm page cache, release build, fork and exec included),
//! resident memory at that moment, and the size of the archive. This refuses to know what the functions do.

mod archive;
mod functions;

use std::path::Path;

use local_cloud::{LocalCloud, workspace};

use crate::build;
use crate::report::{Error, Report, Row, Sample};
use functions::{FUNCTIONS, Function};

/// Rounds that count; one more warms the page cache.
const ROUNDS: usize = 21;
const START_TARGET_MS: f64 = 20.0;
const MEMORY_TARGET_MB: f64 = 64.0;
const MB: f64 = 1_000_000.0;

/// Builds and measures the named functions; all of them when none is named.
pub(crate) async fn run(names: &[&str]) -> Result<Report, Error> {
    let chosen = choose(names)?;
    let root = workspace::root();
    build_all(&root, &chosen)?;
    let cloud = LocalCloud::builder("bench-cold-start").start().await?;
    let measured = measure(&cloud, &root, &chosen).await;
    cloud.stop().await?;
    Ok(Report::new("cold-start", measured?))
}

fn choose(names: &[&str]) -> Result<Vec<&'static Function>, Error> {
    let known = |name: &&str| {
        FUNCTIONS
            .iter()
            .find(|function| function.binary == *name)
            .ok_or_else(|| {
                let all: Vec<_> = FUNCTIONS.iter().map(|function| function.binary).collect();
                Error::Usage(format!(
                    "`{name}` is no function: expected one of {}",
                    all.join(", ")
                ))
            })
    };
    if names.is_empty() {
        Ok(FUNCTIONS.iter().collect())
    } else {
        names.iter().map(known).collect()
    }
}

/// The packages of all functions.
pub(crate) fn packages() -> Vec<&'static str> {
    of(FUNCTIONS.iter())
}

fn of<'a>(functions: impl Iterator<Item = &'a Function>) -> Vec<&'static str> {
    let mut packages: Vec<_> = functions.map(|function| function.package).collect();
    packages.dedup();
    packages
}

fn build_all(root: &Path, functions: &[&Function]) -> Result<(), Error> {
    let packages = of(functions.iter().copied());
    build::functions(root, &packages)
}

/// One round after the other over all functions, so that a busy moment of the machine hits them alike.
async fn measure(
    cloud: &LocalCloud,
    root: &Path,
    functions: &[&Function],
) -> Result<Vec<Row>, Error> {
    let table = root.join("target/ip-ranges.json");
    let cases: Vec<Case> = functions
        .iter()
        .flat_map(|function| Case::of(function, &table))
        .collect();
    let mut starts = vec![Vec::new(); cases.len()];
    let mut memory = vec![Vec::new(); cases.len()];
    for round in 0..=ROUNDS {
        for (number, case) in cases.iter().enumerate() {
            let (milliseconds, bytes) = case.start(cloud, root).await?;
            // The first round reads the binary from the disk.
            if round > 0
                && let (Some(starts), Some(memory)) =
                    (starts.get_mut(number), memory.get_mut(number))
            {
                starts.push(milliseconds);
                memory.push(bytes / MB);
            }
        }
    }
    let mut rows = Vec::new();
    for ((case, starts), memory) in cases.iter().zip(starts).zip(memory) {
        let none = || Error::NoFigure(format!("{}: nothing was measured", case.name));
        let start = Sample::of(starts).ok_or_else(none)?;
        let memory = Sample::of(memory).ok_or_else(none)?;
        rows.push(Row::under_target(
            &case.name,
            "start to first poll",
            "ms",
            &start,
            START_TARGET_MS,
        ));
        rows.push(Row::under_target(
            &case.name,
            "resident memory",
            "MB",
            &memory,
            MEMORY_TARGET_MB,
        ));
    }
    for function in functions {
        rows.extend(archive::rows(function, root, &table)?);
    }
    Ok(rows)
}

/// A function with settings.
struct Case {
    name: String,
    binary: &'static str,
    settings: Vec<(&'static str, String)>,
}

impl Case {
    /// The function without and, where there is one and the function reads it, with the table of AWS's addresses.
    fn of(function: &Function, table: &Path) -> Vec<Self> {
        let settings = function
            .settings
            .iter()
            .map(|&(name, value)| (name, value.to_owned()));
        let plain = Self {
            name: function.binary.to_owned(),
            binary: function.binary,
            settings: settings.clone().collect(),
        };
        if !function.reads_addresses || !table.is_file() {
            return vec![plain];
        }
        let with_table = Self {
            name: format!("{} with AWS's addresses", function.binary),
            binary: function.binary,
            settings: settings
                .chain([("IP_RANGES", table.display().to_string())])
                .collect(),
        };
        vec![plain, with_table]
    }

    /// Milliseconds to the first poll, and bytes resident then.
    async fn start(&self, cloud: &LocalCloud, root: &Path) -> Result<(f64, f64), Error> {
        let mut builder = cloud
            .function(self.binary)
            .binary(root.join("target/release").join(self.binary));
        for (name, value) in &self.settings {
            builder = builder.env(*name, value);
        }
        let function = builder.start().await?;
        let milliseconds = function.init_duration().as_secs_f64() * 1_000.0;
        let memory = function.resident_memory_bytes().await;
        function.stop().await?;
        let gone = || Error::NoFigure(format!("{}: ended after its first poll", self.name));
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        Ok((milliseconds, memory.ok_or_else(gone)? as f64))
    }
}
