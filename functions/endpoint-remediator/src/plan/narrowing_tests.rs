use serde_json::{Value, json};

use super::super::{Commands, Promise, text};
use super::*;
use crate::model;

/// The story's VPC with an endpoint for sts that a plan made: its group admits the whole VPC.
fn world() -> Snapshot {
    let mut world = model::snapshot();
    let mut sts = model::foreign_endpoint("vpce-sts", "sts", EndpointKind::Interface);
    sts.private_dns = true;
    sts.groups = vec!["sg-sts".to_owned()];
    world.endpoints.push(sts);
    let mut group = model::group("sg-sts", "tollkeeper-sts");
    group.owner = Owner::Tollkeeper {
        plan_id: "plan-1".to_owned(),
    };
    group.ingress = vec![Rule::tcp(HTTPS, Peer::Cidr("10.0.0.0/16".to_owned()))];
    world.groups.push(group);
    world
}

fn plan(admit: &[&str], world: &Snapshot) -> Result<Sealed, PlanError> {
    let ask = json!({"vpc_id": "vpc-1", "services": ["sts"], "admit": admit});
    plan_of(&ask, world)
}

fn plan_of(ask: &Value, world: &Snapshot) -> Result<Sealed, PlanError> {
    let (ask, _) = normalise_narrowing(serde_json::from_value(ask.clone()).unwrap())?;
    let place = Place {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
    };
    make_narrowing(&place, &ask, world, 0)
}

fn why(admit: &[&str], world: &Snapshot) -> String {
    let plan = plan(admit, world).unwrap().plan;
    assert_eq!(plan.steps, []);
    plan.left_alone.join("; ")
}

#[test]
fn a_person_reads_who_is_left_out_and_how_to_let_everybody_in_again() {
    let sealed = plan(&["sg-pollers", "subnet-private-a"], &world()).unwrap();
    let commands = Commands {
        function_name: "endpoint-remediator".to_owned(),
        approval_url: "https://approval.example".to_owned(),
        expires_at: "2026-10-15T06:30:00Z".parse().unwrap(),
    };
    let text = text(&sealed, &(&Promise::default()).into(), &commands);
    let (told, _) = text.split_once("\nTo approve").unwrap();
    insta::assert_snapshot!(told, @r#"
    Plan plan-02076f8b40766ba6 for vpc-1 (us-east-1, account 123456789012): fewer clients at the endpoints for sts
    It costs nothing and saves nothing: it narrows who may pass.

    What it does, in this order:
       1. let 10.0.2.0/24 in on TCP 443 at sg-sts
       2. let sg-pollers in on TCP 443 at sg-sts
       3. let 10.0.0.0/16 in on TCP 443 at sg-sts no longer  <- who may pass changes

    What to expect meanwhile:
      - Whoever is not in 10.0.2.0/24, sg-pollers loses sts altogether, also where it could go through a NAT gateway: private DNS leads its name to vpce-sts
      - Open connections go on until they end or fall silent (security groups follow them): who is left out may notice hours later

    How it is undone:
      Whoever was let in before is let in again, then the rules that it added go.
      aws lambda invoke --function-name endpoint-remediator --cli-binary-format raw-in-base64-out --payload '{"action":"rollback","plan_id":"plan-02076f8b40766ba6"}' /dev/stdout
    "#);
}

#[test]
fn a_range_is_kept_as_ec2_keeps_it_and_a_plan_is_the_same_whatever_the_order() {
    let one = plan(&["10.0.2.77/24", "sg-pollers"], &world()).unwrap();
    let other = plan(&["sg-pollers", "10.0.2.0/24", "10.0.2.0/24"], &world()).unwrap();
    assert_eq!(one.json, other.json);
    assert_eq!(one.plan.steps.len(), 3);
}

#[test]
fn nobody_is_admitted_who_is_not_admitted_today() {
    let mut narrow = world();
    let group = narrow.groups.iter_mut().find(|one| one.id == "sg-sts");
    group.unwrap().ingress = vec![Rule::tcp(HTTPS, Peer::Cidr("10.0.2.0/24".to_owned()))];
    for (world, wider) in [
        (world(), "192.168.0.0/24"),
        (narrow.clone(), "10.0.0.0/16"),
        (narrow, "sg-brokers"),
    ] {
        let refused = plan(&[wider], &world).unwrap_err().to_string();
        let expected = format!(
            "admit `{wider}` is wrong: expected clients that the endpoint's group admits today: narrowing widens nothing"
        );
        assert_eq!(refused, expected);
    }
}

#[test]
fn whoever_is_let_out_to_the_endpoint_by_name_is_not_left_out() {
    let mut world = world();
    let group = world.groups.iter_mut().find(|one| one.id == "sg-pollers");
    let by_name = Rule::tcp(HTTPS, Peer::Group("sg-sts".to_owned()));
    group.unwrap().egress.push(by_name);
    insta::assert_snapshot!(why(&["10.0.2.0/24"], &world), @"sts: sg-pollers (pollers) is let out to sg-sts by name and would be left out: admit it too, or take that rule away first");
    assert_eq!(
        plan(&["10.0.2.0/24", "sg-pollers"], &world)
            .unwrap()
            .plan
            .steps
            .len(),
        3
    );
}

#[test]
fn groups_of_others_and_rules_of_others_are_left_alone() {
    let change = |change: fn(&mut Snapshot)| {
        let mut world = world();
        change(&mut world);
        why(&["10.0.2.0/24"], &world)
    };
    let reasons = [
        change(|world| world.endpoints.clear()),
        change(|world| world.groups[2].owner = Owner::Unknown),
        change(|world| world.groups[2].owner = Owner::Stack("arn:stack".to_owned())),
        change(|world| world.groups[2].ingress[0].protocol = "-1".to_owned()),
        change(|world| world.groups[2].ingress.clear()),
        change(|world| {
            let mut second = world.groups[2].clone();
            second.id = "sg-second".to_owned();
            world.groups.push(second);
            world.endpoints[0].groups.push("sg-second".to_owned());
        }),
        change(|world| {
            let mut second = world.endpoints[0].clone();
            second.id = "vpce-second".to_owned();
            second.service = "lambda".to_owned();
            world.endpoints.push(second);
        }),
        why(&["10.0.0.0/16"], &world()),
    ];
    insta::assert_snapshot!(reasons.join("\n"), @r#"
    sts: vpc-1 has no interface endpoint for it; gateway endpoints are narrowed by their policy
    sts: its group sg-sts (tollkeeper-sts) was not made by a plan; its owner would narrow it
    sts: its group sg-sts (tollkeeper-sts) belongs to the CloudFormation stack arn:stack; its owner would narrow it
    sts: sg-sts admits 10.0.0.0/16 on more than TCP 443, by a rule that no plan made; take it away first
    sts: no group of vpce-sts admits anybody
    sts: several groups of vpce-sts admit clients (sg-second, sg-sts): narrowing one would change nothing
    sts: sg-sts is worn by vpce-second too
    sts: vpce-sts admits nobody else already
    "#);
}

#[test]
fn what_names_no_client_is_refused() {
    let errors = [
        plan(&[], &world()),
        plan(&["everybody"], &world()),
        plan(&["10.0.0.0"], &world()),
        plan(&["sg-elsewhere"], &world()),
        plan(&["subnet-elsewhere"], &world()),
    ]
    .map(|refused| refused.unwrap_err().to_string());
    insta::assert_snapshot!(errors.join("\n"), @r#"
    admit `[]` is wrong: expected security groups (sg-…), subnets (subnet-…) or IPv4 ranges (10.0.1.0/24), at least one
    admit `everybody` is wrong: expected security groups (sg-…), subnets (subnet-…) or IPv4 ranges (10.0.1.0/24), at least one
    admit `10.0.0.0` is wrong: expected security groups (sg-…), subnets (subnet-…) or IPv4 ranges (10.0.1.0/24), at least one
    VPC vpc-1 has no security group `sg-elsewhere`: expected one that lives in it
    VPC vpc-1 has no subnet `subnet-elsewhere`: expected one that lives in it
    "#);
}
