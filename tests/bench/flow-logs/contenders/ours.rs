//! Our side: the library's reader and tally, as the detector uses them; and the least that any reader must do.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use tollkeeper::canonical::hash_text;
use tollkeeper::flow_log::Reader;
use tollkeeper::rollup::Tally;

/// As the detector has it.
const BUFFER: usize = 1 << 18;

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let file = File::open(path)?;
    Ok(match path.extension() {
        Some(extension) if extension == "gz" => {
            Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, file)))
        }
        _ => Box::new(file),
    })
}

/// Sums of legs A and D by interface, hour and cell.
pub(super) fn sums(path: &Path) -> io::Result<Tally> {
    let mut tally = Tally::new();
    let mut reader = Reader::new(BufReader::with_capacity(BUFFER, open(path)?), None);
    while let Some(record) = reader.next_record().map_err(io::Error::other)? {
        let record = record.map_err(io::Error::other)?;
        tally.record(&record, None).map_err(io::Error::other)?;
    }
    Ok(tally)
}

/// The same rows, spelt alike and sorted, as the peers'.
pub(super) fn digest(tally: &Tally) -> String {
    let rows = tally.sums().map(|(interface, hour, cell, sums)| {
        let hour = hour.unix_seconds();
        let bytes = sums.bytes;
        format!(
            "{interface}|{hour}|{}|{bytes}|{}|{}",
            cell.to_string().trim_end_matches('|'),
            sums.packets,
            sums.flows
        )
    });
    let mut rows: Vec<String> = rows.collect();
    rows.sort_unstable();
    let mut text = String::new();
    for row in &rows {
        let _ = writeln!(text, "{row}");
    }
    format!("{} rows, {}", rows.len(), hash_text(&text))
}

/// Lines of the input, as `wc -l` counts them.
pub(super) fn lines(path: &Path) -> io::Result<usize> {
    let mut input = BufReader::with_capacity(BUFFER, open(path)?);
    let mut lines = 0;
    loop {
        let block = input.fill_buf()?;
        if block.is_empty() {
            return Ok(lines);
        }
        lines += memchr::memchr_iter(b'\n', block).count();
        let length = block.len();
        input.consume(length);
    }
}
