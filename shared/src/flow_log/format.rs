//! Which field stands in which column.

use std::sync::LazyLock;

use super::field::{ABSENT, FIELDS, Field, Use, is_name, known};
use super::record::Record;
use super::words::{MAX_COLUMNS, Words};

/// The default format (version 2), in the order in which AWS writes it.
const DEFAULT: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes \
                       start end action log-status";

/// The order of a log's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    columns: usize,
    /// Where each field stands, from 0.
    at: [usize; FIELDS],
    unknown: Vec<String>,
}

/// A header or configured format that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A word that is no field of any version.
    #[error("`{0}` is not a flow-log field")]
    UnknownField(String),
    /// A field without which no line can be placed.
    #[error("flow-log format lacks the field `{0}`")]
    Lacks(&'static str),
    /// A field that would have two values.
    #[error("flow-log format names the field `{0}` twice")]
    Twice(String),
    /// More fields than any version has.
    #[error("flow-log format has more than {MAX_COLUMNS} fields")]
    TooMany,
}

impl Format {
    /// AWS's default format: version 2.
    pub fn version_2() -> &'static Self {
        static VERSION_2: LazyLock<Format> = LazyLock::new(|| {
            Format::parse(DEFAULT).unwrap_or(Format {
                columns: 0,
                at: [ABSENT; FIELDS],
                unknown: Vec::new(),
            })
        });
        &VERSION_2
    }

    /// Reads a format that a person wrote, with or without `${…}` around the names: a name that no version has is an
    /// error, since it is a typing error.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let format = Self::of_names(text)?;
        match format.unknown.first() {
            Some(name) => Err(FormatError::UnknownField(name.clone())),
            None => Ok(format),
        }
    }

    /// Reads a header line: AWS adds fields, so a name that is not known here is passed over
    /// ([`Self::unknown_fields`]).
    pub fn header(line: &[u8]) -> Result<Self, FormatError> {
        let format = Self::of_names(&String::from_utf8_lossy(line))?;
        let odd = |name: &&String| !is_name(name.as_bytes());
        match format.unknown.iter().find(odd) {
            Some(name) => Err(FormatError::UnknownField(name.clone())),
            None => Ok(format),
        }
    }

    fn of_names(text: &str) -> Result<Self, FormatError> {
        let names: Vec<&str> = names(text.as_bytes())
            .filter_map(|name| std::str::from_utf8(name).ok())
            .collect();
        if names.len() > MAX_COLUMNS {
            return Err(FormatError::TooMany);
        }
        let (mut at, mut unknown) = ([ABSENT; FIELDS], Vec::new());
        for (column, name) in names.iter().enumerate() {
            let Some(usage) = known(name) else {
                unknown.push((*name).to_owned());
                continue;
            };
            if names.iter().take(column).any(|other| other == name) {
                return Err(FormatError::Twice((*name).to_owned()));
            }
            if let Use::Read(field) | Use::OnRequest(field) = usage
                && let Some(slot) = at.get_mut(field as usize)
            {
                *slot = column;
            }
        }
        let format = Self {
            columns: names.len(),
            at,
            unknown,
        };
        if format.lacks(Field::InterfaceId) && format.lacks(Field::ResourceId) {
            return Err(FormatError::Lacks("interface-id"));
        }
        for (field, name) in [(Field::Bytes, "bytes"), (Field::Start, "start")] {
            if format.lacks(field) {
                return Err(FormatError::Lacks(name));
            }
        }
        Ok(format)
    }

    fn lacks(&self, field: Field) -> bool {
        self.column(field) == ABSENT
    }

    /// Where a field stands, from 0.
    pub(super) fn column(&self, field: Field) -> usize {
        self.at.get(field as usize).copied().unwrap_or(ABSENT)
    }

    /// Names in a header line that no version has, as far as is known here: their columns are passed over.
    pub fn unknown_fields(&self) -> &[String] {
        &self.unknown
    }

    /// Whether sums are made of a field of this name, so that a reader of columns need read no others but those that it
    /// is asked for.
    pub fn reads(name: &str) -> bool {
        matches!(known(name), Some(Use::Read(_)))
    }

    /// Columns of a line.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Whether a line is a record of this format as far as all that is counted goes: [`Record`] reads what it is asked
    /// for only.
    pub fn fits(&self, line: &[u8]) -> bool {
        let mut words = Words::new();
        Record::read(self, line, &mut words).is_ok_and(|record| {
            record.hour().is_ok()
                && record.bytes().is_ok()
                && record.packets().is_ok()
                && record.nat_side().is_ok()
        })
    }

    /// Whether a line is a header: names and nothing else, at least half of them known fields'.
    ///
    /// No record is taken for one: a format has `start`, and the number that stands there is no name.
    pub fn is_header(line: impl AsRef<[u8]>) -> bool {
        let line = line.as_ref();
        // Nearly all records begin with a number: their version.
        if line.first().is_some_and(u8::is_ascii_digit) {
            return false;
        }
        let (mut all, mut fields) = (0, 0);
        for name in names(line) {
            if !is_name(name) {
                return false;
            }
            all += 1;
            fields +=
                usize::from(std::str::from_utf8(name).is_ok_and(|name| known(name).is_some()));
        }
        fields > 0 && fields * 2 >= all
    }
}

/// The words of a header or format, without `${…}`.
fn names(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte <= b' ' || *byte == b',')
        .filter(|word| !word.is_empty())
        .map(|word| {
            word.strip_prefix(b"${")
                .and_then(|rest| rest.strip_suffix(b"}"))
                .unwrap_or(word)
        })
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
