//! The laptop: the read-only actions with the caller's own credentials, nothing deployed.

use tollkeeper::time::Day;

/// How to call it.
pub const USAGE: &str = "\
Tollkeeper on a laptop: what your NAT gateways cost, why, and what to do. Reads only; deploys and changes nothing.

usage: nat-cost-detector <command> [options]

commands
  audit                the last thirty days in dollars, days out of the ordinary, who is behind the gateways, remedies
  explain              who caused one day's traffic                                   needs --day
  report               the month so far by account, NAT gateway and service
  compare-front-door   API Gateway against a load balancer, from what you really used in thirty days
  backfill             which days of a range would have raised an alarm               needs --from, --to, --dry-run

options
  --day YYYY-MM-DD     day under analysis (UTC); yesterday where none is named
  --from, --to         first and last day of a backfill, at most 62 days
  --flow-logs PLACE    s3://bucket/prefix that flow logs are delivered to: names who is behind the gateways
  --ip-ranges FILE     AWS's address ranges (make ip-ranges): names services and regions of far ends
  --profile NAME       profile of your AWS configuration
  --region NAME        region, where the profile has none or another one
  --html FILE          audit: writes the report as one self-contained page, too
  --json               JSON instead of text
  --quiet              no progress on the terminal
  --dry-run            backfill: judges only; writing needs the deployed function
  --help, --version

It needs these permissions; what is missing is said in the report, which goes on without it:
  sts:GetCallerIdentity, ce:GetCostAndUsage ($0.01 a page), cloudwatch:GetMetricData, cloudwatch:ListMetrics,
  ec2:Describe*, lambda:ListEventSourceMappings, and s3:ListBucket and s3:GetObject on the flow logs

exit status: 0 done, 1 failed, 2 called wrongly or no credentials";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Thirty days, priced.
    Audit,
    /// One day, explained.
    Explain(Day),
    /// The month so far.
    Report,
    /// API Gateway against a load balancer.
    CompareFrontDoor,
    /// A range of days, judged.
    Backfill {
        /// First day.
        from: Day,
        /// Last day.
        to: Day,
    },
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// What to do.
    pub command: Command,
    /// Day under analysis.
    pub day: Option<Day>,
    /// Stands in for `FLOW_LOGS_LOCATION`.
    pub flow_logs: Option<String>,
    /// Stands in for `IP_RANGES`.
    pub ip_ranges: Option<String>,
    /// Profile of the AWS configuration.
    pub profile: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Where the page goes.
    pub html: Option<String>,
    /// JSON instead of text.
    pub json: bool,
    /// No progress.
    pub quiet: bool,
}

/// Why there is nothing to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The caller asked for this text.
    Asked(String),
    /// The line is wrong; the text says how and what is right.
    Wrong(String),
}

/// The options as written, before they are held against the command.
#[derive(Default)]
struct Options {
    day: Option<Day>,
    from: Option<Day>,
    to: Option<Day>,
    flow_logs: Option<String>,
    ip_ranges: Option<String>,
    profile: Option<String>,
    region: Option<String>,
    html: Option<String>,
    json: bool,
    quiet: bool,
    dry_run: bool,
}

impl Arguments {
    /// Reads the words after the program's name.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, Stop> {
        let words: Vec<String> = words.into_iter().collect();
        if words
            .iter()
            .any(|word| word == "--help" || word == "-h" || word == "help")
        {
            return Err(Stop::Asked(USAGE.to_owned()));
        }
        if words.iter().any(|word| word == "--version") {
            let version = concat!("nat-cost-detector ", env!("CARGO_PKG_VERSION"));
            return Err(Stop::Asked(version.to_owned()));
        }
        let mut words = words.into_iter();
        let Some(name) = words.next() else {
            return Err(Stop::Wrong(USAGE.to_owned()));
        };
        let options = Options::parse(words)?;
        let command = options.command(&name)?;
        Ok(Self {
            command,
            day: options.day,
            flow_logs: options.flow_logs,
            ip_ranges: options.ip_ranges,
            profile: options.profile,
            region: options.region,
            html: options.html,
            json: options.json,
            quiet: options.quiet,
        })
    }

    /// What an option says in place of a setting.
    pub fn overrides(&self, setting: &str) -> Option<String> {
        match setting {
            "FLOW_LOGS_LOCATION" => self.flow_logs.clone(),
            "IP_RANGES" => self.ip_ranges.clone(),
            _ => None,
        }
    }
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Stop> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            let mut value = || {
                let next = words.next().filter(|next| !next.starts_with("--"));
                next.ok_or_else(|| wrong(&format!("{word} needs a value")))
            };
            match word.as_str() {
                "--day" => options.day = Some(day("--day", &value()?)?),
                "--from" => options.from = Some(day("--from", &value()?)?),
                "--to" => options.to = Some(day("--to", &value()?)?),
                "--flow-logs" => options.flow_logs = Some(value()?),
                "--ip-ranges" => options.ip_ranges = Some(value()?),
                "--profile" => options.profile = Some(value()?),
                "--region" => options.region = Some(value()?),
                "--html" => options.html = Some(value()?),
                "--json" => options.json = true,
                "--quiet" => options.quiet = true,
                "--dry-run" => options.dry_run = true,
                other => return Err(wrong(&format!("unknown option `{other}`"))),
            }
        }
        Ok(options)
    }

    fn command(&self, name: &str) -> Result<Command, Stop> {
        let command = match name {
            "audit" => Command::Audit,
            "explain" => Command::Explain(self.day.ok_or_else(|| wrong("explain needs --day"))?),
            "report" => Command::Report,
            "compare-front-door" => Command::CompareFrontDoor,
            "backfill" => self.backfill()?,
            other => return Err(wrong(&format!("unknown command `{other}`"))),
        };
        if self.html.is_some() && command != Command::Audit {
            return Err(wrong("--html goes with audit only"));
        }
        let is_backfill = matches!(command, Command::Backfill { .. });
        if !is_backfill && (self.from.is_some() || self.to.is_some() || self.dry_run) {
            return Err(wrong("--from, --to and --dry-run go with backfill only"));
        }
        Ok(command)
    }

    fn backfill(&self) -> Result<Command, Stop> {
        let (Some(from), Some(to)) = (self.from, self.to) else {
            return Err(wrong("backfill needs --from and --to"));
        };
        if !self.dry_run {
            return Err(wrong(
                "backfill needs --dry-run here: writing incidents is for the deployed function, \
                 {\"action\": \"backfill\", \"from\": ..., \"to\": ...}",
            ));
        }
        Ok(Command::Backfill { from, to })
    }
}

fn day(option: &str, text: &str) -> Result<Day, Stop> {
    text.parse()
        .map_err(|error| Stop::Wrong(format!("{option}: {error}")))
}

fn wrong(what: &str) -> Stop {
    Stop::Wrong(format!("{what}\n\n{USAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, Stop> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_stand_in_for_settings() {
        let arguments = parse("explain --day 2026-10-13 --flow-logs s3://logs --json").unwrap();
        assert_eq!(
            arguments.command,
            Command::Explain("2026-10-13".parse().unwrap())
        );
        assert!(arguments.json);
        assert_eq!(
            arguments.overrides("FLOW_LOGS_LOCATION").as_deref(),
            Some("s3://logs")
        );
        assert_eq!(arguments.overrides("LEDGER_TABLE"), None);
    }

    #[test]
    fn a_wrong_line_says_how_to_call_it() {
        let lines = [
            "",
            "reports",
            "explain",
            "audit --day",
            "audit --day --json",
            "audit --days 3",
            "audit --from 2026-10-01",
            "report --html x.html",
            "backfill --from 2026-10-01 --dry-run",
            "backfill --from 2026-10-01 --to 2026-10-02",
        ];
        for line in lines {
            let Stop::Wrong(text) = parse(line).unwrap_err() else {
                panic!("{line}");
            };
            assert!(text.contains("usage: "), "{line}");
        }
        let Stop::Wrong(text) = parse("audit --day tomorrow").unwrap_err() else {
            panic!();
        };
        assert!(text.starts_with("--day: `tomorrow` is not a day"));
    }

    #[test]
    fn help_and_version_are_no_errors_wherever_they_stand() {
        for line in ["--help", "audit --help", "help", "-h"] {
            assert_eq!(parse(line), Err(Stop::Asked(USAGE.to_owned())), "{line}");
        }
        assert!(
            matches!(parse("--version"), Err(Stop::Asked(text)) if text.starts_with("nat-cost-detector "))
        );
    }
}
