//! What a bucket's policy makes of callers whose public address it knows, once they come from inside a VPC.
//!
//! A call through an endpoint carries no `aws:SourceIp`; it carries `aws:SourceVpc` and a private `aws:VpcSourceIp`.
//! Statement by statement: one that allows less of the same call than before, or denies more of it, narrows.

use serde_json::Value;

use super::About;
use super::calls::{self, Call};
use super::condition::Known;
use super::document::{self, Statement};
use super::evaluate::applies;

/// Where calls come from before and after.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Move<'a> {
    /// Public addresses of the NAT gateways.
    pub(crate) from: &'a [String],
    /// Ranges of the VPC.
    pub(crate) vpc_cidrs: &'a [String],
}

/// A statement about `aws:SourceIp` that is not by the grammar this product reads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotUnderstood;

/// Numbers of the statements, from 1, that narrow; empty where nothing changes for callers.
pub(crate) fn narrowing(
    policy: &str,
    about: &About<'_>,
    moved: Move<'_>,
) -> Result<Vec<usize>, NotUnderstood> {
    if !mentions(policy) {
        return Ok(Vec::new());
    }
    let policy: Value = serde_json::from_str(policy).map_err(|_| NotUnderstood)?;
    let understood = document::read(&policy, &mut Vec::new()).statements;
    let is_understood = |number| understood.iter().any(|known| known.number == number);
    let statements = match policy.get("Statement") {
        Some(Value::Array(list)) => list.as_slice(),
        Some(single) => std::slice::from_ref(single),
        None => return Err(NotUnderstood),
    };
    let mut numbered = statements.iter().enumerate();
    if numbered.any(|(index, text)| mentions(&text.to_string()) && !is_understood(index + 1)) {
        return Err(NotUnderstood);
    }
    let narrow = understood.iter().filter(|one| narrows(one, about, moved));
    Ok(narrow.map(|statement| statement.number).collect())
}

fn mentions(text: &str) -> bool {
    text.to_ascii_lowercase().contains("aws:sourceip")
}

fn narrows(statement: &Statement, about: &About<'_>, moved: Move<'_>) -> bool {
    if !statement
        .conditions
        .iter()
        .any(|one| one.is_on("aws:SourceIp"))
    {
        return false;
    }
    let before = moved.from.iter().map(|address| outside(address, about));
    let after: Vec<Call> = moved
        .vpc_cidrs
        .iter()
        .map(|cidr| inside(cidr, about))
        .collect();
    let mut pairs =
        before.flat_map(|before| after.iter().map(move |after| (before.clone(), after)));
    pairs.any(|(before, after)| {
        let (before, after) = (
            applies(statement, &before, about),
            applies(statement, after, about),
        );
        if statement.allows {
            after < before
        } else {
            after > before
        }
    })
}

/// A call through a NAT gateway: of no VPC, as far as the bucket sees.
fn outside(address: &str, about: &About<'_>) -> Call {
    let keys = vec![
        ("aws:sourceip", Known::Text(address.to_owned())),
        ("aws:sourcevpc", Known::Missing),
        ("aws:sourcevpcarn", Known::Missing),
        ("aws:sourcevpce", Known::Missing),
        ("aws:vpcsourceip", Known::Missing),
    ];
    Call {
        keys,
        ..calls::own_role(about)
    }
}

/// The same call through an endpoint that no policy can name yet.
fn inside(cidr: &str, about: &About<'_>) -> Call {
    let keys = vec![
        ("aws:sourceip", Known::Missing),
        ("aws:sourcevpc", Known::Text(about.vpc_id.to_owned())),
        ("aws:sourcevpce", Known::Foreign),
        ("aws:vpcsourceip", Known::Text(cidr.to_owned())),
    ];
    Call {
        keys,
        ..calls::own_role(about)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tollkeeper::plan::EndpointKind;

    use super::*;

    const ABOUT: About<'static> = About {
        service: "s3",
        kind: EndpointKind::Gateway,
        region: "us-east-1",
        partition: "aws",
        vpc_id: "vpc-1",
        kafka_pollers: false,
    };

    fn narrowed(statements: &Value) -> Result<Vec<usize>, NotUnderstood> {
        let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let moved = Move {
            from: &["203.0.113.7".to_owned()],
            vpc_cidrs: &["10.0.0.0/16".to_owned()],
        };
        narrowing(&policy, &ABOUT, moved)
    }

    fn statement(effect: &str, condition: &Value) -> Value {
        json!({"Effect": effect, "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": condition})
    }

    fn allow(condition: &Value) -> bool {
        !narrowed(&statement("Allow", condition)).unwrap().is_empty()
    }

    fn deny(condition: &Value) -> bool {
        !narrowed(&statement("Deny", condition)).unwrap().is_empty()
    }

    #[test]
    fn an_allow_list_that_holds_the_nat_address_narrows_and_one_that_does_not_never_did() {
        for list in [
            json!("203.0.113.7"),
            json!(["198.51.100.0/24", "203.0.113.0/24"]),
            json!("0.0.0.0/0"),
        ] {
            assert!(
                allow(&json!({"IpAddress": {"aws:SourceIp": list}})),
                "{list}"
            );
            assert!(
                deny(&json!({"NotIpAddress": {"AWS:sourceip": list}})),
                "{list}"
            );
        }
        let office = json!("198.51.100.0/24");
        assert!(!allow(&json!({"IpAddress": {"aws:SourceIp": office}})));
        assert!(!deny(&json!({"NotIpAddress": {"aws:SourceIp": office}})));
        assert!(!deny(&json!({"IpAddress": {"aws:SourceIp": office}})));
    }

    #[test]
    fn a_list_that_admits_the_vpc_another_way_does_not_narrow() {
        let nat = json!({"aws:SourceIp": "203.0.113.7/32"});
        let not_vpc =
            |vpc: &str| json!({"NotIpAddress": nat, "StringNotEquals": {"aws:SourceVpc": [vpc]}});
        assert!(!deny(&not_vpc("vpc-1")));
        assert!(deny(&not_vpc("vpc-2")));
        let not_private = |cidr: &str| json!({"NotIpAddressIfExists": {"aws:SourceIp": "203.0.113.7/32", "aws:VpcSourceIp": cidr}});
        assert!(!deny(&not_private("10.0.0.0/8")));
        assert!(deny(&not_private("10.9.0.0/16")));
        assert!(deny(
            &json!({"NotIpAddress": nat, "StringNotEquals": {"aws:SourceVpce": "vpce-old"}})
        ));
        assert!(!allow(&json!({"IpAddressIfExists": nat})));
    }

    #[test]
    fn what_else_a_statement_asks_may_or_may_not_hold_and_counts_as_if_it_did() {
        let nat = json!({"aws:SourceIp": "203.0.113.7"});
        let admin = json!({"aws:PrincipalArn": "arn:aws:iam::123456789012:role/admin"});
        assert!(deny(&json!({"NotIpAddress": nat, "ArnNotLike": admin})));
        assert!(allow(&json!({"IpAddress": nat, "ArnLike": admin})));
    }

    #[test]
    fn each_statement_is_named_by_its_number() {
        let open = statement("Allow", &json!({}));
        let narrow = statement(
            "Allow",
            &json!({"IpAddress": {"aws:SourceIp": "203.0.113.7"}}),
        );
        assert_eq!(
            narrowed(&json!([open, narrow, open, narrow])),
            Ok(vec![2, 4])
        );
        assert_eq!(narrowed(&json!([open])), Ok(Vec::new()));
    }

    #[test]
    fn a_statement_about_addresses_that_is_not_understood_is_not_passed_over() {
        let mut odd = statement(
            "Deny",
            &json!({"NotIpAddress": {"aws:SourceIp": "203.0.113.7"}}),
        );
        odd.as_object_mut().unwrap().remove("Principal");
        odd["NotPrincipal"] = json!({"AWS": "arn:aws:iam::123456789012:root"});
        assert_eq!(narrowed(&json!([odd])), Err(NotUnderstood));
        odd.as_object_mut().unwrap().remove("Condition");
        let open = statement(
            "Allow",
            &json!({"IpAddress": {"aws:SourceIp": "198.51.100.9"}}),
        );
        assert_eq!(
            narrowed(&json!([odd, open])),
            Ok(Vec::new()),
            "it asks for no address"
        );
    }
}
