//! The fields of all versions, and those that records are made of.

use super::words::MAX_COLUMNS;

/// Longest name that a field of a header line may have.
const LONGEST_NAME: usize = 64;

/// The fields that a record is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    AccountId,
    InterfaceId,
    ResourceId,
    NextHopInterfaceId,
    SrcAddr,
    DstAddr,
    PktSrcAddr,
    PktDstAddr,
    Packets,
    Bytes,
    Start,
    Action,
    LogStatus,
    PktSrcService,
    PktDstService,
    TrafficPath,
    SrcPort,
    DstPort,
    Protocol,
    VpcId,
}

/// How many they are.
pub(super) const FIELDS: usize = Field::VpcId as usize + 1;
/// The column of a field that a format lacks: no line has one there.
pub(super) const ABSENT: usize = MAX_COLUMNS;

/// A name as AWS makes them: lower-case words and numbers with dashes between.
pub(super) fn is_name(word: &[u8]) -> bool {
    word.len() <= LONGEST_NAME
        && word.first().is_some_and(u8::is_ascii_lowercase)
        && word
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
}

/// What is done with a field.
pub(super) enum Use {
    /// Sums are made of it.
    Read(Field),
    /// Only some readers ask for it.
    OnRequest(Field),
    PassOver,
}

/// `None` for a name of no version.
#[rustfmt::skip]
pub(super) fn known(name: &str) -> Option<Use> {
    Some(Use::Read(match name {
        "account-id" => Field::AccountId,
        "interface-id" => Field::InterfaceId,
        "srcaddr" => Field::SrcAddr,
        "dstaddr" => Field::DstAddr,
        "packets" => Field::Packets,
        "bytes" => Field::Bytes,
        "start" => Field::Start,
        "action" => Field::Action,
        "log-status" => Field::LogStatus,
        "pkt-srcaddr" => Field::PktSrcAddr,
        "pkt-dstaddr" => Field::PktDstAddr,
        "pkt-src-aws-service" => Field::PktSrcService,
        "pkt-dst-aws-service" => Field::PktDstService,
        "resource-id" => Field::ResourceId,
        "next-hop-interface-id" => Field::NextHopInterfaceId,
        "traffic-path" => Field::TrafficPath,
        "srcport" => return Some(Use::OnRequest(Field::SrcPort)),
        "dstport" => return Some(Use::OnRequest(Field::DstPort)),
        "protocol" => return Some(Use::OnRequest(Field::Protocol)),
        "vpc-id" => return Some(Use::OnRequest(Field::VpcId)),
        // Versions 2, 3, 4, 5, 7, 8, 10 and 11.
        "version" | "end"
        | "subnet-id" | "instance-id" | "tcp-flags" | "type"
        | "region" | "az-id" | "sublocation-type" | "sublocation-id"
        | "flow-direction"
        | "ecs-cluster-arn" | "ecs-cluster-name" | "ecs-container-instance-arn" | "ecs-container-instance-id"
        | "ecs-container-id" | "ecs-second-container-id" | "ecs-service-name" | "ecs-task-definition-arn"
        | "ecs-task-arn" | "ecs-task-id"
        | "reject-reason"
        | "encryption-status"
        | "instance-tag" | "instance-tag-2" | "interface-tag" | "interface-tag-2" | "asg-tag" | "asg-tag-2"
        | "interface-type" | "next-hop-subnet-id" | "next-hop-az-id" | "next-hop-vpc-id" | "next-hop-interface-type" =>
        {
            return Some(Use::PassOver);
        }
        _ => return None,
    }))
}
