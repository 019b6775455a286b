use proptest::prelude::*;
use serde_json::{Value, json};
use tollkeeper::plan::EndpointKind;

use super::*;
use crate::policy::{FULL_ACCESS, Trust, generate, would_deny};

const ORGANISATION: &str = "o-a1b2c3d4e5";

fn about(service: &str) -> About<'_> {
    About {
        service,
        kind: if matches!(service, "s3" | "dynamodb") {
            EndpointKind::Gateway
        } else {
            EndpointKind::Interface
        },
        region: "us-east-1",
        partition: "aws",
        vpc_id: "vpc-1",
        kafka_pollers: true,
    }
}

fn full() -> Value {
    serde_json::from_str(FULL_ACCESS).unwrap()
}

/// The statement under everyone's `Allow *`, as one of two.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is written where it is used"
)]
fn and(statement: Value) -> Value {
    let mut policy = full();
    let mut own = json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"});
    for (name, value) in statement.as_object().unwrap() {
        own[name] = value.clone();
    }
    policy["Statement"].as_array_mut().unwrap().push(own);
    policy
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is written where it is used"
)]
fn allow(statement: Value) -> Value {
    let mut own = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
    for (name, value) in statement.as_object().unwrap() {
        own[name] = value.clone();
    }
    json!({"Version": "2012-10-17", "Statement": own})
}

/// Codes with severity, each once.
fn codes(service: &str, policy: &Value) -> Vec<String> {
    let mut codes: Vec<String> = lint(policy, &about(service))
        .iter()
        .map(|finding| format!("{:?} {}", finding.severity, finding.code).to_lowercase())
        .collect();
    codes.dedup();
    codes
}

#[test]
fn full_access_has_nothing_said_of_it() {
    for service in ["s3", "sts", "lambda", "dynamodb", "ecr.api", "vendor"] {
        assert_eq!(lint(&full(), &about(service)), [], "{service}");
    }
}

#[test]
fn what_is_no_policy_is_refused_by_name() {
    let shape = |policy: Value| codes("s3", &policy);
    assert_eq!(shape(json!([])), ["error malformed"]);
    assert_eq!(shape(json!({})), ["error no-statement", "note no-version"]);
    assert_eq!(
        shape(json!({"Version": "2012-10-17", "Statement": []})),
        ["error no-statement"]
    );
    let mut odd = full();
    odd["Version"] = json!("2012-10-18");
    assert_eq!(shape(odd), ["error unknown-version"]);
    assert_eq!(shape(allow(json!({"Effect": "allow"}))), ["error effect"]);
    assert_eq!(
        shape(allow(json!({"NotAction": "*"}))),
        ["error both-elements"]
    );
    assert_eq!(
        shape(allow(json!({"Action": "GetObject"})))[0],
        "error action"
    );
    assert_eq!(
        shape(allow(json!({"Condition": {"StringEqual": {"a:b": "c"}}}))),
        ["error unknown-operator"]
    );
    assert_eq!(shape(allow(json!({"Condition": []}))), ["error malformed"]);
    let twice =
        json!({"Sid": "A", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
    assert_eq!(
        shape(json!({"Version": "2012-10-17", "Statement": [twice, twice]})),
        ["error duplicate-sid"]
    );
    let long: Vec<String> = (0..2_000).map(|n| format!("s3:GetObject{n:04}")).collect();
    assert!(shape(and(json!({"Action": long}))).contains(&"error too-long".to_owned()));
}

#[test]
fn a_misspelt_element_is_answered_with_the_right_one() {
    let mut policy = full();
    policy["Statement"][0]["Conditions"] = json!({});
    policy["Statement"][0]["Resources"] = json!("*");
    let found = lint(&policy, &about("s3"));
    let instead: Vec<&str> = found
        .iter()
        .map(|finding| finding.instead.as_str())
        .collect();
    assert_eq!(instead, ["Condition", "Resource"]);
    assert!(
        found
            .iter()
            .all(|finding| finding.code == "unknown-element" && finding.statement == Some(1))
    );
}

#[test]
fn a_policy_that_allows_nothing_is_an_error_whatever_it_is_spelt_like() {
    let none = [
        json!({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}}),
        and(json!({})),
        and(json!({"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}})),
        and(json!({"Condition": {"NotIpAddress": {"aws:SourceIp": "203.0.113.7/32"}}})),
        and(json!({"Condition": {"Null": {"aws:MultiFactorAuthAge": "true"}}})),
        allow(json!({"Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.7/32"}}})),
        allow(json!({"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-2"}}})),
        allow(json!({"Action": "ec2:*"})),
        allow(json!({"Condition": {"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}}})),
    ];
    for policy in none {
        let codes = codes("dynamodb", &policy);
        assert!(
            codes.contains(&"error denies-everyone".to_owned()),
            "{policy}: {codes:?}"
        );
    }
}

#[test]
fn the_principal_of_a_gateway_endpoint_is_everyone() {
    let narrow = allow(json!({"Principal": {"AWS": "123456789012"}}));
    assert!(codes("s3", &narrow).contains(&"error gateway-principal".to_owned()));
    assert!(!codes("ecr.api", &narrow).contains(&"error gateway-principal".to_owned()));
    let everyone = allow(json!({"Principal": {"AWS": "*"}}));
    assert_eq!(codes("s3", &everyone), Vec::<String>::new());
}

#[test]
fn principals_that_no_call_has_are_refused() {
    let of = |principal: Value| codes("lambda", &allow(json!({"Principal": principal})));
    assert_eq!(
        of(json!({"Federated": "cognito-identity.amazonaws.com"}))[0],
        "error principal"
    );
    assert_eq!(
        of(json!({"AWS": "arn:aws:iam::*:role/x"}))[0],
        "error principal"
    );
    assert_eq!(of(json!({"Everyone": "*"}))[0], "error principal");
    assert_eq!(of(json!("123456789012")), ["error malformed"]);
}

#[test]
fn the_nat_gateways_address_means_nothing_at_an_endpoint() {
    let code = "error source-ip".to_owned();
    let condition =
        |operator: &str| json!({"Condition": {operator: {"AWS:sourceip": "203.0.113.7/32"}}});
    assert!(codes("s3", &allow(condition("IpAddress"))).contains(&code));
    assert!(codes("s3", &and(condition("NotIpAddress"))).contains(&code));
    assert!(codes("s3", &and(condition("IpAddress"))).contains(&"warning source-ip".to_owned()));
    assert!(
        codes("s3", &allow(condition("IpAddressIfExists")))
            .contains(&"warning source-ip".to_owned())
    );
    let private = json!({"Condition": {"NotIpAddress": {"aws:VpcSourceIp": "10.0.0.0/16"}}});
    assert!(!codes("s3", &and(private)).contains(&code));
}

#[test]
fn the_endpoints_own_vpc_is_nearly_a_tautology() {
    let of = |operator: &str, vpc: &str| json!({"Condition": {operator: {"aws:SourceVpc": vpc}}});
    assert_eq!(
        codes("s3", &allow(of("StringEquals", "vpc-1"))),
        ["warning source-vpc"]
    );
    assert_eq!(
        codes("s3", &and(of("StringNotEquals", "vpc-1"))),
        ["warning source-vpc"]
    );
    assert!(
        codes("s3", &and(of("StringEquals", "vpc-1"))).contains(&"error source-vpc".to_owned())
    );
    assert!(
        codes("s3", &allow(of("StringEquals", "vpc-2"))).contains(&"error source-vpc".to_owned())
    );
}

#[test]
fn a_wildcard_is_no_account() {
    for (operator, value) in [
        ("StringEquals", "*"),
        ("StringLike", "o-*"),
        ("StringNotEquals", "12345678901?"),
    ] {
        let policy = and(
            json!({"Condition": {operator: {"aws:PrincipalOrgID": value, "aws:PrincipalIsAWSService": "false"}}}),
        );
        assert!(
            codes("s3", &policy).contains(&"error account-wildcard".to_owned()),
            "{value}"
        );
    }
}

#[test]
fn an_organisation_only_deny_breaks_whoever_carries_no_principal() {
    let careless = json!({"Condition": {"StringNotEquals": {"aws:PrincipalOrgID": ORGANISATION}}});
    assert_eq!(
        codes("s3", &and(careless.clone())),
        ["error denies-aws-callers", "error denies-service-buckets"]
    );
    let sts = codes("sts", &and(careless.clone()));
    assert_eq!(
        sts,
        [
            "error denies-aws-callers",
            "error denies-federated-callers",
            "error denies-pollers"
        ]
    );
    // IfExists does not help: what is missing "exists" for a negation.
    let if_exists =
        json!({"Condition": {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": ORGANISATION}}});
    assert_eq!(codes("sts", &and(if_exists)), sts);
    // To ask for the key does.
    let careful = json!({"Condition": {
        "StringNotEquals": {"aws:PrincipalOrgID": ORGANISATION}, "Null": {"aws:PrincipalOrgID": "false"}
    }});
    for service in ["s3", "sts", "lambda"] {
        assert_eq!(
            codes(service, &and(careful.clone())),
            Vec::<String>::new(),
            "{service}"
        );
    }
}

#[test]
fn a_deny_by_resource_owner_takes_awss_own_buckets_away() {
    let perimeter = json!({"Condition": {"StringNotEquals": {"aws:ResourceOrgID": ORGANISATION}}});
    let found = lint(&and(perimeter), &about("s3"));
    let denied: Vec<&Finding> = found
        .iter()
        .filter(|finding| finding.code == "denies-service-buckets")
        .collect();
    assert_eq!(denied.len(), 7);
    assert!(denied.iter().all(|finding| finding.statement == Some(2)));
    insta::assert_snapshot!(denied[5], @"error denies-service-buckets in statement 2: this Deny takes image layers of ECR away: prod-us-east-1-starport-layer-bucket belongs to AWS; write instead: NotResource arn:aws:s3:::prod-us-east-1-starport-layer-bucket/* in the Deny, and s3:GetObject on it allowed");
}

#[test]
fn what_the_lint_says_to_write_instead_lints_clean() {
    let buckets: Vec<String> = crate::policy::calls::service_buckets("us-east-1")
        .iter()
        .map(|bucket| format!("arn:aws:s3:::{}/*", bucket.bucket))
        .collect();
    let mut careful = and(json!({"Condition": {
        "StringNotEqualsIfExists": {"aws:ResourceOrgID": ORGANISATION},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}
    }}));
    let deny = careful["Statement"][1].as_object_mut().unwrap();
    deny.remove("Resource");
    deny.insert("NotResource".to_owned(), json!(buckets));
    assert_eq!(codes("s3", &careful), Vec::<String>::new());
}

#[test]
fn a_policy_by_awss_tutorial_for_pollers_denies_everyone_else() {
    let tutorial = allow(
        json!({"Principal": {"Service": ["lambda.amazonaws.com"]}, "Action": "lambda:InvokeFunction"}),
    );
    assert_eq!(codes("lambda", &tutorial), ["error denies-own-callers"]);
}

#[test]
fn pollers_and_federated_callers_need_statements_of_their_own() {
    let own = allow(json!({"Condition": {"StringEquals": {"aws:PrincipalOrgID": ORGANISATION}}}));
    let lambda = codes("lambda", &own);
    assert_eq!(
        lambda,
        ["error denies-pollers", "warning misses-aws-callers"]
    );
    let without = About {
        kafka_pollers: false,
        ..about("lambda")
    };
    assert!(!has_errors(&lint(&own, &without)));
    assert!(codes("sts", &own).contains(&"error denies-federated-callers".to_owned()));
    let forgets = allow(json!({"Action": ["sts:AssumeRole"]}));
    assert_eq!(codes("sts", &forgets), ["warning misses-federated-callers"]);
    assert!(codes("s3", &own).contains(&"warning misses-service-buckets".to_owned()));
}

#[test]
fn a_person_reads_what_is_wrong_where_and_what_to_write() {
    let policy = and(json!({"Condition": {"NotIpAddress": {"aws:SourceIp": ["203.0.113.7/32"]}}}));
    let lines: Vec<String> = lint(&policy, &about("lambda"))
        .iter()
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    error source-ip in statement 2: calls through an endpoint carry no aws:SourceIp: this denies everyone; write instead: aws:VpcSourceIp, which holds the private address
    error denies-everyone in statement 2: no call gets through: what no statement allows is denied; write instead: a statement with Effect Allow that applies to your own principals
    ");
}

#[test]
fn the_generated_policy_of_s3_is_this_one() {
    let policy = generate(&Trust::Organisation(ORGANISATION.to_owned()), &about("s3"));
    insta::assert_snapshot!(serde_json::to_string_pretty(&policy).unwrap(), @r#"
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "OwnPrincipalsOnOwnResources",
          "Effect": "Allow",
          "Principal": "*",
          "Action": "*",
          "Resource": "*",
          "Condition": {
            "StringEquals": {
              "aws:PrincipalOrgID": [
                "o-a1b2c3d4e5"
              ],
              "aws:ResourceOrgID": [
                "o-a1b2c3d4e5"
              ]
            }
          }
        },
        {
          "Sid": "AwsServices",
          "Effect": "Allow",
          "Principal": "*",
          "Action": "*",
          "Resource": "*",
          "Condition": {
            "Bool": {
              "aws:PrincipalIsAWSService": "true"
            }
          }
        },
        {
          "Sid": "ServiceOwnedBuckets",
          "Effect": "Allow",
          "Principal": "*",
          "Action": "s3:GetObject",
          "Resource": [
            "arn:aws:s3:::al2023-repos-us-east-1-de612dc2/*",
            "arn:aws:s3:::amazonlinux-2-repos-us-east-1/*",
            "arn:aws:s3:::aws-codedeploy-us-east-1/*",
            "arn:aws:s3:::aws-ssm-us-east-1/*",
            "arn:aws:s3:::patch-baseline-snapshot-us-east-1/*",
            "arn:aws:s3:::prod-us-east-1-starport-layer-bucket/*"
          ]
        },
        {
          "Sid": "CustomResourceAnswers",
          "Effect": "Allow",
          "Principal": "*",
          "Action": "s3:PutObject",
          "Resource": [
            "arn:aws:s3:::cloudformation-custom-resource-response-useast1/*"
          ]
        }
      ]
    }
    "#);
    let denies = would_deny(&Trust::Organisation(ORGANISATION.to_owned()), &about("s3"));
    insta::assert_snapshot!(denies.join("\n"), @"
    It would deny at s3: principals outside organisation o-a1b2c3d4e5, unless they are AWS services
    It would deny at s3: resources of accounts outside organisation o-a1b2c3d4e5, such as vendors' and public ones
    It would deny at s3: anonymous reads, but for the buckets of AWS it names (packages of Amazon Linux 2023, packages of Amazon Linux 2, the CodeDeploy agent, the Systems Manager agent, Patch Manager, image layers of ECR, answers of CloudFormation's custom resources)
    ");
}

fn json_value() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "Version",
        "Id",
        "Statement",
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
        "AWS",
        "Service",
        "StringEquals",
        "StringNotEqualsIfExists",
        "Null",
        "IpAddress",
        "ForAllValues:StringLike",
        "aws:PrincipalOrgID",
        "aws:SourceIp",
        "aws:SourceVpc",
        "aws:MultiFactorAuthAge",
        "ä",
    ]);
    let texts = prop::sample::select(vec![
        "Allow",
        "Deny",
        "*",
        "s3:*",
        "s3:Get?bject",
        "2012-10-17",
        "true",
        "lambda.amazonaws.com",
        "o-*",
        "${aws:x}",
        "",
        "é*",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        texts.prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..6).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

/// Statements that AWS would take, with conditions whose answers differ.
fn statement(effect: &'static str) -> impl Strategy<Value = Value> {
    let conditions = prop::sample::select(vec![
        json!({}),
        json!({"StringEquals": {"aws:PrincipalOrgID": ORGANISATION}}),
        json!({"StringNotEqualsIfExists": {"aws:ResourceOrgID": ORGANISATION}}),
        json!({"IpAddress": {"aws:SourceIp": "203.0.113.7/32"}}),
        json!({"Null": {"aws:PrincipalOrgID": "true"}}),
    ]);
    let actions = prop::sample::select(vec!["*", "s3:*", "s3:GetObject", "ec2:*"]);
    (conditions, actions).prop_map(move |(condition, action)| {
        json!({"Effect": effect, "Principal": "*", "Action": action, "Resource": "*", "Condition": condition})
    })
}

fn trust() -> impl Strategy<Value = Trust> {
    prop_oneof![
        "o-[a-z0-9]{10,32}".prop_map(Trust::Organisation),
        prop::collection::btree_set("[0-9]{12}", 1..20)
            .prop_map(|ids| Trust::Accounts(ids.into_iter().collect())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_json_makes_the_lint_panic(policy in json_value(), gateway: bool) {
        let about = About { kind: if gateway { EndpointKind::Gateway } else { EndpointKind::Interface }, ..about("sts") };
        let found = lint(&policy, &about);
        prop_assert!(found.is_sorted_by_key(|finding| finding.severity));
        let _ = crate::policy::normal_form(&policy.to_string());
    }

    #[test]
    fn what_is_generated_lints_clean(
        trust in trust(), kafka_pollers: bool, gateway: bool, other in "[a-z][a-z0-9.-]{0,20}",
        known in prop::option::of(prop::sample::select(vec!["s3", "dynamodb", "sts", "lambda", "ecr.api", "logs"])),
        region in prop::sample::select(vec!["us-east-1", "eu-central-1", "ap-southeast-4"]),
    ) {
        let service = known.unwrap_or(&other);
        let kind = if gateway && matches!(service, "s3" | "dynamodb") { EndpointKind::Gateway } else { EndpointKind::Interface };
        let about = About { service, kind, region, kafka_pollers, ..about(service) };
        let policy = generate(&trust, &about);
        prop_assert_eq!(&policy, &generate(&trust, &about));
        let worse: Vec<Finding> = lint(&policy, &about).into_iter().filter(|finding| finding.severity != Severity::Note).collect();
        prop_assert_eq!(worse, []);
    }

    #[test]
    fn a_policy_without_an_allow_is_always_an_error(denies in prop::collection::vec(statement("Deny"), 0..4)) {
        let policy = json!({"Version": "2012-10-17", "Statement": denies});
        prop_assert!(has_errors(&lint(&policy, &about("s3"))));
    }

    #[test]
    fn a_deny_of_everything_is_always_an_error(
        allows in prop::collection::vec(statement("Allow"), 0..4), at in 0usize..5
    ) {
        let mut statements = allows;
        let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"});
        statements.insert(at.min(statements.len()), deny);
        let found = lint(&json!({"Version": "2012-10-17", "Statement": statements}), &about("s3"));
        prop_assert!(found.iter().any(|finding| finding.code == "denies-everyone"), "{:?}", found);
    }
}

/// Every code that the sources name, in the order they do.
fn codes_of_the_sources() -> std::collections::BTreeSet<&'static str> {
    let sources = [
        include_str!("breaks.rs"),
        include_str!("keys.rs"),
        include_str!("mod.rs"),
        include_str!("../condition.rs"),
        include_str!("../document.rs"),
        include_str!("../elements.rs"),
        include_str!("../principal.rs"),
    ];
    let product = sources
        .iter()
        .map(|source| source.split("#[cfg(test)]\nmod tests {").next().unwrap());
    let calls = product.flat_map(|source| {
        ["Finding::error(", "Finding::warning(", "Finding::note("]
            .into_iter()
            .flat_map(|call| source.split(call).skip(1))
    });
    calls
        .filter_map(|after| after.trim_start().strip_prefix('"')?.split('"').next())
        .collect()
}

#[test]
fn the_table_of_codes_in_the_docs_is_the_one_of_the_sources() {
    let page = include_str!("../../../../../docs/policies.md");
    let (_, table) = page.split_once("| Code | Severity |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let listed: std::collections::BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let named = codes_of_the_sources();
    assert!(named.len() > 20, "{named:?}");
    assert_eq!(listed, named);
}
