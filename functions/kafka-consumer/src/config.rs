//! Settings of the consumer.

use std::collections::BTreeMap;

use tollkeeper::flow_log::Format;
use tollkeeper::settings::{SettingError, Settings, wrong};
use tollkeeper::start::{self, StartError};

use crate::answer::Answers;
use crate::reading::{self, TopicFormat};

/// The consumer's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Name of the Rollups table (`ROLLUPS_TABLE`).
    pub rollups_table: String,
    /// How uncommitted partitions are reported (`PARTIAL_ANSWERS`).
    pub answers: Answers,
    /// What a record counts as.
    pub rules: Rules,
}

/// What a record counts as, and where. A change takes effect for records that were not counted yet.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How values are read (`FLOW_LOG_FORMAT`, `IP_RANGES`).
    pub reading: reading::Rules,
    formats: BTreeMap<String, TopicFormat>,
    epochs: BTreeMap<(String, i32), u32>,
    ttl_days: u16,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            reading: reading::Rules::default(),
            formats: BTreeMap::new(),
            epochs: BTreeMap::new(),
            ttl_days: 35,
        }
    }
}

impl Config {
    /// Reads the settings, and the table of addresses they name.
    pub fn load(settings: &Settings<'_>) -> Result<Self, StartError> {
        let mut config = Self::from_settings(settings)?;
        config.rules.reading.ranges = start::ip_ranges(settings)?;
        Ok(config)
    }

    fn from_settings(settings: &Settings<'_>) -> Result<Self, SettingError> {
        let answers = [("error", Answers::Error), ("partial", Answers::Partial)];
        Ok(Self {
            rollups_table: settings
                .required_text("ROLLUPS_TABLE", "the name of a DynamoDB table")?,
            answers: settings.choice("PARTIAL_ANSWERS", Some(Answers::Error), &answers)?,
            rules: Rules {
                reading: reading::Rules {
                    flow_log_format: flow_log_format(settings)?,
                    ranges: None,
                },
                formats: pairs(
                    settings,
                    "TOPIC_FORMATS",
                    "a list such as `flow=flow-logs,app=json` of flow-logs, json or detect",
                    topic_format,
                )?,
                epochs: pairs(
                    settings,
                    "EPOCHS",
                    "a list such as `logs/0=1,logs/1=1` of topic/partition=epoch",
                    epoch,
                )?,
                ttl_days: settings.within("ROLLUP_TTL_DAYS", 35, 1, 3650)?,
            },
        })
    }
}

impl Rules {
    /// How a topic's values are written; told from the values where no setting says.
    pub fn format(&self, topic: &str) -> TopicFormat {
        self.formats.get(topic).copied().unwrap_or_default()
    }

    /// A partition's epoch; 0 where no setting says.
    pub fn epoch(&self, topic: &str, partition: i32) -> u32 {
        let key = (topic.to_owned(), partition);
        self.epochs.get(&key).copied().unwrap_or(0)
    }

    /// When an item may go whose content ends at a moment; both in Unix seconds.
    pub fn expiry(&self, end: i64) -> i64 {
        end.saturating_add(i64::from(self.ttl_days) * 86_400)
    }
}

fn flow_log_format(settings: &Settings<'_>) -> Result<Option<Format>, SettingError> {
    const VARIABLE: &str = "FLOW_LOG_FORMAT";
    let Some(text) = settings.text(VARIABLE) else {
        return Ok(None);
    };
    let expected = |error| format!("flow-log fields of versions 2 to 5 in their order ({error})");
    Format::parse(&text)
        .map(Some)
        .map_err(|error| wrong(VARIABLE, &text, &expected(error)))
}

fn pairs<K: Ord, V>(
    settings: &Settings<'_>,
    variable: &str,
    expected: &str,
    parse: impl Fn(&str, &str) -> Option<(K, V)>,
) -> Result<BTreeMap<K, V>, SettingError> {
    let text = settings.text(variable).unwrap_or_default();
    let mut parsed = BTreeMap::new();
    for word in text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
    {
        let pair = word
            .split_once('=')
            .and_then(|(name, value)| parse(name.trim(), value.trim()));
        match pair {
            // A name that comes twice would silently lose one of its values.
            Some((key, value)) if !parsed.contains_key(&key) => {
                parsed.insert(key, value);
            }
            _ => return Err(wrong(variable, word, expected)),
        }
    }
    Ok(parsed)
}

fn topic_format(topic: &str, format: &str) -> Option<(String, TopicFormat)> {
    let format = match format {
        "flow-logs" => TopicFormat::FlowLogs,
        "json" => TopicFormat::Json,
        "detect" => TopicFormat::Detect,
        _ => return None,
    };
    (!topic.is_empty()).then(|| (topic.to_owned(), format))
}

fn epoch(partition: &str, epoch: &str) -> Option<((String, i32), u32)> {
    let (topic, number) = partition.rsplit_once('/')?;
    Some((
        (topic.to_owned(), number.parse().ok()?),
        epoch.parse().ok()?,
    ))
}

/// The table of addresses: the file that `IP_RANGES` names, which must then be there; else the one packaged with
/// the function, if there is one.
#[cfg(test)]
mod tests {
    use super::*;
    use tollkeeper::error::{Fault, chain};

    fn load(more: &[(&str, &str)]) -> Result<Config, String> {
        let mut all = vec![("ROLLUPS_TABLE", "rollups")];
        all.extend(more);
        Config::load(&Settings::from_pairs(&all)).map_err(|error| chain(&error))
    }

    #[test]
    fn only_the_table_is_required() {
        let error = Config::load(&Settings::from_pairs(&[])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ROLLUPS_TABLE is not set: expected the name of a DynamoDB table"
        );
        assert_eq!(error.fault_type(), "Init.Setting");
        let config = load(&[]).unwrap();
        assert_eq!(config.answers, Answers::Error);
        assert_eq!(config.rules.format("any"), TopicFormat::Detect);
        assert_eq!(
            (config.rules.epoch("any", 3), config.rules.expiry(0)),
            (0, 35 * 86_400)
        );
    }

    #[test]
    fn topics_and_partitions_have_their_own_settings() {
        let pairs = [
            ("TOPIC_FORMATS", "flow=flow-logs, app=json"),
            ("EPOCHS", "flow/0=2,flow/1=1"),
        ];
        let rules = load(&pairs).unwrap().rules;
        assert_eq!(
            (rules.format("flow"), rules.format("app")),
            (TopicFormat::FlowLogs, TopicFormat::Json)
        );
        assert_eq!(
            (
                rules.epoch("flow", 0),
                rules.epoch("flow", 1),
                rules.epoch("flow", 2)
            ),
            (2, 1, 0)
        );
    }

    #[test]
    fn a_wrong_value_of_any_setting_is_named() {
        let wrong = |variable, value| load(&[(variable, value)]).unwrap_err();
        insta::assert_snapshot!(wrong("PARTIAL_ANSWERS", "yes"), @"PARTIAL_ANSWERS=`yes` is wrong: expected one of error, partial");
        insta::assert_snapshot!(wrong("TOPIC_FORMATS", "flow=csv"), @"TOPIC_FORMATS=`flow=csv` is wrong: expected a list such as `flow=flow-logs,app=json` of flow-logs, json or detect");
        insta::assert_snapshot!(wrong("TOPIC_FORMATS", "a=json,a=detect"), @"TOPIC_FORMATS=`a=detect` is wrong: expected a list such as `flow=flow-logs,app=json` of flow-logs, json or detect");
        insta::assert_snapshot!(wrong("EPOCHS", "logs=1"), @"EPOCHS=`logs=1` is wrong: expected a list such as `logs/0=1,logs/1=1` of topic/partition=epoch");
        insta::assert_snapshot!(wrong("FLOW_LOG_FORMAT", "interface-id bytes"), @"FLOW_LOG_FORMAT=`interface-id bytes` is wrong: expected flow-log fields of versions 2 to 5 in their order (flow-log format lacks the field `start`)");
        insta::assert_snapshot!(wrong("ROLLUP_TTL_DAYS", "0"), @"ROLLUP_TTL_DAYS=`0` is wrong: expected a number from 1 to 3650");
        let missing = wrong("IP_RANGES", "no/such/file.json");
        assert!(
            missing.starts_with("IP_RANGES file `no/such/file.json` cannot be read"),
            "{missing}"
        );
        let no_json = wrong(
            "IP_RANGES",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        );
        assert!(no_json.contains("not an ip-ranges.json"), "{no_json}");
    }

    #[test]
    fn a_packaged_table_of_addresses_may_be_missing() {
        assert!(
            load(&[("LAMBDA_TASK_ROOT", "no/such/root")])
                .unwrap()
                .rules
                .reading
                .ranges
                .is_none()
        );
    }
}
