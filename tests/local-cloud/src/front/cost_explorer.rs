//! Fix: Cost Explorer's GetCostAndUsage answers what was asked, from daily lines the test puts in.
//!
//! moto 5.2.5 hands out prepared results from a queue, whatever the request says. Answered here: DAILY granularity,
//! UnblendedCost and UsageQuantity, filters over dimensions, at most two groupings, pages. Everything else is refused
//! with a ValidationException rather than answered approximately.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::errors;

mod filter;
mod request;

use request::Request;

/// One day of one usage type in one region: a line of the bill.
#[derive(Debug, Clone)]
pub struct CostLine {
    /// The day, UTC.
    pub day: Date,
    /// Such as `NatGateway-Bytes` or `EU-NatGateway-Hours`.
    pub usage_type: String,
    /// Such as `us-east-1`.
    pub region: String,
    /// Such as `EC2 - Other`.
    pub service: String,
    /// In the usage type's unit: GB for bytes, hours for hours.
    pub usage_quantity: Decimal,
    /// Unblended, in US dollars.
    pub cost: Decimal,
    /// Whether the day is not final.
    pub estimated: bool,
}

/// The account's bill, and how it is served.
#[derive(Debug)]
pub struct CostExplorer {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    lines: Vec<CostLine>,
    page_size: usize,
    pages_served: usize,
}

impl Default for CostExplorer {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner {
                lines: Vec::new(),
                page_size: 100,
                pages_served: 0,
            }),
        }
    }
}

impl CostExplorer {
    /// Adds a line to the bill.
    pub fn put(&self, line: CostLine) {
        self.lock().lines.push(line);
    }

    /// Removes the lines of `day`, for instance to put its final figures in.
    pub fn clear_day(&self, day: Date) {
        self.lock().lines.retain(|line| line.day != day);
    }

    /// How many groups of days (or days, without grouping) a page holds; 100 without this.
    pub fn set_page_size(&self, groups: usize) {
        self.lock().page_size = groups.max(1);
    }

    /// How many pages have been served: AWS charges $.01 for each.
    pub fn pages_served(&self) -> usize {
        self.lock().pages_served
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn answer(&self, call: &Call) -> Response {
        let mut inner = self.lock();
        match Request::parse(&call.body).and_then(|request| inner.page(&request)) {
            Ok(page) => {
                inner.pages_served += 1;
                Json(page).into_response()
            }
            Err(message) => errors::reply(
                call,
                StatusCode::BAD_REQUEST,
                "ValidationException",
                &message,
            ),
        }
    }
}

/// What a page counts: one day, or one group of a day.
struct Cell {
    day: Date,
    keys: Option<Vec<String>>,
    metrics: Value,
}

impl Inner {
    fn page(&self, request: &Request) -> Result<Value, String> {
        let cells = self.cells(request);
        if request.offset > cells.len() {
            return Err(format!(
                "NextPageToken: page-{} is not one of ours",
                request.offset
            ));
        }
        let end = cells.len().min(request.offset + self.page_size);
        let shown = cells.get(request.offset..end).unwrap_or_default();
        let mut page = json!({
            "GroupDefinitions": request.group_definitions(),
            "ResultsByTime": self.by_day(shown),
            "DimensionValueAttributes": [],
        });
        if end < cells.len()
            && let Some(fields) = page.as_object_mut()
        {
            fields.insert("NextPageToken".to_owned(), json!(format!("page-{end}")));
        }
        Ok(page)
    }

    /// Every day of the period has at least one cell, empty when nothing matches.
    fn cells(&self, request: &Request) -> Vec<Cell> {
        let matching = |day: Date| {
            self.lines
                .iter()
                .filter(move |line| line.day == day && request.matches(line))
        };
        let mut cells = Vec::new();
        for day in request.days() {
            if request.group_by.is_empty() {
                let metrics = request.metrics(&matching(day).collect::<Vec<_>>());
                cells.push(Cell {
                    day,
                    keys: None,
                    metrics,
                });
                continue;
            }
            let mut groups: BTreeMap<Vec<String>, Vec<&CostLine>> = BTreeMap::new();
            for line in matching(day) {
                groups.entry(request.keys(line)).or_default().push(line);
            }
            if groups.is_empty() {
                cells.push(Cell {
                    day,
                    keys: None,
                    metrics: json!({}),
                });
            }
            let of_day = groups.into_iter().map(|(keys, lines)| Cell {
                day,
                metrics: request.metrics(&lines),
                keys: Some(keys),
            });
            cells.extend(of_day);
        }
        cells
    }

    /// Consecutive cells of a day become one result; a day may go on on the next page.
    fn by_day(&self, cells: &[Cell]) -> Vec<Value> {
        let estimated: BTreeSet<Date> = self
            .lines
            .iter()
            .filter(|line| line.estimated)
            .map(|line| line.day)
            .collect();
        let result = |cells: &[Cell]| {
            let day = cells.first()?.day;
            let groups: Vec<_> = cells
                .iter()
                .filter_map(|cell| {
                    Some(json!({"Keys": cell.keys.as_ref()?, "Metrics": cell.metrics}))
                })
                .collect();
            // "Total is empty when grouped".
            let total = cells
                .iter()
                .find(|cell| cell.keys.is_none())
                .map_or_else(|| json!({}), |cell| cell.metrics.clone());
            Some(json!({
                "TimePeriod": {"Start": day, "End": day.tomorrow().ok()?},
                "Total": total,
                "Groups": groups,
                "Estimated": estimated.contains(&day),
            }))
        };
        cells
            .chunk_by(|one, other| one.day == other.day)
            .filter_map(result)
            .collect()
    }
}

/// One of the two metrics served, summed over `lines`.
fn sum(metric: &str, lines: &[&CostLine]) -> Value {
    if metric == "UnblendedCost" {
        let amount: Decimal = lines.iter().map(|line| line.cost).sum();
        return json!({"Amount": amount.to_string(), "Unit": "USD"});
    }
    let amount: Decimal = lines.iter().map(|line| line.usage_quantity).sum();
    let units: BTreeSet<&str> = lines.iter().map(|line| unit(&line.usage_type)).collect();
    // A sum over different units means nothing, and says so.
    let unit = units
        .first()
        .filter(|_| units.len() == 1)
        .copied()
        .unwrap_or("N/A");
    json!({"Amount": amount.to_string(), "Unit": unit})
}

fn sums(metrics: &[String], lines: &[&CostLine]) -> Value {
    let by_name: Map<_, _> = metrics
        .iter()
        .map(|metric| (metric.clone(), sum(metric, lines)))
        .collect();
    Value::Object(by_name)
}

fn unit(usage_type: &str) -> &'static str {
    if usage_type.ends_with("Bytes") {
        "GB"
    } else if usage_type.ends_with("Hours") {
        "Hrs"
    } else {
        "N/A"
    }
}
