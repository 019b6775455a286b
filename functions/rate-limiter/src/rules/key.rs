//! Whose requests are counted together?

use super::fields::{Fields, is_name};

/// One kind of identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyBy {
    /// A client address (IPv6: one /64).
    ClientAddress,
    /// The value of a header. Lower-case name.
    Header(String),
    /// The API key: the one API Gateway knows, else the header `x-api-key`.
    ApiKey,
    /// A claim that the gateway verified.
    Claim(String),
    /// The route that was matched.
    Route,
    /// Everybody together.
    Global,
}

const EXPECTED: &str = "client_address, api_key, route, header:<name> or claim:<name>, up to four of them, or global alone";

/// Reads `key`; the client address if it is absent.
pub(crate) fn read(fields: &Fields) -> Vec<KeyBy> {
    let parts = fields.texts("key", 4, EXPECTED, part);
    if parts.is_empty() {
        return vec![KeyBy::ClientAddress];
    }
    let distinct: std::collections::HashSet<&KeyBy> = parts.iter().collect();
    let alone = parts.len() == 1 || !parts.contains(&KeyBy::Global);
    if distinct.len() < parts.len() || !alone {
        fields.wrong("key", EXPECTED);
    }
    parts
}

fn part(text: &str) -> Option<KeyBy> {
    let named = |prefix: &str| text.strip_prefix(prefix);
    match text {
        "client_address" => Some(KeyBy::ClientAddress),
        "api_key" => Some(KeyBy::ApiKey),
        "route" => Some(KeyBy::Route),
        "global" => Some(KeyBy::Global),
        _ => named("header:")
            .filter(|name| is_name(name))
            .map(|name| KeyBy::Header(name.to_ascii_lowercase()))
            .or_else(|| {
                named("claim:")
                    .filter(|name| is_claim(name))
                    .map(|name| KeyBy::Claim(name.to_owned()))
            }),
    }
}

/// Claims have names such as `sub`, `cognito:username` and `https://example.com/tenant`. What would end a part of a
/// key, or a hash tag of a Redis cluster, is in none.
pub(crate) fn is_claim(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_graphic() && !matches!(c, '|' | '{' | '}');
    (1..=128).contains(&name.len()) && name.chars().all(allowed)
}
