//! Makes the world in the local AWS: what a team would have set up before it heard of this product.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, InstanceNetworkInterfaceSpecification, NewDhcpConfiguration,
    ResourceType, Tag, TagSpecification,
};

use super::cast::{Resident, Role, Zone, residents};
use super::error::{Error, call, found};
use super::groups;

/// A NAT gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nat {
    /// Its id.
    pub id: String,
    /// The zone it serves.
    pub zone: Zone,
    /// Its own interface, which records the flow logs.
    pub interface: String,
    /// Its private address.
    pub address: Ipv4Addr,
    /// Its public subnet.
    pub subnet: String,
}

/// The ids of what was made.
#[derive(Debug, Clone, Default)]
pub struct Ids {
    /// The VPC, 10.0.0.0/16.
    pub vpc: String,
    /// The NAT gateways, by zone.
    pub nats: Vec<Nat>,
    /// Private subnet of each zone.
    pub private_subnets: BTreeMap<Zone, String>,
    /// Route table of each private subnet.
    pub private_tables: BTreeMap<Zone, String>,
    /// Security group of each role.
    pub groups: BTreeMap<Role, String>,
    /// Instance of each resident that is one, by name.
    pub instances: BTreeMap<&'static str, String>,
    /// Interface of each poller, by name.
    pub poller_interfaces: BTreeMap<&'static str, String>,
}

/// Makes the network and everybody in it.
pub(super) async fn build(ec2: &Client) -> Result<Ids, Error> {
    let mut ids = Ids {
        vpc: vpc(ec2).await?,
        ..Ids::default()
    };
    ids.groups = groups::build(ec2, &ids.vpc).await?;
    let public_table = public_route_table(ec2, &ids.vpc).await?;
    for (number, zone) in (0u8..).zip(Zone::ALL) {
        let block = |kind: &'static str, third: u8| (kind, format!("10.0.{third}.0/20"));
        let public = subnet(ec2, &ids.vpc, zone, block("public", number * 16)).await?;
        associate(ec2, &public_table, &public).await?;
        let nat = nat_gateway(ec2, zone, public).await?;
        let private = block("private", 32 + number * 16);
        let private = subnet(ec2, &ids.vpc, zone, private).await?;
        let table = private_table(ec2, &ids.vpc, &nat, &private).await?;
        ids.nats.push(nat);
        ids.private_subnets.insert(zone, private);
        ids.private_tables.insert(zone, table);
    }
    for resident in residents() {
        settle(ec2, &mut ids, &resident).await?;
    }
    Ok(ids)
}

async fn vpc(ec2: &Client) -> Result<String, Error> {
    let made = ec2
        .create_vpc()
        .cidr_block("10.0.0.0/16")
        .tag_specifications(named(ResourceType::Vpc, "main"));
    let made = made.send().await.map_err(call("create the VPC"))?;
    let id = found(made.vpc().and_then(|vpc| vpc.vpc_id()), "CreateVpc", "id")?.to_owned();
    let on = || AttributeBooleanValue::builder().value(true).build();
    let support = ec2
        .modify_vpc_attribute()
        .vpc_id(&id)
        .enable_dns_support(on());
    support
        .send()
        .await
        .map_err(call("switch DNS support on"))?;
    let names = ec2
        .modify_vpc_attribute()
        .vpc_id(&id)
        .enable_dns_hostnames(on());
    names
        .send()
        .await
        .map_err(call("switch DNS host names on"))?;
    resolve_through_the_vpc(ec2, &id).await?;
    Ok(id)
}

/// AWS's own DHCP options, which every VPC has there: moto gives none.
async fn resolve_through_the_vpc(ec2: &Client, vpc: &str) -> Result<(), Error> {
    let servers = NewDhcpConfiguration::builder()
        .key("domain-name-servers")
        .values("AmazonProvidedDNS");
    let made = ec2
        .create_dhcp_options()
        .dhcp_configurations(servers.build());
    let made = made.send().await.map_err(call("create DHCP options"))?;
    let id = made.dhcp_options().and_then(|made| made.dhcp_options_id());
    let id = found(id, "CreateDhcpOptions", "id")?;
    let associate = ec2.associate_dhcp_options().vpc_id(vpc);
    let associate = associate.dhcp_options_id(id).send().await;
    associate.map_err(call("associate DHCP options"))?;
    Ok(())
}

async fn public_route_table(ec2: &Client, vpc: &str) -> Result<String, Error> {
    let gateway = ec2
        .create_internet_gateway()
        .send()
        .await
        .map_err(call("create the internet gateway"))?;
    let gateway = gateway
        .internet_gateway()
        .and_then(|gateway| gateway.internet_gateway_id());
    let gateway = found(gateway, "CreateInternetGateway", "id")?;
    let attach = ec2
        .attach_internet_gateway()
        .vpc_id(vpc)
        .internet_gateway_id(gateway);
    attach
        .send()
        .await
        .map_err(call("attach the internet gateway"))?;
    let table = route_table(ec2, vpc, "public").await?;
    let route = ec2
        .create_route()
        .route_table_id(&table)
        .destination_cidr_block("0.0.0.0/0")
        .gateway_id(gateway);
    route
        .send()
        .await
        .map_err(call("create the route to the internet"))?;
    Ok(table)
}

/// A table of its own for a private subnet, with a default route to a NAT gateway.
async fn private_table(ec2: &Client, vpc: &str, nat: &Nat, subnet: &str) -> Result<String, Error> {
    let table = route_table(ec2, vpc, &format!("private-{}", nat.zone.letter())).await?;
    let default = ec2
        .create_route()
        .route_table_id(&table)
        .destination_cidr_block("0.0.0.0/0")
        .nat_gateway_id(&nat.id);
    default
        .send()
        .await
        .map_err(call("create the route to the NAT gateway"))?;
    associate(ec2, &table, subnet).await?;
    Ok(table)
}

/// Makes more private subnets, each with a table of its own; answers the tables. At most 256.
pub(super) async fn more_subnets(ec2: &Client, ids: &Ids, count: u8) -> Result<Vec<String>, Error> {
    let mut tables = Vec::new();
    for (number, nat) in (0..count).zip(ids.nats.iter().cycle()) {
        // 128 addresses each, in the upper half of the VPC.
        let (third, fourth) = (128 + number / 2, number % 2 * 128);
        let block = ("private", format!("10.0.{third}.{fourth}/25"));
        let subnet = subnet(ec2, &ids.vpc, nat.zone, block).await?;
        tables.push(private_table(ec2, &ids.vpc, nat, &subnet).await?);
    }
    Ok(tables)
}

async fn route_table(ec2: &Client, vpc: &str, name: &str) -> Result<String, Error> {
    let made = ec2
        .create_route_table()
        .vpc_id(vpc)
        .tag_specifications(named(ResourceType::RouteTable, name));
    let made = made
        .send()
        .await
        .map_err(call(format!("create route table {name}")))?;
    let id = made.route_table().and_then(|table| table.route_table_id());
    Ok(found(id, "CreateRouteTable", "id")?.to_owned())
}

async fn associate(ec2: &Client, table: &str, subnet: &str) -> Result<(), Error> {
    let associate = ec2
        .associate_route_table()
        .route_table_id(table)
        .subnet_id(subnet);
    associate
        .send()
        .await
        .map(drop)
        .map_err(call("associate a route table"))
}

async fn subnet(
    ec2: &Client,
    vpc: &str,
    zone: Zone,
    (kind, block): (&str, String),
) -> Result<String, Error> {
    let name = format!("{kind}-{}", zone.letter());
    let made = ec2
        .create_subnet()
        .vpc_id(vpc)
        .availability_zone(zone.name())
        .cidr_block(block);
    let made = made.tag_specifications(named(ResourceType::Subnet, &name));
    let made = made
        .send()
        .await
        .map_err(call(format!("create subnet {name}")))?;
    Ok(found(
        made.subnet().and_then(|subnet| subnet.subnet_id()),
        "CreateSubnet",
        "id",
    )?
    .to_owned())
}

/// Makes more NAT gateways beside those that the zones have, which no route leads to.
pub(super) async fn spare_gateways(ec2: &Client, ids: &mut Ids, count: usize) -> Result<(), Error> {
    let places: Vec<(Zone, String)> = ids
        .nats
        .iter()
        .map(|nat| (nat.zone, nat.subnet.clone()))
        .collect();
    for (zone, subnet) in places.into_iter().cycle().take(count) {
        let nat = nat_gateway(ec2, zone, subnet).await?;
        ids.nats.push(nat);
    }
    Ok(())
}

async fn nat_gateway(ec2: &Client, zone: Zone, subnet: String) -> Result<Nat, Error> {
    let address = ec2
        .allocate_address()
        .send()
        .await
        .map_err(call("allocate an elastic address"))?;
    let name = named(ResourceType::Natgateway, &format!("nat-{}", zone.letter()));
    let made = ec2
        .create_nat_gateway()
        .subnet_id(&subnet)
        .tag_specifications(name);
    let made = made
        .set_allocation_id(address.allocation_id)
        .send()
        .await
        .map_err(call("create a NAT gateway"))?;
    let gateway = found(made.nat_gateway(), "CreateNatGateway", "gateway")?;
    let own = gateway.nat_gateway_addresses().first();
    let private = own.and_then(|own| own.private_ip()?.parse().ok());
    Ok(Nat {
        id: found(gateway.nat_gateway_id(), "CreateNatGateway", "id")?.to_owned(),
        zone,
        interface: found(
            own.and_then(|own| own.network_interface_id()),
            "CreateNatGateway",
            "interface",
        )?
        .to_owned(),
        address: found(private, "CreateNatGateway", "private address")?,
        subnet,
    })
}

async fn settle(ec2: &Client, ids: &mut Ids, resident: &Resident) -> Result<(), Error> {
    let subnet = ids
        .private_subnets
        .get(&resident.zone)
        .cloned()
        .unwrap_or_default();
    let group = ids.groups.get(&resident.role).cloned().unwrap_or_default();
    if resident.role == Role::Poller {
        // Lambda's interfaces say so in their description; how it words those of pollers is not documented.
        let made = ec2
            .create_network_interface()
            .subnet_id(subnet)
            .groups(group)
            .private_ip_address(resident.address.to_string());
        let made = made.description(format!(
            "AWS Lambda VPC ENI-event-source-mapping-{}",
            resident.name
        ));
        let made = made
            .send()
            .await
            .map_err(call("create a poller's interface"))?;
        let id = made
            .network_interface()
            .and_then(|interface| interface.network_interface_id());
        ids.poller_interfaces.insert(
            resident.name,
            found(id, "CreateNetworkInterface", "id")?.to_owned(),
        );
        return Ok(());
    }
    let interface = InstanceNetworkInterfaceSpecification::builder()
        .device_index(0)
        .subnet_id(subnet)
        .groups(group);
    let interface = interface
        .private_ip_address(resident.address.to_string())
        .build();
    let run = ec2
        .run_instances()
        .image_id("ami-12c6146b")
        .instance_type("m7g.large".into())
        .min_count(1)
        .max_count(1);
    let run = run
        .network_interfaces(interface)
        .tag_specifications(named(ResourceType::Instance, resident.name));
    let made = run
        .send()
        .await
        .map_err(call(format!("run {}", resident.name)))?;
    let id = made
        .instances()
        .first()
        .and_then(|instance| instance.instance_id());
    ids.instances
        .insert(resident.name, found(id, "RunInstances", "id")?.to_owned());
    Ok(())
}

fn named(kind: ResourceType, name: &str) -> TagSpecification {
    let tag = Tag::builder().key("Name").value(name).build();
    TagSpecification::builder()
        .resource_type(kind)
        .tags(tag)
        .build()
}

impl Ids {
    /// The groups a resident is in.
    pub(super) fn groups_of(&self, resident: &Resident) -> BTreeSet<String> {
        self.groups
            .get(&resident.role)
            .cloned()
            .into_iter()
            .collect()
    }
}
