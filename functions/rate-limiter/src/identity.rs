//! Whose quota does a request use?
//!
//! An identity that is missing (no such header, no readable address) is a stated outcome: all such requests share one
//! quota for that kind of key, so that leaving out a header gains nothing. What a client sent as a key may be a
//! secret: it is only kept hashed.

use std::net::IpAddr;

use tollkeeper::canonical::hash_text;

use crate::address;
use crate::rules::KeyBy;

/// Who asks, as far as the event tells.
pub enum Caller<'a> {
    /// A client behind API Gateway or a load balancer.
    Client {
        /// Its address, if one could be read.
        address: Option<IpAddr>,
        /// The value of a header by its lower-case name.
        header: &'a dyn Fn(&str) -> Option<String>,
    },
    /// Whoever the direct caller says it is: an address, or any text.
    Named(&'a str),
}

/// The name of a quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The key that the state is remembered under.
    pub key: String,
    /// Whether the request did not say who it is.
    pub missing: bool,
}

/// The identity that a rule counts a caller under.
pub fn of(key_by: &KeyBy, caller: &Caller) -> Identity {
    match key_by {
        KeyBy::Global => named("global"),
        KeyBy::ClientAddress => match caller {
            Caller::Client { address, .. } => by_address(*address),
            Caller::Named(name) => {
                address::parse(name).map_or_else(|| hashed("named", name), |a| by_address(Some(a)))
            }
        },
        KeyBy::Header(header_name) => {
            let value = match caller {
                Caller::Client { header, .. } => header(header_name),
                Caller::Named(name) => Some((*name).to_owned()),
            };
            let kind = format!("header:{header_name}");
            match value.filter(|value| !value.is_empty()) {
                Some(value) => hashed(&kind, &value),
                None => missing(&kind),
            }
        }
    }
}

fn by_address(address: Option<IpAddr>) -> Identity {
    address.map_or_else(
        || missing("address"),
        |address| named(&format!("address:{}", address::counted(address))),
    )
}

fn hashed(kind: &str, secret: &str) -> Identity {
    named(&format!("{kind}:{}", hash_text(secret)))
}

fn missing(kind: &str) -> Identity {
    Identity {
        missing: true,
        ..named(&format!("{kind}:missing"))
    }
}

fn named(name: &str) -> Identity {
    Identity {
        // In braces: all that is remembered of an identity shares a cluster slot.
        key: format!("tollkeeper:limit:{{{name}}}"),
        missing: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api_key() -> KeyBy {
        KeyBy::Header("x-api-key".to_owned())
    }

    fn client<'a>(address: Option<&str>, header: &'a dyn Fn(&str) -> Option<String>) -> Caller<'a> {
        Caller::Client {
            address: address.map(|text| text.parse().unwrap()),
            header,
        }
    }

    #[test]
    fn two_addresses_of_one_v6_network_are_one_client() {
        let no_headers = |_: &str| None;
        let of = |text| of(&KeyBy::ClientAddress, &client(Some(text), &no_headers));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }

    #[test]
    fn leaving_out_a_header_or_an_address_gains_no_quota_of_ones_own() {
        let no_headers = |_: &str| None;
        let empty = |_: &str| Some(String::new());
        for address in [None, Some("198.51.100.1"), Some("198.51.100.2")] {
            let identity = of(&api_key(), &client(address, &no_headers));
            assert_eq!(identity.key, "tollkeeper:limit:{header:x-api-key:missing}");
            assert_eq!(of(&api_key(), &client(address, &empty)), identity);
            assert!(identity.missing);
        }
        assert!(of(&KeyBy::ClientAddress, &client(None, &no_headers)).missing);
    }

    #[test]
    fn a_key_that_may_be_a_secret_is_only_kept_hashed() {
        let secret = |_: &str| Some("s3cret".to_owned());
        let by_header = of(&api_key(), &client(None, &secret));
        assert!(!by_header.key.contains("s3cret") && !by_header.missing);
        assert_eq!(of(&api_key(), &Caller::Named("s3cret")), by_header);
        assert!(
            !of(&KeyBy::ClientAddress, &Caller::Named("s3cret"))
                .key
                .contains("s3cret")
        );
    }

    #[test]
    fn a_direct_check_of_an_address_uses_the_quota_of_that_client() {
        let no_headers = |_: &str| None;
        assert_eq!(
            of(&KeyBy::ClientAddress, &Caller::Named("198.51.100.7")),
            of(
                &KeyBy::ClientAddress,
                &client(Some("198.51.100.7"), &no_headers)
            ),
        );
    }
}
