//! What a finding asks for: its advice merged to one plan for each VPC. Pure.

use std::collections::BTreeMap;

use tollkeeper::finding::{Finding, State};
use tollkeeper::money::Money;
use tollkeeper::plan::PlanRequest;

use crate::plan::{Place, Promise};

/// The plans a finding asks for, or why none.
pub(crate) fn plans(
    finding: &Finding,
    place: &Place,
) -> Result<Vec<(PlanRequest, Promise)>, String> {
    if finding.state == State::Resolved {
        return Err(format!("{} is resolved", finding.incident_id));
    }
    if finding.account != place.account || finding.region != place.region {
        return Err(format!(
            "{} belongs to account {} in {}, this function to {} in {}",
            finding.incident_id, finding.account, finding.region, place.account, place.region
        ));
    }
    let mut by_vpc: BTreeMap<String, (PlanRequest, Promise)> = BTreeMap::new();
    for advice in &finding.advice {
        let Some(request) = &advice.plan_request else {
            continue;
        };
        let (merged, promise) = by_vpc.entry(request.vpc_id.clone()).or_insert_with(|| {
            let empty = PlanRequest {
                incident_id: Some(finding.incident_id.clone()),
                ..PlanRequest::of(&request.vpc_id, Vec::new())
            };
            (empty, Promise::default())
        });
        let is_first = merged.services.is_empty();
        merged.services.extend(request.services.iter().cloned());
        merged
            .kafka_pollers
            .extend(request.kafka_pollers.iter().cloned());
        promise.monthly_cost = Some(add(promise.monthly_cost.take(), &advice.monthly_cost));
        promise.monthly_saving = Some(add(promise.monthly_saving.take(), &advice.monthly_saving));
        if is_first {
            promise.does_not_cover.clone_from(&advice.does_not_cover);
        } else {
            // What one remedy leaves, another of the same plan may take.
            let left = &advice.does_not_cover;
            promise.does_not_cover.retain(|line| left.contains(line));
        }
    }
    if by_vpc.is_empty() {
        return Err(format!(
            "{} advises nothing that can be planned",
            finding.incident_id
        ));
    }
    Ok(by_vpc.into_values().collect())
}

/// The sum of savings at list price, which are all in dollars.
fn add(sum: Option<Money>, more: &Money) -> Money {
    let so_far = sum.map_or_else(Default::default, |sum| sum.amount);
    Money::usd(so_far + more.amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{self, Request};

    fn finding() -> Finding {
        let text = include_str!("../../../events/endpoint-remediator/finding-by-sns.json");
        let event = serde_json::from_str(text).unwrap();
        let Request::Findings { mut findings, .. } = request::parse(event).unwrap() else {
            panic!("expected findings");
        };
        findings.remove(0)
    }

    fn place() -> Place {
        Place {
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
        }
    }

    #[test]
    fn advice_for_one_vpc_becomes_one_plan_with_the_sum_of_its_savings() {
        let plans = plans(&finding(), &place()).unwrap();
        assert_eq!(plans.len(), 1);
        let (request, promise) = &plans[0];
        assert_eq!(request.services, ["s3", "lambda", "sts"]);
        assert_eq!(request.kafka_pollers.len(), 1);
        assert_eq!(request.incident_id, Some(finding().incident_id));
        let saving = promise.monthly_saving.as_ref().unwrap();
        assert_eq!(saving.to_string(), "$3,520.80");
        let cost = promise.monthly_cost.as_ref().unwrap();
        assert_eq!(cost.to_string(), "$29.20");
    }

    #[test]
    fn what_one_remedy_leaves_and_another_takes_is_covered() {
        let (_, promise) = plans(&finding(), &place()).unwrap().remove(0);
        assert_eq!(promise.does_not_cover, ["S3 in eu-west-1: 46.3 GB a day"]);
    }

    #[test]
    fn resolved_and_foreign_findings_ask_for_nothing() {
        let mut resolved = finding();
        resolved.state = State::Resolved;
        assert!(plans(&resolved, &place()).unwrap_err().contains("resolved"));
        let mut foreign = finding();
        foreign.account = "210987654321".to_owned();
        assert!(
            plans(&foreign, &place())
                .unwrap_err()
                .contains("210987654321")
        );
    }
}
