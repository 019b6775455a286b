//! What of a VPC's flows matters to a plan: whose they are, and whether their far end may be a planned service's.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use tollkeeper::services::IpRanges;

use super::narrowed::Door;
use crate::reach::{self, HTTPS};

/// The other port that AWS's APIs listen on. Endpoints of a plan do not.
const HTTP: u16 = 80;

/// Services whose public names listen on further ports.
const MORE_PORTS: [(&str, &[u16]); 2] = [
    ("email-smtp", &[25, 465, 587, 2465, 2587]),
    ("iot.data", &[8443, 8883]),
];

/// What the far end of a flow is to a plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Far {
    /// A planned service, by its label.
    Service(Arc<str>),
    /// An address of AWS in the region without a name of its own: `lambda`, `sts` or another API.
    SomeApi,
    /// An address of EC2 in the region: an API's, or anybody's server.
    Ec2,
    /// Neither the log nor a table names it.
    Unlabelled,
    /// Nothing that the plan moves.
    Elsewhere,
    /// An endpoint that is there, seen at its own interface.
    Endpoint(Arc<str>),
}

/// What is looked for in the flow logs of a VPC.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    pub(crate) vpc_id: String,
    pub(crate) region: String,
    /// Interfaces of its NAT gateways, and the ids of those that have none (regional ones).
    pub(crate) gateways: BTreeSet<String>,
    /// Its IPv4 ranges: first address and length.
    inside: Vec<(u32, u32)>,
    services: Vec<Arc<str>>,
    /// Whether a service is planned that flow logs do not name.
    apis: bool,
    ports: BTreeSet<u16>,
    ranges: Option<Arc<IpRanges>>,
    /// Interfaces of endpoints; where there are any, nothing else is looked at.
    doors: BTreeMap<String, Door>,
}

impl Watch {
    /// `gateway_services` get routes, `interface_services` private DNS.
    pub(crate) fn new(
        (vpc_id, cidrs): (&str, &[String]),
        region: &str,
        gateways: BTreeSet<String>,
        (gateway_services, interface_services): (&BTreeSet<&str>, &BTreeSet<&str>),
        ranges: Option<Arc<IpRanges>>,
    ) -> Self {
        let more = MORE_PORTS
            .iter()
            .filter(|(service, _)| interface_services.contains(service))
            .flat_map(|(_, ports)| ports.iter().copied());
        Self {
            vpc_id: vpc_id.to_owned(),
            region: region.to_owned(),
            gateways,
            inside: cidrs.iter().filter_map(|cidr| reach::range(cidr)).collect(),
            services: gateway_services
                .union(interface_services)
                .map(|service| Arc::from(*service))
                .collect(),
            apis: !interface_services.is_empty(),
            ports: [HTTPS, HTTP].into_iter().chain(more).collect(),
            ranges,
            doors: BTreeMap::new(),
        }
    }

    /// The same, at the interfaces of endpoints only.
    pub(crate) fn at(self, doors: BTreeMap<String, Door>) -> Self {
        Self { doors, ..self }
    }

    /// Whether endpoints are looked at and nothing else.
    pub(crate) fn is_at_doors(&self) -> bool {
        !self.doors.is_empty()
    }

    /// The endpoint whose interface recorded.
    pub(super) fn door(&self, recorder: &str) -> Option<&Door> {
        self.doors.get(recorder)
    }

    /// Whether an address lies in one of the VPC's ranges.
    pub(crate) fn is_inside(&self, address: IpAddr) -> bool {
        let IpAddr::V4(address) = address else {
            return false;
        };
        let address = u32::from(address);
        self.inside.iter().any(|(base, bits)| {
            let host = u32::MAX.checked_shr(*bits).unwrap_or(0);
            address & !host == base & !host
        })
    }

    /// What a far end is. The table's label and region win over the service that the log names; where there is no table
    /// the region is not known and taken to be this one. A `port` or `protocol` that the log lacks may be any.
    pub(crate) fn far(
        &self,
        remote: IpAddr,
        named: Option<&str>,
        port: Option<u16>,
        protocol: Option<u8>,
    ) -> Far {
        const TCP: u8 = 6;
        if protocol.is_some_and(|protocol| protocol != TCP)
            || port.is_some_and(|port| !self.ports.contains(&port))
        {
            return Far::Elsewhere;
        }
        let listed = self.ranges.as_ref().and_then(|table| table.lookup(remote));
        let label = match (&listed, named) {
            (Some(label), _) if label.region != self.region => return Far::Elsewhere,
            (Some(label), _) => label.service,
            (None, Some(named)) => named,
            (None, None) if self.ranges.is_some() => return Far::Elsewhere,
            (None, None) => return Far::Unlabelled,
        };
        let is_label =
            |service: &&Arc<str>| label.eq_ignore_ascii_case(&service.replace(['-', '.'], "_"));
        match self.services.iter().find(is_label) {
            Some(service) => Far::Service(Arc::clone(service)),
            None if label == "AMAZON" && self.apis => Far::SomeApi,
            None if label == "EC2" && self.apis => Far::Ec2,
            None => Far::Elsewhere,
        }
    }

    /// When AWS wrote the table of addresses; `None` without one.
    pub(crate) fn table_date(&self) -> Option<&str> {
        self.ranges.as_ref().map(|table| table.created())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(gateways: &[&str], interfaces: &[&str], table: Option<&str>) -> Watch {
        let set = |names: &[&str]| -> BTreeSet<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let (gateways, interfaces) = (set(gateways), set(interfaces));
        Watch::new(
            ("vpc-1", &["10.0.0.0/16".to_owned()]),
            "us-east-1",
            BTreeSet::new(),
            (
                &gateways.iter().map(String::as_str).collect(),
                &interfaces.iter().map(String::as_str).collect(),
            ),
            table.map(|json| Arc::new(IpRanges::from_json(json.as_bytes()).unwrap())),
        )
    }

    const TABLE: &str = r#"{"createDate": "x", "prefixes": [
        {"ip_prefix": "3.5.0.0/19", "region": "us-east-1", "service": "S3"},
        {"ip_prefix": "3.5.64.0/19", "region": "eu-west-1", "service": "S3"},
        {"ip_prefix": "52.94.0.0/24", "region": "us-east-1", "service": "AMAZON"},
        {"ip_prefix": "52.94.1.0/24", "region": "GLOBAL", "service": "AMAZON"},
        {"ip_prefix": "54.1.0.0/24", "region": "us-east-1", "service": "EC2"},
        {"ip_prefix": "54.2.0.0/24", "region": "us-east-1", "service": "EBS"}]}"#;

    #[test]
    fn the_table_tells_services_and_regions_apart_and_wins_over_the_log() {
        let watch = watch(&["s3"], &["sts", "ebs"], Some(TABLE));
        let far =
            |address: &str| watch.far(address.parse().unwrap(), Some("AMAZON"), Some(443), Some(6));
        assert_eq!(far("3.5.0.9"), Far::Service("s3".into()));
        assert_eq!(far("3.5.64.9"), Far::Elsewhere, "another region");
        assert_eq!(far("52.94.0.9"), Far::SomeApi);
        assert_eq!(far("52.94.1.9"), Far::Elsewhere, "no API of the region");
        assert_eq!(far("54.1.0.9"), Far::Ec2);
        assert_eq!(far("54.2.0.9"), Far::Service("ebs".into()));
        assert_eq!(
            far("8.8.8.8"),
            Far::SomeApi,
            "the log names what the table lacks"
        );
    }

    #[test]
    fn without_a_table_the_logs_own_word_counts_and_without_either_it_is_unlabelled() {
        let without = watch(&["s3"], &["sts"], None);
        let far = |named| without.far("3.5.0.9".parse().unwrap(), named, Some(443), Some(6));
        assert_eq!(far(Some("S3")), Far::Service("s3".into()));
        assert_eq!(far(Some("AMAZON")), Far::SomeApi);
        assert_eq!(far(Some("DYNAMODB")), Far::Elsewhere);
        assert_eq!(far(None), Far::Unlabelled);
        let table = watch(&["s3"], &["sts"], Some(TABLE));
        assert_eq!(
            table.far("8.8.8.8".parse().unwrap(), None, Some(443), None),
            Far::Elsewhere
        );
    }

    #[test]
    fn apis_are_looked_for_on_their_ports_where_an_interface_endpoint_is_planned() {
        let far = |interfaces: &[&str], port, protocol| {
            let watch = watch(&["s3"], interfaces, Some(TABLE));
            watch.far("52.94.0.9".parse().unwrap(), None, port, protocol)
        };
        assert_eq!(far(&["sts"], Some(80), Some(6)), Far::SomeApi);
        assert_eq!(
            far(&["sts"], None, None),
            Far::SomeApi,
            "it may be any port"
        );
        assert_eq!(far(&["sts"], Some(587), Some(6)), Far::Elsewhere);
        assert_eq!(far(&["email-smtp"], Some(587), Some(6)), Far::SomeApi);
        assert_eq!(
            far(&["sts"], Some(443), Some(17)),
            Far::Elsewhere,
            "no API speaks UDP"
        );
        assert_eq!(far(&[], Some(443), Some(6)), Far::Elsewhere);
    }
}
