//! Event source mappings of Kafka clusters as the decisions see them.

/// How a mapping's pollers are run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PollerMode {
    /// By load, through the cluster's VPC.
    #[default]
    OnDemand,
    /// A set number of pollers, which need neither NAT nor endpoints; least and most, where the mapping says.
    Provisioned(Option<u32>, Option<u32>),
}

/// How pollers show who they are to a cluster. Lambda takes the strongest that is possible: what the mapping has a
/// secret for, else IAM, else TLS, else nothing.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/msk-cluster-auth.html>
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PollerSecret {
    /// The mapping names none.
    #[default]
    None,
    /// A client certificate.
    ClientCertificate,
    /// User and password, SASL/SCRAM or SASL/PLAIN.
    Password,
}

/// An event source mapping of a Kafka cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KafkaMapping {
    /// Its id.
    pub id: String,
    /// The function it invokes.
    pub function: String,
    /// Subnets of its pollers; empty where they are the cluster's (MSK) and MSK could not be asked.
    pub subnets: Vec<String>,
    /// Groups of its pollers.
    pub groups: Vec<String>,
    /// Bootstrap servers, `host:port`.
    pub bootstrap: Vec<String>,
    /// ARN of the MSK cluster or of the managed VPC connection to it; `None` for self-managed clusters.
    pub cluster_arn: Option<String>,
    /// How its pollers are run.
    pub mode: PollerMode,
    /// Whether it is switched off: pollers that do not run send nothing, though they may have on the day.
    pub disabled: bool,
    /// What the pollers authenticate with.
    pub secret: PollerSecret,
}

impl KafkaMapping {
    /// Whether its invocations can go through the VPC.
    pub fn is_on_demand(&self) -> bool {
        self.mode == PollerMode::OnDemand
    }
}
