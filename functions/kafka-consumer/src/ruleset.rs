//! The settings that decide what a record counts as, as one thing with a name.
//!
//! A partition pins rulesets by id to its offsets, and their content is kept in the table: so a batch that was half
//! written under old settings is finished under these, whatever the function was deployed with since. Code cannot be
//! kept there: a release that reads records differently raises `READING` and applies to half-written batches too.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use tollkeeper::canonical::hash_text;
use tollkeeper::services::IpRanges;
use tollkeeper::settings::Settings;
use tollkeeper::start::{StartError, ip_ranges_file, parse_ip_ranges};

use crate::config::reading_rules;
use crate::reading::{self, TopicFormat};

/// Raised by every change of code that makes a record count as something else.
const READING: u32 = 1;

/// Settings that are part of a ruleset.
const SETTINGS: [&str; 6] = [
    "TOPIC_FORMATS",
    "FLOW_LOG_FORMAT",
    "JSON_LEVEL",
    "JSON_SERVICE",
    "JSON_TIME",
    "JSON_MESSAGE",
];

/// Name and version of the stored shape.
const SCHEMA: &str = "ruleset/v1";

/// Largest address table that fits into an item (400 KB), compressed and in base64.
const MOST_RANGES_TEXT: usize = 380_000;

/// Most bytes a stored address table may have once it is inflated: AWS's file has 2 MB.
const MOST_RANGES_JSON: u64 = 16 << 20;

/// What a record counts as.
#[derive(Debug, Clone)]
pub struct Ruleset {
    id: String,
    formats: BTreeMap<String, TopicFormat>,
    /// How values are read.
    pub reading: reading::Rules,
    texts: BTreeMap<String, String>,
    ranges_json: Option<Arc<[u8]>>,
}

/// A ruleset as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    schema: String,
    reading: u32,
    settings: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ranges: Option<String>,
}

/// A ruleset that cannot be stored or restored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ruleset {id} {problem}")]
pub struct RulesetError {
    /// Its id.
    pub id: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Ruleset {
    /// The ruleset of the function's settings.
    pub fn load(settings: &Settings<'_>) -> Result<Self, StartError> {
        let texts = SETTINGS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), settings.text(name)?)));
        let file = ip_ranges_file(settings)?;
        let ranges = file.as_ref().map(parse_ip_ranges).transpose()?;
        let json = file.map(|file| file.json.into());
        Self::build(texts.collect(), json, ranges)
    }

    fn build(
        texts: BTreeMap<String, String>,
        ranges_json: Option<Arc<[u8]>>,
        ranges: Option<IpRanges>,
    ) -> Result<Self, StartError> {
        let lookup = |name: &str| texts.get(name).cloned();
        let (formats, mut reading) = reading_rules(&Settings::from_lookup(lookup))?;
        reading.ranges = ranges;
        let table = ranges_json.as_deref().map(|json| {
            let mut sum = flate2::Crc::new();
            sum.update(json);
            (json.len(), sum.sum())
        });
        let name = format!("{READING} {texts:?} {table:?}");
        let id = hash_text(&name)
            .chars()
            .skip("sha256:".len())
            .take(16)
            .collect();
        Ok(Self {
            id,
            formats,
            reading,
            texts,
            ranges_json,
        })
    }

    /// Its name: the same for the same settings and address table.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How a topic's values are written; told from the values where no setting says.
    pub fn format(&self, topic: &str) -> TopicFormat {
        self.formats.get(topic).copied().unwrap_or_default()
    }

    /// What is stored of it.
    pub fn to_stored(&self) -> Result<Stored, RulesetError> {
        let ranges = self.ranges_json.as_deref().map(deflate);
        if ranges
            .as_ref()
            .is_some_and(|text| text.len() > MOST_RANGES_TEXT)
        {
            let problem = "has an address table too big for an item of the table: use the compact one of `make ip-ranges`";
            return Err(RulesetError {
                id: self.id.clone(),
                problem,
            });
        }
        Ok(Stored {
            schema: SCHEMA.to_owned(),
            reading: READING,
            settings: self.texts.clone(),
            ranges,
        })
    }

    /// A ruleset that was stored under `id`.
    pub fn from_stored(id: &str, stored: Stored) -> Result<Self, RulesetError> {
        let wrong = |problem| RulesetError {
            id: id.to_owned(),
            problem,
        };
        let json = match stored.ranges.as_deref().map(inflate) {
            Some(None) => return Err(wrong("is stored with an address table that cannot be read")),
            Some(json) => json,
            None => None,
        };
        let ranges = match json.as_deref().map(IpRanges::from_json) {
            Some(Err(_)) => return Err(wrong("is stored with an address table that is none")),
            Some(Ok(ranges)) => Some(ranges),
            None => None,
        };
        if stored.reading != READING {
            tracing::warn!(
                ruleset = id,
                stored.reading,
                "half-written batches of another release are read by this one"
            );
        }
        let mut ruleset = Self::build(stored.settings, json.map(Into::into), ranges)
            .map_err(|_| wrong("is stored with settings that this release refuses"))?;
        id.clone_into(&mut ruleset.id);
        Ok(ruleset)
    }
}

fn deflate(json: &[u8]) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing into memory does not fail.
    let _ = encoder.write_all(json);
    STANDARD.encode(encoder.finish().unwrap_or_default())
}

fn inflate(text: &str) -> Option<Vec<u8>> {
    let packed = STANDARD.decode(text).ok()?;
    let mut json = Vec::new();
    GzDecoder::new(packed.as_slice())
        .take(MOST_RANGES_JSON)
        .read_to_end(&mut json)
        .ok()?;
    Some(json)
}

/// The rulesets of a stretch of offsets.
#[derive(Debug)]
pub struct Pinned {
    /// Each from its offset on, in order; the first one also below.
    stretches: Vec<(i64, Arc<Ruleset>)>,
    first: Arc<Ruleset>,
}

impl Pinned {
    /// One ruleset for all offsets.
    pub fn everywhere(ruleset: Arc<Ruleset>) -> Self {
        Self {
            stretches: Vec::new(),
            first: ruleset,
        }
    }

    /// `first`, and further ones from their offsets on.
    pub fn from(first: Arc<Ruleset>, stretches: Vec<(i64, Arc<Ruleset>)>) -> Self {
        Self { stretches, first }
    }

    /// The ruleset of an offset.
    pub fn at(&self, offset: i64) -> &Ruleset {
        let after = self.stretches.partition_point(|(from, _)| *from <= offset);
        let stretch = after
            .checked_sub(1)
            .and_then(|index| self.stretches.get(index));
        stretch.map_or(&self.first, |(_, ruleset)| ruleset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGES: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../events/kafka-consumer/few-ip-ranges.json"
    );

    fn load(pairs: &[(&str, &str)]) -> Ruleset {
        Ruleset::load(&Settings::from_pairs(pairs)).unwrap()
    }

    #[test]
    fn the_same_settings_have_the_same_id_and_others_another() {
        let ids: Vec<String> = [
            &[][..],
            &[("TOPIC_FORMATS", "a=json")],
            &[("IP_RANGES", RANGES)],
        ]
        .iter()
        .map(|pairs| load(pairs).id)
        .collect();
        assert_eq!(
            load(&[("ROLLUP_TTL_DAYS", "7")]).id,
            ids[0],
            "not a setting of reading"
        );
        assert!(ids[0] != ids[1] && ids[0] != ids[2], "{ids:?}");
        assert_eq!(ids[0].len(), 16);
    }

    #[test]
    fn a_ruleset_is_restored_as_it_was_stored() {
        let ruleset = load(&[("TOPIC_FORMATS", "a=json"), ("IP_RANGES", RANGES)]);
        let restored = Ruleset::from_stored(&ruleset.id, ruleset.to_stored().unwrap()).unwrap();
        assert_eq!(restored.id, ruleset.id);
        assert_eq!(restored.format("a"), TopicFormat::Json);
        let s3 = "52.216.0.1".parse().unwrap();
        let label = |ruleset: &Ruleset| {
            ruleset
                .reading
                .ranges
                .as_ref()
                .unwrap()
                .lookup(s3)
                .unwrap()
                .to_string()
        };
        assert_eq!(label(&restored), label(&ruleset));
    }

    #[test]
    fn what_cannot_be_restored_is_named() {
        let mut stored = load(&[("IP_RANGES", RANGES)]).to_stored().unwrap();
        stored.ranges = Some("no gzip".to_owned());
        let error = Ruleset::from_stored("0123456789abcdef", stored).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ruleset 0123456789abcdef is stored with an address table that cannot be read"
        );
    }
}
