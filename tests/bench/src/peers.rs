//! What others' programs need to run here, installed where a clone stays as it is; or why it is not there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What `tools/get` installs under a name: a Python with packages, a module.
pub(crate) fn tool(root: &Path, tool: &str) -> Result<String, String> {
    output(Command::new(root.join("tools/get")).arg(tool)).map_err(|reason| not_installed(&reason))
}

/// A folder with a benchmark's scripts for Node and the packages that they name.
pub(crate) fn node(root: &Path, bench: &str) -> Result<PathBuf, String> {
    installed(root, bench).map_err(|reason| not_installed(&reason))
}

fn not_installed(reason: &str) -> String {
    format!("not installed: {reason}")
}

fn installed(root: &Path, bench: &str) -> Result<PathBuf, String> {
    let folder = root.join(format!("target/bench/{bench}-node"));
    let failed = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let sources = root.join("tests/bench").join(bench).join("node");
    for source in std::fs::read_dir(sources).map_err(failed)? {
        let source = source.map_err(failed)?;
        std::fs::copy(source.path(), folder.join(source.file_name())).map_err(failed)?;
    }
    let mut npm = Command::new("npm");
    npm.args([
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-package-lock",
        "--loglevel=error",
    ]);
    output(npm.current_dir(&folder))?;
    Ok(folder)
}

/// What a command prints; the error is one line.
fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(format!("{program}: {}", output.status))
    }
}
