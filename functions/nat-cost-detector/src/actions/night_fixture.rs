//! A cloud in memory for whole nights: a bill, an empty network, a table with the conditions the product uses, a topic;
//! and calls that fail on demand.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use aws_sdk_cloudwatch::operation::get_metric_data::{GetMetricDataInput, GetMetricDataOutput};
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::MetricDataResult;
use aws_sdk_costexplorer::operation::get_cost_and_usage::GetCostAndUsageOutput;
use aws_sdk_costexplorer::types::{DateInterval, Group, MetricValue, ResultByTime};
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_ec2::operation::{
    describe_instances::DescribeInstancesOutput, describe_nat_gateways::DescribeNatGatewaysOutput,
    describe_network_interfaces::DescribeNetworkInterfacesOutput,
    describe_subnets::DescribeSubnetsOutput, describe_vpc_endpoints::DescribeVpcEndpointsOutput,
};
use aws_sdk_ec2::types::{NatGateway, NatGatewayState};
use aws_sdk_lambda::operation::list_event_source_mappings::ListEventSourceMappingsOutput;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_sns::operation::publish::PublishOutput;
use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityOutput;
use aws_smithy_mocks::{MockResponse, mock};
use aws_smithy_types::body::SdkBody;
use jiff::Timestamp;
use tollkeeper::settings::Settings;
use tollkeeper::time::Day;

use crate::adapters::mocked;
use crate::config::Config;
use crate::{App, Clients};

pub(super) const OWN: &str = "123456789012";
pub(super) const OTHER: &str = "210987654321";

/// When the gateway was made: 2026-10-12T09:00:00Z.
const MADE: i64 = 1_791_795_600;

type Item = HashMap<String, AttributeValue>;

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    Throttled,
    Denied,
    ServerError,
    /// An answer that is no answer.
    Garbage,
    /// The call takes effect and fails all the same.
    LostAnswer,
}

/// What the cloud holds.
#[derive(Default)]
pub(super) struct State {
    pub(super) items: BTreeMap<(String, String), Item>,
    /// Subjects that the topic took.
    pub(super) sent: Vec<String>,
    /// Gigabytes of an account on a day; 100 where absent.
    pub(super) gigabytes: BTreeMap<(&'static str, String), u32>,
    /// Gateways of an account on a day; 2 where absent.
    pub(super) gateways: BTreeMap<(&'static str, String), u32>,
    /// Calls by name so far.
    pub(super) calls: BTreeMap<String, usize>,
    /// The call that goes wrong, by name and number (0: the first; `None`: every one).
    pub(super) wrong: Option<(String, Option<usize>, Wrong)>,
    /// Bill days from this one on are estimates.
    pub(super) estimated_from: Option<String>,
    /// Whether there is a gateway, whose bytes CloudWatch counts as the bill does.
    pub(super) metered: bool,
}

impl State {
    /// Counts a call, and says how it goes wrong.
    fn call(&mut self, name: &str) -> Option<Wrong> {
        let count = self.calls.entry(name.to_owned()).or_default();
        let number = *count;
        *count += 1;
        let (call, which, wrong) = self.wrong.as_ref()?;
        (call == name && which.is_none_or(|which| which == number)).then_some(*wrong)
    }
}

#[derive(Clone, Default)]
pub(super) struct Cloud(pub(super) Arc<Mutex<State>>);

fn response(wrong: Wrong) -> HttpResponse {
    let (status, code, body) = match wrong {
        Wrong::Throttled => (400u16, "ThrottlingException", "{}"),
        Wrong::Denied => (403, "AccessDeniedException", "{}"),
        Wrong::ServerError | Wrong::LostAnswer => (500, "InternalError", "{}"),
        Wrong::Garbage => (200, "", "<neither json nor xml"),
    };
    let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
    if !code.is_empty() {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

/// A rule that answers with `$output` (given the input and the state), unless the call goes wrong.
macro_rules! rule {
    ($cloud:expr, $name:literal, $call:expr, |$input:ident, $state:ident| $output:expr) => {{
        let cloud = $cloud.clone();
        mock!($call).then_compute_response(move |$input| {
            let mut guard = cloud.0.lock().unwrap();
            let $state = &mut *guard;
            let wrong = $state.call($name);
            if let Some(wrong) = wrong.filter(|wrong| *wrong != Wrong::LostAnswer) {
                return MockResponse::Http(response(wrong));
            }
            let answer = $output;
            match wrong {
                Some(lost) => MockResponse::Http(response(lost)),
                None => answer,
            }
        })
    }};
}

fn text(value: Option<&AttributeValue>) -> String {
    value.unwrap().as_s().unwrap().clone()
}

fn table(cloud: &Cloud) -> aws_sdk_dynamodb::Client {
    let query = rule!(
        cloud,
        "Query",
        aws_sdk_dynamodb::Client::query,
        |input, state| {
            let values = input.expression_attribute_values().unwrap();
            let pk = text(values.get(":pk"));
            let prefix = values
                .get(":sk")
                .map_or_else(String::new, |sk| text(Some(sk)));
            let found = state
                .items
                .iter()
                .filter(|((p, s), _)| *p == pk && s.starts_with(&prefix))
                .map(|(_, item)| item.clone())
                .collect();
            MockResponse::Output(QueryOutput::builder().set_items(Some(found)).build())
        }
    );
    let put = rule!(
        cloud,
        "PutItem",
        aws_sdk_dynamodb::Client::put_item,
        |input, state| {
            let item = input.item().unwrap().clone();
            let key = (text(item.get("pk")), text(item.get("sk")));
            let stored = state
                .items
                .get(&key)
                .and_then(|item| item.get("version"))
                .cloned();
            let expected = input
                .expression_attribute_values()
                .and_then(|values| values.get(":number"))
                .cloned();
            let holds = match input.condition_expression() {
                None => true,
                Some("attribute_not_exists(pk)") => !state.items.contains_key(&key),
                Some(_) => stored == expected,
            };
            if holds {
                state.items.insert(key, item);
                MockResponse::Output(PutItemOutput::builder().build())
            } else {
                let failed = ConditionalCheckFailedException::builder().build();
                MockResponse::Error(PutItemError::ConditionalCheckFailedException(failed))
            }
        }
    );
    let get = rule!(
        cloud,
        "GetItem",
        aws_sdk_dynamodb::Client::get_item,
        |input, state| {
            let key = input.key().unwrap();
            let key = (text(key.get("pk")), text(key.get("sk")));
            let item = state.items.get(&key).cloned();
            MockResponse::Output(GetItemOutput::builder().set_item(item).build())
        }
    );
    mocked!(aws_sdk_dynamodb, MatchAny, [&query, &put, &get])
}

/// Cost Explorer as one account sees it: its own bill and, as the payer, all others.
fn bill(cloud: &Cloud) -> aws_sdk_costexplorer::Client {
    let rule = rule!(
        cloud,
        "GetCostAndUsage",
        aws_sdk_costexplorer::Client::get_cost_and_usage,
        |input, state| {
            let period = input.time_period().unwrap();
            let (mut day, end): (Day, Day) = (
                period.start().parse().unwrap(),
                period.end().parse().unwrap(),
            );
            let accounts: Vec<String> = input
                .filter()
                .unwrap()
                .and()
                .iter()
                .filter_map(|one| one.dimensions())
                .find(|one| {
                    one.key()
                        .is_some_and(|key| key.as_str() == "LINKED_ACCOUNT")
                })
                .unwrap()
                .values()
                .to_vec();
            let mut reply = GetCostAndUsageOutput::builder();
            while day < end {
                let interval = DateInterval::builder()
                    .start(day.to_string())
                    .end(day.next().to_string())
                    .build();
                let estimated = state
                    .estimated_from
                    .as_ref()
                    .is_some_and(|from| day.to_string() >= *from);
                let mut result = ResultByTime::builder()
                    .time_period(interval.unwrap())
                    .estimated(estimated);
                for account in [OWN, OTHER]
                    .iter()
                    .filter(|known| accounts.iter().any(|asked| asked == **known))
                {
                    let of = |map: &BTreeMap<(&'static str, String), u32>, usual| {
                        map.get(&(*account, day.to_string()))
                            .copied()
                            .unwrap_or(usual)
                    };
                    let rows = [
                        ("NatGateway-Bytes", of(&state.gigabytes, 100)),
                        ("NatGateway-Hours", of(&state.gateways, 2) * 24),
                    ];
                    for (name, quantity) in rows {
                        let metric = MetricValue::builder().amount(quantity.to_string()).build();
                        result = result.groups(
                            Group::builder()
                                .keys(name)
                                .keys(*account)
                                .metrics("UsageQuantity", metric)
                                .build(),
                        );
                    }
                }
                reply = reply.results_by_time(result.build());
                day = day.next();
            }
            MockResponse::Output(reply.build())
        }
    );
    mocked!(aws_sdk_costexplorer, MatchAny, [&rule])
}

/// Every day of the question, all its bytes in the first direction.
fn metered(
    account: &'static str,
    input: &GetMetricDataInput,
    state: &State,
) -> GetMetricDataOutput {
    let first = input.start_time().unwrap().secs();
    let last = input.end_time().unwrap().secs();
    let mut result = MetricDataResult::builder().id("q0");
    for at in (first..last).step_by(86_400) {
        let day = Day::of(Timestamp::from_second(at).unwrap()).to_string();
        let gigabytes = state.gigabytes.get(&(account, day)).copied().unwrap_or(100);
        result = result
            .timestamps(DateTime::from_secs(at))
            .values(f64::from(gigabytes) * 1_073_741_824.0);
    }
    GetMetricDataOutput::builder()
        .metric_data_results(result.build())
        .build()
}

impl Cloud {
    pub(super) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Puts an account's gigabytes of some days into the bill.
    pub(super) fn with(self, account: &'static str, days: &[(&str, u32)]) -> Self {
        for (day, gigabytes) in days {
            self.state()
                .gigabytes
                .insert((account, (*day).to_owned()), *gigabytes);
        }
        self
    }

    /// Makes a call go wrong from now on.
    pub(super) fn goes_wrong(&self, call: &str, which: Option<usize>, wrong: Wrong) {
        let mut state = self.state();
        state.calls.clear();
        state.wrong = Some((call.to_owned(), which, wrong));
    }

    pub(super) fn goes_right(&self) {
        self.state().wrong = None;
    }

    fn ec2(&self) -> aws_sdk_ec2::Client {
        let nats = rule!(
            self,
            "DescribeNatGateways",
            aws_sdk_ec2::Client::describe_nat_gateways,
            |_input, state| {
                let gateway = NatGateway::builder()
                    .nat_gateway_id("nat-0")
                    .vpc_id("vpc-0")
                    .create_time(aws_sdk_ec2::primitives::DateTime::from_secs(MADE))
                    .state(NatGatewayState::Available);
                let gateways = state.metered.then(|| gateway.build()).into_iter().collect();
                MockResponse::Output(
                    DescribeNatGatewaysOutput::builder()
                        .set_nat_gateways(Some(gateways))
                        .build(),
                )
            }
        );
        let instances = rule!(
            self,
            "DescribeInstances",
            aws_sdk_ec2::Client::describe_instances,
            |_input, _state| { MockResponse::Output(DescribeInstancesOutput::builder().build()) }
        );
        let interfaces = rule!(
            self,
            "DescribeNetworkInterfaces",
            aws_sdk_ec2::Client::describe_network_interfaces,
            |_input, _state| MockResponse::Output(
                DescribeNetworkInterfacesOutput::builder().build()
            )
        );
        let subnets = rule!(
            self,
            "DescribeSubnets",
            aws_sdk_ec2::Client::describe_subnets,
            |_input, _state| { MockResponse::Output(DescribeSubnetsOutput::builder().build()) }
        );
        let endpoints = rule!(
            self,
            "DescribeVpcEndpoints",
            aws_sdk_ec2::Client::describe_vpc_endpoints,
            |_input, _state| {
                MockResponse::Output(DescribeVpcEndpointsOutput::builder().build())
            }
        );
        let ways = crate::adapters::ec2::no_ways();
        mocked!(
            aws_sdk_ec2,
            MatchAny,
            [
                &nats,
                &instances,
                &interfaces,
                &subnets,
                &endpoints,
                &ways[0],
                &ways[1],
                &ways[2],
                &ways[3],
                &ways[4]
            ]
        )
    }

    fn clients(&self, account: &'static str) -> Clients {
        let mappings = rule!(
            self,
            "ListEventSourceMappings",
            aws_sdk_lambda::Client::list_event_source_mappings,
            |_input, _state| MockResponse::Output(ListEventSourceMappingsOutput::builder().build())
        );
        let identity = rule!(
            self,
            "GetCallerIdentity",
            aws_sdk_sts::Client::get_caller_identity,
            |_input, _state| {
                let arn = format!("arn:aws:iam::{account}:role/r");
                MockResponse::Output(
                    GetCallerIdentityOutput::builder()
                        .account(account)
                        .arn(arn)
                        .build(),
                )
            }
        );
        let objects = rule!(
            self,
            "ListObjectsV2",
            aws_sdk_s3::Client::list_objects_v2,
            |_input, _state| MockResponse::Output(ListObjectsV2Output::builder().build())
        );
        let unasked = mock!(aws_sdk_s3::Client::get_object)
            .then_output(|| unreachable!("no other source is configured"));
        let metrics = rule!(
            self,
            "GetMetricData",
            aws_sdk_cloudwatch::Client::get_metric_data,
            |input, state| MockResponse::Output(metered(account, input, state))
        );
        let publish = rule!(
            self,
            "Publish",
            aws_sdk_sns::Client::publish,
            |input, state| {
                state
                    .sent
                    .push(input.subject().unwrap_or_default().to_owned());
                MockResponse::Output(PublishOutput::builder().build())
            }
        );
        Clients {
            cost_explorer: bill(self),
            cloudwatch: mocked!(aws_sdk_cloudwatch, MatchAny, [&metrics]),
            ec2: self.ec2(),
            lambda: mocked!(aws_sdk_lambda, MatchAny, [&mappings]),
            kafka: mocked!(aws_sdk_kafka, [&unasked]),
            logs: mocked!(aws_sdk_cloudwatchlogs, [&unasked]),
            athena: mocked!(aws_sdk_athena, [&unasked]),
            s3: mocked!(aws_sdk_s3, MatchAny, [&objects]),
            sts: mocked!(aws_sdk_sts, MatchAny, [&identity]),
            dynamodb: table(self),
            sns: mocked!(aws_sdk_sns, MatchAny, [&publish]),
        }
    }

    /// The function in this cloud, with further settings.
    pub(super) fn app(&self, settings: &[(&str, &str)]) -> App {
        let mut pairs = vec![
            ("LEDGER_TABLE", "ledger"),
            (
                "ALERT_TOPIC_ARN",
                "arn:aws:sns:us-east-1:123456789012:alerts",
            ),
        ];
        pairs.extend_from_slice(settings);
        let cloud = self.clone();
        App {
            clients: self.clients(OWN),
            connect: Arc::new(move |role, _region| {
                let account = if role.is_some_and(|role| role.account() == OTHER) {
                    OTHER
                } else {
                    OWN
                };
                let clients = cloud.clients(account);
                Box::pin(async move { clients })
            }),
            config: Config::from_settings(&Settings::from_pairs(&pairs)).unwrap(),
            region: Some("us-east-1".to_owned()),
            ranges: None,
        }
    }
}
