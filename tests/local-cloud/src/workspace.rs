//! Where things are: the workspace, the function binaries, programs on PATH, and one log folder a cloud.

use std::env;
use std::path::{Path, PathBuf};

use crate::{Error, host};

/// The folder of the workspace this crate was compiled in.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// A function's binary: `TOLLKEEPER_BIN_DIR` or else the workspace's debug build.
pub fn binary(name: &str) -> Result<PathBuf, Error> {
    let folder = host::variable("TOLLKEEPER_BIN_DIR")
        .map_or_else(|| root().join("target/debug"), PathBuf::from);
    let path = folder.join(name);
    if path.is_file() {
        Ok(path)
    } else {
        Err(Error::MissingBinary { path })
    }
}

/// A program: what `variable` names, or else `name` on PATH.
pub(crate) fn program(variable: &str, name: &str, hint: &'static str) -> Result<PathBuf, Error> {
    let wanted = host::variable(variable).map_or_else(|| PathBuf::from(name), PathBuf::from);
    on_path(&wanted).ok_or_else(|| Error::MissingProgram {
        program: wanted.display().to_string(),
        hint,
    })
}

/// `program` itself if it is a path, else where PATH has it.
pub(crate) fn on_path(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    env::split_paths(&host::variable("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// A fresh folder `target/local-cloud/<name>-<pid>`, with a number behind it when one process starts several.
pub(crate) fn log_folder(name: &str) -> Result<PathBuf, Error> {
    let parent = root().join("target/local-cloud");
    std::fs::create_dir_all(&parent).map_err(Error::io(format!("create {}", parent.display())))?;
    let base = format!("{name}-{}", std::process::id());
    let mut folder = parent.join(&base);
    for number in 2.. {
        match std::fs::create_dir(&folder) {
            Ok(()) => break,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                folder = parent.join(format!("{base}-{number}"));
            }
            Err(error) => return Err(Error::io(format!("create {}", folder.display()))(error)),
        }
    }
    Ok(folder)
}
