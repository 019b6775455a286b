//! What a plan does to each flow that was seen.
//!
//! Pure. A gateway endpoint changes a route and nothing else: whoever lies in a subnet whose table gets it passes as
//! before, through the same groups and ACLs. Private DNS leads to new addresses and to one port: groups, ACLs and the
//! endpoint's own group are asked. Unknown is said where the answer depends on what is not known, and only there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use tollkeeper::time::Day;

use super::after::{After, Doubt, Endpoint, Obstacle};
use super::clients::{Clients, Directory, Interface};
use super::flows::MOST_KEYS;
use super::report::{Broken, Drops, Files, MOST_LISTED, More, Report, Unknown};
use super::sum::Sum;
use super::vantage::{DaySeen, Seen};
use super::watch::{Far, Watch};
use crate::change::Direction;
use crate::reach::HTTPS;
use crate::snapshot::Group;

/// What happens to a flow.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Fine,
    /// Fine, but a connection that is open when the route comes drops.
    Moves,
    Unaffected,
    Breaks(Why),
    Unknown(Reason),
}

/// Why a flow breaks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Port,
    Obstacle(Obstacle),
}

/// Why it is not known what happens to a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    Outside,
    Gone,
    OtherInterface,
    NoPort,
    Ec2,
    Unlabelled,
    Doubt(Doubt),
    NoPacketAddresses,
    Over,
}

/// Whose flows break, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Breaking {
    source: IpAddr,
    interface: Option<String>,
    subnet: Option<String>,
    far: Far,
    port: Option<u16>,
    why: Why,
}

/// Judges day after day.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    after: After<'a>,
    watch: &'a Watch,
    directory: Directory<'a>,
    groups: BTreeMap<&'a str, &'a Group>,
    days: Vec<Day>,
    days_without_flows: Vec<Day>,
    seen: Sum,
    fine: Sum,
    unaffected: Sum,
    broken: BTreeMap<Breaking, Sum>,
    unknown: BTreeMap<Reason, Sum>,
    sources: BTreeSet<IpAddr>,
    any_unnamed: bool,
    drops: BTreeMap<String, Drops>,
    skipped_lines: u64,
    bad_lines: u64,
}

/// Flows and their sources of each hour of a day.
type Hours<'s> = [(u64, BTreeSet<&'s IpAddr>); 24];

impl<'a> Judge<'a> {
    pub(crate) fn new(after: After<'a>, watch: &'a Watch, clients: &'a Clients) -> Self {
        let groups = clients.groups.iter();
        Self {
            after,
            watch,
            directory: Directory::of(&clients.interfaces),
            groups: groups.map(|group| (group.id.as_str(), group)).collect(),
            days: Vec::new(),
            days_without_flows: Vec::new(),
            seen: Sum::default(),
            fine: Sum::default(),
            unaffected: Sum::default(),
            broken: BTreeMap::new(),
            unknown: BTreeMap::new(),
            sources: BTreeSet::new(),
            any_unnamed: false,
            drops: BTreeMap::new(),
            skipped_lines: 0,
            bad_lines: 0,
        }
    }

    /// Takes note of a day of which no flow was recorded.
    pub(crate) fn day_without_flows(&mut self, day: Day) {
        self.days.push(day);
        self.days_without_flows.push(day);
    }

    /// Judges the flows of a day.
    pub(crate) fn day(&mut self, day: Day, flows: &DaySeen) {
        self.days.push(day);
        self.skipped_lines = self.skipped_lines.saturating_add(flows.skipped);
        self.bad_lines = self.bad_lines.saturating_add(flows.bad_lines);
        for (reason, sum) in [
            (Reason::NoPacketAddresses, flows.unclassified),
            (Reason::Over, flows.over),
        ] {
            if sum != Sum::default() {
                self.seen.add(sum);
                self.unknown.entry(reason).or_default().add(sum);
            }
        }
        let mut moving: BTreeMap<&str, Hours<'_>> = BTreeMap::new();
        for seen in &flows.seen {
            self.one(seen, &mut moving);
        }
        for (service, hours) in moving {
            self.busiest(day, service, &hours);
        }
    }

    fn one<'s>(&mut self, seen: &'s Seen, moving: &mut BTreeMap<&'s str, Hours<'s>>) {
        let (key, sum) = (&seen.key, seen.count.sum);
        self.seen.add(sum);
        let verdict = self.verdict(seen);
        if verdict != Verdict::Unaffected {
            self.sources.insert(key.source);
            self.any_unnamed |= key.far == Far::SomeApi;
        }
        match verdict {
            Verdict::Unaffected => self.unaffected.add(sum),
            Verdict::Fine => self.fine.add(sum),
            Verdict::Moves => {
                self.fine.add(sum);
                if let Far::Service(service) = &key.far {
                    let hours = moving.entry(service).or_default();
                    for ((flows, sources), more) in hours.iter_mut().zip(seen.count.by_hour) {
                        if more > 0 {
                            *flows += u64::from(more);
                            sources.insert(&key.source);
                        }
                    }
                }
            }
            Verdict::Unknown(reason) => self.unknown.entry(reason).or_default().add(sum),
            Verdict::Breaks(why) => {
                let interface = self.directory.interface(key.source);
                let breaking = Breaking {
                    source: key.source,
                    interface: interface.map(|found| found.id.clone()),
                    subnet: interface.map(|found| found.subnet.clone()),
                    far: key.far.clone(),
                    port: key.port,
                    why,
                };
                self.broken.entry(breaking).or_default().add(sum);
            }
        }
    }

    /// The first hour of the day with most flows, where no earlier day's had as many.
    fn busiest(&mut self, day: Day, service: &str, hours: &Hours<'_>) {
        for (hour, (flows, sources)) in day.hours().zip(hours) {
            let known = self.drops.get(service).map_or(0, |drops| drops.flows);
            if *flows > known {
                let drops = Drops {
                    service: service.to_owned(),
                    hour: hour.to_string(),
                    flows: *flows,
                    sources: sources.len() as u64,
                };
                self.drops.insert(service.to_owned(), drops);
            }
        }
    }

    fn verdict(&self, seen: &Seen) -> Verdict {
        let all = || self.after.endpoints.iter();
        match &seen.key.far {
            Far::Elsewhere => Verdict::Unaffected,
            Far::Endpoint(service) => self.at_endpoint(seen, service),
            Far::Service(service) => {
                let own = all().filter(|endpoint| *endpoint.service == **service);
                match own.collect::<Vec<_>>() {
                    none if none.is_empty() => self.by_route(seen, service),
                    own => self.by_name(seen, &own),
                }
            }
            Far::SomeApi => self.by_name(seen, &all().collect::<Vec<_>>()),
            Far::Ec2 => self.doubtful(seen, Reason::Ec2),
            Far::Unlabelled => self.doubtful(seen, Reason::Unlabelled),
        }
    }

    /// A flow that may be to a planned service or to anybody: known to be well where it would be well in either case.
    fn doubtful(&self, seen: &Seen, reason: Reason) -> Verdict {
        if !self.watch.is_inside(seen.key.source) {
            return Verdict::Unknown(reason);
        }
        let all: Vec<_> = self.after.endpoints.iter().collect();
        match self.by_name(seen, &all) {
            Verdict::Breaks(_) | Verdict::Unknown(_) => Verdict::Unknown(reason),
            Verdict::Fine | Verdict::Moves | Verdict::Unaffected => Verdict::Unaffected,
        }
    }

    /// Seen at an endpoint that is narrowed: its group alone decides. Other ports are not this plan's.
    fn at_endpoint(&self, seen: &Seen, service: &str) -> Verdict {
        let mut narrowed = self.after.narrowed.iter();
        let Some(endpoint) = narrowed.find(|one| one.service == service) else {
            return Verdict::Unaffected;
        };
        match seen.key.port {
            Some(HTTPS) | None => {}
            Some(_) => return Verdict::Unaffected,
        }
        let source = seen.key.source;
        match endpoint.admits(source, self.directory.interface(source)) {
            Some(true) => Verdict::Fine,
            Some(false) => Verdict::Breaks(Why::Obstacle(Obstacle::EndpointGroup)),
            None => Verdict::Unknown(Reason::Gone),
        }
    }

    /// To a service whose gateway endpoint route tables get routes to. The subnet alone decides, so an address that
    /// nobody has any more is judged by its subnet too.
    fn by_route(&self, seen: &Seen, service: &str) -> Verdict {
        let source = seen.key.source;
        if !self.watch.is_inside(source) {
            return Verdict::Unknown(Reason::Outside);
        }
        let interface = self.directory.interface(source);
        let subnet = interface.map_or_else(
            || self.after.subnet_of(source),
            |interface| Some(interface.subnet.as_str()),
        );
        match subnet.and_then(|subnet| self.after.gets_route(subnet, service)) {
            Some(true) => Verdict::Moves,
            Some(false) => Verdict::Unaffected,
            None => Verdict::Unknown(Reason::Gone),
        }
    }

    /// To a service whose name will lead to an interface endpoint, or to one of several.
    fn by_name(&self, seen: &Seen, endpoints: &[&Endpoint<'_>]) -> Verdict {
        let source = seen.key.source;
        if endpoints.is_empty() {
            return Verdict::Unaffected;
        }
        if !self.watch.is_inside(source) {
            return Verdict::Unknown(Reason::Outside);
        }
        if seen.key.port.is_some_and(|port| port != HTTPS) {
            return Verdict::Breaks(Why::Port);
        }
        let Some(client) = self.directory.interface(source) else {
            return Verdict::Unknown(Reason::Gone);
        };
        if seen
            .interface
            .as_deref()
            .is_some_and(|id| *id != *client.id)
        {
            return Verdict::Unknown(Reason::OtherInterface);
        }
        match self.obstacle(client, source, endpoints) {
            Some(Obstacle::Depends(doubt)) => Verdict::Unknown(Reason::Doubt(doubt)),
            Some(obstacle) => Verdict::Breaks(Why::Obstacle(obstacle)),
            None if seen.key.port.is_none() => Verdict::Unknown(Reason::NoPort),
            None => Verdict::Fine,
        }
    }

    fn obstacle(
        &self,
        client: &Interface,
        source: IpAddr,
        endpoints: &[&Endpoint<'_>],
    ) -> Option<Obstacle> {
        let worn = client.groups.iter();
        let groups: Vec<&Group> = worn
            .filter_map(|id| self.groups.get(id.as_str()).copied())
            .collect();
        let found = endpoints
            .iter()
            .filter_map(|endpoint| self.after.obstacle(client, &groups, source, endpoint));
        found.min_by_key(|obstacle| matches!(obstacle, Obstacle::Depends(_)))
    }

    /// What was found.
    pub(crate) fn report(mut self, files: Files) -> Report {
        self.days.sort();
        self.days_without_flows.sort();
        let mut broken: Vec<(Breaking, Sum)> =
            std::mem::take(&mut self.broken).into_iter().collect();
        broken.sort_by(|(one, its), (other, others)| (others, one).cmp(&(its, other)));
        let more = broken.split_off(broken.len().min(MOST_LISTED));
        let mut unknown: Vec<_> = std::mem::take(&mut self.unknown).into_iter().collect();
        unknown.sort_by(|(one, its), (other, others)| (others, one).cmp(&(its, other)));
        Report {
            would_break: broken
                .into_iter()
                .map(|(breaking, sum)| self.listed(breaking, sum))
                .collect(),
            would_break_more: More {
                entries: more.len() as u64,
                sum: more.into_iter().map(|(_, sum)| sum).sum(),
            },
            unknown: unknown
                .into_iter()
                .map(|(reason, sum)| Unknown {
                    reason: reason.words(),
                    sum,
                })
                .collect(),
            unnamed: if self.any_unnamed {
                self.names()
            } else {
                Vec::new()
            },
            days: self.days,
            days_without_flows: self.days_without_flows,
            files,
            table: self.watch.table_date().map(str::to_owned),
            at_endpoints: self.watch.is_at_doors(),
            seen: self.seen,
            fine: self.fine,
            unaffected: self.unaffected,
            sources: self.sources.len() as u64,
            drops: self.drops.into_values().collect(),
            skipped_lines: self.skipped_lines,
            bad_lines: self.bad_lines,
        }
    }

    /// Services whose names will lead to an endpoint.
    fn names(&self) -> Vec<String> {
        let endpoints = self.after.endpoints.iter();
        endpoints
            .map(|endpoint| endpoint.service.to_owned())
            .collect()
    }

    fn listed(&self, breaking: Breaking, sum: Sum) -> Broken {
        let service = match &breaking.far {
            Far::Service(service) | Far::Endpoint(service) => service.to_string(),
            _ => format!("{} or another AWS API", self.names().join(", ")),
        };
        Broken {
            source: breaking.source.to_string(),
            interface: breaking.interface,
            subnet: breaking.subnet,
            service,
            port: breaking.port,
            sum,
            why: breaking.why.words(),
        }
    }
}

impl Why {
    fn words(&self) -> String {
        match self {
            Self::Port => format!("endpoints of this plan admit TCP {HTTPS} only"),
            Self::Obstacle(Obstacle::Groups(subnet)) => {
                format!(
                    "its security groups do not let it out on TCP {HTTPS} to the endpoint in {subnet}"
                )
            }
            Self::Obstacle(Obstacle::Acl(acl, direction)) => {
                let way = match direction {
                    Direction::Ingress => "in",
                    Direction::Egress => "out",
                };
                format!("network ACL {acl} does not let it {way}")
            }
            Self::Obstacle(Obstacle::EndpointGroup) => {
                "the endpoint's security group does not admit it".to_owned()
            }
            Self::Obstacle(Obstacle::Depends(_)) => "it depends".to_owned(),
        }
    }
}

impl Reason {
    fn words(self) -> String {
        match self {
            Self::Outside => {
                "from addresses outside the VPC's IPv4 ranges: whether they resolve names, and are routed, through this \
                 VPC is not known"
            }
            Self::Gone => "from addresses that no interface of the VPC has now",
            Self::OtherInterface => {
                "recorded at interfaces that are gone, or of another VPC with the same ranges"
            }
            Self::NoPort => "of logs without ports: what is not on TCP 443 would break",
            Self::Ec2 => "to addresses that are listed as EC2's: an API's, or anybody's server",
            Self::Unlabelled => {
                "to addresses that the log does not name, and there is no table of AWS's addresses"
            }
            Self::Doubt(Doubt::Part) => {
                "where the address that the endpoint gets, or the client's own port, decides whether groups and ACLs let it \
                 pass"
            }
            Self::Doubt(Doubt::PrefixList) => {
                "from clients whose groups let them out to prefix lists, whose content is not known"
            }
            Self::Doubt(Doubt::Unread) => {
                "from clients whose groups, subnet or ACLs are not known"
            }
            Self::NoPacketAddresses => {
                "at NAT gateways, of logs without packet addresses: whose they are is not known"
            }
            Self::Over => {
                return format!("beyond the {MOST_KEYS} kinds of flows a day that are kept apart");
            }
        }
        .to_owned()
    }
}
