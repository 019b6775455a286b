//! Terraform, for the AWS provider 5 and 6.
//!
//! Route tables are attached one resource each, as the plan does; endpoints wait for the rules of their group. Terraform
//! has no "dark first": a variable stands for the moment at which the VPC moves.

use std::fmt::Write;

use super::{
    Emitted, Format, Named, NotExpressible, has_private_dns, hcl_text, remarks, rules_of,
    service_name, tags,
};
use crate::change::{Change, Direction, Peer, Target};

const VARIABLE: &str = "tollkeeper_private_dns";

pub(super) fn emit(named: Named<'_>) -> Result<Emitted, NotExpressible> {
    let mut writer = Writer {
        named,
        out: String::new(),
        resources: 0,
        left_out: Vec::new(),
    };
    writer.head();
    for step in &named.plan.steps {
        writer.step(step.number, &step.change);
    }
    for line in &writer.left_out {
        // Writing to a String does not fail.
        let _ = writeln!(writer.out, "\n# Not expressed: {line}");
    }
    if writer.resources == 0 {
        return Err(NotExpressible {
            format: "Terraform",
            expected: "text",
            left_out: writer.left_out,
        });
    }
    Ok(Emitted {
        format: Format::Terraform,
        code: writer.out,
        left_out: writer.left_out,
    })
}

struct Writer<'a> {
    named: Named<'a>,
    out: String,
    resources: usize,
    left_out: Vec<String>,
}

/// Arguments of a resource, in the order they are written.
type Arguments = Vec<(&'static str, String)>;

impl Writer<'_> {
    fn head(&mut self) {
        let (plan, out) = (self.named.plan, &mut self.out);
        let _ = writeln!(
            out,
            "# Plan {} ({}), made by Tollkeeper for {} in {}, account {}.\n#",
            self.named.id, self.named.hash, plan.request.vpc_id, plan.region, plan.account
        );
        for remark in remarks(plan) {
            let _ = writeln!(out, "# - {remark}");
        }
        let _ = write!(
            out,
            "\nterraform {{\n  required_providers {{\n    aws = {{\n      source  = \"hashicorp/aws\"\n      version = \
             \">= 5.0, < 7.0\"\n    }}\n  }}\n}}\n"
        );
        let dark =
            |change: &Change<Target>| matches!(change, Change::CreateInterfaceEndpoint { .. });
        if plan.steps.iter().any(|step| dark(&step.change)) {
            let _ = write!(
                out,
                "\n# Private DNS moves every client of the VPC. Apply with false first, prove the endpoints by their own \
                 names,\n# then apply with true.\nvariable \"{VARIABLE}\" {{\n  type    = bool\n  default = true\n}}\n"
            );
        }
    }

    fn step(&mut self, number: u32, change: &Change<Target>) {
        match change {
            Change::CreateGroup { name, service } => {
                let arguments = vec![
                    ("name", hcl_text::quoted(name)),
                    ("description", hcl_text::quoted(&format!("{service} interface endpoint, planned by Tollkeeper"))),
                    ("vpc_id", hcl_text::quoted(&self.named.plan.request.vpc_id)),
                ];
                self.resource("aws_security_group", &label(service), number, arguments, true);
            }
            Change::Allow { group, direction, port, peer } => self.rule(number, group, *direction, *port, peer),
            Change::Revoke { group, .. } => self.left_out.push(format!(
                "to {change}: whatever declares the rules of {group} takes this one away"
            )),
            Change::CreateGatewayEndpoint { service } => {
                let mut arguments = self.endpoint(service);
                arguments.push(("vpc_endpoint_type", hcl_text::quoted("Gateway")));
                self.resource("aws_vpc_endpoint", &label(service), number, arguments, true);
            }
            Change::CreateInterfaceEndpoint { service, subnets, group, .. } => {
                self.interface(number, service, subnets, group);
            }
            Change::AssociateRouteTable { endpoint, route_table } => {
                let arguments = vec![
                    ("route_table_id", hcl_text::quoted(route_table)),
                    ("vpc_endpoint_id", self.id(endpoint)),
                ];
                let name = format!("tollkeeper_step_{number}");
                self.resource("aws_vpc_endpoint_route_table_association", &name, number, arguments, false);
            }
            // Said by the endpoint itself, where the plan makes it.
            Change::SwitchPrivateDnsOn { endpoint: Target::Step(_), .. } => {}
            Change::SwitchPrivateDnsOn { endpoint: Target::Id(id), .. } => self.left_out.push(format!(
                "private DNS of {id}, which is not made here: its own code sets private_dns_enabled = true"
            )),
            Change::SetPolicy { endpoint, policy, .. } => {
                let read = serde_json::from_str(policy).unwrap_or(serde_json::Value::Null);
                let arguments = vec![
                    ("vpc_endpoint_id", self.id(endpoint)),
                    ("policy", format!("jsonencode({})", hcl_text::value(&read, 1))),
                ];
                let name = format!("tollkeeper_step_{number}");
                self.resource("aws_vpc_endpoint_policy", &name, number, arguments, false);
            }
        }
    }

    fn endpoint(&self, service: &str) -> Arguments {
        vec![
            ("vpc_id", hcl_text::quoted(&self.named.plan.request.vpc_id)),
            (
                "service_name",
                hcl_text::quoted(&service_name(self.named, service)),
            ),
        ]
    }

    fn interface(&mut self, number: u32, service: &str, subnets: &[String], group: &Target) {
        let plan = self.named.plan;
        let dns = if has_private_dns(plan, number) {
            format!("var.{VARIABLE}")
        } else {
            "false".to_owned()
        };
        let mut arguments = self.endpoint(service);
        arguments.extend([
            ("vpc_endpoint_type", hcl_text::quoted("Interface")),
            ("subnet_ids", hcl_text::list(subnets)),
            ("security_group_ids", format!("[{}]", self.id(group))),
            ("private_dns_enabled", dns),
        ]);
        if let Target::Step(group) = group {
            let rules: Vec<String> = rules_of(plan, *group)
                .filter_map(|step| match &step.change {
                    Change::Allow { direction, .. } => Some(format!(
                        "{}.tollkeeper_step_{}",
                        rule_kind(*direction),
                        step.number
                    )),
                    _ => None,
                })
                .collect();
            if !rules.is_empty() {
                arguments.push(("depends_on", format!("[{}]", rules.join(", "))));
            }
        }
        self.resource("aws_vpc_endpoint", &label(service), number, arguments, true);
    }

    fn rule(
        &mut self,
        number: u32,
        group: &Target,
        direction: Direction,
        port: u16,
        peer: &Peer<Target>,
    ) {
        let peer = match peer {
            Peer::Cidr(cidr) if cidr.contains(':') => ("cidr_ipv6", hcl_text::quoted(cidr)),
            Peer::Cidr(cidr) => ("cidr_ipv4", hcl_text::quoted(cidr)),
            Peer::Group(group) => ("referenced_security_group_id", self.id(group)),
            Peer::PrefixList(list) => ("prefix_list_id", hcl_text::quoted(list)),
        };
        let arguments = vec![
            ("security_group_id", self.id(group)),
            ("ip_protocol", hcl_text::quoted("tcp")),
            ("from_port", port.to_string()),
            ("to_port", port.to_string()),
            peer,
        ];
        let name = format!("tollkeeper_step_{number}");
        self.resource(rule_kind(direction), &name, number, arguments, true);
    }

    fn resource(&mut self, kind: &str, name: &str, step: u32, arguments: Arguments, tagged: bool) {
        self.resources += 1;
        let mut arguments = arguments;
        if tagged {
            let tags = tags(self.named, step, "terraform");
            // As wide as the longest of the three keys.
            let tags = tags.iter().map(|(key, value)| {
                let (key, value) = (hcl_text::quoted(key), hcl_text::quoted(value));
                format!("    {key:20} = {value}\n")
            });
            arguments.push(("tags", format!("{{\n{}  }}", tags.collect::<String>())));
        }
        let _ = writeln!(
            self.out,
            "\n# Step {step}\nresource \"{kind}\" \"{name}\" {{"
        );
        let short = arguments.iter().filter(|(_, value)| !value.contains('\n'));
        let width = short.map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, value) in &arguments {
            // As `terraform fmt` has it: values of one line stand below each other, longer ones apart.
            let _ = if value.contains('\n') {
                writeln!(self.out, "\n  {name} = {value}")
            } else {
                writeln!(self.out, "  {name:width$} = {value}")
            };
        }
        self.out.push_str("}\n");
    }

    /// A literal id, or a reference to the resource that an earlier step writes.
    fn id(&self, target: &Target) -> String {
        let made_by = match target {
            Target::Id(id) => return hcl_text::quoted(id),
            Target::Step(number) => number,
        };
        let step = self
            .named
            .plan
            .steps
            .iter()
            .find(|step| step.number == *made_by);
        match step.map(|step| &step.change) {
            Some(Change::CreateGroup { service, .. }) => {
                format!("aws_security_group.{}.id", label(service))
            }
            Some(
                Change::CreateGatewayEndpoint { service }
                | Change::CreateInterfaceEndpoint { service, .. },
            ) => {
                format!("aws_vpc_endpoint.{}.id", label(service))
            }
            // No plan refers to a step that makes nothing; Terraform would name this line.
            _ => format!("tollkeeper_step_{made_by}"),
        }
    }
}

fn rule_kind(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "aws_vpc_security_group_ingress_rule",
        Direction::Egress => "aws_vpc_security_group_egress_rule",
    }
}

/// One name a service: dots, which names of services have and labels have not, become underscores, which is the other
/// way round.
fn label(service: &str) -> String {
    format!("tollkeeper_{}", service.replace('.', "_"))
}
