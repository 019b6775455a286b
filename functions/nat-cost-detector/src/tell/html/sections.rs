//! The sections of the page, one function each; a section without content is left out.

use tollkeeper::finding::Advice;
use tollkeeper::money::Money;

use super::markup::Html;
use super::plot;
use crate::advise::far_end;
use crate::tell::cause_table::direction;
use crate::tell::message;
use crate::tell::report::{AuditReport, Talker};
use crate::tell::standing;
use crate::tell::text::{grouped, human_bytes};

/// What the report could not know goes first: it qualifies all the rest.
pub(super) fn missing(html: &mut Html, report: &AuditReport) {
    if report.missing.is_empty() {
        return;
    }
    html.markup("<section class=\"missing\"><h2>What this report could not know</h2><ul>");
    for line in &report.missing {
        html.element("<li>", line, "</li>");
    }
    html.markup("</ul></section>");
}

pub(super) fn days(html: &mut Html, report: &AuditReport) {
    if report.days.is_empty() {
        return;
    }
    html.markup(
        "<section><h2>Day by day</h2><p class=\"sub\">Bytes through the gateways at list price, dollars a UTC day. \
         From the bill; CloudWatch where that is not final.</p>",
    );
    plot::days(html, &report.days);
    html.markup(
        "<p class=\"legend\"><i class=\"k-bar\"></i>usual<i class=\"k-high\"></i>out of the ordinary<i \
         class=\"k-est\"></i>bill not final<i class=\"k-usual\"></i>usual range by the days before</p></section>",
    );
}

pub(super) fn remedies(html: &mut Html, report: &AuditReport) {
    let advice = report.advice();
    if advice.is_empty() {
        return;
    }
    html.markup("<section><h2>What to do</h2><p class=\"sub\">In the order to do it: what is free first, then by saving a month after its own cost, were every day like ")
        .text(report.to)
        .markup(". Remedies that begin with &ldquo;Or&rdquo; take the place of another one.</p><ol class=\"todo\">");
    for advice in &advice {
        remedy(html, advice);
    }
    html.markup("</ol></section>");
}

/// What has no price: the way of Kafka pollers, and remarks.
pub(super) fn standing(html: &mut Html, report: &AuditReport) {
    let standing = &report.standing;
    if standing.kafka_pollers.is_empty() && standing.remarks.is_empty() {
        return;
    }
    html.markup("<section><h2>The network as it stands</h2><ul>");
    for pollers in &standing.kafka_pollers {
        html.element("<li>", standing::headline(pollers), ".<ul>");
        for way in &pollers.ways {
            html.element("<li>", standing::priced(way).join(": "), "</li>");
        }
        for note in &pollers.notes {
            html.element("<li>", note, ".</li>");
        }
        html.markup("</ul></li>");
    }
    for remark in &standing.remarks {
        html.element("<li>", remark, ".</li>");
    }
    html.markup("</ul></section>");
}

fn remedy(html: &mut Html, advice: &Advice) {
    html.element("<li><div class=\"head\"><h3>", &advice.title, "</h3>");
    if advice.monthly_saving.amount.is_zero() {
        html.markup("<span class=\"save none\">saves nothing by itself</span></div>");
    } else {
        html.element(
            "<span class=\"save\">saves ",
            &advice.monthly_saving,
            " a month</span></div>",
        );
    }
    html.element("<p>Costs ", &advice.monthly_cost, " a month.");
    if let Some(volume) = advice.break_even_gb_a_month {
        html.element(" Pays from ", grouped(volume), " GB a month.");
    }
    if !advice.zones.is_empty() {
        html.element(" Priced for ", advice.zones.join(", "), ".");
    }
    html.markup("</p>");
    if !advice.does_not_cover.is_empty() {
        html.element(
            "<p>Does not cover: ",
            advice.does_not_cover.join("; "),
            ".</p>",
        );
    }
    if let Some(request) = &advice.plan_request {
        let event = message::as_event(request);
        let pretty = serde_json::to_string_pretty(&event).unwrap_or_default();
        html.element(
            "<details><summary>Ask the endpoint-remediator for a plan (nothing changes without an approval)</summary><pre>",
            pretty,
            "</pre></details>",
        );
    }
    html.markup("</li>");
}

pub(super) fn users(html: &mut Html, report: &AuditReport) {
    let Some(day) = &report.report else { return };
    let Some(largest) = day.traffic.first() else {
        return;
    };
    html.element(
        "<section><h2>Who used the gateways on ",
        day.finding.day,
        "</h2>",
    );
    html.markup(
        "<p class=\"sub\">From flow logs, both directions; bytes at list price.</p><div \
         class=\"wide\"><table><tr><th>Source</th><th>Far end</th><th></th><th class=\"n\">Volume</th><th \
         class=\"n\">$ a day</th></tr>",
    );
    for talker in &day.traffic {
        user(html, talker, &largest.processed.cost);
    }
    html.markup("</table></div></section>");
}

fn user(html: &mut Html, talker: &Talker, largest: &Money) {
    html.element("<tr><td>", &talker.source.name, "");
    if talker.inferred {
        html.markup(" <span class=\"tag\">inferred</span>");
    }
    html.element("<small>", &talker.nat_gateway_id, "</small></td><td>")
        .text(direction(talker.direction))
        .markup(" ")
        .element(
            "",
            far_end(&talker.service, &talker.service_region),
            "</td><td>",
        );
    plot::share(html, &talker.processed.cost, largest);
    html.element(
        "</td><td class=\"n\">",
        human_bytes(talker.processed.bytes),
        "</td>",
    );
    html.element("<td class=\"n\">", &talker.processed.cost, "</td></tr>");
}

pub(super) fn unusual(html: &mut Html, report: &AuditReport) {
    if report.unusual_days.is_empty() {
        return;
    }
    html.markup(
        "<section><h2>Days out of the ordinary</h2><div class=\"wide\"><table><tr><th>Day</th><th class=\"n\">Too \
         much</th><th>Why</th></tr>",
    );
    for day in &report.unusual_days {
        html.element("<tr><td class=\"n\">", day.day, "</td><td class=\"n\">");
        html.text(&day.excess.cost)
            .element("</td><td>", &day.reason, "</td></tr>");
    }
    html.markup("</table></div></section>");
}

pub(super) fn bill(html: &mut Html, report: &AuditReport) {
    html.markup("<section><h2>The thirty days in dollars</h2>");
    if let Some(existing) = report.existing.in_a_sentence() {
        html.element("<p class=\"sub\">", existing, ".</p>");
    }
    html.markup("<div class=\"wide\"><table>");
    if let Some(month) = &report.month {
        let rows = [
            ("NAT gateways, bytes processed", &month.nat_bytes),
            ("NAT gateways, hours", &month.nat_hours),
            (
                "Interface endpoints, hours and bytes",
                &month.interface_endpoints,
            ),
        ];
        for (what, money) in rows {
            html.element(
                "<tr><td>",
                what,
                "<small>billed, unblended</small></td><td></td>",
            );
            html.element("<td class=\"n\">", money, "</td></tr>");
        }
    }
    for gateway in &report.gateways {
        let id = &gateway.nat_gateway_id;
        html.element(
            "<tr><td>",
            id,
            "<small>bytes by CloudWatch, list price</small></td>",
        );
        html.element(
            "<td class=\"n\">",
            human_bytes(gateway.processed.bytes),
            "</td>",
        );
        html.element("<td class=\"n\">", &gateway.processed.cost, "</td></tr>");
    }
    html.markup("</table></div></section>");
}

pub(super) fn rests_on(html: &mut Html, report: &AuditReport) {
    let Some(day) = &report.report else { return };
    html.markup("<section><h2>What this rests on</h2><ul>");
    for line in message::rests_on_lines(&day.finding) {
        html.element("<li>", line, "</li>");
    }
    html.markup("</ul></section>");
}
