use proptest::prelude::*;
use tollkeeper::plan::EndpointKind;

use super::*;
use crate::change::Change;
use crate::model;
use crate::owner::Owner;

pub(super) fn place() -> Place {
    Place {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
    }
}

fn plan_of(snapshot: &Snapshot) -> Sealed {
    let (request, _) = normalise(model::request()).unwrap();
    make(&place(), &request, snapshot, &model::evidence(), 0).unwrap()
}

pub(super) fn creates(plan: &Plan, service: &str) -> bool {
    plan.steps.iter().any(|step| match &step.change {
        Change::CreateGatewayEndpoint { service: made }
        | Change::CreateInterfaceEndpoint { service: made, .. } => made == service,
        _ => false,
    })
}

#[test]
fn a_person_reads_what_happens_what_it_costs_and_how_to_go_back() {
    let promise = Promise {
        monthly_cost: Some(Money::usd("1055.46".parse().unwrap())),
        monthly_saving: Some(Money::usd("4329.50".parse().unwrap())),
        does_not_cover: vec!["S3 in eu-west-1 stays on the NAT gateway".to_owned()],
    };
    let commands = Commands {
        function_name: "endpoint-remediator".to_owned(),
        approval_url: "https://approval.example".to_owned(),
        expires_at: "2026-10-15T06:30:00Z".parse().unwrap(),
    };
    let text = text(&plan_of(&model::snapshot()), &(&promise).into(), &commands);
    insta::assert_snapshot!(text, @r#"
    Plan plan-d6a1bf52a3b88eae for vpc-1 (us-east-1, account 123456789012): endpoints for lambda, s3, sts
    It is to end incident 123456789012/us-east-1/NatGateway-Bytes/2026-10-13.
    Cost: $29.20 a month at list price of 2026-11-21, plus traffic by GB at interface endpoints; gateway endpoints are free.
    With the traffic that the finding expects: $1,055.46 a month.
    Saving: $4,329.50 a month after that cost, by the finding, should the excess last.
    Policy: full access, as traffic has it today; narrowing is a plan of its own.

    What it does, in this order:
       1. create gateway endpoint for s3, no route table yet
       2. give route table rtb-a the route to what step 1 makes  <- traffic moves
       3. give route table rtb-b the route to what step 1 makes  <- traffic moves
       4. let sg-pollers out on TCP 9098 to sg-brokers
       5. create security group tollkeeper-lambda for the lambda endpoint
       6. let 10.0.0.0/16 in on TCP 443 at what step 5 makes
       7. create interface endpoint for lambda in subnet-private-a, subnet-private-b (us-east-1a, us-east-1b), private DNS off
       8. let sg-pollers out on TCP 443 to what step 5 makes
       9. create security group tollkeeper-sts for the sts endpoint
      10. let 10.0.0.0/16 in on TCP 443 at what step 9 makes
      11. create interface endpoint for sts in subnet-private-a, subnet-private-b (us-east-1a, us-east-1b), private DNS off
      12. let sg-pollers out on TCP 443 to what step 9 makes
      13. switch private DNS on for lambda (what step 7 makes)  <- traffic moves
      14. switch private DNS on for sts (what step 11 makes)  <- traffic moves

    What to expect meanwhile:
      - Open TCP connections to s3 drop at the moment their route table gets its route, one table at a time; clients reconnect
      - Security groups that limit egress must allow TCP 443 to the prefix list of s3; groups of clients were not looked at
      - Private DNS moves every client of the VPC, and of networks that resolve through it, to the endpoint; the endpoint's group admits the VPC's own ranges only
      - Not looked at: aws:SourceIp in IAM policies, in policies of other resources than this account's buckets in this region, and in those of other accounts (it does not match traffic through an endpoint)

    What it does not solve:
      - S3 in eu-west-1 stays on the NAT gateway

    How it is undone:
      In reverse, only what it made or changed; the way through the NAT gateway stays there all the time.
      aws lambda invoke --function-name endpoint-remediator --cli-binary-format raw-in-base64-out --payload '{"action":"rollback","plan_id":"plan-d6a1bf52a3b88eae"}' /dev/stdout

    To approve:
      Hash sha256:d6a1bf52a3b88eaeeec9164d285e7c4e71b35e2b29efe269e0732305b45dd2f5
      curl --aws-sigv4 aws:amz:us-east-1:lambda --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -H "x-amz-security-token: $AWS_SESSION_TOKEN" -H 'content-type: application/json' -d '{"plan_id":"plan-d6a1bf52a3b88eae","plan_hash":"sha256:d6a1bf52a3b88eaeeec9164d285e7c4e71b35e2b29efe269e0732305b45dd2f5","expires_at":"2026-10-15T06:30:00Z"}' https://approval.example

    Then, to apply:
      aws lambda invoke --function-name endpoint-remediator --cli-binary-format raw-in-base64-out --payload '{"action":"apply","plan_id":"plan-d6a1bf52a3b88eae"}' /dev/stdout
    "#);
}

#[test]
fn an_untagged_endpoint_of_somebody_else_is_left_alone() {
    let mut snapshot = model::snapshot();
    let theirs = model::foreign_endpoint("vpce-theirs", "s3", EndpointKind::Gateway);
    snapshot.endpoints.push(theirs);
    let plan = plan_of(&snapshot).plan;
    assert!(!creates(&plan, "s3"));
    insta::assert_snapshot!(plan.left_alone.join("\n"), @"s3: vpce-theirs exists, carries no tag of ours (tag it tollkeeper:adopt=true to hand it over); it is not changed. Its owner would add: aws ec2 modify-vpc-endpoint --vpc-endpoint-id vpce-theirs --add-route-table-ids rtb-a rtb-b");

    snapshot.endpoints[0].owner = Owner::Adopted;
    let adopted = plan_of(&snapshot).plan;
    assert!(!creates(&adopted, "s3"));
    let routes = adopted.steps.iter().filter(|step| {
        matches!(&step.change, Change::AssociateRouteTable { endpoint, .. } if endpoint.to_string() == "vpce-theirs")
    });
    assert_eq!(routes.count(), 2);
}

#[test]
fn without_dns_attributes_there_is_no_interface_endpoint() {
    let mut snapshot = model::snapshot();
    snapshot.vpc.dns_hostnames = false;
    let plan = plan_of(&snapshot).plan;
    assert!(!creates(&plan, "lambda") && !creates(&plan, "sts") && creates(&plan, "s3"));
    assert!(
        plan.left_alone
            .iter()
            .any(|why| why.contains("enableDnsHostnames"))
    );
}

#[test]
fn an_endpoint_with_private_dns_is_not_doubled() {
    let mut snapshot = model::snapshot();
    let mut theirs = model::foreign_endpoint("vpce-theirs", "lambda", EndpointKind::Interface);
    theirs.private_dns = true;
    snapshot.endpoints.push(theirs);
    let plan = plan_of(&snapshot).plan;
    assert!(!creates(&plan, "lambda") && creates(&plan, "sts"));
    assert!(
        plan.left_alone
            .iter()
            .any(|why| why.contains("vpce-theirs"))
    );
}

#[test]
fn pollers_whose_group_a_stack_owns_keep_their_service() {
    let mut snapshot = model::snapshot();
    snapshot.groups[0].owner = Owner::Stack("arn:stack".to_owned());
    let plan = plan_of(&snapshot).plan;
    assert!(!creates(&plan, "lambda") && !creates(&plan, "sts"));
    let changes_pollers = |step: &Step| matches!(&step.change, Change::Allow { group, .. } if group.to_string() == "sg-pollers");
    assert!(!plan.steps.iter().any(changes_pollers));
    assert!(plan.left_alone.iter().any(|why| why.contains("arn:stack")));
}

#[test]
fn pollers_that_may_go_anywhere_need_no_rule() {
    let mut snapshot = model::snapshot();
    snapshot.groups[0].egress = model::group("sg-x", "x").egress;
    let plan = plan_of(&snapshot).plan;
    let egress = plan.steps.iter().filter(|step| {
        matches!(
            &step.change,
            Change::Allow {
                direction: crate::change::Direction::Egress,
                ..
            }
        )
    });
    assert_eq!(egress.count(), 0);
}

/// A group whose members may go out on 443, but not to the VPC's own addresses.
fn narrow_group(id: &str) -> crate::snapshot::Group {
    let out = crate::change::Peer::Cidr("52.94.0.0/16".to_owned());
    crate::snapshot::Group {
        egress: vec![crate::snapshot::Rule::tcp(443, out)],
        ..model::group(id, "billing")
    }
}

#[test]
fn a_service_is_left_alone_where_private_dns_would_take_it_from_others() {
    let mut snapshot = model::snapshot();
    snapshot.groups.push(narrow_group("sg-billing"));
    let plan = plan_of(&snapshot).plan;
    assert!(!creates(&plan, "lambda") && !creates(&plan, "sts") && creates(&plan, "s3"));
    insta::assert_snapshot!(plan.left_alone[0], @"lambda: members of sg-billing (billing) may go out on TCP 443 but not to all of 10.0.0.0/16: private DNS would take lambda away from them. Their owner would first let them out to there, or tag a group tollkeeper:adopt=true to have this plan add the rule");
}

#[test]
fn a_group_that_its_owner_handed_over_is_let_out_to_the_endpoint() {
    let mut snapshot = model::snapshot();
    let mut adopted = narrow_group("sg-billing");
    adopted.owner = Owner::Adopted;
    snapshot.groups.push(adopted);
    let plan = plan_of(&snapshot).plan;
    let rules = plan.steps.iter().filter(
        |step| matches!(&step.change, Change::Allow { group, .. } if group.to_string() == "sg-billing"),
    );
    assert_eq!(rules.count(), 2, "one for lambda, one for sts");
}

#[test]
fn tables_are_not_led_to_an_endpoint_that_allows_only_some_of_its_service() {
    let mut snapshot = model::snapshot();
    let mut narrow = model::foreign_endpoint("vpce-s3", "s3", EndpointKind::Gateway);
    narrow.owner = Owner::Adopted;
    snapshot.endpoints.push(narrow.clone());
    let led = |plan: &Plan| {
        let associates = |step: &Step| matches!(step.change, Change::AssociateRouteTable { .. });
        plan.steps.iter().filter(|step| associates(step)).count()
    };
    assert_eq!(led(&plan_of(&snapshot).plan), 2, "with full access");
    let policy =
        r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:Get*","Resource":"*"}}"#;
    snapshot.endpoints[0].policy = crate::policy::normal_form(policy);
    let plan = plan_of(&snapshot).plan;
    assert_eq!(led(&plan), 0);
    assert!(
        plan.left_alone[0].contains("the policy of vpce-s3 does not allow everything"),
        "{:?}",
        plan.left_alone
    );
}

#[test]
fn api_gateway_keeps_its_public_apis() {
    let mut snapshot = model::snapshot();
    let mut offer = snapshot.services[3].clone();
    offer.name = "execute-api".to_owned();
    snapshot.services.push(offer);
    let mut request = model::request();
    request.services = vec!["execute-api".to_owned()];
    let (request, _) = normalise(request).unwrap();
    let plan = make(&place(), &request, &snapshot, &model::evidence(), 0)
        .unwrap()
        .plan;
    assert!(!creates(&plan, "execute-api"));
    assert!(
        plan.left_alone[0].contains("public APIs"),
        "{:?}",
        plan.left_alone
    );
}

#[test]
fn a_zone_without_the_service_or_without_room_gets_no_interface() {
    let mut snapshot = model::snapshot();
    for service in &mut snapshot.services {
        service.zones = vec!["us-east-1a".to_owned()];
    }
    let plan = plan_of(&snapshot).plan;
    assert!(
        plan.warnings
            .iter()
            .any(|text| text.contains("zone us-east-1b"))
    );
    for subnet in &mut snapshot.subnets {
        subnet.free_addresses = 7;
    }
    assert!(!creates(&plan_of(&snapshot).plan, "lambda"));
}

#[test]
fn a_shared_vpc_is_its_owners() {
    let mut snapshot = model::snapshot();
    snapshot.vpc.owner = "210987654321".to_owned();
    let plan = plan_of(&snapshot).plan;
    assert_eq!(plan.steps, []);
    assert!(plan.left_alone[0].contains("210987654321"));
}

#[test]
fn a_request_that_names_a_group_of_another_vpc_is_refused() {
    let (mut request, _) = normalise(model::request()).unwrap();
    request.kafka_pollers[0].security_group = "sg-elsewhere".to_owned();
    let error = make(
        &place(),
        &request,
        &model::snapshot(),
        &model::evidence(),
        0,
    )
    .unwrap_err();
    insta::assert_snapshot!(error, @"VPC vpc-1 has no security group `sg-elsewhere`: expected one that lives in it");
}

#[test]
fn an_odd_service_name_is_refused() {
    let mut request = model::request();
    request.services.push("S3 bucket".to_owned());
    insta::assert_snapshot!(normalise(request).unwrap_err(), @"services `S3 bucket` is wrong: expected a name as endpoints spell it: s3, lambda, ecr.api");
}

fn shuffled<T: Clone + std::fmt::Debug + 'static>(items: Vec<T>) -> impl Strategy<Value = Vec<T>> {
    Just(items).prop_shuffle()
}

proptest! {
    #[test]
    fn the_order_of_what_was_observed_does_not_change_a_byte(
        subnets in shuffled(model::snapshot().subnets),
        route_tables in shuffled(model::snapshot().route_tables),
        groups in shuffled(model::snapshot().groups),
        services in shuffled(model::snapshot().services),
        asked in shuffled(model::request().services),
    ) {
        let snapshot = Snapshot { subnets, route_tables, groups, services, ..model::snapshot() };
        let mut request = model::request();
        request.services = asked;
        let (request, _) = normalise(request).unwrap();
        let permuted = make(&place(), &request, &snapshot, &model::evidence(), 0).unwrap();
        prop_assert_eq!(permuted.json, plan_of(&model::snapshot()).json);
    }
}
