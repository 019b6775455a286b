//! A plan in the making: steps with their numbers, and what is said about them.

use std::collections::BTreeSet;

use tollkeeper::plan::{EndpointKind, PlanRequest, PlannedEndpoint};

use crate::change::{Change, Step, Target};
use crate::preflight::acls::Clients;
use crate::preflight::{Evidence, Unknown, dns, egress, quotas, source_ip};
use crate::snapshot::{Snapshot, Subnet};

pub(super) struct Draft<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) request: &'a PlanRequest,
    pub(super) evidence: &'a Evidence,
    /// Who must reach every interface of an endpoint.
    pub(super) clients: Clients<'a>,
    pub(super) steps: Vec<Step>,
    pub(super) endpoints: Vec<PlannedEndpoint>,
    pub(super) left_alone: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        request: &'a PlanRequest,
        evidence: &'a Evidence,
    ) -> Self {
        let pollers = request.kafka_pollers.iter();
        let pollers = pollers.flat_map(|one| one.subnets.iter().map(String::as_str));
        Self {
            clients: Clients::of(snapshot, &pollers.collect()),
            evidence,
            snapshot,
            request,
            steps: Vec::new(),
            endpoints: Vec::new(),
            left_alone: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Adds a step and answers how later steps refer to what it makes. The same change is planned once.
    pub(super) fn step(&mut self, change: Change<Target>) -> Target {
        if let Some(known) = self.steps.iter().find(|step| step.change == change) {
            return Target::Step(known.number);
        }
        let number = u32::try_from(self.steps.len() + 1).unwrap_or(u32::MAX);
        self.steps.push(Step { number, change });
        Target::Step(number)
    }

    pub(super) fn leave(&mut self, reason: String) {
        self.left_alone.push(reason);
    }

    pub(super) fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Who has set the VPC apart, for this service; it is left alone then.
    pub(super) fn is_set_apart(&mut self, service: &str) -> bool {
        let vpc = &self.snapshot.vpc.id;
        let mut exceptions = self.snapshot.exceptions.iter();
        let found = exceptions.find(|one| one.resource == *vpc && one.covers(service));
        if let Some(exception) = found {
            self.leave(format!("{service}: {exception}"));
        }
        found.is_some()
    }

    /// Subnets without a default route to an internet gateway.
    pub(super) fn private_subnets(&self) -> impl Iterator<Item = &'a Subnet> {
        let public: BTreeSet<&str> = self
            .snapshot
            .route_tables
            .iter()
            .filter(|table| {
                let target = table.default_target.as_deref().unwrap_or_default();
                target.starts_with("igw-")
            })
            .map(|table| table.id.as_str())
            .collect();
        let subnets = self.snapshot.subnets.iter();
        subnets.filter(move |subnet| !public.contains(subnet.route_table.as_str()))
    }

    /// What the snapshot shows or cannot show about the ways out of the VPC.
    pub(super) fn warn_about_network(&mut self) {
        let through_hub: Vec<&str> = self
            .snapshot
            .route_tables
            .iter()
            .filter(|table| {
                let target = table.default_target.as_deref().unwrap_or_default();
                target.starts_with("tgw-")
            })
            .map(|table| table.id.as_str())
            .collect();
        if !through_hub.is_empty() {
            self.warn(format!(
                "{} leave through a transit gateway: gateway endpoints serve only clients of the VPC they are in, so \
                 nobody behind a central egress VPC is served by one there",
                through_hub.join(", ")
            ));
        }
        if !self.steps.is_empty() {
            self.warn_about_evidence();
        }
    }

    /// What was read outside the network, and what was not.
    fn warn_about_evidence(&mut self) {
        for line in source_ip::callers(self.evidence, &self.moved()) {
            self.warn(line);
        }
        if let Some(code) = &self.evidence.unread_pollers {
            self.warn(format!(
                "Not looked at: whether pollers of Kafka event source mappings live here, which could not be read ({code}); \
                 name them in kafka_pollers"
            ));
        }
        for line in quotas::warnings(self.evidence, &self.endpoints) {
            self.warn(line);
        }
        self.warn(
            "Not looked at: aws:SourceIp in IAM policies, in policies of other resources than this account's buckets in \
             this region, and in those of other accounts (it does not match traffic through an endpoint)"
                .to_owned(),
        );
    }

    /// Services whose traffic the plan moves.
    fn moved(&self) -> Vec<String> {
        let services = self.endpoints.iter();
        services.map(|one| one.service.clone()).collect()
    }

    /// What could not be found out of what the planned steps rest on.
    pub(super) fn unknowns(&self) -> Vec<Unknown> {
        if self.endpoints.is_empty() {
            return Vec::new();
        }
        let has = |wanted: fn(&PlannedEndpoint) -> bool| self.endpoints.iter().any(wanted);
        let mut unknowns = egress::unknowns(self.evidence, self.snapshot);
        if has(|one| one.kind == EndpointKind::Interface) {
            unknowns.extend(dns::unknowns(self.evidence, &self.snapshot.vpc));
        }
        if has(|one| one.service == "s3") {
            unknowns.extend(source_ip::bucket_unknowns(self.evidence));
        }
        unknowns.extend(source_ip::caller_unknowns(self.evidence, &self.moved()));
        unknowns.sort();
        unknowns
    }
}
