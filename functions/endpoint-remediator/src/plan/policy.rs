//! Policies for endpoints that are there: a plan of its own, never part of one that makes endpoints, so that a fault of
//! the path and a fault of the policy can be told apart.

use serde_json::Value;
use tollkeeper::canonical;
use tollkeeper::plan::{EndpointKind, PlanRequest};

use super::draft::Draft;
use super::{GATEWAY_SERVICES, Place, Plan, PlanError, Sealed, normalise, of_existing, seal};
use crate::change::{Change, Target};
use crate::owner::Owner;
use crate::policy::{
    About, FULL_ACCESS, PolicyAsk, Severity, generate, has_errors, lint, same, would_deny,
};
use crate::preflight::Evidence;
use crate::snapshot::{Endpoint, EndpointState, Scope, Snapshot};

/// China and GovCloud are refused before anything is planned.
const PARTITION: &str = "aws";

/// The request in one order, checked; and what has to be looked at to plan it.
pub(crate) fn normalise_policies(ask: PolicyAsk) -> Result<(PolicyAsk, Scope), PlanError> {
    let wrong = |(field, value, expected)| PlanError::Request {
        field,
        value,
        expected,
    };
    let ask = ask.normalised().map_err(wrong)?;
    let (_, scope) = normalise(PlanRequest::of(&ask.vpc_id, ask.services.clone()))?;
    // Endpoint services of vendors take no policy.
    if let Some(vendor) = ask.services.iter().find(|name| name.contains("vpce-svc-")) {
        return Err(wrong((
            "services",
            vendor.clone(),
            "a service of AWS: vendors' endpoint services take no policy",
        )));
    }
    Ok((ask, scope))
}

/// Plans a normalised request on a snapshot. A policy with an error is refused before anything is planned.
pub(crate) fn make_policies(
    place: &Place,
    ask: &PolicyAsk,
    snapshot: &Snapshot,
    attempt: u32,
) -> Result<Sealed, PlanError> {
    let (snapshot, request) = (
        snapshot.clone().sorted(),
        PlanRequest::of(&ask.vpc_id, ask.services.clone()),
    );
    let nothing_asked = Evidence::default();
    let mut draft = Draft::new(&snapshot, &request, &nothing_asked);
    for service in &ask.services {
        if draft.is_set_apart(service) {
            continue;
        }
        let usual = if GATEWAY_SERVICES.contains(&service.as_str()) {
            EndpointKind::Gateway
        } else {
            EndpointKind::Interface
        };
        let of_service = |endpoint: &&Endpoint| endpoint.service == *service;
        let mut offers = snapshot.services.iter();
        if offers.any(|offer| offer.name == *service && !offer.takes_policy) {
            draft.leave(format!("{service}: AWS takes no policies at its endpoints"));
            continue;
        }
        let endpoints: Vec<&Endpoint> = snapshot.endpoints.iter().filter(of_service).collect();
        if endpoints.is_empty() {
            checked(&mut draft, place, ask, service, usual)?;
            draft.leave(format!("{service}: {} has no endpoint for it", ask.vpc_id));
        }
        for endpoint in endpoints {
            let policy = checked(&mut draft, place, ask, service, endpoint.kind)?;
            set(&mut draft, endpoint, &policy);
        }
    }
    if !draft.steps.is_empty() {
        draft.warn(
            "AWS takes some minutes to act by a policy, also when it is put back; whoever is denied sees AccessDenied"
                .to_owned(),
        );
        draft.warn(
            "Not looked at: calls that read or write objects, items or messages. Data and network activity events of \
             CloudTrail carry vpcEndpointId: read a month of them first"
                .to_owned(),
        );
    }
    seal(Plan {
        policy: Some(ask.clone()),
        ..of_existing(place, draft, attempt)?
    })
}

/// The policy for one endpoint, linted; what is to be known of it goes to the draft.
fn checked(
    draft: &mut Draft<'_>,
    place: &Place,
    ask: &PolicyAsk,
    service: &str,
    kind: EndpointKind,
) -> Result<Value, PlanError> {
    let about = About {
        service,
        kind,
        region: &place.region,
        partition: PARTITION,
        vpc_id: &ask.vpc_id,
        kafka_pollers: ask.kafka_pollers,
    };
    let trust = ask.trust();
    let policy = match (&ask.policy, &trust) {
        (Some(own), _) => own.clone(),
        (None, Some(trust)) => generate(trust, &about),
        (None, None) => Value::Null,
    };
    let found = lint(&policy, &about);
    if has_errors(&found) {
        let errors = found
            .iter()
            .filter(|finding| finding.severity == Severity::Error);
        let errors: Vec<String> = errors.map(ToString::to_string).collect();
        return Err(PlanError::Policy {
            service: service.to_owned(),
            findings: errors.join(" | "),
        });
    }
    for line in trust.iter().flat_map(|trust| would_deny(trust, &about)) {
        draft.warn(line);
    }
    for finding in &found {
        draft.warn(format!("{service}: {finding}"));
    }
    Ok(policy)
}

fn set(draft: &mut Draft<'_>, endpoint: &Endpoint, policy: &Value) {
    let (id, service) = (&endpoint.id, &endpoint.service);
    // The canonical form of any JSON value exists but for numbers that JSON itself cannot say.
    let policy = canonical::to_canonical_json(policy).unwrap_or_else(|_| policy.to_string());
    let before = endpoint.policy.as_deref();
    if same(before, Some(&policy)) {
        return draft.leave(format!("{service}: {id} has this policy already"));
    }
    if endpoint.state != EndpointState::Available {
        return draft.leave(format!("{service}: {id} is not available"));
    }
    if !matches!(endpoint.owner, Owner::Tollkeeper { .. } | Owner::Adopted) {
        let whose = endpoint.owner.declares_it_elsewhere().unwrap_or_else(|| {
            "carries no tag of ours (tag it tollkeeper:adopt=true to hand it over)".to_owned()
        });
        return draft.leave(format!(
            "{service}: {id} {whose}; it is not changed. Its owner would set the policy: {policy}"
        ));
    }
    draft.step(Change::SetPolicy {
        service: service.clone(),
        endpoint: Target::Id(id.clone()),
        policy,
        replaces: before.unwrap_or(FULL_ACCESS).to_owned(),
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model;
    use crate::plan::{Commands, Promise, text};

    fn place() -> Place {
        Place {
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
        }
    }

    fn snapshot(owner: Owner) -> Snapshot {
        let mut snapshot = model::snapshot();
        let mut sts = model::foreign_endpoint("vpce-sts", "sts", EndpointKind::Interface);
        sts.owner = owner;
        snapshot.endpoints.push(sts);
        snapshot
    }

    fn plan(more: &Value, snapshot: &Snapshot) -> Result<Sealed, PlanError> {
        let mut ask = json!({"vpc_id": "vpc-1", "services": ["sts"]});
        for (name, value) in more.as_object().unwrap() {
            ask[name] = value.clone();
        }
        let (ask, _) = normalise_policies(serde_json::from_value(ask).unwrap())?;
        make_policies(&place(), &ask, snapshot, 0)
    }

    fn organisation() -> Value {
        json!({"organisation": "o-a1b2c3d4e5", "kafka_pollers": true})
    }

    #[test]
    fn a_person_reads_what_a_policy_would_deny_and_what_was_there_before() {
        let sealed = plan(&organisation(), &snapshot(Owner::Adopted)).unwrap();
        let commands = Commands {
            function_name: "endpoint-remediator".to_owned(),
            approval_url: "https://approval.example".to_owned(),
            expires_at: "2026-10-15T06:30:00Z".parse().unwrap(),
        };
        let text = text(&sealed, &(&Promise::default()).into(), &commands);
        let (told, _) = text.split_once("\nTo approve").unwrap();
        insta::assert_snapshot!(told, @r#"
        Plan plan-8922c5ba7942226c for vpc-1 (us-east-1, account 123456789012): policies of the endpoints for sts
        It costs nothing and saves nothing: it narrows who may pass, and on what.

        What it does, in this order:
           1. set the policy of the sts endpoint vpce-sts  <- who may pass changes

        The policies:
          Step 1 sets
            {
              "Statement": [
                {
                  "Action": "*",
                  "Condition": {
                    "StringEquals": {
                      "aws:PrincipalOrgID": [
                        "o-a1b2c3d4e5"
                      ],
                      "aws:ResourceOrgID": [
                        "o-a1b2c3d4e5"
                      ]
                    }
                  },
                  "Effect": "Allow",
                  "Principal": "*",
                  "Resource": "*",
                  "Sid": "OwnPrincipalsOnOwnResources"
                },
                {
                  "Action": "*",
                  "Condition": {
                    "Bool": {
                      "aws:PrincipalIsAWSService": "true"
                    }
                  },
                  "Effect": "Allow",
                  "Principal": "*",
                  "Resource": "*",
                  "Sid": "AwsServices"
                },
                {
                  "Action": [
                    "sts:AssumeRoleWithSAML",
                    "sts:AssumeRoleWithWebIdentity"
                  ],
                  "Condition": {
                    "StringEquals": {
                      "aws:ResourceOrgID": [
                        "o-a1b2c3d4e5"
                      ]
                    }
                  },
                  "Effect": "Allow",
                  "Principal": "*",
                  "Resource": "*",
                  "Sid": "FederatedCallers"
                },
                {
                  "Action": "sts:AssumeRole",
                  "Effect": "Allow",
                  "Principal": {
                    "Service": "lambda.amazonaws.com"
                  },
                  "Resource": "*",
                  "Sid": "KafkaPollers"
                }
              ],
              "Version": "2012-10-17"
            }
          in the place of
            {
              "Statement": [
                {
                  "Action": "*",
                  "Effect": "Allow",
                  "Principal": "*",
                  "Resource": "*"
                }
              ],
              "Version": "2008-10-17"
            }

        What to expect meanwhile:
          - It would deny at sts: principals outside organisation o-a1b2c3d4e5, unless they are AWS services
          - It would deny at sts: resources of accounts outside organisation o-a1b2c3d4e5, such as vendors' and public ones
          - It would deny at sts: assuming roles of accounts outside organisation o-a1b2c3d4e5
          - sts: note resource-perimeter in statement 1: resources of others (vendors' buckets, public data) are out of reach through this statement; write instead: a statement of its own for each of them that is used
          - AWS takes some minutes to act by a policy, also when it is put back; whoever is denied sees AccessDenied
          - Not looked at: calls that read or write objects, items or messages. Data and network activity events of CloudTrail carry vpcEndpointId: read a month of them first

        How it is undone:
          The policy that was there before is put back, unless somebody changed it since.
          aws lambda invoke --function-name endpoint-remediator --cli-binary-format raw-in-base64-out --payload '{"action":"rollback","plan_id":"plan-8922c5ba7942226c"}' /dev/stdout
        "#);
    }

    #[test]
    fn a_policy_that_is_there_already_is_no_change() {
        let mut snapshot = snapshot(Owner::Adopted);
        let first = plan(&organisation(), &snapshot).unwrap().plan;
        let Change::SetPolicy { policy, .. } = &first.steps[0].change else {
            panic!("expected a policy");
        };
        snapshot.endpoints[0].policy = crate::policy::normal_form(policy);
        let second = plan(&organisation(), &snapshot).unwrap().plan;
        assert_eq!(second.steps, []);
        assert_eq!(second.left_alone, ["sts: vpce-sts has this policy already"]);
    }

    #[test]
    fn an_endpoint_of_somebody_else_keeps_its_policy() {
        for owner in [
            Owner::Unknown,
            Owner::Terraform,
            Owner::Stack("arn:stack".to_owned()),
        ] {
            let plan = plan(&organisation(), &snapshot(owner)).unwrap().plan;
            assert_eq!(plan.steps, []);
            assert!(plan.left_alone[0].contains("Its owner would set the policy: {"));
        }
    }

    #[test]
    fn a_policy_with_an_error_is_refused_before_anything_is_planned() {
        let own = json!({"policy": {"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": "*", "Action": "sts:*", "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}
        }}});
        // Whether or not there is an endpoint to set it on.
        for snapshot in [snapshot(Owner::Adopted), model::snapshot()] {
            let refused = plan(&own, &snapshot).unwrap_err();
            let PlanError::Policy { service, findings } = &refused else {
                panic!("expected a refusal: {refused}");
            };
            assert_eq!(service, "sts");
            assert!(
                findings.contains("error denies-federated-callers"),
                "{findings}"
            );
        }
    }

    #[test]
    fn a_service_whose_endpoints_take_no_policy_is_left_alone() {
        let mut snapshot = snapshot(Owner::Adopted);
        for offer in snapshot
            .services
            .iter_mut()
            .filter(|offer| offer.name == "sts")
        {
            offer.takes_policy = false;
        }
        let plan = plan(&organisation(), &snapshot).unwrap().plan;
        assert_eq!(plan.steps, []);
        assert_eq!(
            plan.left_alone,
            ["sts: AWS takes no policies at its endpoints"]
        );
    }

    #[test]
    fn a_vendors_service_takes_no_policy() {
        let vendor = json!({"organisation": "o-a1b2c3d4e5", "services": ["com.amazonaws.vpce.us-east-1.vpce-svc-0a1b"]});
        insta::assert_snapshot!(plan(&vendor, &model::snapshot()).unwrap_err(), @"services `com.amazonaws.vpce.us-east-1.vpce-svc-0a1b` is wrong: expected a service of AWS: vendors' endpoint services take no policy");
    }
}
