//! Wire spelling and error codes, against recorded answers.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ec2::operation::create_vpc_endpoint::CreateVpcEndpointOutput;
use aws_sdk_ec2::types::{ResourceType, VpcEndpoint};
use aws_smithy_mocks::{MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock};

use super::*;
use crate::change::{Change, Direction, Peer};
use crate::network::{Network, Stamp};
use crate::snapshot::EndpointState;

fn answer(status: u16, body: &str) -> HttpResponse {
    HttpResponse::new(status.try_into().unwrap(), body.to_owned().into())
}

fn refusal(code: &str) -> HttpResponse {
    let error = format!("<Error><Code>{code}</Code><Message>as AWS words it</Message></Error>");
    let body = format!("<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>");
    answer(400, &body)
}

/// As `mock_client!` makes it, which needs the SDK's feature `test-util`: another feature set for the whole build.
fn ec2(rule: &Rule) -> Ec2 {
    let answers = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny);
    let config = aws_sdk_ec2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(create_mock_http_client())
        .interceptor(answers.with_rule(rule))
        .build();
    Ec2::new(Client::from_conf(config), "us-east-1")
}

fn stamp() -> Stamp {
    Stamp {
        vpc_id: "vpc-1".to_owned(),
        plan_id: "plan-1".to_owned(),
        step: 3,
        client_token: "token-3".to_owned(),
    }
}

fn allow() -> Change<String> {
    Change::Allow {
        group: "sg-1".to_owned(),
        direction: Direction::Ingress,
        port: 443,
        peer: Peer::Cidr("10.0.0.0/16".to_owned()),
    }
}

fn gateway() -> Change<String> {
    Change::CreateGatewayEndpoint {
        service: "s3".to_owned(),
    }
}

#[tokio::test]
async fn the_wires_lower_case_state_is_available() {
    let rule = mock!(Client::describe_vpc_endpoints).then_http_response(|| {
        answer(
            200,
            "<DescribeVpcEndpointsResponse><vpcEndpointSet><item><vpcEndpointId>vpce-1</vpcEndpointId>\
             <vpcEndpointType>Interface</vpcEndpointType><vpcId>vpc-1</vpcId>\
             <serviceName>com.amazonaws.us-east-1.ecr.api</serviceName><state>available</state>\
             <privateDnsEnabled>true</privateDnsEnabled></item></vpcEndpointSet></DescribeVpcEndpointsResponse>",
        )
    });
    let endpoint = ec2(&rule).endpoint("vpce-1").await.unwrap().unwrap();
    assert_eq!(endpoint.state, EndpointState::Available);
    assert_eq!(endpoint.service, "ecr.api");
    assert!(endpoint.private_dns);
}

#[tokio::test]
async fn a_rule_that_is_there_already_counts_as_made() {
    let rule = mock!(Client::authorize_security_group_ingress)
        .then_http_response(|| refusal("InvalidPermission.Duplicate"));
    assert_eq!(ec2(&rule).change(&allow(), &stamp()).await, Ok(None));
}

#[tokio::test]
async fn what_is_gone_already_is_an_absence() {
    let rule = mock!(Client::revoke_security_group_ingress)
        .then_http_response(|| refusal("InvalidPermission.NotFound"));
    let error = ec2(&rule).undo(&allow(), None).await.unwrap_err();
    assert!(error.is_absence(), "{error}");
}

#[tokio::test]
async fn another_refusal_keeps_its_code_and_says_whether_it_passes() {
    let rule =
        mock!(Client::delete_security_group).then_http_response(|| refusal("DependencyViolation"));
    let group = Change::CreateGroup {
        name: "tollkeeper-sts".to_owned(),
        service: "sts".to_owned(),
    };
    let error = ec2(&rule).undo(&group, Some("sg-1")).await.unwrap_err();
    assert_eq!(error.code, "DependencyViolation");
    assert!(error.passes());
}

#[tokio::test]
async fn a_delete_that_succeeds_without_deleting_is_an_error() {
    let unsuccessful = |code: &str| {
        format!(
            "<DeleteVpcEndpointsResponse><unsuccessful><item><resourceId>vpce-1</resourceId><error><code>{code}</code>\
             <message>no</message></error></item></unsuccessful></DeleteVpcEndpointsResponse>"
        )
    };
    for (code, is_absence) in [
        ("InvalidVpcEndpointId.NotFound", true),
        ("OperationNotPermitted", false),
    ] {
        let body = unsuccessful(code);
        let rule =
            mock!(Client::delete_vpc_endpoints).then_http_response(move || answer(200, &body));
        let error = ec2(&rule)
            .undo(&gateway(), Some("vpce-1"))
            .await
            .unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.is_absence()),
            (code, is_absence)
        );
    }
}

#[tokio::test]
async fn an_interface_endpoint_is_made_dark_tagged_and_with_its_token() {
    let rule = mock!(Client::create_vpc_endpoint)
        .match_requests(|input| {
            let spec = &input.tag_specifications()[0];
            let tags: Vec<_> = spec
                .tags()
                .iter()
                .map(|tag| (tag.key(), tag.value()))
                .collect();
            let expected = [
                (Some("ManagedBy"), Some("tollkeeper")),
                (Some("tollkeeper:plan-id"), Some("plan-1")),
                (Some("tollkeeper:step"), Some("3")),
            ];
            input.private_dns_enabled() == Some(false)
                && input.client_token() == Some("token-3")
                && input.service_name() == Some("com.amazonaws.us-east-1.sts")
                && spec.resource_type() == Some(&ResourceType::VpcEndpoint)
                && tags == expected
                && input.policy_document().is_none()
                && input.dry_run().is_none()
        })
        .then_output(|| {
            let made = VpcEndpoint::builder().vpc_endpoint_id("vpce-9").build();
            CreateVpcEndpointOutput::builder()
                .vpc_endpoint(made)
                .build()
        });
    let change = Change::CreateInterfaceEndpoint {
        service: "sts".to_owned(),
        subnets: vec!["subnet-1".to_owned()],
        zones: vec!["us-east-1a".to_owned()],
        group: "sg-1".to_owned(),
    };
    let made = ec2(&rule).change(&change, &stamp()).await;
    assert_eq!(made, Ok(Some("vpce-9".to_owned())));
}
