//! VPC endpoints as the decisions see them.

use jiff::Timestamp;

/// What kind of VPC endpoint it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EndpointType {
    /// Routes to S3 or DynamoDB, free.
    Gateway,
    /// Interfaces in subnets, by the hour.
    Interface,
    /// Gateway load balancer, resource, service network, or one not known here.
    #[default]
    Other,
}

/// What an endpoint's policy lets through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EndpointPolicy {
    /// Everybody, everything.
    #[default]
    FullAccess,
    /// Less.
    Restricted,
}

/// A VPC endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// `vpce-…`.
    pub id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Full service name, `com.amazonaws.us-east-1.s3`.
    pub service_name: String,
    /// Its kind.
    pub kind: EndpointType,
    /// Whether it is in service.
    pub available: bool,
    /// Subnets with an interface of it.
    pub subnets: Vec<String>,
    /// Route tables that lead to it.
    pub route_tables: Vec<String>,
    /// Whether the service's public name leads to it in the VPC.
    pub private_dns: bool,
    /// What its policy lets through.
    pub policy: EndpointPolicy,
    /// Whether an AWS service made it for itself.
    pub requester_managed: bool,
    /// Region of the service, where it is another than the endpoint's.
    pub service_region: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
}

impl Endpoint {
    /// The service as endpoints spell it: `s3`, `ecr.api`. `None` for other people's services.
    pub fn service(&self) -> Option<&str> {
        let rest = self.service_name.strip_prefix("com.amazonaws.")?;
        let (_, service) = rest.split_once('.')?;
        (!rest.starts_with("vpce.") && !service.contains("vpce-svc-")).then_some(service)
    }

    /// Whether it serves this service of its own region, in service.
    pub fn serves(&self, kind: EndpointType, service: &str) -> bool {
        self.kind == kind
            && self.available
            && self.service_region.is_none()
            && self.service() == Some(service)
    }
}
