//! Canonical JSON (RFC 8785) and its hash: what an approval binds.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// A value that cannot be written as JSON (a map with keys that are no strings, a float that is not finite).
#[derive(Debug, thiserror::Error)]
#[error("value cannot be written as canonical JSON: {0}")]
pub struct NotCanonical(#[from] serde_json::Error);

/// The value as canonical JSON: sorted keys, no white space, one spelling of each number.
pub fn to_canonical_json(value: &impl Serialize) -> Result<String, NotCanonical> {
    Ok(serde_json_canonicalizer::to_string(value)?)
}

/// `sha256:` and the lower-case hexadecimal hash of the value's canonical JSON.
pub fn hash(value: &impl Serialize) -> Result<String, NotCanonical> {
    Ok(hash_text(&to_canonical_json(value)?))
}

/// `sha256:` and the lower-case hexadecimal hash of a text's bytes.
pub fn hash_text(text: &str) -> String {
    hash_bytes(text.as_bytes())
}

/// `sha256:` and the lower-case hexadecimal hash of bytes.
pub fn hash_bytes(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let mut out = String::with_capacity(7 + 64);
    out.push_str("sha256:");
    for byte in digest {
        for nibble in [byte >> 4, byte & 0xf] {
            out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_order_does_not_change_the_hash() {
        let one = serde_json::json!({"b": 1, "a": [true, null]});
        let two: serde_json::Value =
            serde_json::from_str(r#"{ "a": [true, null], "b": 1 }"#).unwrap();
        assert_eq!(
            to_canonical_json(&one).unwrap(),
            r#"{"a":[true,null],"b":1}"#
        );
        assert_eq!(hash(&one).unwrap(), hash(&two).unwrap());
    }

    #[test]
    fn the_hash_is_the_published_sha256() {
        assert_eq!(
            hash_text("abc"),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
