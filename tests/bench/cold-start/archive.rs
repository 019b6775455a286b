//! How large the archives are that Lambda fetches: the sum of their files, deflated as `sam deploy` does it (level 6);
//! a zip's own headers are some hundred bytes.

use std::fs::File;
use std::io;
use std::path::Path;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::MB;
use super::functions::Function;
use crate::report::{Better, Error, Measure, Row, Sample};

/// The archive as built for this machine, and the deployed arm64 one where `make build` has left it. Required is what
/// the deployed one has; code for x86-64 is a third larger, the checksums of S3's client most of all.
pub(super) fn rows(function: &Function, root: &Path, table: &Path) -> Result<Vec<Row>, Error> {
    let here = root.join("target/release").join(function.binary);
    let arm64 = root
        .join("target/lambda")
        .join(function.binary)
        .join("bootstrap");
    let deployed = std::env::consts::ARCH == "aarch64";
    let mut rows = vec![row(
        function,
        std::env::consts::ARCH,
        &here,
        table,
        deployed,
    )?];
    if arm64.is_file() {
        rows.push(row(function, "arm64", &arm64, table, true)?);
    }
    Ok(rows)
}

fn row(
    function: &Function,
    architecture: &str,
    binary: &Path,
    table: &Path,
    deployed: bool,
) -> Result<Row, Error> {
    let mut bytes = deflated(binary)?;
    // It is packaged with every function, read or not.
    if table.is_file() {
        bytes += deflated(table)?;
    }
    let case = format!("{} ({architecture})", function.binary);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let size = Sample::exact(bytes as f64 / MB);
    let measure = Measure {
        case: &case,
        metric: "archive",
        unit: "MB",
        better: Better::Lower,
    };
    let target = Sample::exact(function.archive_target_mb);
    Ok(Row::against(
        measure,
        &size,
        "target",
        &target,
        deployed.then_some(1.0),
    ))
}

fn deflated(path: &Path) -> Result<u64, Error> {
    let mut file = File::open(path).map_err(Error::file(path))?;
    let mut encoder = DeflateEncoder::new(Counter(0), Compression::new(6));
    io::copy(&mut file, &mut encoder).map_err(Error::file(path))?;
    encoder
        .finish()
        .map(|counter| counter.0)
        .map_err(Error::file(path))
}

/// Counts what is written and keeps none of it.
struct Counter(u64);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_that_of_the_deflated_file() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let plain = std::fs::metadata(&path).unwrap().len();
        let size = deflated(&path).unwrap();
        assert!(size > 0 && size < plain, "{size} of {plain}");
    }
}
