//! Which binary a function is, and the environment Lambda would give it.

use std::path::PathBuf;
use std::time::Duration;

use super::function::Function;
use super::session::Spec;
use crate::{Error, workspace};

/// Says what to run and how; made by [`crate::LocalCloud::function`].
#[derive(Debug)]
#[must_use = "a function runs only once started"]
pub struct FunctionBuilder {
    name: String,
    binary: PathBuf,
    environment: Vec<(String, String)>,
    timeout: Duration,
    region: String,
    endpoint: String,
    log: PathBuf,
}

impl FunctionBuilder {
    pub(crate) fn new(name: &str, region: &str, endpoint: &str, log: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            binary: PathBuf::from(name),
            environment: Vec::new(),
            timeout: Duration::from_secs(30),
            region: region.to_owned(),
            endpoint: endpoint.to_owned(),
            log,
        }
    }

    /// The binary's name in the build folder, or a path; the function's name without this.
    pub fn binary(mut self, binary: impl Into<PathBuf>) -> Self {
        self.binary = binary.into();
        self
    }

    /// Sets an environment variable; a later one of the same name wins, also over Lambda's own.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// How long an invocation may take before the process is killed (30 s without this).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Starts the process and waits until it asks for its first event. [`Error::Init`] if it does not get there.
    pub async fn start(self) -> Result<Function, Error> {
        let binary =
            match self.binary.to_str() {
                Some(name) if !name.contains('/') => workspace::binary(name)?,
                _ => self.binary.is_file().then(|| self.binary.clone()).ok_or(
                    Error::MissingBinary {
                        path: self.binary.clone(),
                    },
                )?,
            };
        let mut environment = lambda_environment(&self.name, &self.region, &self.endpoint);
        environment.extend(self.environment);
        let spec = Spec {
            name: self.name,
            binary,
            environment,
            timeout: self.timeout,
            region: self.region,
            log: self.log,
        };
        Function::start(spec).await
    }
}

/// The documented variables of a function's environment. PATH is added where the process starts.
fn lambda_environment(name: &str, region: &str, endpoint: &str) -> Vec<(String, String)> {
    let variables = [
        ("AWS_LAMBDA_FUNCTION_NAME", name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
        ("_HANDLER", "bootstrap"),
        ("TZ", ":UTC"),
        ("LANG", "en_US.UTF-8"),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_ACCESS_KEY_ID", crate::ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", crate::ACCESS_KEY),
        ("AWS_SESSION_TOKEN", crate::ACCESS_KEY),
        ("AWS_ENDPOINT_URL", endpoint),
    ];
    let mut variables: Vec<_> = variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    variables.push((
        "AWS_LAMBDA_LOG_GROUP_NAME".to_owned(),
        format!("/aws/lambda/{name}"),
    ));
    variables
}
