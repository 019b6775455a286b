//! An audit as one self-contained HTML file: no script, nothing loaded, readable in light and dark, fit to print.

mod markup;
mod plot;
mod sections;

use jiff::Timestamp;
use tollkeeper::money::Money;
use tollkeeper::time::Day;

use self::markup::Html;
use crate::tell::report::AuditReport;

/// The page of an audit made at `now`.
pub fn page(report: &AuditReport, now: Timestamp) -> String {
    let mut html = Html::default();
    head(&mut html, report);
    html.markup("<main>");
    header(&mut html, report);
    tiles(&mut html, report);
    sections::missing(&mut html, report);
    sections::days(&mut html, report);
    sections::remedies(&mut html, report);
    sections::users(&mut html, report);
    sections::unusual(&mut html, report);
    sections::bill(&mut html, report);
    sections::standing(&mut html, report);
    sections::rests_on(&mut html, report);
    html.markup("<footer>Made by Tollkeeper, read-only, on ")
        .text(now.strftime("%-d %B %Y, %H:%M UTC"))
        .markup(". List prices of ")
        .text(tollkeeper::prices::AS_OF)
        .markup("; discounts and free tiers are in the bill's figures only.</footer></main></body></html>\n");
    html.into_string()
}

fn head(html: &mut Html, report: &AuditReport) {
    html.markup(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><meta \
         name=\"referrer\" content=\"no-referrer\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src \
         'none'; style-src 'unsafe-inline'\"><title>NAT gateways of ",
    )
    .text(&report.account)
    .markup(" in ")
    .text(&report.region)
    .markup("</title><style>")
    .markup(include_str!("style.css"))
    .markup("</style></head><body>");
}

fn header(html: &mut Html, report: &AuditReport) {
    html.markup("<header><p class=\"brand\">Tollkeeper audit</p><h1>What the NAT gateways cost, and what to do about it</h1><p>Account ")
        .text(&report.account)
        .markup(" &middot; ")
        .text(&report.region)
        .markup(" &middot; ")
        .text(date(report.from))
        .markup(" to ")
        .text(date(report.to))
        .markup("</p></header>");
}

fn tiles(html: &mut Html, report: &AuditReport) {
    html.markup("<div class=\"tiles\">");
    match &report.month {
        Some(month) => {
            let total = Money::usd(month.nat_bytes.amount + month.nat_hours.amount);
            tile(
                html,
                "<div class=\"tile\"><b>",
                &total.to_string(),
                "paid for NAT gateways in these 30 days, by the bill",
            );
        }
        None => tile(
            html,
            "<div class=\"tile\"><b>",
            "unknown",
            "paid: the bill could not be read",
        ),
    }
    let unusual = report.unusual_days.len();
    let excess: Money = Money::usd(
        report
            .unusual_days
            .iter()
            .map(|day| day.excess.cost.amount)
            .sum(),
    );
    if report.days.is_empty() {
        tile(
            html,
            "<div class=\"tile\"><b>",
            "unknown",
            "how many days were out of the ordinary: no day has figures",
        );
    } else if unusual > 0 {
        let what = format!("more than usual, on {unusual} day(s) out of the ordinary");
        tile(
            html,
            "<div class=\"tile high\"><b>",
            &excess.to_string(),
            &what,
        );
    } else {
        tile(
            html,
            "<div class=\"tile\"><b>",
            "0 days",
            "out of the ordinary",
        );
    }
    match report.saving_a_month() {
        Some(saving) => {
            let what = format!(
                "a month can be saved at most, were every day like {}",
                date(report.to)
            );
            tile(
                html,
                "<div class=\"tile good\"><b>",
                &saving.to_string(),
                &what,
            );
        }
        None => tile(
            html,
            "<div class=\"tile\"><b>",
            "no saving",
            "could be computed: see what is missing, or there is none",
        ),
    }
    html.markup("</div>");
}

fn tile(html: &mut Html, open: &'static str, figure: &str, what: &str) {
    html.element(open, figure, "</b>")
        .element("<span>", what, "</span></div>");
}

fn date(day: Day) -> String {
    day.date().strftime("%-d %B %Y").to_string()
}

#[cfg(test)]
mod tests;
