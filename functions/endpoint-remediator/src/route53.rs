//! Route 53: the private hosted zones that a VPC resolves by, its own account's and others'.

use aws_sdk_route53::Client;
use aws_sdk_route53::types::{HostedZoneOwner, HostedZoneSummary, VpcRegion};
use tollkeeper::aws::CallError;

use crate::preflight::Read;
use crate::preflight::evidence::HostedZone;
use crate::unread::code;

/// Every zone associated with the VPC.
pub(crate) async fn hosted_zones(
    client: &Client,
    vpc: &str,
    region: &str,
) -> Read<Vec<HostedZone>> {
    let (mut zones, mut token) = (Vec::new(), None);
    loop {
        let call = client.list_hosted_zones_by_vpc();
        let call = call.vpc_id(vpc).vpc_region(VpcRegion::from(region));
        let reply = match call.set_next_token(token).send().await {
            Ok(reply) => reply,
            Err(error) => {
                return Read::Unreadable(code(&CallError::of(
                    "route53:ListHostedZonesByVPC",
                    &error,
                )));
            }
        };
        zones.extend(reply.hosted_zone_summaries.iter().map(zone));
        match reply.next_token {
            Some(next) if !next.is_empty() => token = Some(next),
            _ => return Read::Known(zones),
        }
    }
}

fn zone(from: &HostedZoneSummary) -> HostedZone {
    let owner = from.owner();
    let account = owner.and_then(HostedZoneOwner::owning_account);
    let service = owner.and_then(HostedZoneOwner::owning_service);
    HostedZone {
        name: from.name().trim_end_matches('.').to_ascii_lowercase(),
        id: from.hosted_zone_id().to_owned(),
        owner: account.or(service).unwrap_or("an unknown owner").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_route53::config::http::HttpResponse;
    use aws_sdk_route53::config::{BehaviorVersion, Credentials, Region};
    use aws_smithy_mocks::{MockResponseInterceptor, Rule, create_mock_http_client, mock};

    use super::*;

    fn client(rule: &Rule) -> Client {
        let config = aws_sdk_route53::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(create_mock_http_client())
            .interceptor(MockResponseInterceptor::new().with_rule(rule));
        Client::from_conf(config.build())
    }

    fn answer(status: u16, body: &str) -> HttpResponse {
        HttpResponse::new(status.try_into().unwrap(), body.to_owned().into())
    }

    fn page(name: &str, owner: &str, token: &str) -> HttpResponse {
        let zone = format!(
            "<HostedZoneSummary><HostedZoneId>Z-{name}</HostedZoneId><Name>{name}</Name><Owner>{owner}</Owner></HostedZoneSummary>"
        );
        answer(
            200,
            &format!(
                "<ListHostedZonesByVPCResponse><HostedZoneSummaries>{zone}</HostedZoneSummaries>\
                 <MaxItems>100</MaxItems>{token}</ListHostedZonesByVPCResponse>"
            ),
        )
    }

    #[tokio::test]
    async fn zones_come_from_every_page_with_the_account_or_service_that_owns_them() {
        let account = "<OwningAccount>210987654321</OwningAccount>";
        let service = "<OwningService>efs.amazonaws.com</OwningService>";
        let rule = mock!(Client::list_hosted_zones_by_vpc)
            .match_requests(|input| {
                input.vpc_id() == Some("vpc-1") && input.vpc_region() == Some(&VpcRegion::UsEast1)
            })
            .sequence()
            .http_response(|| {
                page(
                    "Lambda.us-east-1.amazonaws.com.",
                    account,
                    "<NextToken>more</NextToken>",
                )
            })
            .http_response(|| page("fs-1.efs.internal.", service, ""))
            .build();
        let Read::Known(zones) = hosted_zones(&client(&rule), "vpc-1", "us-east-1").await else {
            panic!("expected zones");
        };
        let found = zones
            .iter()
            .map(|zone| (zone.name.as_str(), zone.owner.as_str()));
        assert_eq!(
            found.collect::<Vec<_>>(),
            [
                ("lambda.us-east-1.amazonaws.com", "210987654321"),
                ("fs-1.efs.internal", "efs.amazonaws.com")
            ]
        );
    }

    #[tokio::test]
    async fn a_refusal_is_noted_by_its_code() {
        let rule = mock!(Client::list_hosted_zones_by_vpc).then_http_response(|| {
            answer(
                403,
                "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>m</Message></Error></ErrorResponse>",
            )
        });
        let read = hosted_zones(&client(&rule), "vpc-1", "us-east-1").await;
        assert_eq!(read, Read::Unreadable("AccessDenied".to_owned()));
    }
}
