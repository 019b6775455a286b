use super::*;
use crate::adapters::mocked;
use crate::measure::network::EndpointType;
use crate::measure::topology::WayOut;
use aws_sdk_ec2::operation::{
    describe_egress_only_internet_gateways::DescribeEgressOnlyInternetGatewaysOutput,
    describe_flow_logs::DescribeFlowLogsOutput,
    describe_instances::DescribeInstancesError,
    describe_nat_gateways::DescribeNatGatewaysOutput,
    describe_network_interfaces::DescribeNetworkInterfacesOutput,
    describe_route_tables::{DescribeRouteTablesError, DescribeRouteTablesOutput},
    describe_subnets::DescribeSubnetsOutput,
    describe_transit_gateway_vpc_attachments::DescribeTransitGatewayVpcAttachmentsOutput,
    describe_vpc_endpoints::DescribeVpcEndpointsOutput,
    describe_vpcs::DescribeVpcsOutput,
};
use aws_sdk_ec2::types::{
    AvailabilityMode, FlowLog, GroupIdentifier, InternetGatewayAttachment, NatGateway,
    NatGatewayAddress, NatGatewayState, NetworkInterface, NetworkInterfaceAttachment, Route,
    RouteState, RouteTable, RouteTableAssociation, State, Subnet, Tag,
    TransitGatewayAttachmentState, TransitGatewayVpcAttachment, Vpc, VpcEndpoint, VpcEndpointType,
};
use aws_smithy_mocks::{Rule, mock};
use aws_smithy_types::error::ErrorMetadata;
use tollkeeper::finding::SourceKind;

fn raw(id: &str, address: &str) -> aws_sdk_ec2::types::builders::NetworkInterfaceBuilder {
    NetworkInterface::builder()
        .network_interface_id(id)
        .private_ip_address(address)
        .vpc_id("vpc-1")
        .subnet_id("subnet-a")
}

fn refused() -> ErrorMetadata {
    ErrorMetadata::builder()
        .code("UnauthorizedOperation")
        .build()
}

/// A gateway, two pages of interfaces, a subnet and two endpoints; instances may not be read.
fn things() -> Vec<Rule> {
    let nats = mock!(Client::describe_nat_gateways).then_output(|| {
        let address = NatGatewayAddress::builder().network_interface_id("eni-nat");
        let nat = NatGateway::builder()
            .nat_gateway_id("nat-a")
            .vpc_id("vpc-1")
            .subnet_id("subnet-public")
            .state(NatGatewayState::Available)
            .availability_mode(AvailabilityMode::Zonal)
            .nat_gateway_addresses(address.build());
        DescribeNatGatewaysOutput::builder()
            .nat_gateways(nat.build())
            .build()
    });
    let instances =
        mock!(Client::describe_instances).then_error(|| DescribeInstancesError::generic(refused()));
    let first = mock!(Client::describe_network_interfaces)
        .match_requests(|request| request.next_token().is_none())
        .then_output(|| {
            DescribeNetworkInterfacesOutput::builder()
                .network_interfaces(raw("eni-nat", "10.0.0.9").build())
                .next_token("more")
                .build()
        });
    let second = mock!(Client::describe_network_interfaces)
        .match_requests(|request| request.next_token() == Some("more"))
        .then_output(|| {
            let attachment = NetworkInterfaceAttachment::builder().instance_id("i-web");
            let web = raw("eni-web", "10.0.1.5")
                .groups(GroupIdentifier::builder().group_id("sg-app").build())
                .source_dest_check(false)
                .requester_id("amazon-elb")
                .tag_set(Tag::builder().key("team").value("shop").build())
                .attachment(attachment.build());
            DescribeNetworkInterfacesOutput::builder()
                .network_interfaces(web.build())
                .build()
        });
    let subnets = mock!(Client::describe_subnets).then_output(|| {
        let subnet = Subnet::builder()
            .subnet_id("subnet-a")
            .vpc_id("vpc-1")
            .availability_zone("us-east-1a")
            .available_ip_address_count(11)
            .owner_id("222222222222");
        DescribeSubnetsOutput::builder()
            .subnets(subnet.build())
            .build()
    });
    let endpoints = mock!(Client::describe_vpc_endpoints).then_output(|| {
        let gateway = VpcEndpoint::builder()
            .vpc_endpoint_id("vpce-s3")
            .vpc_id("vpc-1")
            .service_name("com.amazonaws.us-east-1.s3")
            .vpc_endpoint_type(VpcEndpointType::Gateway)
            .state(State::from("available"))
            .route_table_ids("rtb-a");
        let interface = VpcEndpoint::builder()
            .vpc_endpoint_id("vpce-vendor")
            .service_name("com.amazonaws.vpce.us-east-1.vpce-svc-0a1b")
            .vpc_endpoint_type(VpcEndpointType::Interface)
            .state(State::from("pendingAcceptance"))
            .private_dns_enabled(true)
            .subnet_ids("subnet-a");
        DescribeVpcEndpointsOutput::builder()
            .vpc_endpoints(gateway.build())
            .vpc_endpoints(interface.build())
            .build()
    });
    vec![nats, instances, first, second, subnets, endpoints]
}

/// VPC, Transit Gateway, egress-only gateway and flow log.
fn surroundings() -> Vec<Rule> {
    let vpcs = mock!(Client::describe_vpcs).then_output(|| {
        let vpc = Vpc::builder()
            .vpc_id("vpc-1")
            .owner_id("222222222222")
            .cidr_block("10.0.0.0/16");
        DescribeVpcsOutput::builder().vpcs(vpc.build()).build()
    });
    let transit = mock!(Client::describe_transit_gateway_vpc_attachments).then_output(|| {
        let attachment = |id: &str, state| {
            TransitGatewayVpcAttachment::builder()
                .transit_gateway_attachment_id(id)
                .transit_gateway_id("tgw-1")
                .vpc_id("vpc-1")
                .state(state)
                .build()
        };
        DescribeTransitGatewayVpcAttachmentsOutput::builder()
            .transit_gateway_vpc_attachments(attachment(
                "tgw-attach-1",
                TransitGatewayAttachmentState::Available,
            ))
            .transit_gateway_vpc_attachments(attachment(
                "tgw-attach-0",
                TransitGatewayAttachmentState::Deleted,
            ))
            .build()
    });
    let egress_only = mock!(Client::describe_egress_only_internet_gateways).then_output(|| {
        let attachment = InternetGatewayAttachment::builder().vpc_id("vpc-1").build();
        let gateway = EgressOnlyInternetGateway::builder().attachments(attachment);
        DescribeEgressOnlyInternetGatewaysOutput::builder()
            .egress_only_internet_gateways(gateway.build())
            .build()
    });
    let flow_logs = mock!(Client::describe_flow_logs).then_output(|| {
        let log = FlowLog::builder()
            .flow_log_id("fl-1")
            .resource_id("vpc-1")
            .flow_log_status("ACTIVE")
            .deliver_logs_status("SUCCESS")
            .log_destination("arn:aws:s3:::logs/team")
            .log_format("${version} ${pkt-srcaddr}");
        DescribeFlowLogsOutput::builder()
            .flow_logs(log.build())
            .build()
    });
    vec![vpcs, transit, egress_only, flow_logs]
}

/// Empty answers to what only makes the advice better: for tests of what is built on top.
pub(crate) fn no_ways() -> [Rule; 5] {
    [
        mock!(Client::describe_route_tables)
            .then_output(|| DescribeRouteTablesOutput::builder().build()),
        mock!(Client::describe_vpcs).then_output(|| DescribeVpcsOutput::builder().build()),
        mock!(Client::describe_transit_gateway_vpc_attachments)
            .then_output(|| DescribeTransitGatewayVpcAttachmentsOutput::builder().build()),
        mock!(Client::describe_egress_only_internet_gateways)
            .then_output(|| DescribeEgressOnlyInternetGatewaysOutput::builder().build()),
        mock!(Client::describe_flow_logs).then_output(|| DescribeFlowLogsOutput::builder().build()),
    ]
}

fn tables() -> Rule {
    mock!(Client::describe_route_tables).then_output(|| {
        let route = |destination: &str| Route::builder().destination_cidr_block(destination);
        let local = route("10.0.0.0/16").gateway_id("local");
        let default = route("0.0.0.0/0").nat_gateway_id("nat-a");
        let gone = route("0.0.0.0/0")
            .instance_id("i-gone")
            .state(RouteState::Blackhole);
        let prefix = Route::builder()
            .destination_prefix_list_id("pl-s3")
            .gateway_id("vpce-s3");
        let own = RouteTable::builder()
            .route_table_id("rtb-a")
            .vpc_id("vpc-1")
            .associations(
                RouteTableAssociation::builder()
                    .subnet_id("subnet-a")
                    .build(),
            )
            .routes(local.build())
            .routes(default.build())
            .routes(prefix.build());
        let main = RouteTable::builder()
            .route_table_id("rtb-main")
            .vpc_id("vpc-1")
            .associations(RouteTableAssociation::builder().main(true).build())
            .routes(gone.build());
        DescribeRouteTablesOutput::builder()
            .route_tables(own.build())
            .route_tables(main.build())
            .build()
    })
}

fn client(rules: &[Rule]) -> Client {
    let mut interceptor = aws_smithy_mocks::MockResponseInterceptor::new()
        .rule_mode(aws_smithy_mocks::RuleMode::MatchAny);
    for rule in rules {
        interceptor = interceptor.with_rule(rule);
    }
    mocked!(aws_sdk_ec2, interceptor)
}

#[tokio::test]
async fn interfaces_come_from_all_pages_and_without_names_ids_must_do() {
    let rules = [things(), surroundings(), vec![tables()]].concat();
    let network = observe(&client(&rules)).await.unwrap();
    let nat = &network.interfaces[0];
    assert_eq!(nat.nat_gateway_id.as_deref(), Some("nat-a"));
    let web = &network.interfaces[1];
    assert_eq!(
        (web.source.kind, web.source.name.as_str()),
        (SourceKind::Instance, "i-web")
    );
    assert_eq!(
        (web.groups.as_slice(), web.addresses.len()),
        (["sg-app".to_owned()].as_slice(), 1)
    );
    assert!(web.details.forwards && web.details.tags["team"] == "shop");
    assert_eq!(web.details.requester.as_deref(), Some("amazon-elb"));
}

#[tokio::test]
async fn the_ways_out_are_read_with_what_stands_beside_them() {
    let rules = [things(), surroundings(), vec![tables()]].concat();
    let network = observe(&client(&rules)).await.unwrap();
    assert_eq!(network.gaps, Vec::<String>::new());
    assert_eq!(network.way_out("subnet-a"), WayOut::Nat("nat-a".to_owned()));
    assert_eq!(network.route_tables[1].way_out(), WayOut::Nowhere);
    assert_eq!(
        network.transit_attachments.len(),
        1,
        "the deleted one is not"
    );
    assert!(network.egress_only_vpcs.contains("vpc-1"));
    assert_eq!(network.vpcs["vpc-1"].owner, "222222222222");
    assert_eq!(network.subnets["subnet-a"].free_addresses, Some(11));
    assert_eq!(network.nats[0].state, "available");
    let log = network.flow_logs_of(&network.nats[0]).next().unwrap();
    assert_eq!(log.destination, "arn:aws:s3:::logs/team");
    let [s3, vendor] = network.endpoints.as_slice() else {
        panic!("two endpoints")
    };
    assert!(s3.serves(EndpointType::Gateway, "s3") && s3.route_tables == ["rtb-a"]);
    assert_eq!((vendor.service(), vendor.available), (None, false));
}

#[tokio::test]
async fn what_only_makes_the_advice_better_may_be_missing_and_is_said_to_be() {
    let no_tables = mock!(Client::describe_route_tables)
        .then_error(|| DescribeRouteTablesError::generic(refused()));
    let rules = [things(), surroundings(), vec![no_tables]].concat();
    let network = observe(&client(&rules)).await.unwrap();
    assert_eq!(network.interfaces.len(), 2);
    assert_eq!(network.way_out("subnet-a"), WayOut::Unknown);
    let [gap] = network.gaps.as_slice() else {
        panic!("one gap, not {:?}", network.gaps)
    };
    assert!(gap.starts_with("Without route tables") && gap.contains("UnauthorizedOperation"));
}

#[tokio::test]
async fn without_interfaces_there_is_nothing_to_explain() {
    let refused = mock!(Client::describe_network_interfaces).then_error(|| {
        use aws_sdk_ec2::operation::describe_network_interfaces::DescribeNetworkInterfacesError;
        DescribeNetworkInterfacesError::generic(refused())
    });
    let mut things = things();
    things.drain(2..4);
    let rules = [things, surroundings(), vec![tables(), refused]].concat();
    let error = observe(&client(&rules)).await.unwrap_err();
    assert_eq!(error.operation, "ec2:DescribeNetworkInterfaces");
}
