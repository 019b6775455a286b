//! Who else reads the events, how each is installed, and the command that starts it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What one would use otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) enum Peer {
    /// Name, contender, required ratio.
    Rust(&'static str, &'static str, Option<f64>),
    /// Name, handler, required ratio.
    Python(&'static str, &'static str, Option<f64>),
    /// Name, script, kind of event.
    Node(&'static str, &'static str, &'static str),
}

impl Peer {
    pub(super) fn name(&self) -> &'static str {
        let (Self::Rust(name, ..) | Self::Python(name, ..) | Self::Node(name, ..)) = *self;
        name
    }

    pub(super) fn required(&self) -> Option<f64> {
        match *self {
            Self::Rust(_, _, required) | Self::Python(_, _, required) => required,
            Self::Node(..) => None,
        }
    }

    pub(super) fn is_floor(&self) -> bool {
        self.name() == "floor"
    }

    /// What to run; the error says why it cannot be.
    pub(super) fn command(
        &self,
        root: &Path,
        event: &Path,
        installed: &Installed,
    ) -> Result<Vec<String>, String> {
        let event_path = event.display().to_string();
        match *self {
            Self::Rust(_, name, _) => Ok(super::contender(root, name, event)),
            Self::Python(_, handler, _) => {
                let script = root.join("tests/bench/consumer/python/powertools.py");
                Ok(vec![
                    installed.python.clone()?,
                    script.display().to_string(),
                    handler.to_owned(),
                    event_path,
                ])
            }
            Self::Node(_, script, kind) => {
                let script = installed.node.clone()?.join(script);
                Ok(vec![
                    "node".to_owned(),
                    script.display().to_string(),
                    kind.to_owned(),
                    event_path,
                ])
            }
        }
    }
}

/// What the peers need, or why it is not there.
#[derive(Debug)]
pub(super) struct Installed {
    /// A Python with Powertools.
    python: Result<String, String>,
    /// A folder with our scripts and their packages.
    node: Result<PathBuf, String>,
}

impl Installed {
    pub(super) fn new(root: &Path) -> Self {
        let python = output(Command::new(root.join("tools/get")).arg("bench-consumer"));
        Self {
            python: python.map_err(|reason| format!("not installed: {reason}")),
            node: node(root).map_err(|reason| format!("not installed: {reason}")),
        }
    }
}

/// Copies the scripts to where their packages may be installed: a clone stays as it is.
fn node(root: &Path) -> Result<PathBuf, String> {
    let folder = root.join("target/bench/consumer-node");
    let failed = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let sources = std::fs::read_dir(root.join("tests/bench/consumer/node")).map_err(failed)?;
    for source in sources {
        let source = source.map_err(failed)?;
        std::fs::copy(source.path(), folder.join(source.file_name())).map_err(failed)?;
    }
    output(
        Command::new("npm")
            .args([
                "install",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--no-package-lock",
                "--loglevel=error",
            ])
            .current_dir(&folder),
    )?;
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
