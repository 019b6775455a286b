//! CloudTrail: who called a service from given addresses, or through an endpoint, in the last days, by its management events.
//!
//! Two calls a second are all that the API grants an account and region: pages are bounded, newest first.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::primitives::DateTime;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use jiff::{SignedDuration, Timestamp};
use tollkeeper::aws::CallError;

use crate::policy::Recorded;
use crate::preflight::Read;
use crate::preflight::evidence::Callers;
use crate::preflight::who::{self, event_source};
use crate::unread::code;

/// How far back events are read: 7 days, as texts say.
const WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Most calls for one plan, shared by its services.
pub(crate) const MOST_CALLS: usize = 20;

/// Between two calls.
const PAUSE: Duration = Duration::from_millis(510);

/// Callers of each service from one of the addresses, up to `now`.
pub(crate) async fn callers(
    client: &Client,
    services: &[String],
    addresses: &[String],
    now: Timestamp,
) -> BTreeMap<String, Read<Callers>> {
    let mut by_source: BTreeMap<String, Read<Callers>> = BTreeMap::new();
    let pages = (MOST_CALLS / services.len().max(1)).max(1);
    let mut of_service = BTreeMap::new();
    for service in services {
        let source = event_source(service);
        let known = match by_source.get(&source) {
            Some(known) => known.clone(),
            None => callers_of(client, &source, addresses, now, pages).await,
        };
        by_source.insert(source, known.clone());
        of_service.insert(service.clone(), known);
    }
    of_service
}

/// Calls of a service that came through an endpoint up to `now`, how often each, and whether older events of the window
/// were left unread.
pub(crate) async fn through(
    client: &Client,
    service: &str,
    endpoint: &str,
    now: Timestamp,
    pages: usize,
) -> Read<(BTreeMap<Recorded, u64>, bool)> {
    let mut calls: BTreeMap<Recorded, u64> = BTreeMap::new();
    let source = event_source(service);
    let read = lookup(client, &source, now, pages, |event| {
        if let Some(recorded) = Recorded::of(event, endpoint) {
            *calls.entry(recorded).or_default() += 1;
        }
    });
    match read.await {
        Read::Known(more) => Read::Known((calls, more)),
        Read::Unreadable(code) => Read::Unreadable(code),
    }
}

async fn callers_of(
    client: &Client,
    source: &str,
    addresses: &[String],
    now: Timestamp,
    pages: usize,
) -> Read<Callers> {
    let mut who = BTreeSet::new();
    let read = lookup(client, source, now, pages, |event| {
        who.extend(who::caller(event, addresses));
    });
    match read.await {
        Read::Known(more) => Read::Known(Callers {
            who: who.into_iter().collect(),
            more,
        }),
        Read::Unreadable(code) => Read::Unreadable(code),
    }
}

/// Shows every event; answers whether older ones were left unread.
async fn lookup(
    client: &Client,
    source: &str,
    now: Timestamp,
    pages: usize,
    mut show: impl FnMut(&str),
) -> Read<bool> {
    let attribute = LookupAttribute::builder()
        .attribute_key(LookupAttributeKey::EventSource)
        .attribute_value(source)
        .build();
    let Ok(attribute) = attribute else {
        return Read::Unreadable("NotAsked".to_owned());
    };
    let mut token = None;
    for _ in 0..pages {
        let call = client
            .lookup_events()
            .lookup_attributes(attribute.clone())
            .start_time(DateTime::from_secs((now - WINDOW).as_second()))
            .end_time(DateTime::from_secs(now.as_second()))
            .max_results(50);
        let reply = match call.set_next_token(token).send().await {
            Ok(reply) => reply,
            Err(error) => {
                return Read::Unreadable(code(&CallError::of("cloudtrail:LookupEvents", &error)));
            }
        };
        for event in reply.events() {
            event.cloud_trail_event().into_iter().for_each(&mut show);
        }
        tokio::time::sleep(PAUSE).await;
        token = reply.next_token.filter(|next| !next.is_empty());
        if token.is_none() {
            break;
        }
    }
    Read::Known(token.is_some())
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudtrail::config::http::HttpResponse;
    use aws_sdk_cloudtrail::config::{BehaviorVersion, Credentials, Region};
    use aws_sdk_cloudtrail::operation::lookup_events::LookupEventsOutput;
    use aws_sdk_cloudtrail::types::Event;
    use aws_smithy_mocks::{
        MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock,
    };
    use serde_json::json;

    use super::*;

    fn client(rule: &Rule) -> Client {
        let answers = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny);
        let config = aws_sdk_cloudtrail::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(create_mock_http_client())
            .interceptor(answers.with_rule(rule));
        Client::from_conf(config.build())
    }

    fn page(role: &str, token: Option<&str>) -> LookupEventsOutput {
        let record = json!({"sourceIPAddress": "203.0.113.7", "userIdentity": {"type": "AssumedRole",
            "sessionContext": {"sessionIssuer": {"userName": role}}}});
        let event = Event::builder()
            .cloud_trail_event(record.to_string())
            .build();
        let output = LookupEventsOutput::builder().events(event);
        output.set_next_token(token.map(str::to_owned)).build()
    }

    async fn asked(rule: &Rule, services: &[&str]) -> BTreeMap<String, Read<Callers>> {
        let services: Vec<String> = services.iter().map(|&name| name.to_owned()).collect();
        let now = "2026-10-14T06:30:00Z".parse().unwrap();
        callers(&client(rule), &services, &["203.0.113.7".to_owned()], now).await
    }

    fn known(who: &[&str], more: bool) -> Read<Callers> {
        let who = who.iter().map(|&name| name.to_owned()).collect();
        Read::Known(Callers { who, more })
    }

    #[tokio::test(start_paused = true)]
    async fn callers_of_a_week_come_from_every_page_and_services_of_one_name_are_asked_for_once() {
        let rule = mock!(Client::lookup_events)
            .match_requests(|input| {
                let attribute = &input.lookup_attributes()[0];
                attribute.attribute_value() == "ecr.amazonaws.com"
                    && input.start_time().map(DateTime::secs) == Some(1_791_354_600)
            })
            .sequence()
            .output(|| page("b", Some("more")))
            .output(|| page("a", None))
            .build();
        let found = asked(&rule, &["ecr.api", "ecr.dkr"]).await;
        assert_eq!(found["ecr.api"], known(&["role a", "role b"], false));
        assert_eq!(found["ecr.dkr"], found["ecr.api"]);
        assert_eq!(rule.num_calls(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_log_is_read_in_part_no_faster_than_the_api_grants_and_that_is_said() {
        let rule = mock!(Client::lookup_events).then_output(|| page("a", Some("more")));
        let begun = tokio::time::Instant::now();
        let found = asked(&rule, &["lambda", "sts"]).await;
        assert_eq!(found["sts"], known(&["role a"], true));
        assert_eq!(rule.num_calls(), MOST_CALLS);
        assert!(begun.elapsed() >= Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_noted_by_its_code() {
        let rule = mock!(Client::lookup_events).then_http_response(|| {
            let body = r#"{"__type": "AccessDeniedException", "message": "m"}"#;
            HttpResponse::new(400.try_into().unwrap(), body.to_owned().into())
        });
        let found = asked(&rule, &["lambda"]).await;
        assert_eq!(
            found["lambda"],
            Read::Unreadable("AccessDeniedException".to_owned())
        );
    }
}
