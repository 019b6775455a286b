//! A CloudFormation template in JSON, with real ids: the VPC's as a parameter's default, the others as literals.
//!
//! CloudFormation changes only what its stack makes: routes to an endpoint that exists, and policies of one, are left to
//! the stack that has it.

use serde_json::{Map, Value, json};

use super::{
    Emitted, Format, Named, NotExpressible, has_private_dns, remarks, rules_of, service_name, tags,
};
use crate::change::{Change, Direction, Peer, Step, Target};

/// Longest description of a template.
const MOST_DESCRIPTION: usize = 1_024;

pub(super) fn emit(named: Named<'_>) -> Result<Emitted, NotExpressible> {
    let (mut resources, mut left_out) = (Map::new(), Vec::new());
    for step in &named.plan.steps {
        match resource(named, step) {
            Ok(Some(resource)) => {
                resources.insert(logical_id(step), resource);
            }
            Ok(None) => {}
            Err(reason) => left_out.push(reason),
        }
    }
    if resources.is_empty() {
        return Err(NotExpressible {
            format: "CloudFormation",
            expected: "terraform or text",
            left_out,
        });
    }
    let description = format!("Tollkeeper plan {} ({})", named.id, named.hash);
    let mut parameters = json!({
        "VpcId": {
            "Type": "AWS::EC2::VPC::Id",
            "Default": named.plan.request.vpc_id,
            "Description": "VPC that the plan was made for",
        },
    });
    if named
        .plan
        .steps
        .iter()
        .any(|step| matches!(step.change, Change::CreateInterfaceEndpoint { .. }))
    {
        parameters["PrivateDns"] = json!({
            "Type": "String",
            "AllowedValues": ["true", "false"],
            "Default": "true",
            "Description": "Moves every client of the VPC: deploy with false first, prove the endpoints by their own names, then true",
        });
    }
    let template = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": description.chars().take(MOST_DESCRIPTION).collect::<String>(),
        "Metadata": {"Tollkeeper": {
            "PlanId": named.id,
            "PlanHash": named.hash,
            "Account": named.plan.account,
            "Region": named.plan.region,
            "Remarks": remarks(named.plan).collect::<Vec<_>>(),
            "NotExpressed": left_out,
        }},
        "Parameters": parameters,
        "Resources": resources,
    });
    Ok(Emitted {
        format: Format::Cloudformation,
        code: format!("{template:#}\n"),
        left_out,
    })
}

/// The resource of a step; `None` where another step's resource says it already, an error where none can.
fn resource(named: Named<'_>, step: &Step) -> Result<Option<Value>, String> {
    Ok(Some(match &step.change {
        Change::CreateGroup { name, service } => json!({
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {
                "GroupName": name,
                "GroupDescription": format!("{service} interface endpoint, planned by Tollkeeper"),
                "VpcId": {"Ref": "VpcId"},
                "Tags": tag_list(named, step.number),
            },
        }),
        Change::Allow {
            group,
            direction,
            port,
            peer,
        } => rule(named, group, *direction, *port, peer),
        Change::CreateGatewayEndpoint { service } => gateway(named, step.number, service),
        Change::CreateInterfaceEndpoint {
            service,
            subnets,
            group,
            ..
        } => interface(named, step.number, service, subnets, group),
        Change::AssociateRouteTable {
            endpoint: Target::Step(_),
            ..
        }
        | Change::SwitchPrivateDnsOn {
            endpoint: Target::Step(_),
            ..
        } => return Ok(None),
        Change::AssociateRouteTable {
            endpoint: Target::Id(id),
            route_table,
        } => {
            return Err(format!(
                "{id} is not made here, its own stack adds the route table: aws ec2 modify-vpc-endpoint \
                 --vpc-endpoint-id {id} --add-route-table-ids {route_table}"
            ));
        }
        Change::SwitchPrivateDnsOn {
            endpoint: Target::Id(id),
            ..
        } => {
            return Err(format!(
                "{id} is not made here, its own stack sets PrivateDnsEnabled: true"
            ));
        }
        Change::Revoke { group, .. } => {
            return Err(format!(
                "to {}: whatever declares the rules of {group} takes this one away",
                step.change
            ));
        }
        Change::SetPolicy { endpoint, .. } => {
            return Err(format!(
                "{endpoint} is not made here, its own stack sets PolicyDocument"
            ));
        }
    }))
}

fn gateway(named: Named<'_>, number: u32, service: &str) -> Value {
    let own = Target::Step(number);
    let steps = named.plan.steps.iter();
    let tables: Vec<&String> = steps
        .filter_map(|step| match &step.change {
            Change::AssociateRouteTable {
                endpoint,
                route_table,
            } if *endpoint == own => Some(route_table),
            _ => None,
        })
        .collect();
    json!({
        "Type": "AWS::EC2::VPCEndpoint",
        "Properties": {
            "VpcId": {"Ref": "VpcId"},
            "ServiceName": service_name(named, service),
            "VpcEndpointType": "Gateway",
            "RouteTableIds": tables,
            "Tags": tag_list(named, number),
        },
    })
}

fn interface(
    named: Named<'_>,
    number: u32,
    service: &str,
    subnets: &[String],
    group: &Target,
) -> Value {
    let dns = if has_private_dns(named.plan, number) {
        json!({"Ref": "PrivateDns"})
    } else {
        json!(false)
    };
    let mut resource = json!({
        "Type": "AWS::EC2::VPCEndpoint",
        "Properties": {
            "VpcId": {"Ref": "VpcId"},
            "ServiceName": service_name(named, service),
            "VpcEndpointType": "Interface",
            "SubnetIds": subnets,
            "SecurityGroupIds": [id(named, group)],
            "PrivateDnsEnabled": dns,
            "Tags": tag_list(named, number),
        },
    });
    if let Target::Step(group) = group {
        let rules: Vec<String> = rules_of(named.plan, *group).map(logical_id).collect();
        if !rules.is_empty() {
            resource["DependsOn"] = json!(rules);
        }
    }
    resource
}

fn rule(
    named: Named<'_>,
    group: &Target,
    direction: Direction,
    port: u16,
    peer: &Peer<Target>,
) -> Value {
    let (kind, group_key, list_key) = match direction {
        Direction::Ingress => (
            "AWS::EC2::SecurityGroupIngress",
            "SourceSecurityGroupId",
            "SourcePrefixListId",
        ),
        Direction::Egress => (
            "AWS::EC2::SecurityGroupEgress",
            "DestinationSecurityGroupId",
            "DestinationPrefixListId",
        ),
    };
    let (key, value) = match peer {
        Peer::Cidr(cidr) if cidr.contains(':') => ("CidrIpv6", json!(cidr)),
        Peer::Cidr(cidr) => ("CidrIp", json!(cidr)),
        Peer::Group(group) => (group_key, id(named, group)),
        Peer::PrefixList(list) => (list_key, json!(list)),
    };
    let mut properties =
        json!({"GroupId": id(named, group), "IpProtocol": "tcp", "FromPort": port, "ToPort": port});
    properties[key] = value;
    json!({"Type": kind, "Properties": properties})
}

fn tag_list(named: Named<'_>, step: u32) -> Vec<Value> {
    let tags = tags(named, step, "cloudformation");
    tags.iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect()
}

/// A literal id, or what the resource of an earlier step is called.
fn id(named: Named<'_>, target: &Target) -> Value {
    let made_by = match target {
        Target::Id(id) => return json!(id),
        Target::Step(number) => number,
    };
    let step = named.plan.steps.iter().find(|step| step.number == *made_by);
    match step {
        Some(step) if matches!(step.change, Change::CreateGroup { .. }) => {
            json!({"Fn::GetAtt": [logical_id(step), "GroupId"]})
        }
        Some(step) => json!({"Ref": logical_id(step)}),
        // No plan refers to a step it does not have; the service would name this reference.
        None => json!({"Ref": format!("Step{made_by}")}),
    }
}

/// Letters and digits only; the step's number makes it unique.
fn logical_id(step: &Step) -> String {
    let (what, service) = match &step.change {
        Change::CreateGroup { service, .. } => ("Group", service.as_str()),
        Change::CreateGatewayEndpoint { service }
        | Change::CreateInterfaceEndpoint { service, .. } => ("Endpoint", service.as_str()),
        _ => ("Rule", ""),
    };
    let mut name: String = service
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .flat_map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters).collect::<Vec<_>>()
        })
        .collect();
    if !name.is_empty() && !name.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        name.insert_str(0, "Service");
    }
    format!("{name}{what}Step{}", step.number)
}
