//! A child process in a group of its own that cannot outlive the test: killed when dropped, killed by the kernel
//! (`setpriv --pdeathsig`, where it exists) when the test itself is killed. Its output goes straight into a file, so
//! that whatever it wrote before it answered can be read once it has answered.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use rustix::process::Signal;
use rustix::process::{Pid, kill_process_group};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::error::LogTail;
use crate::{Error, host, workspace};

/// How long a dropped process is waited for.
const REAP: Duration = Duration::from_secs(2);

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// `None` inherits the environment without its `AWS_*` variables; `Some` is all there is besides PATH.
    pub(crate) environment: Option<Vec<(String, String)>>,
    pub(crate) log: PathBuf,
}

/// A running (or ended) child.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    group: Pid,
    log: PathBuf,
}

impl Process {
    pub(crate) async fn start(program: &Program) -> Result<Self, Error> {
        let failed = || {
            Error::io(format!(
                "start {} ({})",
                program.name,
                program.path.display()
            ))
        };
        let command = command(program)?;
        let child = on_spawner(command).await.map_err(failed())?;
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let group = group.ok_or_else(|| failed()(std::io::ErrorKind::NotFound.into()))?;
        Ok(Self {
            name: program.name.clone(),
            child,
            group,
            log: program.log.clone(),
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.group.as_raw_nonzero().get().cast_unsigned()
    }

    /// Sends `signal` to the whole group; nothing happens once the process has been reaped.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.child.id().is_some() {
            // The only failure left is that the group has ended meanwhile.
            let _ = kill_process_group(self.group, signal);
        }
    }

    pub(crate) async fn wait(&mut self) -> Result<ExitStatus, Error> {
        self.child
            .wait()
            .await
            .map_err(Error::io(format!("wait for {}", self.name)))
    }

    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Kills the group and reaps the process.
    pub(crate) async fn kill(&mut self) -> Result<(), Error> {
        self.signal(Signal::KILL);
        self.wait().await.map(drop)
    }

    /// The error that says it ended, with its log.
    pub(crate) fn ended(&self, status: ExitStatus) -> Error {
        Error::Ended {
            process: self.name.clone(),
            status: status.to_string(),
            log: LogTail::of(&self.log),
        }
    }

    /// The error that says it was not ready in time, with its log.
    pub(crate) fn not_ready(&self, waited: Duration) -> Error {
        Error::NotReady {
            process: self.name.clone(),
            waited,
            log: LogTail::of(&self.log),
        }
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        // Reaped here, since nobody may be left to do it later: a killed process is gone within milliseconds.
        let deadline = Instant::now() + REAP;
        while self.has_ended().is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Kills the group of a process that somebody else holds.
pub(crate) fn kill_group(id: u32) {
    if let Some(group) = Pid::from_raw(id.cast_signed()) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

fn command(program: &Program) -> Result<Command, Error> {
    let mut command = match workspace::on_path(Path::new("setpriv")) {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command
                .args(["--pdeathsig", "KILL", "--"])
                .arg(&program.path);
            command
        }
        None => Command::new(&program.path),
    };
    let log = open_log(&program.log)?;
    let errors = log
        .try_clone()
        .map_err(Error::io(format!("open {}", program.log.display())))?;
    command
        .args(&program.arguments)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .process_group(0)
        .kill_on_drop(true);
    if let Some(variables) = &program.environment {
        command
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)));
        command.envs(host::variable("PATH").map(|path| ("PATH", path)));
    } else {
        let is_for_aws = |name: &OsString| name.to_string_lossy().starts_with("AWS_");
        for name in host::variable_names().filter(is_for_aws) {
            command.env_remove(name);
        }
    }
    Ok(command)
}

fn open_log(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(Error::io(format!("open {}", path.display())))
}

type Job = Box<dyn FnOnce() + Send>;

/// The kernel's death signal follows the *thread* that started the child: so one thread that lives as long as the
/// whole test process starts them all, not a worker of a runtime that may go earlier.
async fn on_spawner(mut command: Command) -> std::io::Result<Child> {
    static SPAWNER: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, inbox) = mpsc::channel::<Job>();
        thread::spawn(move || inbox.into_iter().for_each(|job| job()));
        jobs
    });
    let (answer, started) = oneshot::channel();
    let runtime = Handle::current();
    let job: Job = Box::new(move || {
        let _entered = runtime.enter();
        let _ = answer.send(command.spawn());
    });
    let gone = |_| std::io::Error::other("the spawner thread has gone");
    spawner
        .send(job)
        .map_err(|_| std::io::Error::other("the spawner thread has gone"))?;
    started.await.map_err(gone)?
}
