//! Error reporting: every failure that leaves a function carries a stable type name that alarms and callers match.

use lambda_runtime::Diagnostic;

/// A failure with a stable name. The message may change; the name is a contract.
///
/// Messages never carry payloads, tokens or keys: they travel to logs and to the caller.
pub trait Fault: std::error::Error {
    /// The stable name, in `Dotted.PascalCase`: for example `Plan.Expired`.
    fn fault_type(&self) -> &'static str;
}

/// What Lambda reports to the caller: `{"errorType": ..., "errorMessage": ...}`.
///
/// Logs the failure once, here, so that no function logs and returns the same error twice.
pub fn report(fault: &impl Fault) -> Diagnostic {
    let error_type = fault.fault_type();
    let error_message = chain(fault);
    tracing::error!(error_type, error_message, "request failed");
    Diagnostic {
        error_type: error_type.to_owned(),
        error_message,
    }
}

/// An error and its causes in one line, the outermost first.
pub fn chain(error: &(impl std::error::Error + ?Sized)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // thiserror messages often already end with their cause.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("plan p-1 expired")]
    struct Expired(#[source] std::num::ParseIntError);

    impl Fault for Expired {
        fn fault_type(&self) -> &'static str {
            "Plan.Expired"
        }
    }

    #[test]
    fn a_report_has_the_stable_type_and_the_whole_chain() {
        let report = report(&Expired("x".parse::<i32>().unwrap_err()));
        assert_eq!(report.error_type, "Plan.Expired");
        assert_eq!(
            report.error_message,
            "plan p-1 expired: invalid digit found in string"
        );
    }
}
