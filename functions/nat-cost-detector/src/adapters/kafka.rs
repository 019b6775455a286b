//! What MSK knows of the clusters behind event source mappings: their subnets, groups and broker addresses. Read-only.
//!
//! Lambda's pollers use the *cluster's* subnets and groups, whatever the function's own are. A cluster that cannot be
//! read leaves its mappings as they are, and says so.

use std::collections::BTreeMap;

use aws_sdk_kafka::Client;
use aws_sdk_kafka::operation::get_bootstrap_brokers::GetBootstrapBrokersOutput;
use tollkeeper::aws::kafka_pollers::{Pollers, is_connection, of_msk};

use crate::fault::CallError;
use crate::measure::network::{KafkaMapping, PollerSecret};

/// Fills in what the mappings' MSK clusters tell. Each cluster is asked once; what cannot be read becomes a note.
pub async fn with_clusters(
    client: &Client,
    mut mappings: Vec<KafkaMapping>,
    notes: &mut Vec<String>,
) -> Vec<KafkaMapping> {
    let mut places: BTreeMap<String, Option<Pollers>> = BTreeMap::new();
    let mut brokers: BTreeMap<String, Option<GetBootstrapBrokersOutput>> = BTreeMap::new();
    for mapping in &mut mappings {
        let Some(arn) = mapping.cluster_arn.clone() else {
            continue;
        };
        if !places.contains_key(&arn) {
            let place = known(
                of_msk(client, &arn).await,
                &arn,
                "subnets and groups",
                notes,
            );
            places.insert(arn.clone(), place);
            // A managed VPC connection has no brokers of its own; its cluster belongs to another account.
            let servers = if is_connection(&arn) {
                None
            } else {
                let found = bootstrap(client, &arn).await;
                known(found, &arn, "bootstrap brokers", notes)
            };
            brokers.insert(arn.clone(), servers);
        }
        if let Some(Some(place)) = places.get(&arn) {
            mapping.subnets = place.subnets.iter().cloned().collect();
            mapping.groups = place.groups.iter().cloned().collect();
        }
        if let Some(Some(servers)) = brokers.get(&arn) {
            mapping.bootstrap = servers_for(servers, mapping.secret);
        }
    }
    mappings
}

fn known<T>(
    result: Result<T, CallError>,
    arn: &str,
    what: &str,
    notes: &mut Vec<String>,
) -> Option<T> {
    result
        .inspect_err(|error| {
            tracing::warn!(%error, "MSK could not be asked");
            notes.push(format!("Without the {what} of {arn} ({error})"));
        })
        .ok()
}

async fn bootstrap(client: &Client, arn: &str) -> Result<GetBootstrapBrokersOutput, CallError> {
    client
        .get_bootstrap_brokers()
        .cluster_arn(arn)
        .send()
        .await
        .map_err(|error| CallError::of("kafka:GetBootstrapBrokers", &error))
}

/// The servers that Lambda chooses: those for the mapping's secret, else the strongest that need none.
fn servers_for(brokers: &GetBootstrapBrokersOutput, secret: PollerSecret) -> Vec<String> {
    let chosen = match secret {
        PollerSecret::ClientCertificate => brokers.bootstrap_broker_string_tls(),
        PollerSecret::Password => brokers.bootstrap_broker_string_sasl_scram(),
        PollerSecret::None => brokers
            .bootstrap_broker_string_sasl_iam()
            .or(brokers.bootstrap_broker_string_tls())
            .or(brokers.bootstrap_broker_string()),
    };
    chosen
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|server| !server.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
#[path = "kafka_tests.rs"]
mod tests;
