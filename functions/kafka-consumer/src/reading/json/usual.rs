//! The names in common use.

use super::names::Role;
use super::pointers::Pointers;

/// A role's names: those of Elastic's common schema, OpenTelemetry, Google's, those of the loggers of Node (pino,
/// bunyan, winston), Go (zap, slog, zerolog, logrus), Python (structlog, the standard one), Java (log4j, logback), .NET
/// (Serilog), Lambda, and what Docker and Kubernetes collectors add.
///
/// Not among them: `/name` (an application's for bunyan, but anybody's elsewhere, and people's names make bad keys).
pub(super) fn usual(role: Role) -> Pointers {
    let names: &[&str] = match role {
        Role::Level => &[
            "/log.level",
            "/log/level",
            "/level",
            "/severity",
            "/severity_text",
            "/severityText",
            "/SeverityText",
            "/levelname",
            "/level_name",
            "/log_level",
            "/loglevel",
            "/lvl",
            "/Level",
            "/LogLevel",
            "/@l",
        ],
        Role::Service => &[
            "/service.name",
            "/service/name",
            "/service",
            "/resource/service.name",
            "/Resource/service.name",
            "/resource/attributes/service.name",
            "/serviceContext/service",
            "/service_name",
            "/serviceName",
            "/app",
            "/application",
            "/kubernetes/labels/app.kubernetes.io~1name",
            "/kubernetes/labels/app",
            "/kubernetes/container_name",
            "/container_name",
            "/logger",
        ],
        Role::Time => &[
            "/timestamp",
            "/time",
            "/@timestamp",
            "/ts",
            "/Timestamp",
            "/@t",
            "/datetime",
            "/date",
            "/timeMillis",
            "/time_unix_nano",
            "/timeUnixNano",
            "/instant/epochSecond",
        ],
        Role::Message => &[
            "/message",
            "/msg",
            "/@m",
            "/error.message",
            "/error/message",
            "/error",
            "/exception.message",
            "/exception/message",
            "/exception",
            "/err/message",
            "/err",
            "/errorMessage",
            "/event",
            "/body",
            "/Body",
            "/log",
        ],
    };
    Pointers::of(names)
}
