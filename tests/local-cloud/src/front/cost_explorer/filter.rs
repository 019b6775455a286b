//! Cost Explorer's filter expressions over dimensions: And, Or, Not, exact values. GetCostAndUsage knows no other match
//! options than EQUALS and CASE_SENSITIVE, so others are refused.

use serde_json::Value;

use super::CostLine;

/// A dimension of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dimension {
    UsageType,
    UsageTypeGroup,
    Service,
    Region,
    LinkedAccount,
    RecordType,
}

const DIMENSIONS: [(&str, Dimension); 6] = [
    ("USAGE_TYPE", Dimension::UsageType),
    ("USAGE_TYPE_GROUP", Dimension::UsageTypeGroup),
    ("SERVICE", Dimension::Service),
    ("REGION", Dimension::Region),
    ("LINKED_ACCOUNT", Dimension::LinkedAccount),
    ("RECORD_TYPE", Dimension::RecordType),
];

impl Dimension {
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        let known = DIMENSIONS.into_iter().find(|(known, _)| *known == name);
        known
            .map(|(_, dimension)| dimension)
            .ok_or_else(|| format!("dimension {name}: this local cloud does not answer it"))
    }

    pub(super) fn name(self) -> &'static str {
        DIMENSIONS
            .into_iter()
            .find(|(_, dimension)| *dimension == self)
            .map_or("", |(name, _)| name)
    }

    pub(super) fn of(self, line: &CostLine) -> &str {
        match self {
            Self::UsageType => &line.usage_type,
            Self::UsageTypeGroup => usage_type_group(&line.usage_type),
            Self::Service => &line.service,
            Self::Region => &line.region,
            Self::LinkedAccount => crate::ACCOUNT_ID,
            Self::RecordType => "Usage",
        }
    }
}

fn usage_type_group(usage_type: &str) -> &'static str {
    let without_region = usage_type
        .rsplit_once("NatGateway-")
        .filter(|(prefix, _)| prefix.is_empty() || prefix.ends_with('-'));
    match without_region {
        Some((_, "Bytes")) => "EC2: NAT Gateway - Data Processed",
        Some((_, "Hours")) => "EC2: NAT Gateway - Running Hours",
        _ => "",
    }
}

/// A parsed filter.
#[derive(Debug)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Is(Dimension, Vec<String>),
}

impl Filter {
    pub(super) fn parse(expression: &Value) -> Result<Self, String> {
        let fields = expression.as_object().filter(|fields| fields.len() == 1);
        let (operator, operand) = fields
            .and_then(|fields| fields.iter().next())
            .ok_or("Filter: an expression has exactly one root")?;
        match operator.as_str() {
            "And" => list(operand).map(Self::And),
            "Or" => list(operand).map(Self::Or),
            "Not" => Self::parse(operand).map(|inner| Self::Not(Box::new(inner))),
            "Dimensions" => dimensions(operand),
            other => Err(format!(
                "Filter {other}: this local cloud answers And, Or, Not and Dimensions only"
            )),
        }
    }

    pub(super) fn matches(&self, line: &CostLine) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.matches(line)),
            Self::Or(any) => any.iter().any(|one| one.matches(line)),
            Self::Not(inner) => !inner.matches(line),
            Self::Is(dimension, values) => values.iter().any(|value| value == dimension.of(line)),
        }
    }
}

fn list(operand: &Value) -> Result<Vec<Filter>, String> {
    let expressions = operand
        .as_array()
        .filter(|expressions| expressions.len() >= 2);
    let expressions = expressions.ok_or("Filter: And and Or take at least two expressions")?;
    expressions.iter().map(Filter::parse).collect()
}

fn dimensions(operand: &Value) -> Result<Filter, String> {
    let texts = |field: &str| -> Vec<String> {
        let values = operand
            .get(field)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        values
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    if let Some(option) = texts("MatchOptions")
        .iter()
        .find(|option| !["EQUALS", "CASE_SENSITIVE"].contains(&option.as_str()))
    {
        return Err(format!(
            "MatchOptions {option}: GetCostAndUsage takes EQUALS and CASE_SENSITIVE only"
        ));
    }
    let key = operand
        .get("Key")
        .and_then(Value::as_str)
        .ok_or("Filter: Dimensions without Key")?;
    Ok(Filter::Is(Dimension::parse(key)?, texts("Values")))
}
