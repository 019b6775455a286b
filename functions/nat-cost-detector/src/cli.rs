//! The laptop: `audit` and `explain` with the caller's own credentials, read-only, nothing deployed.

use tollkeeper::time::Day;

/// How to call it.
pub const USAGE: &str = "\
usage: nat-cost-detector audit   [--day YYYY-MM-DD] [--flow-logs s3://bucket/prefix] [--ip-ranges FILE] [--json]
       nat-cost-detector explain  --day YYYY-MM-DD  [--flow-logs s3://bucket/prefix] [--ip-ranges FILE] [--json]

audit    where the NAT money went in the last thirty days, which days stood out, what to do
explain  who caused one day's traffic

Both only read. Needs: sts:GetCallerIdentity, ce:GetCostAndUsage ($0.01 a page), ec2:Describe*, cloudwatch:GetMetricData,
lambda:ListEventSourceMappings, and s3:ListBucket and s3:GetObject on the flow logs. What is missing is said and left out.";

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// `true`: audit; `false`: explain.
    pub audit: bool,
    /// Day under analysis.
    pub day: Option<Day>,
    /// Stands in for `FLOW_LOGS_LOCATION`.
    pub flow_logs: Option<String>,
    /// Stands in for `IP_RANGES`.
    pub ip_ranges: Option<String>,
    /// JSON instead of text.
    pub json: bool,
}

impl Arguments {
    /// Reads the words after the program's name; the error is for the caller's terminal.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        let audit = match words.next().as_deref() {
            Some("audit") => true,
            Some("explain") => false,
            Some(other) => return Err(format!("unknown command `{other}`\n\n{USAGE}")),
            None => return Err(USAGE.to_owned()),
        };
        let mut arguments = Self {
            audit,
            day: None,
            flow_logs: None,
            ip_ranges: None,
            json: false,
        };
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .ok_or_else(|| format!("{word} needs a value\n\n{USAGE}"))
            };
            match word.as_str() {
                "--day" => {
                    let day = value()?.parse();
                    arguments.day = Some(day.map_err(|error| format!("--day: {error}"))?);
                }
                "--flow-logs" => arguments.flow_logs = Some(value()?),
                "--ip-ranges" => arguments.ip_ranges = Some(value()?),
                "--json" => arguments.json = true,
                other => return Err(format!("unknown option `{other}`\n\n{USAGE}")),
            }
        }
        if !audit && arguments.day.is_none() {
            return Err(format!("explain needs --day\n\n{USAGE}"));
        }
        Ok(arguments)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_stand_in_for_settings() {
        let arguments = parse("explain --day 2026-10-13 --flow-logs s3://logs --json").unwrap();
        assert!(!arguments.audit && arguments.json);
        assert_eq!(
            arguments.overrides("FLOW_LOGS_LOCATION").as_deref(),
            Some("s3://logs")
        );
        assert_eq!(arguments.overrides("LEDGER_TABLE"), None);
    }

    #[test]
    fn a_wrong_line_says_how_to_call_it() {
        for line in ["", "report", "explain", "audit --day", "audit --days 3"] {
            assert!(parse(line).unwrap_err().contains("usage: "), "{line}");
        }
        assert!(
            parse("audit --day tomorrow")
                .unwrap_err()
                .starts_with("--day: `tomorrow` is not a day")
        );
    }
}
