//! What comes of an invocation.

use serde_json::Value;

/// What an invocation came to, as the caller of Lambda sees it.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The function answered.
    Ok(Value),
    /// The function answered with an error (or failed to start again after a crash).
    Error {
        /// The stable name, such as `InvalidRequest`.
        error_type: String,
        /// The message.
        message: String,
    },
    /// The process ended before it answered (`Runtime.ExitError`).
    Crashed {
        /// Lambda's message with the exit status.
        message: String,
    },
    /// The process was killed because it took longer than its timeout (`Sandbox.Timedout`).
    TimedOut {
        /// Lambda's message with the timeout.
        message: String,
    },
}

impl Reply {
    /// Whether the function answered without an error.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Ok(_))
    }

    /// The answer, or error type and message in one line.
    pub fn into_result(self) -> Result<Value, String> {
        match self {
            Self::Ok(value) => Ok(value),
            Self::Error {
                error_type,
                message,
            } => Err(format!("{error_type}: {message}")),
            Self::Crashed { message } => Err(format!("Runtime.ExitError: {message}")),
            Self::TimedOut { message } => Err(format!("Sandbox.Timedout: {message}")),
        }
    }
}
