use proptest::prelude::*;
use tollkeeper::plan::EndpointKind;

use super::*;
use crate::change::Change;
use crate::model;
use crate::owner::Owner;
use crate::preflight::Read;

fn place() -> Place {
    Place {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
    }
}

fn plan_of(snapshot: &Snapshot) -> Sealed {
    let (request, _) = normalise(model::request()).unwrap();
    make(&place(), &request, snapshot, &model::evidence(), 0).unwrap()
}

fn creates(plan: &Plan, service: &str) -> bool {
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
    let text = text(&plan_of(&model::snapshot()), &promise, &commands);
    insta::assert_snapshot!(text, @r#"
    Plan plan-1539554f18dba1cd for vpc-1 (us-east-1, account 123456789012): endpoints for lambda, s3, sts
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
      aws lambda invoke --function-name endpoint-remediator --cli-binary-format raw-in-base64-out --payload '{"action":"rollback","plan_id":"plan-1539554f18dba1cd"}' /dev/stdout

    To approve:
      Hash sha256:1539554f18dba1cd808cc718751caccfdc9c68f235c4fcd5889b6b0899b75166
      curl --aws-sigv4 aws:amz:us-east-1:lambda --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -H "x-amz-security-token: $AWS_SESSION_TOKEN" -H 'content-type: application/json' -d '{"plan_id":"plan-1539554f18dba1cd","plan_hash":"sha256:1539554f18dba1cd808cc718751caccfdc9c68f235c4fcd5889b6b0899b75166","expires_at":"2026-10-15T06:30:00Z"}' https://approval.example

    Then, to apply:
      aws lambda invoke --function-name endpoint-remediator --cli-binary-format raw-in-base64-out --payload '{"action":"apply","plan_id":"plan-1539554f18dba1cd"}' /dev/stdout
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

/// The example network with an ACL of its own for some subnets, which refuses TCP 443 from the VPC.
fn with_closed_acl(subnets: &[&str]) -> Snapshot {
    let mut snapshot = model::snapshot();
    let mut closed = snapshot.network_acls[0].clone();
    closed.id = "acl-closed".to_owned();
    closed.subnets = subnets.iter().map(|&id| id.to_owned()).collect();
    let mut refusal = closed.entries[0].clone();
    refusal.number = 50;
    refusal.allow = false;
    refusal.cidr = "10.0.0.0/16".to_owned();
    closed.entries.push(refusal);
    let others = &mut snapshot.network_acls[0].subnets;
    others.retain(|id| !subnets.contains(&id.as_str()));
    snapshot.network_acls.push(closed);
    snapshot
}

fn subnets_of(plan: &Plan, wanted: &str) -> Vec<String> {
    let mut steps = plan.steps.iter();
    let found = steps.find_map(|step| match &step.change {
        Change::CreateInterfaceEndpoint {
            service, subnets, ..
        } if service == wanted => Some(subnets.clone()),
        _ => None,
    });
    found.unwrap_or_default()
}

#[test]
fn an_interface_goes_to_a_subnet_of_the_zone_that_every_client_reaches() {
    let mut snapshot = with_closed_acl(&["subnet-private-b"]);
    // Nobody of the closed subnet reaches anything today, so it is no client.
    snapshot.route_tables[2].default_target = None;
    let plan = plan_of_lambda(&snapshot);
    assert_eq!(subnets_of(&plan, "lambda"), ["subnet-private-a"]);
    let skipped = plan
        .warnings
        .iter()
        .find(|text| text.contains("No interface in zone"));
    insta::assert_snapshot!(skipped.unwrap(), @"No interface in zone us-east-1b: network ACL acl-closed of subnet-private-b refuses 10.0.2.0-10.0.2.255 on TCP 443, in from subnet-private-a; its clients cross zones");
    let mut other = snapshot.subnets[3].clone();
    other.id = "subnet-private-c".to_owned();
    other.cidr = "10.0.4.0/24".to_owned();
    snapshot.network_acls[0].subnets.push(other.id.clone());
    snapshot.subnets.push(other);
    let plan = plan_of_lambda(&snapshot);
    assert_eq!(
        subnets_of(&plan, "lambda"),
        ["subnet-private-a", "subnet-private-c"]
    );
}

#[test]
fn a_service_that_an_acl_would_take_from_a_client_is_left_alone() {
    let mut snapshot = with_closed_acl(&["subnet-public-a"]);
    // Its clients may go out and be answered, but not out to the VPC.
    let closed = &mut snapshot.network_acls[1].entries;
    closed.last_mut().unwrap().direction = crate::change::Direction::Egress;
    let plan = plan_of_lambda(&snapshot);
    assert!(!creates(&plan, "lambda"));
    insta::assert_snapshot!(plan.left_alone[0], @"lambda: private DNS would cut clients off that reach it today: network ACL acl-closed of subnet-public-a refuses 10.0.2.0-10.0.2.255 on TCP 443, out to subnet-private-a. Its owner would first admit TCP 443 to the endpoint's subnets and the answers back");
}

/// Lambda alone, for nobody in particular.
fn plan_of_lambda(snapshot: &Snapshot) -> Plan {
    let mut snapshot = snapshot.clone();
    snapshot.groups.retain(|group| group.id != "sg-pollers");
    let mut request = model::request();
    request.services = vec!["lambda".to_owned()];
    request.kafka_pollers.clear();
    let (request, _) = normalise(request).unwrap();
    let sealed = make(&place(), &request, &snapshot, &model::evidence(), 0);
    sealed.unwrap().plan
}

#[test]
fn a_service_without_private_dns_or_with_its_name_taken_is_left_alone() {
    let mut nameless = model::snapshot();
    for offer in &mut nameless.services {
        offer.dns_names.clear();
    }
    let plan = plan_of_lambda(&nameless);
    assert!(plan.left_alone[0].contains("no private DNS"), "{plan:?}");
    let zone = crate::preflight::evidence::HostedZone {
        name: "lambda.us-east-1.amazonaws.com".to_owned(),
        id: "Z1".to_owned(),
        owner: "210987654321".to_owned(),
    };
    let evidence = Evidence {
        hosted_zones: Read::Known(vec![zone]),
        ..model::evidence()
    };
    let plan = plan_with(&evidence).plan;
    assert!(!creates(&plan, "lambda") && creates(&plan, "sts") && creates(&plan, "s3"));
    assert!(plan.left_alone[0].contains("Z1"), "{plan:?}");
}

fn plan_with(evidence: &Evidence) -> Sealed {
    let (request, _) = normalise(model::request()).unwrap();
    make(&place(), &request, &model::snapshot(), evidence, 0).unwrap()
}

fn denied<T>() -> Read<T> {
    Read::Unreadable("AccessDenied".to_owned())
}

fn nothing_readable() -> Evidence {
    let callers = ["lambda", "s3", "sts"].map(|service| (service.to_owned(), denied()));
    Evidence {
        nat_addresses: denied(),
        hosted_zones: denied(),
        bucket_policies: Some(denied()),
        callers: callers.into(),
        room: denied(),
    }
}

#[test]
fn what_cannot_be_read_is_in_the_plan_its_text_and_the_command_that_approves_it() {
    let sealed = plan_with(&nothing_readable());
    let codes = [
        "dns.hosted-zones",
        "source-ip.bucket-policies",
        "source-ip.cloudtrail",
        "source-ip.nat-addresses",
    ];
    assert_eq!(crate::preflight::codes(&sealed.plan.unknowns), codes);
    let commands = Commands {
        function_name: "endpoint-remediator".to_owned(),
        approval_url: "https://approval.example".to_owned(),
        expires_at: "2026-10-15T06:30:00Z".parse().unwrap(),
    };
    let text = text(&sealed, &Promise::default(), &commands);
    let accepting = format!(r#""accept_unknown":["{}"]}}'"#, codes.join(r#"",""#));
    assert!(text.contains(&accepting), "{text}");
    let (_, from) = text.split_once("What could not be found out").unwrap();
    let (section, _) = from.split_once("\n\n").unwrap();
    insta::assert_snapshot!(section, @"
    (whoever approves accepts each by its code):
     - dns.hosted-zones: Private hosted zones of vpc-1 could not be read (AccessDenied): one of the service's name or of a parent of it would make EC2 refuse private DNS, or lose its records to it
     - source-ip.bucket-policies: The account's buckets could not be listed (AccessDenied): one that admits calls by the NAT gateway's public address (aws:SourceIp) denies whoever comes through the endpoint
     - source-ip.cloudtrail: Who calls from the NAT gateway's address could not be read from CloudTrail (s3: AccessDenied, lambda: AccessDenied, sts: AccessDenied): IAM policies of theirs that ask for that address (aws:SourceIp) deny them at an endpoint
     - source-ip.nat-addresses: The addresses of the NAT gateways of vpc-1 could not be read (AccessDenied): allow-lists that name them (aws:SourceIp) were not looked for, and start to deny whoever comes through an endpoint
    ");
}

#[test]
fn only_what_the_planned_steps_rest_on_is_unknown() {
    let unknown = |services: &[&str]| {
        let mut request = model::request();
        request.services = services.iter().map(|&name| name.to_owned()).collect();
        let (request, _) = normalise(request).unwrap();
        let sealed = make(
            &place(),
            &request,
            &model::snapshot(),
            &nothing_readable(),
            0,
        );
        crate::preflight::codes(&sealed.unwrap().plan.unknowns)
    };
    let of_s3 = unknown(&["s3"]);
    assert!(of_s3.contains(&"source-ip.bucket-policies".to_owned()));
    assert!(
        !of_s3.iter().any(|code| code.starts_with("dns.")),
        "{of_s3:?}"
    );
    let of_sts = unknown(&["sts"]);
    assert!(of_sts.contains(&"dns.hosted-zones".to_owned()));
    assert!(!of_sts.contains(&"source-ip.bucket-policies".to_owned()));
    assert_eq!(unknown(&["nosuch"]), [""; 0]);
}

#[test]
fn evidence_and_who_asked_are_bound_into_the_hash_but_not_the_order_it_came_in() {
    let zone = |name: &str| crate::preflight::evidence::HostedZone {
        name: name.to_owned(),
        id: "Z1".to_owned(),
        owner: "123456789012".to_owned(),
    };
    let with = |zones: &[&str]| Evidence {
        hosted_zones: Read::Known(zones.iter().map(|name| zone(name)).collect()),
        ..model::evidence()
    };
    let one = plan_with(&with(&["a.internal", "b.internal"]));
    assert_eq!(one, plan_with(&with(&["b.internal", "a.internal"])));
    assert_ne!(one.hash, plan_with(&with(&["a.internal"])).hash);
    let asked = one
        .clone()
        .asked_by(Some("123456789012/AROAEXAMPLE"))
        .unwrap();
    assert_ne!(asked.hash, one.hash);
    assert_eq!(one.clone().asked_by(None).unwrap(), one);
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
