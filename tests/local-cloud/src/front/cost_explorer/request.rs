//! A GetCostAndUsage request, checked.

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};

use super::filter::{Dimension, Filter};
use super::{CostLine, sums};

/// What was asked.
#[derive(Debug)]
pub(super) struct Request {
    start: Date,
    end: Date,
    metrics: Vec<String>,
    filter: Option<Filter>,
    pub(super) group_by: Vec<Dimension>,
    /// How many cells earlier pages held.
    pub(super) offset: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    time_period: Period,
    granularity: String,
    metrics: Vec<String>,
    #[serde(default)]
    filter: Option<Value>,
    #[serde(default)]
    group_by: Vec<Group>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Period {
    start: Date,
    end: Date,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Group {
    #[serde(rename = "Type")]
    kind: String,
    key: String,
}

impl Request {
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let wire: Wire = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let Period { start, end } = wire.time_period;
        if start >= end {
            return Err(format!(
                "Start date (and hour) should be before end date (and hour): {start} {end}"
            ));
        }
        if wire.granularity != "DAILY" {
            return Err(format!(
                "Granularity {}: this local cloud answers DAILY only",
                wire.granularity
            ));
        }
        if let Some(unknown) = wire
            .metrics
            .iter()
            .find(|name| !["UnblendedCost", "UsageQuantity"].contains(&name.as_str()))
        {
            return Err(format!(
                "Metrics {unknown}: this local cloud answers UnblendedCost and UsageQuantity only"
            ));
        }
        if wire.group_by.len() > 2 {
            return Err(format!(
                "GroupBy: {} groupings, at most 2 are allowed",
                wire.group_by.len()
            ));
        }
        Ok(Self {
            start,
            end,
            metrics: wire.metrics,
            filter: wire.filter.as_ref().map(Filter::parse).transpose()?,
            group_by: wire
                .group_by
                .iter()
                .map(dimension)
                .collect::<Result<_, _>>()?,
            offset: wire.next_page_token.as_deref().map_or(Ok(0), offset)?,
        })
    }

    /// The days asked for: the end is exclusive.
    pub(super) fn days(&self) -> impl Iterator<Item = Date> {
        let end = self.end;
        self.start
            .series(jiff::Span::new().days(1))
            .take_while(move |day| *day < end)
    }

    pub(super) fn matches(&self, line: &CostLine) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| filter.matches(line))
    }

    pub(super) fn keys(&self, line: &CostLine) -> Vec<String> {
        self.group_by
            .iter()
            .map(|dimension| dimension.of(line).to_owned())
            .collect()
    }

    pub(super) fn metrics(&self, lines: &[&CostLine]) -> Value {
        sums(&self.metrics, lines)
    }

    pub(super) fn group_definitions(&self) -> Vec<Value> {
        self.group_by
            .iter()
            .map(|dimension| json!({"Type": "DIMENSION", "Key": dimension.name()}))
            .collect()
    }
}

fn dimension(group: &Group) -> Result<Dimension, String> {
    if group.kind == "DIMENSION" {
        Dimension::parse(&group.key)
    } else {
        Err(format!(
            "GroupBy type {}: only DIMENSION is answered",
            group.kind
        ))
    }
}

fn offset(token: &str) -> Result<usize, String> {
    let number = token
        .strip_prefix("page-")
        .and_then(|number| number.parse().ok());
    number.ok_or_else(|| "NextPageToken: not one of ours".to_owned())
}
