//! Plots as inline SVG: dollars a day as bars over the usual range, and shares as horizontal bars.
//!
//! Coordinates are computed in whole thousandths of the scale; no figure is drawn that the tables do not name.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use tollkeeper::money::Money;

use super::markup::Html;
use crate::tell::report::DayFigure;
use crate::tell::text::human_bytes;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 28.0;
const TOP: f64 = 12.0;
/// Half the width of a date below the plot.
const LABEL: f64 = 20.0;

/// Dollars of each day as bars, days out of the ordinary marked, the usual range behind them.
pub(super) fn days(html: &mut Html, days: &[DayFigure]) {
    let highest = days
        .iter()
        .map(|day| dollars(&day.processed.cost))
        .fold(0.0, f64::max);
    let top = round_up(highest);
    html.markup("<svg class=\"plot\" viewBox=\"0 0 760 240\" role=\"img\" aria-label=\"NAT gateway bytes in dollars a day\">");
    for part in 0..=4 {
        grid_line(html, top, f64::from(part) / 4.0);
    }
    let count = f64::from(u32::try_from(days.len()).unwrap_or(u32::MAX)).max(1.0);
    let step = (WIDTH - LEFT) / count;
    for (index, day) in days.iter().enumerate() {
        let x = LEFT + step * f64::from(u32::try_from(index).unwrap_or(0));
        band(html, day, x, step, top);
        bar(html, day, x, step, top);
        if index % 7 == days.len().saturating_sub(1) % 7 {
            place(
                html.markup("<text class=\"tick\" text-anchor=\"middle\""),
                &[
                    ("x", (x + step / 2.0).min(WIDTH - LABEL)),
                    ("y", HEIGHT - 8.0),
                ],
            );
            html.element(">", short(day), "</text>");
        }
    }
    html.markup("</svg>");
}

fn grid_line(html: &mut Html, top: f64, part: f64) {
    let at = y(top * part, top);
    place(
        html.markup("<line class=\"grid\""),
        &[("x1", LEFT), ("x2", WIDTH), ("y1", at), ("y2", at)],
    );
    html.markup("/>");
    place(
        html.markup("<text class=\"tick\" text-anchor=\"end\""),
        &[("x", LEFT - 8.0), ("y", at + 4.0)],
    );
    html.element(">", label(top * part), "</text>");
}

/// What was usual for the day.
fn band(html: &mut Html, day: &DayFigure, x: f64, step: f64, top: f64) {
    let Some(usual) = &day.usual else { return };
    let (low, high) = (dollars(&usual.low), dollars(&usual.high).min(top));
    let (from, to) = (y(high, top), y(low, top));
    place(
        html.markup("<rect class=\"usual\""),
        &[
            ("x", x),
            ("y", from),
            ("width", step),
            ("height", (to - from).max(1.0)),
        ],
    );
    html.markup("/>");
}

fn bar(html: &mut Html, day: &DayFigure, x: f64, step: f64, top: f64) {
    let at = y(dollars(&day.processed.cost), top);
    html.markup(match (day.anomalous, day.estimated) {
        (true, _) => "<rect class=\"bar high\" rx=\"1.5\"",
        (false, true) => "<rect class=\"bar estimated\" rx=\"1.5\"",
        (false, false) => "<rect class=\"bar\" rx=\"1.5\"",
    });
    let width = (step * 0.66).max(1.0);
    place(
        html,
        &[
            ("x", x + (step - width) / 2.0),
            ("y", at),
            ("width", width),
            ("height", (y(0.0, top) - at).max(0.5)),
        ],
    );
    html.markup("><title>")
        .text(day.day)
        .markup(": ")
        .text(&day.processed.cost)
        .markup(", ");
    html.text(human_bytes(day.processed.bytes))
        .markup("</title></rect>");
}

/// A horizontal bar of a share of the largest.
pub(super) fn share(html: &mut Html, part: &Money, largest: &Money) {
    let percent = (part.amount * Decimal::ONE_HUNDRED)
        .checked_div(largest.amount)
        .and_then(|percent| percent.to_f64())
        .unwrap_or(0.0);
    html.markup("<svg class=\"share\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
    place(
        html.markup("<rect class=\"bar\" height=\"8\""),
        &[("width", percent.clamp(0.5, 100.0))],
    );
    html.markup("/></svg>");
}

/// Attributes with figures of ours.
fn place(html: &mut Html, figures: &[(&'static str, f64)]) {
    for (name, figure) in figures {
        html.markup(" ")
            .markup(name)
            .markup("=\"")
            .text(format!("{figure:.1}"))
            .markup("\"");
    }
}

fn y(dollars: f64, top: f64) -> f64 {
    let height = HEIGHT - TOP - BOTTOM;
    TOP + height - height * (dollars / top).clamp(0.0, 1.0)
}

fn dollars(money: &Money) -> f64 {
    money.amount.to_f64().unwrap_or(0.0).max(0.0)
}

/// The next of 1, 2, 4, 5, 8 times a power of ten: quarters of them are short.
fn round_up(highest: f64) -> f64 {
    if highest <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(highest.log10().floor());
    [1.0, 2.0, 4.0, 5.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|top| *top >= highest)
        .unwrap_or(10.0 * power)
}

fn label(dollars: f64) -> String {
    if dollars == 0.0 {
        "$0".to_owned()
    } else if dollars < 10.0 {
        format!("${dollars:.2}")
    } else {
        format!("${dollars:.0}")
    }
}

fn short(day: &DayFigure) -> String {
    day.day.date().strftime("%-d %b").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_a_short_figure_above_the_highest_day() {
        for (highest, top) in [
            (0.0, 1.0),
            (0.3, 0.4),
            (1.0, 1.0),
            (166.5, 200.0),
            (401.0, 500.0),
            (9_000.0, 10_000.0),
        ] {
            assert!(
                (round_up(highest) - top).abs() < 1e-9,
                "{highest}: {}",
                round_up(highest)
            );
        }
    }

    #[test]
    fn a_day_at_the_top_is_as_high_as_the_plot_and_nothing_leaves_it() {
        assert!((y(0.0, 200.0) - (HEIGHT - BOTTOM)).abs() < 1e-9);
        assert!((y(200.0, 200.0) - TOP).abs() < 1e-9);
        assert!((y(900.0, 200.0) - TOP).abs() < 1e-9);
    }
}
