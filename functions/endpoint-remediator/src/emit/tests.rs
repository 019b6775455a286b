use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use hcl::eval::Evaluate;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::change::{Direction, Peer};
use crate::model;
use crate::owner::Owner;
use crate::plan::{Place, make, normalise};
use crate::policy::FULL_ACCESS;

fn sealed() -> Sealed {
    let (request, _) = normalise(model::request()).unwrap();
    let place = Place {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
    };
    make(&place, &request, &model::snapshot(), &model::evidence(), 0).unwrap()
}

/// A plan of these changes alone, in the place of the usual one's.
fn plan_of(changes: Vec<Change<Target>>) -> Sealed {
    let mut sealed = sealed();
    let numbered = (1u32..).zip(changes);
    sealed.plan.steps = numbered
        .map(|(number, change)| Step { number, change })
        .collect();
    sealed
}

fn code(sealed: &Sealed, format: Format) -> String {
    emit(sealed.into(), format).unwrap().unwrap().code
}

/// Every resource of the code by type and name, as an HCL parser reads it.
fn resources(code: &str) -> BTreeMap<(String, String), hcl::Body> {
    let body = hcl::parse(code).unwrap_or_else(|error| panic!("{error}\n{code}"));
    body.blocks()
        .filter(|block| block.identifier() == "resource")
        .map(|block| {
            let labels: Vec<&str> = block.labels().iter().map(hcl::BlockLabel::as_str).collect();
            (
                (labels[0].to_owned(), labels[1].to_owned()),
                block.body().clone(),
            )
        })
        .collect()
}

fn argument<'a>(body: &'a hcl::Body, name: &str) -> &'a hcl::Expression {
    let found = body.attributes().find(|attribute| attribute.key() == name);
    found.unwrap_or_else(|| panic!("no argument {name}")).expr()
}

#[test]
fn terraform_says_the_same_as_the_plan() {
    let sealed = sealed();
    let code = code(&sealed, Format::Terraform);
    insta::assert_snapshot!("terraform", code);
    let found = resources(&code);
    let count = |kind: &str| found.keys().filter(|(own, _)| own == kind).count();
    let steps = |is: fn(&Change<Target>) -> bool| {
        sealed
            .plan
            .steps
            .iter()
            .filter(|step| is(&step.change))
            .count()
    };
    assert_eq!(
        count("aws_security_group"),
        steps(|change| matches!(change, Change::CreateGroup { .. }))
    );
    assert_eq!(
        count("aws_vpc_endpoint"),
        steps(|change| matches!(
            change,
            Change::CreateGatewayEndpoint { .. } | Change::CreateInterfaceEndpoint { .. }
        ))
    );
    assert_eq!(
        count("aws_vpc_endpoint_route_table_association"),
        steps(|change| matches!(change, Change::AssociateRouteTable { .. }))
    );
    let ingress = |change: &Change<Target>| {
        matches!(
            change,
            Change::Allow {
                direction: Direction::Ingress,
                ..
            }
        )
    };
    assert_eq!(count("aws_vpc_security_group_ingress_rule"), steps(ingress));
    let egress = |change: &Change<Target>| {
        matches!(
            change,
            Change::Allow {
                direction: Direction::Egress,
                ..
            }
        )
    };
    assert_eq!(count("aws_vpc_security_group_egress_rule"), steps(egress));
}

#[test]
fn every_reference_in_terraform_leads_to_a_resource_of_the_code() {
    let code = code(&sealed(), Format::Terraform);
    let found = resources(&code);
    let known: Vec<String> = found
        .keys()
        .map(|(kind, name)| format!("{kind}.{name}"))
        .collect();
    let mut references = 0;
    for body in found.values() {
        for attribute in body
            .attributes()
            .filter(|attribute| attribute.key() != "tags")
        {
            let text = attribute.expr().to_string();
            for word in
                text.split(|letter: char| !(letter.is_alphanumeric() || "._-".contains(letter)))
            {
                if word.starts_with("aws_") {
                    let name = word.trim_end_matches(".id").to_owned();
                    assert!(known.contains(&name), "{name} is not in {known:?}");
                    references += 1;
                }
            }
        }
    }
    assert!(references > 10, "{references} references");
}

#[test]
fn an_endpoint_in_terraform_waits_for_the_rules_of_its_group_and_goes_dark_by_a_variable() {
    let code = code(&sealed(), Format::Terraform);
    let found = resources(&code);
    let lambda = &found[&(
        "aws_vpc_endpoint".to_owned(),
        "tollkeeper_lambda".to_owned(),
    )];
    assert_eq!(
        argument(lambda, "private_dns_enabled").to_string(),
        "var.tollkeeper_private_dns"
    );
    let waits = argument(lambda, "depends_on").to_string();
    assert!(
        waits.contains("aws_vpc_security_group_ingress_rule.tollkeeper_step_6"),
        "{waits}"
    );
    assert!(
        waits.contains("aws_vpc_security_group_egress_rule.tollkeeper_step_8"),
        "{waits}"
    );
}

#[test]
fn what_the_code_makes_belongs_to_the_code() {
    let sealed = sealed();
    for (by, owner) in [
        ("terraform", Owner::Terraform),
        ("cloudformation", Owner::Unknown),
    ] {
        let tags = tags((&sealed).into(), 3, by);
        let tags: BTreeMap<String, String> = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect();
        assert_eq!(tags["tollkeeper:plan-id"], sealed.id);
        assert_eq!(Owner::of(&tags), owner);
    }
}

/// Text that would end a string, start a template or a comment, or break the line.
const HOSTILE: &str = "x\"}\n${file(\"/etc/passwd\")} %{ if true } \\ # /* \u{7} é";

#[test]
fn no_text_leaves_its_quotes() {
    let hostile = HOSTILE.to_owned();
    let sealed = plan_of(vec![
        Change::CreateGroup {
            name: hostile.clone(),
            service: "lambda".to_owned(),
        },
        Change::Allow {
            group: Target::Step(1),
            direction: Direction::Ingress,
            port: 443,
            peer: Peer::Cidr(hostile.clone()),
        },
    ]);
    let found = resources(&code(&sealed, Format::Terraform));
    let group = &found[&(
        "aws_security_group".to_owned(),
        "tollkeeper_lambda".to_owned(),
    )];
    assert_eq!(evaluated(argument(group, "name")), hostile);
    let template: Value = serde_json::from_str(&code(&sealed, Format::Cloudformation)).unwrap();
    assert_eq!(
        template["Resources"]["LambdaGroupStep1"]["Properties"]["GroupName"],
        hostile
    );
}

/// The text that Terraform would make of an expression, with nothing to look up.
fn evaluated(expression: &hcl::Expression) -> String {
    let value = expression.evaluate(&hcl::eval::Context::new()).unwrap();
    value.as_str().unwrap().to_owned()
}

#[test]
fn a_remark_stays_in_its_comment() {
    let mut sealed = sealed();
    sealed.plan.warnings = vec!["one\nresource \"aws_vpc\" \"evil\" {}".to_owned()];
    let code = code(&sealed, Format::Terraform);
    assert!(resources(&code).keys().all(|(kind, _)| kind != "aws_vpc"));
}

#[test]
fn routes_and_policies_of_an_endpoint_that_exists_are_terraforms_and_not_cloudformations() {
    let endpoint = || Target::Id("vpce-theirs".to_owned());
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:PrincipalTag/team}/*"}
    ]});
    let sealed = plan_of(vec![
        Change::AssociateRouteTable {
            endpoint: endpoint(),
            route_table: "rtb-a".to_owned(),
        },
        Change::SetPolicy {
            service: "s3".to_owned(),
            endpoint: endpoint(),
            policy: policy.to_string(),
            replaces: FULL_ACCESS.to_owned(),
        },
    ]);
    let text = code(&sealed, Format::Terraform);
    let found = resources(&text);
    let set = &found[&(
        "aws_vpc_endpoint_policy".to_owned(),
        "tollkeeper_step_2".to_owned(),
    )];
    let hcl::Expression::FuncCall(call) = argument(set, "policy") else {
        panic!("expected jsonencode(…) in {text}");
    };
    assert_eq!(call.name.name.as_str(), "jsonencode");
    let value = call.args[0].evaluate(&hcl::eval::Context::new()).unwrap();
    assert_eq!(serde_json::to_value(&value).unwrap(), policy);

    let refused = emit((&sealed).into(), Format::Cloudformation).unwrap_err();
    insta::assert_snapshot!(refused, @"nothing of the plan can be written as CloudFormation: vpce-theirs is not made here, its own stack adds the route table: aws ec2 modify-vpc-endpoint --vpc-endpoint-id vpce-theirs --add-route-table-ids rtb-a; vpce-theirs is not made here, its own stack sets PolicyDocument; expected format terraform or text");
}

#[test]
fn what_cloudformation_cannot_express_is_said_in_the_template() {
    let mut sealed = sealed();
    let number = u32::try_from(sealed.plan.steps.len()).unwrap() + 1;
    let change = Change::AssociateRouteTable {
        endpoint: Target::Id("vpce-theirs".to_owned()),
        route_table: "rtb-a".to_owned(),
    };
    sealed.plan.steps.push(Step { number, change });
    let emitted = emit((&sealed).into(), Format::Cloudformation)
        .unwrap()
        .unwrap();
    assert_eq!(emitted.left_out.len(), 1);
    let template: Value = serde_json::from_str(&emitted.code).unwrap();
    assert_eq!(
        template["Metadata"]["Tollkeeper"]["NotExpressed"],
        json!(emitted.left_out)
    );
}

#[test]
fn cloudformation_says_the_same_as_the_plan() {
    insta::assert_snapshot!("cloudformation", code(&sealed(), Format::Cloudformation));
}

/// The fixture's ids as AWS spells them: cfn-lint looks at that.
fn with_real_ids(mut sealed: Sealed) -> Sealed {
    let mut text = serde_json::to_string(&sealed.plan).unwrap();
    for (short, real) in [
        ("vpc-1", "vpc-0a1b2c3d4e5f60718"),
        ("sg-pollers", "sg-0a1b2c3d4e5f60719"),
        ("sg-brokers", "sg-0a1b2c3d4e5f6071a"),
        ("subnet-private-a", "subnet-0a1b2c3d4e5f6071b"),
        ("subnet-private-b", "subnet-0a1b2c3d4e5f6071c"),
        ("rtb-a", "rtb-0a1b2c3d4e5f6071d"),
        ("rtb-b", "rtb-0a1b2c3d4e5f6071e"),
    ] {
        text = text.replace(&format!("\"{short}\""), &format!("\"{real}\""));
    }
    sealed.plan = serde_json::from_str(&text).unwrap();
    sealed
}

/// The pinned cfn-lint, installed by the repository's own script where it is missing.
fn cfn_lint() -> PathBuf {
    let script = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/get"));
    let found = Command::new(&script).arg("cfn-lint").output().unwrap();
    assert!(
        found.status.success(),
        "{}",
        String::from_utf8_lossy(&found.stderr)
    );
    PathBuf::from(String::from_utf8(found.stdout).unwrap().trim())
}

#[test]
fn cfn_lint_finds_nothing_in_the_template() {
    let (tool, directory) = (cfn_lint(), std::env::temp_dir());
    let lint = |name: &str, template: &str| {
        let path = directory.join(format!(
            "tollkeeper-emit-{}-{name}.json",
            std::process::id()
        ));
        std::fs::write(&path, template).unwrap();
        let done = Command::new(&tool)
            .args(["--regions", "us-east-1", "--"])
            .arg(&path)
            .output()
            .unwrap();
        std::fs::remove_file(&path).unwrap();
        (
            done.status.success(),
            String::from_utf8_lossy(&done.stdout).into_owned(),
        )
    };
    let whole = code(&with_real_ids(sealed()), Format::Cloudformation);
    assert_eq!(lint("whole", &whole), (true, String::new()));
    let all_peers = plan_of(vec![
        Change::CreateGroup {
            name: "tollkeeper-ecr.api".to_owned(),
            service: "ecr.api".to_owned(),
        },
        rule(Direction::Ingress, Peer::Cidr("2001:db8::/56".to_owned())),
        rule(
            Direction::Ingress,
            Peer::Group(Target::Id("sg-0a1b2c3d4e5f60718".to_owned())),
        ),
        rule(
            Direction::Ingress,
            Peer::PrefixList("pl-0a1b2c3d".to_owned()),
        ),
        rule(
            Direction::Egress,
            Peer::PrefixList("pl-0a1b2c3d".to_owned()),
        ),
        rule(Direction::Egress, Peer::Cidr("10.0.0.0/16".to_owned())),
    ]);
    let all_peers = with_real_ids(all_peers);
    assert_eq!(
        lint("peers", &code(&all_peers, Format::Cloudformation)),
        (true, String::new())
    );
    // The tool does look: an argument that does not exist is found.
    let broken = whole.replace("\"RouteTableIds\"", "\"RouteTables\"");
    assert!(!lint("broken", &broken).0);
}

fn rule(direction: Direction, peer: Peer<Target>) -> Change<Target> {
    Change::Allow {
        group: Target::Step(1),
        direction,
        port: 443,
        peer,
    }
}

proptest! {
    #[test]
    fn any_text_is_quoted_so_that_terraform_reads_it_back(text in "\\PC{0,40}|[$%{}\"\\\\\n\r\t~]{0,12}|[\u{0}-\u{1f}\u{7f}-\u{9f}]{0,6}") {
        let line = format!("x = {}\n", hcl_text::quoted(&text));
        let body = hcl::parse(&line).map_err(|error| TestCaseError::fail(format!("{error}: {line}")))?;
        prop_assert_eq!(evaluated(argument(&body, "x")), text);
    }

    #[test]
    fn the_same_plan_is_the_same_code(ports in prop::collection::vec(1u16.., 1..6)) {
        let changes: Vec<Change<Target>> = ports
            .iter()
            .map(|port| Change::Allow {
                group: Target::Id("sg-1".to_owned()),
                direction: Direction::Egress,
                port: *port,
                peer: Peer::Cidr("10.0.0.0/8".to_owned()),
            })
            .collect();
        let sealed = plan_of(changes);
        for format in [Format::Terraform, Format::Cloudformation] {
            prop_assert_eq!(code(&sealed, format), code(&sealed.clone(), format));
        }
        prop_assert_eq!(resources(&code(&sealed, Format::Terraform)).len(), ports.len());
    }
}
