//! A small chart of daily cost for the terminal: one column a day, plain block characters.

use std::fmt::Write as _;

use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

const ROWS: u32 = 7;
/// Eighths of a row, from nothing to full.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A chart of dollars by day, in the order given.
pub(crate) fn daily_cost(days: &[(Date, Decimal)]) -> String {
    let highest = days.iter().map(|(_, cost)| *cost).max().unwrap_or_default();
    let top = nice_ceiling(highest);
    let heights: Vec<u32> = days.iter().map(|(_, cost)| eighths(*cost, top)).collect();
    let mut chart = String::new();
    for row in (0..ROWS).rev() {
        let label = match row {
            row if row == ROWS - 1 => format!("${top}"),
            0 => "$0".to_owned(),
            _ => String::new(),
        };
        let bars: String = heights
            .iter()
            .map(|height| block(height.saturating_sub(row * 8)))
            .collect();
        // Writing into a String cannot fail.
        let _ = writeln!(chart, "{label:>6} |{}", bars.trim_end());
    }
    let _ = writeln!(chart, "       +{}", "-".repeat(days.len()));
    if let (Some((first, _)), Some((last, _))) = (days.first(), days.last()) {
        let (first, last) = (first.to_string(), last.to_string());
        let gap = days.len().saturating_sub(first.len() + last.len()).max(1);
        let _ = writeln!(chart, "        {first}{}{last}", " ".repeat(gap));
    }
    chart
}

fn block(height: u32) -> char {
    let index = usize::try_from(height.min(8)).unwrap_or(8);
    BLOCKS.get(index).copied().unwrap_or('█')
}

/// Height of a bar in eighths of a row; a cost above zero always shows.
fn eighths(cost: Decimal, top: Decimal) -> u32 {
    if cost <= Decimal::ZERO || top.is_zero() {
        return 0;
    }
    let share = cost / top * Decimal::from(ROWS * 8);
    share.round().to_u32().unwrap_or(0).max(1)
}

/// The next of 10, 20, 50, 100, 200, … dollars.
fn nice_ceiling(highest: Decimal) -> Decimal {
    let mut decade = Decimal::TEN;
    loop {
        for step in [1, 2, 5] {
            let top = decade * Decimal::from(step);
            if top >= highest {
                return top;
            }
        }
        decade *= Decimal::TEN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_chart_shows_one_column_a_day_and_the_scale() {
        let costs = [10, 10, 5, 0, 100];
        let days: Vec<_> = (1..)
            .zip(costs)
            .map(|(day, cost)| (date(2026, 10, day), Decimal::from(cost)))
            .collect();
        let expected = "  $100 |    █\n       |    █\n       |    █\n       |    █\n       |    █\n       |    █\n    $0 |▆▆▃ █\n       +-----\n        2026-10-01 2026-10-05\n";
        assert_eq!(daily_cost(&days), expected);
    }
}
