//! Optimised builds of what is measured.

use std::path::Path;
use std::process::Command;

use crate::report::Error;

/// Builds packages as they are deployed, into `target/release`.
pub(crate) fn release(root: &Path, selection: &[&str]) -> Result<(), Error> {
    let mut command = Command::new("cargo");
    command
        .current_dir(root)
        .args(["build", "--release", "--locked", "--no-default-features"])
        .args(selection);
    let status = command.status().map_err(|error| error.to_string());
    let reason = match status {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => status.to_string(),
        Err(reason) => reason,
    };
    Err(Error::Command {
        command: format!("{command:?}"),
        reason,
    })
}

/// Builds functions' packages as they are deployed.
pub(crate) fn functions(root: &Path, packages: &[&str]) -> Result<(), Error> {
    println!(
        "Building {} optimised. The first time this compiles the EC2 client: up to 25 minutes on 2 cores.",
        packages.join(", ")
    );
    let selection: Vec<_> = packages
        .iter()
        .flat_map(|package| ["--package", package])
        .collect();
    release(root, &selection)
}

/// Builds the contenders of our language: `target/release/contender`.
pub(crate) fn contender(root: &Path) -> Result<(), Error> {
    println!("Building the contenders optimised. The first time this takes some minutes.");
    release(root, &["--package", "bench", "--bin", "contender"])
}
