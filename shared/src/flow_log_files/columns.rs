//! Flow-log records from Parquet: AWS writes the same fields with underscores for dashes.
//!
//! Only columns that a record is made of are read. Each row becomes a line of text and is read as any other line, so
//! that a file counts the same however it was written; rows of interfaces that nobody asks for are passed over before.

use std::io::Write as _;

use crate::flow_log::{Format, LineReader};
use bytes::{Buf, Bytes};
use parquet::column::reader::{ColumnReader, get_column_reader};
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length, SerializedPageReader};
use std::sync::Arc;

use super::Fold;

/// Rows that are decoded at a time.
const ROWS: usize = 4096;

/// The columns of a file that matter, in their order.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Their numbers in the file.
    columns: Vec<usize>,
    format: Format,
    /// Which of them name the recorder.
    interface: Option<usize>,
    resource: Option<usize>,
}

/// Parts of a file, as far as they were fetched.
#[derive(Debug, Default)]
pub(super) struct Parts(pub(super) Vec<(u64, Bytes)>);

impl Parts {
    fn from(&self, start: u64) -> Result<Bytes, ParquetError> {
        let found = self.0.iter().find_map(|(first, part)| {
            let at = usize::try_from(start.checked_sub(*first)?).ok()?;
            (at < part.len()).then(|| part.slice(at..))
        });
        found.ok_or_else(|| ParquetError::EOF(format!("nothing was fetched at byte {start}")))
    }
}

impl Length for Parts {
    fn len(&self) -> u64 {
        self.0
            .iter()
            .map(|(first, part)| first + part.len() as u64)
            .max()
            .unwrap_or(0)
    }
}

impl ChunkReader for Parts {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let part = self.from(start)?;
        if length > part.len() {
            let missing = format!("{length} bytes at byte {start}, {} fetched", part.len());
            return Err(ParquetError::EOF(missing));
        }
        Ok(part.slice(..length))
    }
}

impl Layout {
    /// The columns of a file that records are made of, `more` of them than sums are.
    pub(super) fn of(metadata: &ParquetMetaData, more: &[&str]) -> Result<Self, ParquetError> {
        let schema = metadata.file_metadata().schema_descr();
        let matching = schema
            .columns()
            .iter()
            .enumerate()
            .filter_map(|(at, column)| {
                let name = column.name().replace('_', "-");
                let plain = column.path().parts().len() == 1 && column.max_rep_level() == 0;
                let wanted = Format::reads(&name) || more.contains(&name.as_str());
                (plain && wanted).then_some((at, name))
            });
        let (columns, names): (Vec<usize>, Vec<String>) = matching.unzip();
        let format = Format::parse(&names.join(" "))
            .map_err(|error| ParquetError::General(error.to_string()))?;
        let place = |wanted: &str| names.iter().position(|name| name == wanted);
        Ok(Self {
            interface: place("interface-id"),
            resource: place("resource-id"),
            columns,
            format,
        })
    }

    /// Where a row group's columns lie in the file: first byte and length of each.
    pub(super) fn ranges(&self, group: &RowGroupMetaData) -> Vec<(u64, u64)> {
        self.columns
            .iter()
            .filter_map(|at| Some(group.columns().get(*at)?.byte_range()))
            .collect()
    }

    /// Folds the rows of a row group, whose columns' parts were fetched.
    pub(super) fn fold<F: Fold>(
        &self,
        group: &RowGroupMetaData,
        parts: &Arc<Parts>,
        watch: &F::Watch,
        fold: &mut F,
    ) -> Result<(), ParquetError> {
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let mut columns = self
            .columns
            .iter()
            .map(|at| Column::open(group, *at, rows, parts))
            .collect::<Result<Vec<_>, _>>()?;
        let mut lines = LineReader::new(Some(&self.format));
        let (mut line, mut left) = (Vec::new(), rows);
        while left > 0 {
            let batch = left.min(ROWS);
            for column in &mut columns {
                column.read(batch)?;
            }
            for row in 0..batch {
                if !F::wants(watch, self.recorder(&columns, row)) {
                    fold.other_line();
                    continue;
                }
                line.clear();
                for column in &columns {
                    column.write(row, &mut line);
                    line.push(b' ');
                }
                match lines.read(&line) {
                    Some(Ok(record)) => fold.record(&record, watch),
                    Some(Err(_)) => fold.bad_line(),
                    None => {}
                }
            }
            left -= batch;
        }
        Ok(())
    }

    fn recorder<'c>(&self, columns: &'c [Column], row: usize) -> &'c str {
        let text = |place: Option<usize>| {
            place
                .and_then(|place| columns.get(place)?.text(row))
                .filter(|text| !text.is_empty() && *text != "-")
        };
        text(self.interface)
            .or_else(|| text(self.resource))
            .unwrap_or_default()
    }
}

/// A column's values of the rows that were read last.
struct Column {
    reader: ColumnReader,
    /// Definition level of a value that is there; 0 where all are.
    present: i16,
    levels: Vec<i16>,
    /// For each row, where its value stands.
    places: Vec<Option<usize>>,
    values: Values,
}

enum Values {
    Texts(Vec<ByteArray>),
    Ints(Vec<i32>),
    Longs(Vec<i64>),
}

impl Column {
    fn open(
        group: &RowGroupMetaData,
        at: usize,
        rows: usize,
        parts: &Arc<Parts>,
    ) -> Result<Self, ParquetError> {
        let column = group.column(at);
        let pages = SerializedPageReader::new(Arc::clone(parts), column, rows, None)?;
        let descriptor = column.column_descr_ptr();
        let present = descriptor.max_def_level();
        let name = descriptor.name().to_owned();
        let reader = get_column_reader(descriptor, Box::new(pages));
        let values = match &reader {
            ColumnReader::ByteArrayColumnReader(_) => Values::Texts(Vec::new()),
            ColumnReader::Int32ColumnReader(_) => Values::Ints(Vec::new()),
            ColumnReader::Int64ColumnReader(_) => Values::Longs(Vec::new()),
            _ => {
                let odd = format!("column `{name}` is neither text nor a whole number");
                return Err(ParquetError::General(odd));
            }
        };
        Ok(Self {
            reader,
            present,
            levels: Vec::new(),
            places: Vec::new(),
            values,
        })
    }

    fn read(&mut self, rows: usize) -> Result<(), ParquetError> {
        self.levels.clear();
        let levels = Some(&mut self.levels);
        let (read, _, _) = match (&mut self.reader, &mut self.values) {
            (ColumnReader::ByteArrayColumnReader(reader), Values::Texts(values)) => {
                values.clear();
                reader.read_records(rows, levels, None, values)?
            }
            (ColumnReader::Int32ColumnReader(reader), Values::Ints(values)) => {
                values.clear();
                reader.read_records(rows, levels, None, values)?
            }
            (ColumnReader::Int64ColumnReader(reader), Values::Longs(values)) => {
                values.clear();
                reader.read_records(rows, levels, None, values)?
            }
            // `open` made the two together.
            _ => (0, 0, 0),
        };
        if read != rows {
            return Err(ParquetError::EOF(format!(
                "{rows} rows expected, {read} there"
            )));
        }
        self.places.clear();
        let mut next = 0..;
        if self.present == 0 {
            self.places.extend(next.by_ref().take(rows).map(Some));
        } else {
            let place = |level: &i16| (*level == self.present).then(|| next.next()).flatten();
            self.places.extend(self.levels.iter().map(place));
        }
        Ok(())
    }

    fn text(&self, row: usize) -> Option<&str> {
        let place = (*self.places.get(row)?)?;
        match &self.values {
            Values::Texts(values) => std::str::from_utf8(values.get(place)?.data()).ok(),
            Values::Ints(_) | Values::Longs(_) => None,
        }
    }

    /// Writes a row's word; `-` where it has none.
    fn write(&self, row: usize, line: &mut Vec<u8>) {
        let length = line.len();
        if let Some(Some(place)) = self.places.get(row) {
            match &self.values {
                Values::Texts(values) => {
                    if let Some(value) = values.get(*place) {
                        line.extend_from_slice(value.data());
                    }
                }
                Values::Ints(values) => number(line, values.get(*place)),
                Values::Longs(values) => number(line, values.get(*place)),
            }
        }
        if line.len() == length {
            line.push(b'-');
        }
    }
}

fn number(line: &mut Vec<u8>, value: Option<&impl std::fmt::Display>) {
    if let Some(value) = value {
        // Writing into a Vec cannot fail.
        let _ = write!(line, "{value}");
    }
}
