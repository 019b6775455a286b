//! Every error code that EC2 answers these calls with, over the real adapter and the real engine: what comes of the plan.
//!
//! [`ROWS`] is the table of docs/remediator-errors.md; a test holds the two together.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::config::{BehaviorVersion, Region};
use aws_sdk_ec2::operation::{
    authorize_security_group_ingress::AuthorizeSecurityGroupIngressOutput,
    create_security_group::CreateSecurityGroupOutput, create_vpc_endpoint::CreateVpcEndpointOutput,
    delete_security_group::DeleteSecurityGroupOutput,
    delete_vpc_endpoints::DeleteVpcEndpointsOutput,
    describe_network_interfaces::DescribeNetworkInterfacesOutput,
    describe_security_groups::DescribeSecurityGroupsOutput,
    describe_vpc_endpoints::DescribeVpcEndpointsOutput,
    modify_vpc_endpoint::ModifyVpcEndpointOutput,
    revoke_security_group_ingress::RevokeSecurityGroupIngressOutput,
};
use aws_sdk_ec2::types::{
    IpPermission, IpRange, NetworkInterface, SecurityGroup, State, UnsuccessfulItem,
    UnsuccessfulItemError, VpcEndpoint, VpcEndpointType,
};
use aws_smithy_mocks::{
    MockResponse, MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock,
};
use tollkeeper::aws::Versioned;

use super::PACE;
use crate::change::{Change, Direction, Peer, Step, Target};
use crate::ec2::Ec2;
use crate::engine::{Engine, EngineError, Journal, Keep, Outcome};
use crate::journal::{Entry, PreImage};
use crate::model::Stage;
use crate::store::StoreError;

/// What comes of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Again,
    AgainForAWhile,
    IsSo,
    Back,
    Stays,
    StaysAfterAWhile,
}

impl Fate {
    fn words(self) -> &'static str {
        match self {
            Self::Again => "tried again until the time is over; the next `resume` goes on",
            Self::AgainForAWhile => {
                "EC2 may lag behind its own writes: tried again for 20 s; then the plan goes back (`Apply.Failed`)"
            }
            Self::IsSo => "counts as done",
            Self::Back => "the plan goes back (`Apply.Failed`)",
            Self::Stays => "the way back stops there, the plan is `failed` (`Network.Refused`)",
            Self::StaysAfterAWhile => {
                "tried again for 20 s; then the way back stops with the names of those who use it (`Rollback.InUse`)"
            }
        }
    }
}

/// The calls, each as the step that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    CreateGroup,
    Allow,
    CreateGateway,
    CreateInterface,
    Associate,
    PrivateDns,
    SetPolicy,
    UndoAllow,
    UndoGroup,
    UndoEndpoint,
    /// The call succeeds, and says that nothing was deleted.
    UndoEndpointInVain,
}

impl Call {
    fn words(self) -> &'static str {
        match self {
            Self::CreateGroup => "CreateSecurityGroup",
            Self::Allow => "AuthorizeSecurityGroupIngress, -Egress",
            Self::CreateGateway => "CreateVpcEndpoint, gateway",
            Self::CreateInterface => "CreateVpcEndpoint, interface",
            Self::Associate => "ModifyVpcEndpoint, route table",
            Self::PrivateDns => "ModifyVpcEndpoint, private DNS",
            Self::SetPolicy => "ModifyVpcEndpoint, policy",
            Self::UndoAllow => "RevokeSecurityGroupIngress, -Egress",
            Self::UndoGroup => "DeleteSecurityGroup",
            Self::UndoEndpoint => "DeleteVpcEndpoints",
            Self::UndoEndpointInVain => "DeleteVpcEndpoints, as `Unsuccessful`",
        }
    }

    fn is_undo(self) -> bool {
        matches!(
            self,
            Self::UndoAllow | Self::UndoGroup | Self::UndoEndpoint | Self::UndoEndpointInVain
        )
    }

    fn change(self) -> Change<Target> {
        let id = |id: &str| Target::Id(id.to_owned());
        let (sts, group, endpoint) = ("sts".to_owned(), id("sg-1"), id("vpce-1"));
        match self {
            Self::CreateGroup | Self::UndoGroup => Change::CreateGroup {
                name: "tollkeeper-sts".to_owned(),
                service: sts,
            },
            Self::Allow | Self::UndoAllow => Change::Allow {
                group,
                direction: Direction::Ingress,
                port: 443,
                peer: Peer::Cidr("10.0.0.0/16".to_owned()),
            },
            Self::CreateGateway | Self::UndoEndpoint | Self::UndoEndpointInVain => Change::CreateGatewayEndpoint {
                service: "s3".to_owned(),
            },
            Self::CreateInterface => Change::CreateInterfaceEndpoint {
                service: sts,
                subnets: vec!["subnet-a".to_owned()],
                zones: vec!["us-east-1a".to_owned()],
                group,
            },
            Self::Associate => Change::AssociateRouteTable {
                endpoint,
                route_table: "rtb-a".to_owned(),
            },
            Self::PrivateDns => Change::SwitchPrivateDnsOn {
                service: sts,
                endpoint,
            },
            Self::SetPolicy => Change::SetPolicy {
                service: sts,
                endpoint,
                policy: r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:*","Resource":"*"}]}"#.to_owned(),
                replaces: crate::policy::FULL_ACCESS.to_owned(),
            },
        }
    }
}

const ROWS: &[(&str, Call, Fate)] = &[
    ("RequestLimitExceeded", Call::CreateGateway, Fate::Again),
    ("InternalError", Call::CreateGateway, Fate::Again),
    ("Unavailable", Call::CreateInterface, Fate::Again),
    ("ConcurrentTagAccess", Call::CreateInterface, Fate::Again),
    ("IncorrectState", Call::Associate, Fate::Again),
    ("IncorrectState", Call::PrivateDns, Fate::Again),
    ("UnauthorizedOperation", Call::CreateInterface, Fate::Back),
    ("InvalidServiceName", Call::CreateGateway, Fate::Back),
    ("VpcEndpointLimitExceeded", Call::CreateGateway, Fate::Back),
    (
        "DuplicateSubnetsInSameZone",
        Call::CreateInterface,
        Fate::Back,
    ),
    (
        "InsufficientFreeAddressesInSubnet",
        Call::CreateInterface,
        Fate::Back,
    ),
    // "… does not support the availability zone of the subnet"
    ("InvalidParameter", Call::CreateInterface, Fate::Back),
    // "private-dns-enabled cannot be set because there is already a conflicting DNS domain"
    ("InvalidParameter", Call::PrivateDns, Fate::Back),
    ("InvalidVpcEndpointType", Call::Associate, Fate::Back),
    ("RouteAlreadyExists", Call::Associate, Fate::AgainForAWhile),
    (
        "InvalidVpcEndpointId.NotFound",
        Call::Associate,
        Fate::AgainForAWhile,
    ),
    (
        "InvalidRouteTableID.NotFound",
        Call::Associate,
        Fate::AgainForAWhile,
    ),
    ("InvalidPolicyDocument", Call::SetPolicy, Fate::Back),
    (
        "InvalidGroup.Duplicate",
        Call::CreateGroup,
        Fate::AgainForAWhile,
    ),
    ("SecurityGroupLimitExceeded", Call::CreateGroup, Fate::Back),
    ("InvalidPermission.Duplicate", Call::Allow, Fate::IsSo),
    ("InvalidGroup.NotFound", Call::Allow, Fate::AgainForAWhile),
    (
        "RulesPerSecurityGroupLimitExceeded",
        Call::Allow,
        Fate::Back,
    ),
    ("InvalidPermission.NotFound", Call::UndoAllow, Fate::IsSo),
    ("RequestLimitExceeded", Call::UndoAllow, Fate::Again),
    ("UnauthorizedOperation", Call::UndoAllow, Fate::Stays),
    (
        "DependencyViolation",
        Call::UndoGroup,
        Fate::StaysAfterAWhile,
    ),
    ("InvalidGroup.NotFound", Call::UndoGroup, Fate::IsSo),
    (
        "InvalidVpcEndpointId.NotFound",
        Call::UndoEndpoint,
        Fate::IsSo,
    ),
    ("RequestLimitExceeded", Call::UndoEndpoint, Fate::Again),
    ("UnauthorizedOperation", Call::UndoEndpoint, Fate::Stays),
    (
        "RequestLimitExceeded",
        Call::UndoEndpointInVain,
        Fate::Again,
    ),
    (
        "OperationNotPermitted",
        Call::UndoEndpointInVain,
        Fate::Stays,
    ),
];

/// The journal, without a ledger.
#[derive(Default)]
struct Memory(RefCell<Journal>);

impl Keep for Memory {
    async fn keep(&self, entry: &mut Versioned<Entry>) -> Result<(), StoreError> {
        entry.version += 1;
        self.0.borrow_mut().insert(entry.item.step, entry.clone());
        Ok(())
    }

    async fn hold(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn refusal(code: &str) -> HttpResponse {
    let error = format!("<Error><Code>{code}</Code><Message>as AWS words it</Message></Error>");
    let body = format!("<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>");
    HttpResponse::new(400.try_into().unwrap(), body.into())
}

/// What EC2 says of a call: refusals first, then what it answers when it works.
#[derive(Clone)]
struct Desk {
    code: &'static str,
    refusals: usize,
    calls: Arc<AtomicUsize>,
    /// A refused deletion succeeds as a call and names the code in its answer.
    in_vain: bool,
}

impl Desk {
    fn refuses(&self) -> bool {
        self.calls.fetch_add(1, Ordering::Relaxed) < self.refusals
    }

    fn answer<O, E>(&self, output: O) -> MockResponse<O, E> {
        if self.refuses() {
            MockResponse::Http(refusal(self.code))
        } else {
            MockResponse::Output(output)
        }
    }

    fn delete<E>(&self) -> MockResponse<DeleteVpcEndpointsOutput, E> {
        let reply = DeleteVpcEndpointsOutput::builder();
        if !self.in_vain {
            return self.answer(reply.build());
        }
        let error = UnsuccessfulItemError::builder().code(self.code);
        let entry = UnsuccessfulItem::builder().error(error.build()).build();
        let entry = self.refuses().then_some(entry);
        MockResponse::Output(
            reply
                .set_unsuccessful(Some(entry.into_iter().collect()))
                .build(),
        )
    }

    fn works(&self) -> bool {
        self.calls.load(Ordering::Relaxed) > self.refusals
    }
}

/// A client whose changing calls all go to the desk, and whose reads show what the call undoes as long as it did not work.
fn ec2(desk: &Desk, is_undo: bool) -> Ec2 {
    let mut rules = changes(desk);
    rules.extend(reads(desk, is_undo));
    let mut answers = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny);
    for rule in &rules {
        answers = answers.with_rule(rule);
    }
    let config = aws_sdk_ec2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .allow_no_auth()
        .retry_config(aws_sdk_ec2::config::retry::RetryConfig::disabled())
        .http_client(create_mock_http_client())
        .interceptor(answers)
        .build();
    Ec2::new(Client::from_conf(config), "us-east-1")
}

fn changes(desk: &Desk) -> Vec<Rule> {
    macro_rules! rule {
        ($call:ident, $output:expr) => {{
            let desk = desk.clone();
            mock!(Client::$call).then_compute_response(move |_| desk.answer($output))
        }};
    }
    let delete = {
        let desk = desk.clone();
        mock!(Client::delete_vpc_endpoints).then_compute_response(move |_| desk.delete())
    };
    let endpoint = || VpcEndpoint::builder().vpc_endpoint_id("vpce-new").build();
    vec![
        rule!(
            create_vpc_endpoint,
            CreateVpcEndpointOutput::builder()
                .vpc_endpoint(endpoint())
                .build()
        ),
        rule!(
            modify_vpc_endpoint,
            ModifyVpcEndpointOutput::builder().build()
        ),
        delete,
        rule!(
            create_security_group,
            CreateSecurityGroupOutput::builder()
                .group_id("sg-new")
                .build()
        ),
        rule!(
            delete_security_group,
            DeleteSecurityGroupOutput::builder().build()
        ),
        rule!(
            authorize_security_group_ingress,
            AuthorizeSecurityGroupIngressOutput::builder().build()
        ),
        rule!(
            revoke_security_group_ingress,
            RevokeSecurityGroupIngressOutput::builder().build()
        ),
    ]
}

fn reads(desk: &Desk, is_undo: bool) -> Vec<Rule> {
    let endpoints = {
        let desk = desk.clone();
        mock!(Client::describe_vpc_endpoints).then_compute_output(move |request| {
            let mut reply = DescribeVpcEndpointsOutput::builder();
            // By tag: what this step made, which is nothing before it worked.
            for id in request
                .vpc_endpoint_ids()
                .iter()
                .filter(|_| !desk.works() || !is_undo)
            {
                let found = VpcEndpoint::builder()
                    .vpc_endpoint_id(id)
                    .vpc_id("vpc-1")
                    .service_name("com.amazonaws.us-east-1.s3")
                    .vpc_endpoint_type(VpcEndpointType::Gateway)
                    .state(State::from("available"));
                reply = reply.vpc_endpoints(found.build());
            }
            reply.build()
        })
    };
    let groups = {
        let desk = desk.clone();
        mock!(Client::describe_security_groups).then_compute_output(move |request| {
            let mut reply = DescribeSecurityGroupsOutput::builder();
            for id in request.group_ids() {
                let mut found = SecurityGroup::builder()
                    .group_id(id)
                    .group_name("tollkeeper-sts");
                if is_undo && !desk.works() {
                    let rule = IpPermission::builder()
                        .ip_protocol("tcp")
                        .from_port(443)
                        .to_port(443)
                        .ip_ranges(IpRange::builder().cidr_ip("10.0.0.0/16").build());
                    found = found.ip_permissions(rule.build());
                }
                reply = reply.security_groups(found.build());
            }
            reply.build()
        })
    };
    let interfaces = mock!(Client::describe_network_interfaces).then_output(|| {
        let user = NetworkInterface::builder().network_interface_id("eni-theirs");
        DescribeNetworkInterfacesOutput::builder()
            .network_interfaces(user.build())
            .build()
    });
    vec![endpoints, groups, interfaces]
}

/// One run of a plan of one step, forwards or backwards; and how often the call was made.
async fn run(
    code: &'static str,
    call: Call,
    refusals: usize,
) -> (Result<Outcome, EngineError>, usize) {
    let desk = Desk {
        code,
        refusals,
        calls: Arc::default(),
        in_vain: call == Call::UndoEndpointInVain,
    };
    let network = ec2(&desk, call.is_undo());
    let (stage, journal) = (Stage::new(), Memory::default());
    let engine: Engine<'_, Ec2, Memory, Rc<Stage>> = Engine {
        network: &network,
        journal: &journal,
        plan_id: "plan-1",
        vpc_id: "vpc-1",
        fencing: 1,
        clock: stage.clone(),
        stop_at: stage.now() + jiff::SignedDuration::from_mins(5),
        pace: PACE,
    };
    let outcome = if call.is_undo() {
        let change = call.change().resolve(|_| None).unwrap();
        let mut item = Entry::intend("plan-1", 1, change, PreImage::Absent, stage.now());
        let made = match call {
            Call::UndoGroup => Some("sg-new".to_owned()),
            Call::UndoEndpoint | Call::UndoEndpointInVain => Some("vpce-new".to_owned()),
            _ => None,
        };
        item.done(made, stage.now());
        engine
            .undo(&mut Journal::from([(1, Versioned { version: 1, item })]))
            .await
    } else {
        let step = Step {
            number: 1,
            change: call.change(),
        };
        engine.apply(&[step], &mut Journal::new()).await
    };
    (outcome, desk.calls.load(Ordering::Relaxed))
}

/// Tried with one refusal and with refusals without end.
async fn fate(code: &'static str, call: Call) -> Fate {
    let (once, calls_once) = run(code, call, 1).await;
    let (forever, calls) = run(code, call, usize::MAX).await;
    match forever {
        Ok(Outcome::Finished) => Fate::IsSo,
        Ok(Outcome::OutOfTime { .. }) => {
            assert!(matches!(once, Ok(Outcome::Finished)), "{once:?}");
            assert_eq!(calls_once, 2);
            Fate::Again
        }
        Err(EngineError::InUse { users, .. }) => {
            assert!(calls > 1 && users.contains("eni-theirs"), "{users}");
            Fate::StaysAfterAWhile
        }
        Err(error @ EngineError::Network { .. }) => {
            assert!(
                error.is_final() && error.to_string().contains(code),
                "{error}"
            );
            match (call.is_undo(), calls) {
                (true, 1) => Fate::Stays,
                (false, 1) => Fate::Back,
                (false, _) => {
                    assert!(matches!(once, Ok(Outcome::Finished)), "{once:?}");
                    Fate::AgainForAWhile
                }
                (true, _) => panic!("{call:?} {code}: called {calls} times, then {error}"),
            }
        }
        Err(other) => panic!("{call:?} {code}: {other}"),
    }
}

#[tokio::test]
async fn every_error_code_of_ec2_has_its_outcome() {
    for (code, call, expected) in ROWS {
        assert_eq!(fate(code, *call).await, *expected, "{code} of {call:?}");
    }
}

#[test]
fn the_table_in_the_docs_is_this_one() {
    let page = include_str!("../../../../docs/remediator-errors.md");
    let found: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let rows = ROWS
        .iter()
        .map(|(code, call, fate)| format!("| `{code}` | {} | {} |", call.words(), fate.words()));
    assert_eq!(found, rows.collect::<Vec<_>>());
}
