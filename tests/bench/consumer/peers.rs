//! Who else reads the events, how each is installed, and the command that starts it.

use std::path::{Path, PathBuf};

use crate::peers;

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
        Self {
            python: peers::tool(root, "bench-consumer"),
            node: peers::node(root, "consumer"),
        }
    }
}
