//! What is set apart, and what is not asked for.

use super::*;
use crate::change::Change;
use crate::exception::Exception;
use crate::model;
use crate::preflight::Evidence;

fn plan_of(snapshot: &Snapshot, route_tables: &[&str]) -> Result<Plan, PlanError> {
    let request = PlanRequest {
        route_tables: route_tables.iter().map(|id| (*id).to_owned()).collect(),
        ..model::request()
    };
    let (request, _) = normalise(request).unwrap();
    let place = Place {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
    };
    Ok(make(&place, &request, snapshot, &Evidence::default(), 0)?.plan)
}

fn with(tags: &[(&str, &str)]) -> Snapshot {
    let mut snapshot = model::snapshot();
    let tags = tags.iter();
    snapshot.exceptions = tags.map(|(id, value)| Exception::of(id, value)).collect();
    snapshot
}

fn tables(plan: &Plan) -> Vec<&str> {
    let steps = plan.steps.iter();
    let tables = steps.filter_map(|step| match &step.change {
        Change::AssociateRouteTable { route_table, .. } => Some(route_table.as_str()),
        _ => None,
    });
    tables.collect()
}

#[test]
fn a_vpc_that_is_set_apart_is_left_alone_as_a_whole() {
    let plan = plan_of(&with(&[("vpc-1", "net-team until 2027-03-31")]), &[]).unwrap();
    assert_eq!(plan.steps, []);
    insta::assert_snapshot!(plan.left_alone.join("\n"), @r"
    s3: net-team has set vpc-1 apart until 2027-03-31
    lambda: net-team has set vpc-1 apart until 2027-03-31
    sts: net-team has set vpc-1 apart until 2027-03-31
    ");
}

#[test]
fn a_service_or_a_table_that_is_set_apart_is_left_alone_and_the_rest_is_planned() {
    let apart = with(&[
        ("vpc-1", "payments until 2027-03-31 for sts"),
        ("rtb-b", "true"),
    ]);
    let plan = plan_of(&apart, &[]).unwrap();
    assert_eq!(tables(&plan), ["rtb-a"]);
    let services: Vec<&str> = plan
        .endpoints
        .iter()
        .map(|one| one.service.as_str())
        .collect();
    assert_eq!(services, ["s3", "lambda"]);
    insta::assert_snapshot!(plan.left_alone.join("\n"), @r"
    s3: rtb-b is set apart without an end: its tag tollkeeper:except is `true`, expected `<owner> until <YYYY-MM-DD>` or `<owner> until <YYYY-MM-DD> for <service>`
    sts: payments has set vpc-1 apart until 2027-03-31
    ");
}

#[test]
fn an_exception_that_ran_out_changes_nothing() {
    let apart = with(&[("vpc-1", "net-team until 2027-03-31")]);
    let after = apart.on("2027-04-01".parse().unwrap());
    assert_eq!(after, model::snapshot());
}

#[test]
fn only_the_tables_that_were_asked_for_get_routes() {
    let plan = plan_of(&model::snapshot(), &["rtb-b", "rtb-b"]).unwrap();
    assert_eq!(tables(&plan), ["rtb-b"]);
    assert_eq!(
        plan.left_alone,
        ["s3: the route is lacking in rtb-a too, not asked for"]
    );
    let unknown = plan_of(&model::snapshot(), &["rtb-9"]).unwrap_err();
    insta::assert_snapshot!(unknown, @"VPC vpc-1 has no route table `rtb-9`: expected one that lives in it");
}

#[test]
fn networks_that_resolve_through_the_vpc_are_let_in_where_they_are_named() {
    let request = PlanRequest {
        resolving_networks: vec!["10.8.0.0/16".to_owned()],
        ..model::request()
    };
    let (request, _) = normalise(request).unwrap();
    let place = Place {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
    };
    let plan = make(
        &place,
        &request,
        &model::snapshot(),
        &Evidence::default(),
        0,
    );
    let plan = plan.unwrap().plan;
    let rules = plan.steps.iter().filter(|step| {
        let Change::Allow { port, peer, .. } = &step.change else {
            return false;
        };
        *port == 443 && peer.to_string() == "10.8.0.0/16"
    });
    assert_eq!(rules.count(), 2, "at both endpoints");
    let said = plan
        .warnings
        .iter()
        .any(|text| text.ends_with("own ranges and 10.8.0.0/16"));
    assert!(said, "{:?}", plan.warnings);
    let odd = PlanRequest {
        resolving_networks: vec!["10.8.0.0".to_owned()],
        ..model::request()
    };
    insta::assert_snapshot!(normalise(odd).unwrap_err(), @"resolving_networks `10.8.0.0` is wrong: expected an IPv4 range such as 10.8.0.0/16");
}

#[test]
fn a_vendors_service_is_named_in_full_and_the_plan_says_what_is_different_with_it() {
    const CACHE: &str = "com.amazonaws.vpce.us-east-1.vpce-svc-0a1b2c3d4e5f67890";
    let mut snapshot = model::snapshot();
    let mut offer = snapshot.services.last().unwrap().clone();
    offer.name = CACHE.to_owned();
    offer.dns_names = vec!["cache.example".to_owned()];
    offer.needs_acceptance = true;
    snapshot.services.push(offer);
    let request = PlanRequest {
        services: vec![CACHE.to_owned()],
        ..model::request()
    };
    let (request, _) = normalise(request).unwrap();
    let place = Place {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
    };
    let plan = make(&place, &request, &snapshot, &Evidence::default(), 0);
    let plan = plan.unwrap().plan;
    assert_eq!(plan.endpoints[0].service, CACHE);
    insta::assert_snapshot!(plan.warnings[..2].join("\n"), @r"
    The owner of com.amazonaws.vpce.us-east-1.vpce-svc-0a1b2c3d4e5f67890 has to accept the endpoint: the plan waits for that, and no other plan begins in the VPC until then
    com.amazonaws.vpce.us-east-1.vpce-svc-0a1b2c3d4e5f67890 is not AWS's own: flow logs do not tell its traffic, so none of it is replayed; its endpoint admits TCP 443 only
    ");
}
