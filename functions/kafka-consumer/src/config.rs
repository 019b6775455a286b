//! Settings of the consumer.

use std::collections::{BTreeMap, BTreeSet};

use tollkeeper::flow_log::Format;
use tollkeeper::rollup::Shard;
use tollkeeper::settings::{SettingError, Settings, wrong};
use tollkeeper::start::StartError;

use crate::answer::Answers;
use crate::envelope::Partition;
use crate::plan::Keep;
use crate::reading::{self, Names, Pointers, TopicFormat};
use crate::ruleset::Ruleset;
use crate::s3::Place;
use crate::state::Origin;

/// The consumer's settings.
#[derive(Debug)]
pub struct Config {
    /// Name of the Rollups table (`ROLLUPS_TABLE`).
    pub rollups_table: String,
    /// How uncommitted partitions are reported (`PARTIAL_ANSWERS`).
    pub answers: Answers,
    /// Where records are archived (`ARCHIVE_BUCKET`, `ARCHIVE_PREFIX`); without a bucket nowhere.
    pub archive: Option<Place>,
    /// What a record counts as (`TOPIC_FORMATS`, `FLOW_LOG_FORMAT`, `IP_RANGES`).
    pub ruleset: Ruleset,
    /// How long things are kept (`ROLLUP_TTL_DAYS`).
    pub keep: Keep,
    /// By topic and partition (`EPOCHS`).
    epochs: BTreeMap<(String, i32), u32>,
    /// Partitions that were set back on purpose (`REWINDS`).
    rewinds: BTreeSet<(String, i32)>,
}

impl Config {
    /// Reads the settings, and the table of addresses they name.
    pub fn load(settings: &Settings<'_>) -> Result<Self, StartError> {
        let answers = [("error", Answers::Error), ("partial", Answers::Partial)];
        let (epochs, rewinds) = (
            "a list such as `logs/0=1,logs/1=1` of topic/partition=epoch",
            "a list such as `logs/0,logs/1` of topic/partition",
        );
        Ok(Self {
            rollups_table: settings
                .required_text("ROLLUPS_TABLE", "the name of a DynamoDB table")?,
            answers: settings.choice("PARTIAL_ANSWERS", Some(Answers::Error), &answers)?,
            archive: archive(settings)?,
            ruleset: Ruleset::load(settings)?,
            keep: Keep {
                days: settings.within("ROLLUP_TTL_DAYS", 35, 1, 3650)?,
            },
            epochs: pairs(settings, "EPOCHS", epochs, epoch)?,
            rewinds: list(settings, "REWINDS", rewinds, |word| {
                Some((partition(word)?, ()))
            })?
            .into_keys()
            .collect(),
        })
    }

    /// The shard that a partition's records are counted in.
    pub fn shard(&self, partition: &Partition<'_>) -> Shard {
        let epoch = self
            .epochs
            .get(&(partition.topic.clone(), partition.number));
        Shard {
            topic: partition.topic.clone(),
            partition: partition.number,
            epoch: epoch.copied().unwrap_or(0),
        }
    }

    /// Where a partition's records come from, as far as the operator knows better.
    pub fn origin(&self, shard: &Shard, origin: Origin) -> Origin {
        let rewound = self
            .rewinds
            .contains(&(shard.topic.clone(), shard.partition));
        if rewound && origin == Origin::Delivery {
            Origin::Rewind
        } else {
            origin
        }
    }
}

/// The settings that say how values are read: formats by topic, and the rest but for the table of addresses.
pub(crate) fn reading_rules(
    settings: &Settings<'_>,
) -> Result<(BTreeMap<String, TopicFormat>, reading::Rules), SettingError> {
    let formats = "a list such as `flow=flow-logs,app=json` of flow-logs, json, logfmt, syslog, plain \
                   or detect";
    let formats = pairs(settings, "TOPIC_FORMATS", formats, topic_format)?;
    Ok((
        formats,
        reading::Rules {
            flow_log_format: flow_log_format(settings)?,
            ranges: None,
            names: names(settings)?,
        },
    ))
}

fn archive(settings: &Settings<'_>) -> Result<Option<Place>, SettingError> {
    let Some(bucket) = settings.text("ARCHIVE_BUCKET") else {
        return Ok(None);
    };
    let prefix = settings.text("ARCHIVE_PREFIX");
    let prefix = prefix.as_deref().unwrap_or("kafka/");
    if !Place::is_bucket(&bucket) {
        let expected = "the name of an S3 bucket, without `s3://`";
        return Err(wrong("ARCHIVE_BUCKET", &bucket, expected));
    }
    if !Place::is_prefix(prefix) {
        let expected = "a prefix such as `kafka/` of letters, digits and `!_.*'()=-/` that does not start with `/` \
                        and ends with it, or `/` alone for the whole bucket";
        return Err(wrong("ARCHIVE_PREFIX", prefix, expected));
    }
    Ok(Some(Place::new(bucket, prefix)))
}

/// Where JSON lines say what: lists of pointers that take the place of the usual names.
fn names(settings: &Settings<'_>) -> Result<Names, SettingError> {
    let expected = "up to 16 JSON pointers such as `/log/level,/level`";
    let pointers = |variable| settings.optional::<Pointers>(variable, expected);
    Ok(Names::new([
        pointers("JSON_LEVEL")?,
        pointers("JSON_SERVICE")?,
        pointers("JSON_TIME")?,
        pointers("JSON_MESSAGE")?,
    ]))
}

fn flow_log_format(settings: &Settings<'_>) -> Result<Option<Format>, SettingError> {
    const VARIABLE: &str = "FLOW_LOG_FORMAT";
    let Some(text) = settings.text(VARIABLE) else {
        return Ok(None);
    };
    let expected = |error| format!("flow-log fields of versions 2 to 11 in their order ({error})");
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
    list(settings, variable, expected, |word| {
        let (name, value) = word.split_once('=')?;
        parse(name.trim(), value.trim())
    })
}

fn list<K: Ord, V>(
    settings: &Settings<'_>,
    variable: &str,
    expected: &str,
    parse: impl Fn(&str) -> Option<(K, V)>,
) -> Result<BTreeMap<K, V>, SettingError> {
    let text = settings.text(variable).unwrap_or_default();
    let mut parsed = BTreeMap::new();
    for word in text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
    {
        match parse(word) {
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
        "logfmt" => TopicFormat::Logfmt,
        "syslog" => TopicFormat::Syslog,
        "plain" => TopicFormat::Plain,
        "detect" => TopicFormat::Detect,
        _ => return None,
    };
    (!topic.is_empty()).then(|| (topic.to_owned(), format))
}

fn epoch(name: &str, epoch: &str) -> Option<((String, i32), u32)> {
    Some((partition(name)?, epoch.parse().ok()?))
}

fn partition(name: &str) -> Option<(String, i32)> {
    let (topic, number) = name.rsplit_once('/')?;
    Some((topic.to_owned(), number.parse().ok()?))
}

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
        assert_eq!(config.ruleset.format("any"), TopicFormat::Detect);
        assert_eq!(
            (epoch_of(&config, "any", 3), config.keep.expiry(0)),
            (0, 35 * 86_400)
        );
    }

    fn epoch_of(config: &Config, topic: &str, number: i32) -> u32 {
        config.shard(&of(topic, number)).epoch
    }

    fn of(topic: &str, number: i32) -> Partition<'static> {
        Partition {
            id: format!("{topic}-{number}"),
            topic: topic.to_owned(),
            number,
            records: Vec::new(),
        }
    }

    #[test]
    fn topics_and_partitions_have_their_own_settings() {
        let pairs = [
            ("TOPIC_FORMATS", "flow=flow-logs, app=json"),
            ("EPOCHS", "flow/0=2,flow/1=1"),
            ("REWINDS", "flow/1"),
        ];
        let config = load(&pairs).unwrap();
        assert_eq!(
            (config.ruleset.format("flow"), config.ruleset.format("app")),
            (TopicFormat::FlowLogs, TopicFormat::Json)
        );
        assert_eq!(
            [0, 1, 2].map(|number| epoch_of(&config, "flow", number)),
            [2, 1, 0]
        );
        let origin = |number, origin| config.origin(&config.shard(&of("flow", number)), origin);
        assert_eq!(origin(0, Origin::Delivery), Origin::Delivery);
        assert_eq!(origin(1, Origin::Delivery), Origin::Rewind);
        assert_eq!(origin(1, Origin::Replay), Origin::Replay);
    }

    #[test]
    fn records_are_archived_where_a_bucket_is_named() {
        let place = |pairs: &[(&str, &str)]| load(pairs).unwrap().archive;
        assert_eq!(place(&[]), None);
        assert_eq!(
            place(&[("ARCHIVE_BUCKET", ""), ("ARCHIVE_PREFIX", "logs/")]),
            None
        );
        let bucket = ("ARCHIVE_BUCKET", "archive-1");
        assert_eq!(place(&[bucket]), Some(Place::new("archive-1", "kafka/")));
        assert_eq!(
            place(&[bucket, ("ARCHIVE_PREFIX", "team=a/logs/")]),
            Some(Place::new("archive-1", "team=a/logs/"))
        );
        let whole_bucket = place(&[bucket, ("ARCHIVE_PREFIX", "/")]).unwrap();
        assert_eq!(whole_bucket.key("topic=t/x"), "topic=t/x");
    }

    #[test]
    fn a_wrong_value_of_any_setting_is_named() {
        let wrong = |variable, value| load(&[(variable, value)]).unwrap_err();
        insta::assert_snapshot!(wrong("PARTIAL_ANSWERS", "yes"), @"PARTIAL_ANSWERS=`yes` is wrong: expected one of error, partial");
        insta::assert_snapshot!(wrong("TOPIC_FORMATS", "flow=csv"), @"TOPIC_FORMATS=`flow=csv` is wrong: expected a list such as `flow=flow-logs,app=json` of flow-logs, json, logfmt, syslog, plain or detect");
        insta::assert_snapshot!(wrong("TOPIC_FORMATS", "a=json,a=detect"), @"TOPIC_FORMATS=`a=detect` is wrong: expected a list such as `flow=flow-logs,app=json` of flow-logs, json, logfmt, syslog, plain or detect");
        insta::assert_snapshot!(wrong("JSON_LEVEL", "level"), @"JSON_LEVEL=`level` is wrong: expected up to 16 JSON pointers such as `/log/level,/level`");
        insta::assert_snapshot!(wrong("EPOCHS", "logs=1"), @"EPOCHS=`logs=1` is wrong: expected a list such as `logs/0=1,logs/1=1` of topic/partition=epoch");
        insta::assert_snapshot!(wrong("REWINDS", "logs/a"), @"REWINDS=`logs/a` is wrong: expected a list such as `logs/0,logs/1` of topic/partition");
        insta::assert_snapshot!(wrong("FLOW_LOG_FORMAT", "interface-id bytes"), @"FLOW_LOG_FORMAT=`interface-id bytes` is wrong: expected flow-log fields of versions 2 to 11 in their order (flow-log format lacks the field `start`)");
        insta::assert_snapshot!(wrong("ROLLUP_TTL_DAYS", "0"), @"ROLLUP_TTL_DAYS=`0` is wrong: expected a number from 1 to 3650");
        insta::assert_snapshot!(wrong("ARCHIVE_BUCKET", "s3://archive"), @"ARCHIVE_BUCKET=`s3://archive` is wrong: expected the name of an S3 bucket, without `s3://`");
        let in_prefix = |prefix| {
            let pairs = [("ARCHIVE_BUCKET", "archive"), ("ARCHIVE_PREFIX", prefix)];
            load(&pairs).unwrap_err()
        };
        insta::assert_snapshot!(in_prefix("kafka"), @"ARCHIVE_PREFIX=`kafka` is wrong: expected a prefix such as `kafka/` of letters, digits and `!_.*'()=-/` that does not start with `/` and ends with it, or `/` alone for the whole bucket");
        for prefix in ["/kafka/", "a//b/", "k\u{e4}fka/", "../kafka/", "a/./b/"] {
            assert!(in_prefix(prefix).starts_with("ARCHIVE_PREFIX="), "{prefix}");
        }
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
                .ruleset
                .reading
                .ranges
                .is_none()
        );
    }
}
