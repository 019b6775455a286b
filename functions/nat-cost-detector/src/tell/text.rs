//! How figures are written for people: volumes, weekdays, padding.

use rust_decimal::Decimal;
use tollkeeper::money::group_thousands;
pub use tollkeeper::prices::human_bytes;
use tollkeeper::time::Day;

/// A whole figure with a comma before every third digit.
pub fn grouped(figure: Decimal) -> String {
    group_thousands(&figure.round().to_string())
}

/// The day's name.
pub fn weekday_name(day: Day) -> &'static str {
    [
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
    ][usize::from(day.weekday())]
}

/// Rows as columns of equal width; the columns named in `right` are set flush right.
pub fn columns(rows: &[Vec<String>], right: &[usize]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| {
                if right.contains(&column) {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                }
            })
            .collect();
        out.push_str("  ");
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["a".to_owned(), "1".to_owned()],
            vec!["bcd".to_owned(), "22".to_owned()],
        ];
        assert_eq!(columns(&rows, &[1]), "  a     1\n  bcd  22\n");
    }
}
