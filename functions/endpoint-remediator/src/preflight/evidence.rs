//! What was read outside the VPC's own network, once, when the plan was made: kept beside the plan, its hash in the
//! plan's. It holds what decisions rest on and nothing that changes by the minute.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollkeeper::canonical::{self, NotCanonical};

/// All of it. The default is nothing read, of nothing that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Evidence {
    /// Public addresses of the VPC's NAT gateways.
    pub(crate) nat_addresses: Read<Vec<String>>,
    /// Private hosted zones that the VPC resolves by.
    pub(crate) hosted_zones: Read<Vec<HostedZone>>,
    /// Policies of the account's buckets; absent where no plan for S3 was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bucket_policies: Option<Read<BucketPolicies>>,
    /// Who called a service from a NAT gateway's address in the last days, by service.
    pub(crate) callers: BTreeMap<String, Read<Callers>>,
    /// Room left under the default quotas.
    pub(crate) room: Read<Room>,
    /// Why the pollers of Kafka event source mappings could not be looked up; absent where they were, or were not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unread_pollers: Option<String>,
}

/// Something read, or why it was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Read<T> {
    Known(T),
    /// AWS's error code.
    Unreadable(String),
}

impl<T: Default> Default for Read<T> {
    fn default() -> Self {
        Self::Known(T::default())
    }
}

/// A private hosted zone associated with the VPC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct HostedZone {
    /// Lower case, without the last dot.
    pub(crate) name: String,
    pub(crate) id: String,
    /// Account or AWS service that owns it.
    pub(crate) owner: String,
}

/// What the policies of buckets say about calls from NAT gateways' addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct BucketPolicies {
    /// Buckets whose policy admits less once calls come from inside the VPC.
    pub(crate) narrowing: Vec<NarrowingBucket>,
    /// Policies that were not read or not understood, by why.
    pub(crate) unread: BTreeMap<String, u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct NarrowingBucket {
    pub(crate) bucket: String,
    /// Numbers of the statements, from 1.
    pub(crate) statements: Vec<usize>,
}

/// Roles and users, as the audit log has them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Callers {
    /// `role <name>`, `user <unique id>`, …; sorted.
    pub(crate) who: Vec<String>,
    /// Whether older events of the window were left unread.
    pub(crate) more: bool,
}

/// What AWS's default quotas leave; absent where there is plenty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Room {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) interface_endpoints: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gateway_endpoints: Option<usize>,
}

impl Evidence {
    /// The same evidence in one order, whatever order it was answered in.
    #[must_use]
    pub(crate) fn sorted(mut self) -> Self {
        if let Read::Known(addresses) = &mut self.nat_addresses {
            addresses.sort();
            addresses.dedup();
        }
        if let Read::Known(zones) = &mut self.hosted_zones {
            zones.sort();
            zones.dedup();
        }
        if let Some(Read::Known(policies)) = &mut self.bucket_policies {
            policies.narrowing.sort();
        }
        for callers in self.callers.values_mut() {
            if let Read::Known(callers) = callers {
                callers.who.sort();
                callers.who.dedup();
            }
        }
        self
    }

    /// Hash of the sorted evidence.
    pub(crate) fn hash(&self) -> Result<String, NotCanonical> {
        canonical::hash(&self.clone().sorted())
    }
}
