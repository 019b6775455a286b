//! What people are told when a plan's state changes; what machines get is the summary.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tollkeeper::aws::Alert;
use tollkeeper::plan::{PlanState, PlanSummary};

use crate::failure::{Failure, word};
use crate::plan::call;

const AS_BEFORE: &str = "What it made is gone and what it changed is as it was before; traffic takes the NAT gateway \
                         again.";

/// The message about a plan that was in state `before`; `None` for a change that nobody has to know of. `summary` has the
/// new state.
pub(super) fn of(
    before: PlanState,
    summary: &PlanSummary,
    function_name: &str,
) -> Result<Option<Alert>, Failure> {
    let id = &summary.plan_id;
    let command = |action| format!("  {}\n", call(function_name, action, id));
    let undo = format!(
        "Should anybody miss a service, this takes it back, last step first:\n{}",
        command("rollback")
    );
    let moves = !summary.endpoints.is_empty();
    let (what, text) = match (before, summary.state) {
        (PlanState::Verified, PlanState::Applied) => (
            "is no longer as planned",
            format!(
                "It was read back as planned before, and is not any more: somebody changed what it made. What differs:\n{}",
                command("verify")
            ),
        ),
        (_, PlanState::Applied) => (
            "is applied",
            format!(
                "All its steps are done{}. Read it back:\n{}{undo}",
                // Policies and narrower groups move nothing.
                if moves {
                    "; the traffic is on the new path"
                } else {
                    ""
                },
                command("verify")
            ),
        ),
        (_, PlanState::Verified) => (
            "is verified",
            format!(
                "Every step was read back as planned.{}\n{undo}",
                if moves {
                    " The next nights measure the saving."
                } else {
                    ""
                }
            ),
        ),
        (_, PlanState::RolledBack) => match &summary.failure {
            None => ("is rolled back", format!("{AS_BEFORE}\n")),
            Some(failure) => (
                "went back by itself",
                format!("Why: {failure}\n{AS_BEFORE} Remove the obstacle, then plan anew.\n"),
            ),
        },
        (_, PlanState::Failed) => (
            "could not be undone",
            format!(
                "A step of the way back was refused. Which, and why:\n{}Remove the obstacle, then this goes on from there:\n{}",
                command("status"),
                command("rollback")
            ),
        ),
        (
            _,
            PlanState::Planned
            | PlanState::Superseded
            | PlanState::Applying
            | PlanState::RollingBack,
        ) => return Ok(None),
    };
    let services = summary.services.join(", ");
    let mut body = format!(
        "Plan {id} for {services} in {} ({}, account {}) {what}.\n{text}",
        summary.vpc_id, summary.region, summary.account
    );
    if let Some(incident) = &summary.incident_id {
        // Writing to a String does not fail.
        let _ = writeln!(body, "It was to end incident {incident}.");
    }
    Ok(Some(alert(
        summary,
        format!("Plan {what}: {services} in {} ({id})", summary.vpc_id),
        body,
    )?))
}

/// The attribute `kind` keeps these messages away from the subscription that hands findings to this function.
pub(super) fn alert(
    summary: &PlanSummary,
    subject: String,
    text: String,
) -> Result<Alert, Failure> {
    Ok(Alert {
        subject,
        text,
        json: serde_json::to_value(summary).map_err(|cause| Failure::Json {
            what: "the plan's summary",
            cause,
        })?,
        attributes: BTreeMap::from([
            ("kind", "plan".to_owned()),
            ("state", word(summary.state).to_owned()),
            ("account", summary.account.clone()),
            ("region", summary.region.clone()),
        ]),
        ..Alert::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(before: PlanState, after: PlanState) -> Option<Alert> {
        let golden = include_str!("../../../../events/contracts/plan-planned.json");
        let mut summary: PlanSummary = serde_json::from_str(golden).unwrap();
        summary.state = after;
        of(before, &summary, "endpoint-remediator").unwrap()
    }

    #[test]
    fn people_are_told_of_every_end_and_of_no_step_on_the_way() {
        use PlanState::{Applied, Applying, Failed, Planned, RolledBack, RollingBack, Verified};
        for (before, after, what) in [
            (Planned, Applying, None),
            (Applying, Applied, Some("is applied")),
            (Applied, Verified, Some("is verified")),
            (Verified, Applied, Some("is no longer as planned")),
            (Verified, RollingBack, None),
            (RollingBack, RolledBack, Some("is rolled back")),
            (RollingBack, Failed, Some("could not be undone")),
        ] {
            let alert = told(before, after);
            let subject = alert.as_ref().map(|alert| alert.subject.as_str());
            assert_eq!(
                subject.map(|subject| subject.split(':').next().unwrap()),
                what.map(|what| format!("Plan {what}")).as_deref(),
                "{before:?} to {after:?}"
            );
            if let Some(alert) = alert {
                assert_eq!(alert.attributes["kind"], "plan");
                assert_eq!(alert.json["state"], alert.attributes["state"]);
            }
        }
    }

    #[test]
    fn a_plan_that_went_back_by_itself_says_why() {
        let golden = include_str!("../../../../events/contracts/plan-planned.json");
        let mut summary: PlanSummary = serde_json::from_str(golden).unwrap();
        summary.plan_id = "plan-1".to_owned();
        summary.state = PlanState::RolledBack;
        summary.failure = Some(
            "step 3 (…): EC2 CreateVpcEndpoint failed (VpcEndpointLimitExceeded): full".to_owned(),
        );
        let alert = of(PlanState::RollingBack, &summary, "endpoint-remediator")
            .unwrap()
            .unwrap();
        insta::assert_snapshot!(alert.subject, @"Plan went back by itself: lambda, s3, sts in vpc-1 (plan-1)");
        insta::assert_snapshot!(alert.text, @r"
        Plan plan-1 for lambda, s3, sts in vpc-1 (us-east-1, account 123456789012) went back by itself.
        Why: step 3 (…): EC2 CreateVpcEndpoint failed (VpcEndpointLimitExceeded): full
        What it made is gone and what it changed is as it was before; traffic takes the NAT gateway again. Remove the obstacle, then plan anew.
        It was to end incident 123456789012/us-east-1/NatGateway-Bytes/2026-10-13.
        ");
    }

    #[test]
    fn whoever_reads_that_a_plan_is_applied_knows_how_to_check_it_and_how_to_go_back() {
        let alert = told(PlanState::Applying, PlanState::Applied).unwrap();
        insta::assert_snapshot!(alert.text, @r#"
        Plan plan-d6a1bf52a3b88eae for lambda, s3, sts in vpc-1 (us-east-1, account 123456789012) is applied.
        All its steps are done; the traffic is on the new path. Read it back:
          aws lambda invoke --function-name endpoint-remediator --cli-binary-format raw-in-base64-out --payload '{"action":"verify","plan_id":"plan-d6a1bf52a3b88eae"}' /dev/stdout
        Should anybody miss a service, this takes it back, last step first:
          aws lambda invoke --function-name endpoint-remediator --cli-binary-format raw-in-base64-out --payload '{"action":"rollback","plan_id":"plan-d6a1bf52a3b88eae"}' /dev/stdout
        It was to end incident 123456789012/us-east-1/NatGateway-Bytes/2026-10-13.
        "#);
    }
}
