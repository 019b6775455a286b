//! Wire spelling and error codes, against recorded answers.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ec2::operation::create_vpc_endpoint::CreateVpcEndpointOutput;
use aws_sdk_ec2::operation::modify_vpc_endpoint::ModifyVpcEndpointOutput;
use aws_sdk_ec2::types::{ResourceType, VpcEndpoint};
use aws_smithy_mocks::{MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock};

use super::*;
use crate::change::{Change, Direction, Peer};
use crate::network::{Network, Stamp};
use crate::preflight::Read;
use crate::preflight::evidence::Room;
use crate::snapshot::EndpointState;

pub(super) fn answer(status: u16, body: &str) -> HttpResponse {
    HttpResponse::new(status.try_into().unwrap(), body.to_owned().into())
}

pub(super) fn refusal(code: &str) -> HttpResponse {
    let error = format!("<Error><Code>{code}</Code><Message>as AWS words it</Message></Error>");
    let body = format!("<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>");
    answer(400, &body)
}

/// As `mock_client!` makes it, which needs the SDK's feature `test-util`: another feature set for the whole build.
fn ec2(rule: &Rule) -> Ec2 {
    ec2_with(&[rule])
}

pub(super) fn ec2_with(rules: &[&Rule]) -> Ec2 {
    let answers = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny);
    let answers = rules
        .iter()
        .fold(answers, |answers, rule| answers.with_rule(rule));
    let config = aws_sdk_ec2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(create_mock_http_client())
        .interceptor(answers)
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
async fn a_rule_that_is_taken_away_comes_back_with_the_tags_of_who_took_it() {
    let Change::Allow {
        group,
        direction,
        port,
        peer,
    } = allow()
    else {
        panic!("a rule");
    };
    let take = Change::Revoke {
        group,
        direction,
        port,
        peer,
    };
    let gone = mock!(Client::revoke_security_group_ingress)
        .then_http_response(|| refusal("InvalidPermission.NotFound"));
    assert_eq!(ec2(&gone).change(&take, &stamp()).await, Ok(None));
    let back = mock!(Client::authorize_security_group_ingress)
        .match_requests(|input| {
            let tags: Vec<_> = input
                .tag_specifications()
                .iter()
                .flat_map(aws_sdk_ec2::types::TagSpecification::tags)
                .collect();
            let has = |key, value| {
                tags.iter()
                    .any(|tag| tag.key() == Some(key) && tag.value() == Some(value))
            };
            let range = input.ip_permissions()[0].ip_ranges()[0].cidr_ip();
            range == Some("10.0.0.0/16")
                && has("ManagedBy", "tollkeeper")
                && has("tollkeeper:plan-id", "plan-1")
        })
        .then_http_response(|| refusal("InvalidPermission.Duplicate"));
    assert_eq!(ec2(&back).undo(&take, None, &stamp()).await, Ok(()));
}

#[tokio::test]
async fn what_is_gone_already_is_an_absence() {
    let rule = mock!(Client::revoke_security_group_ingress)
        .then_http_response(|| refusal("InvalidPermission.NotFound"));
    let error = ec2(&rule).undo(&allow(), None, &stamp()).await.unwrap_err();
    assert!(error.is_absence(), "{error}");
}

#[tokio::test]
async fn a_policy_is_sent_as_it_is_and_the_one_before_is_put_back() {
    let (policy, before) = (r#"{"Statement":[]}"#, crate::policy::FULL_ACCESS);
    let change = Change::SetPolicy {
        service: "s3".to_owned(),
        endpoint: "vpce-1".to_owned(),
        policy: policy.to_owned(),
        replaces: before.to_owned(),
    };
    let expecting = |expected: &'static str| {
        mock!(Client::modify_vpc_endpoint)
            .match_requests(move |input| {
                input.vpc_endpoint_id() == Some("vpce-1")
                    && input.policy_document() == Some(expected)
                    && input.reset_policy().is_none()
                    && input.private_dns_enabled().is_none()
                    && input.dry_run().is_none()
            })
            .then_output(|| ModifyVpcEndpointOutput::builder().build())
    };
    let sent = ec2(&expecting(policy)).change(&change, &stamp()).await;
    assert_eq!(sent, Ok(None));
    assert_eq!(
        ec2(&expecting(before)).undo(&change, None, &stamp()).await,
        Ok(())
    );
}

#[tokio::test]
async fn a_policy_that_aws_refuses_keeps_its_code_and_does_not_pass() {
    let rule =
        mock!(Client::modify_vpc_endpoint).then_http_response(|| refusal("InvalidPolicyDocument"));
    let change = Change::SetPolicy {
        service: "s3".to_owned(),
        endpoint: "vpce-1".to_owned(),
        policy: "{}".to_owned(),
        replaces: crate::policy::FULL_ACCESS.to_owned(),
    };
    let error = ec2(&rule).change(&change, &stamp()).await.unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.passes()),
        ("InvalidPolicyDocument", false)
    );
}

#[tokio::test]
async fn a_policy_is_read_by_its_meaning_and_full_access_is_none() {
    let answered = |policy: &str| {
        let body = format!(
            "<DescribeVpcEndpointsResponse><vpcEndpointSet><item><vpcEndpointId>vpce-1</vpcEndpointId>\
             <vpcEndpointType>Gateway</vpcEndpointType><serviceName>com.amazonaws.us-east-1.s3</serviceName>\
             <state>available</state><policyDocument>{policy}</policyDocument></item></vpcEndpointSet>\
             </DescribeVpcEndpointsResponse>"
        );
        mock!(Client::describe_vpc_endpoints).then_http_response(move || answer(200, &body))
    };
    let full = r#"{ "Version": "2008-10-17", "Statement": [ { "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" } ] }"#;
    let endpoint = ec2(&answered(full)).endpoint("vpce-1").await.unwrap();
    assert_eq!(endpoint.unwrap().policy, None);
    let narrow = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"s3:*","Resource":"*"}}"#;
    let endpoint = ec2(&answered(narrow)).endpoint("vpce-1").await.unwrap();
    let read = endpoint.unwrap().policy;
    assert!(
        crate::policy::same(read.as_deref(), Some(narrow)),
        "{read:?}"
    );
}

#[tokio::test]
async fn another_refusal_keeps_its_code_and_says_whether_it_passes() {
    let rule =
        mock!(Client::delete_security_group).then_http_response(|| refusal("DependencyViolation"));
    let group = Change::CreateGroup {
        name: "tollkeeper-sts".to_owned(),
        service: "sts".to_owned(),
    };
    let error = ec2(&rule)
        .undo(&group, Some("sg-1"), &stamp())
        .await
        .unwrap_err();
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
            .undo(&gateway(), Some("vpce-1"), &stamp())
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

fn subnet(id: &str) -> crate::snapshot::Subnet {
    let mut subnet = crate::model::snapshot().subnets.remove(0);
    id.clone_into(&mut subnet.id);
    subnet
}

#[tokio::test]
async fn acls_are_read_from_every_page_and_the_default_one_guards_subnets_that_none_names() {
    let page = |token: &str, acls: &str| {
        let body = format!(
            "<DescribeNetworkAclsResponse><networkAclSet>{acls}</networkAclSet>{token}</DescribeNetworkAclsResponse>"
        );
        answer(200, &body)
    };
    let acl = |id: &str, default: bool, entries: &str, subnet: &str| {
        format!(
            "<item><networkAclId>{id}</networkAclId><vpcId>vpc-1</vpcId><default>{default}</default>\
             <entrySet>{entries}</entrySet><associationSet>{subnet}</associationSet></item>"
        )
    };
    let narrow = "<item><ruleNumber>90</ruleNumber><protocol>6</protocol><ruleAction>deny</ruleAction>\
        <egress>true</egress><cidrBlock>10.0.0.0/8</cidrBlock><portRange><from>443</from><to>443</to></portRange></item>\
        <item><ruleNumber>32768</ruleNumber><protocol>-1</protocol><ruleAction>deny</ruleAction><egress>false</egress>\
        <ipv6CidrBlock>::/0</ipv6CidrBlock></item>\
        <item><ruleNumber>110</ruleNumber><protocol>6</protocol><ruleAction>allow</ruleAction><egress>false</egress>\
        <ipv6CidrBlock>::/0</ipv6CidrBlock></item>";
    let named = "<item><subnetId>subnet-1</subnetId></item>";
    let first = acl("acl-narrow", false, narrow, named) + &acl("acl-unused", false, "", "");
    let second = acl("acl-default", true, "", "");
    let rule = mock!(Client::describe_network_acls)
        .sequence()
        .http_response(move || page("<nextToken>more</nextToken>", &first))
        .http_response(move || page("", &second))
        .build();
    let subnets = [subnet("subnet-1"), subnet("subnet-2")];
    let acls = ec2(&rule).network_acls("vpc-1", &subnets).await.unwrap();
    insta::assert_snapshot!(serde_json::to_string(&acls).unwrap(), @r#"[{"id":"acl-narrow","subnets":["subnet-1"],"entries":[{"direction":"egress","number":90,"protocol":"6","from_port":443,"to_port":443,"cidr":"10.0.0.0/8","allow":false},{"direction":"ingress","number":110,"protocol":"6","from_port":0,"to_port":65535,"cidr":"::/0","allow":true}]},{"id":"acl-default","subnets":["subnet-2"],"entries":[]}]"#);
}

#[tokio::test]
async fn the_servers_of_dhcp_options_are_read_and_no_options_name_none() {
    let set = "<dhcpOptionsSet><item><dhcpOptionsId>dopt-1</dhcpOptionsId><dhcpConfigurationSet>\
        <item><key>domain-name</key><valueSet><item><value>ec2.internal</value></item></valueSet></item>\
        <item><key>domain-name-servers</key><valueSet><item><value>10.0.0.53</value></item>\
        <item><value>AmazonProvidedDNS</value></item></valueSet></item></dhcpConfigurationSet></item></dhcpOptionsSet>";
    let body = format!("<DescribeDhcpOptionsResponse>{set}</DescribeDhcpOptionsResponse>");
    let rule = mock!(Client::describe_dhcp_options)
        .match_requests(|input| input.dhcp_options_ids() == ["dopt-1"])
        .then_http_response(move || answer(200, &body));
    let ec2 = ec2(&rule);
    let servers = ec2.dns_servers(Some("dopt-1")).await.unwrap();
    assert_eq!(servers, ["10.0.0.53", "AmazonProvidedDNS"]);
    assert!(ec2.dns_servers(Some("default")).await.unwrap().is_empty());
}

#[tokio::test]
async fn nat_addresses_are_those_of_public_gateways_in_use() {
    let gateway = |state: &str, address: &str| {
        format!(
            "<item><natGatewayId>nat-1</natGatewayId><state>{state}</state><natGatewayAddressSet><item>{address}</item>\
             </natGatewayAddressSet></item>"
        )
    };
    let public = |address: &str| format!("<publicIp>{address}</publicIp>");
    let set = [
        gateway("available", &public("203.0.113.7")),
        gateway("pending", &public("203.0.113.8")),
        gateway("deleted", &public("203.0.113.9")),
        gateway("available", "<privateIp>10.0.0.9</privateIp>"),
    ];
    let body = format!(
        "<DescribeNatGatewaysResponse><natGatewaySet>{}</natGatewaySet></DescribeNatGatewaysResponse>",
        set.concat()
    );
    let rule = mock!(Client::describe_nat_gateways).then_http_response(move || answer(200, &body));
    let found = ec2(&rule).nat_addresses("vpc-1").await;
    let expected = ["203.0.113.7", "203.0.113.8"].map(str::to_owned).to_vec();
    assert_eq!(found, Read::Known(expected));
    let denied = mock!(Client::describe_nat_gateways)
        .then_http_response(|| refusal("UnauthorizedOperation"));
    assert_eq!(
        ec2(&denied).nat_addresses("vpc-1").await,
        Read::Unreadable("UnauthorizedOperation".to_owned())
    );
}

#[tokio::test]
async fn room_is_told_where_it_is_short_and_deleted_endpoints_take_none() {
    let listing = |live: usize| {
        let item = |state: &str| format!("<item><state>{state}</state></item>");
        let items = item("available").repeat(live) + &item("deleted").repeat(9);
        let body = format!(
            "<DescribeVpcEndpointsResponse><vpcEndpointSet>{items}</vpcEndpointSet></DescribeVpcEndpointsResponse>"
        );
        mock!(Client::describe_vpc_endpoints).then_http_response(move || answer(200, &body))
    };
    let room = |interface_endpoints, gateway_endpoints| {
        Read::Known(Room {
            interface_endpoints,
            gateway_endpoints,
        })
    };
    assert_eq!(ec2(&listing(3)).room("vpc-1", 2).await, room(None, None));
    let near = ec2(&listing(18)).room("vpc-1", 2).await;
    assert_eq!(near, room(None, Some(2)));
    let over = ec2(&listing(49)).room("vpc-1", 2).await;
    assert_eq!(over, room(Some(1), Some(0)));
}
