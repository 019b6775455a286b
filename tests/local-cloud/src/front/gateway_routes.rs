//! Fix: routes to a gateway endpoint's prefix list come and go with the route table's association.
//!
//! moto 5.2.5 makes these routes when the endpoint is created, but ModifyVpcEndpoint only changes the list of tables;
//! DeleteVpcEndpoints then fails with InvalidRoute.NotFound for every table added later.

use aws_sdk_ec2::types::{Filter, VpcEndpoint};

use super::call::Call;
use super::upstream::Upstream;

/// The route tables an endpoint had before it was modified.
pub(super) struct Before {
    gateway: Option<Gateway>,
}

struct Gateway {
    endpoint_id: String,
    service: String,
    route_tables: Vec<String>,
}

impl Before {
    /// Looks at the endpoint that `call` is about to modify; nothing to follow unless it is a gateway endpoint.
    pub(super) async fn observe(upstream: &Upstream, call: &Call) -> Self {
        let Some(id) = call.field("VpcEndpointId") else {
            return Self { gateway: None };
        };
        let found = upstream
            .ec2(call)
            .describe_vpc_endpoints()
            .vpc_endpoint_ids(id)
            .send()
            .await;
        let endpoint = found
            .ok()
            .and_then(|found| found.vpc_endpoints.unwrap_or_default().into_iter().next());
        Self {
            gateway: endpoint.and_then(gateway),
        }
    }

    /// Makes the routes of the tables added by `call` and removes those of the tables removed.
    pub(super) async fn follow(self, upstream: &Upstream, call: &Call) -> Result<(), String> {
        let Some(gateway) = self.gateway else {
            return Ok(());
        };
        let had = |table: &str| gateway.route_tables.iter().any(|known| known == table);
        let added: Vec<_> = call
            .list("AddRouteTableId")
            .into_iter()
            .filter(|table| !had(table))
            .collect();
        let removed: Vec<_> = call
            .list("RemoveRouteTableId")
            .into_iter()
            .filter(|table| had(table))
            .collect();
        if added.is_empty() && removed.is_empty() {
            return Ok(());
        }
        let ec2 = upstream.ec2(call);
        let prefix_list = prefix_list(&ec2, &gateway.service).await?;
        for table in added {
            let route = ec2
                .create_route()
                .route_table_id(table)
                .destination_prefix_list_id(&prefix_list);
            route
                .gateway_id(&gateway.endpoint_id)
                .send()
                .await
                .map_err(|error| format!("route of {table}: {error:?}"))?;
        }
        for table in removed {
            let route = ec2
                .delete_route()
                .route_table_id(table)
                .destination_prefix_list_id(&prefix_list);
            route
                .send()
                .await
                .map_err(|error| format!("route of {table}: {error:?}"))?;
        }
        Ok(())
    }
}

fn gateway(endpoint: VpcEndpoint) -> Option<Gateway> {
    let kind = endpoint.vpc_endpoint_type?;
    kind.as_str()
        .eq_ignore_ascii_case("gateway")
        .then_some(())?;
    Some(Gateway {
        endpoint_id: endpoint.vpc_endpoint_id?,
        service: endpoint.service_name?,
        route_tables: endpoint.route_table_ids.unwrap_or_default(),
    })
}

async fn prefix_list(ec2: &aws_sdk_ec2::Client, service: &str) -> Result<String, String> {
    let by_name = Filter::builder()
        .name("prefix-list-name")
        .values(service)
        .build();
    let found = ec2
        .describe_managed_prefix_lists()
        .filters(by_name)
        .send()
        .await;
    let lists = found
        .map_err(|error| format!("prefix list of {service}: {error:?}"))?
        .prefix_lists
        .unwrap_or_default();
    let list = lists
        .into_iter()
        .find(|list| list.prefix_list_name.as_deref() == Some(service));
    list.and_then(|list| list.prefix_list_id)
        .ok_or_else(|| format!("no prefix list for {service}"))
}
