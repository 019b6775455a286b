//! Which paths does a rule hold for?
//!
//! A path without wildcards holds for itself and for all below it. With wildcards the whole path has to fit: `{name}`
//! and `*` stand for one segment, `*` or `{name+}` at the end for one or more. The path of a request is normalised
//! first, so that `//login`, `/%6Cogin` and `/x/../login` do not walk past the rule for `/login`. A backend may read
//! paths in yet another way (case, for example): a rule without a path beside it is the safe net.

use std::fmt::Write;

/// One path condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
    whole: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    One,
    Rest,
}

impl PathPattern {
    /// Reads `/login`, `/orders/{id}`, `/static/*`; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let path = text.strip_prefix('/')?;
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let mut segments = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            segments.push(segment(part, index + 1 == parts.len())?);
        }
        let whole = segments.iter().any(|s| !matches!(s, Segment::Literal(_)));
        let text = text.to_owned();
        Some(Self {
            text,
            segments,
            whole,
        })
    }

    /// As it was written: the name of a route that nobody can make up.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a normalised path is meant.
    pub fn fits(&self, path: &str) -> bool {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        for segment in &self.segments {
            let Some(part) = parts.next() else {
                return false;
            };
            match segment {
                Segment::Literal(literal) if literal != part => return false,
                Segment::Rest => return true,
                Segment::Literal(_) | Segment::One => {}
            }
        }
        !self.whole || parts.next().is_none()
    }
}

fn segment(part: &str, last: bool) -> Option<Segment> {
    if part == "*" {
        return Some(if last { Segment::Rest } else { Segment::One });
    }
    let Some(name) = part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) else {
        let stray = part.contains(['{', '}', '*']);
        return (!stray).then(|| Segment::Literal(decoded(part)));
    };
    let is_name = |name: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        !name.is_empty() && name.chars().all(allowed)
    };
    match name.strip_suffix('+') {
        Some(name) => (last && is_name(name)).then_some(Segment::Rest),
        None => is_name(name).then_some(Segment::One),
    }
}

/// The path as rules see it: escapes read (but for `/` and `%`), empty and dot segments gone, no slash at the end.
pub fn normalised(path: &str) -> String {
    let mut kept: Vec<String> = Vec::new();
    for part in path.split('/') {
        let part = decoded(part);
        match part.as_str() {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            _ => kept.push(part),
        }
    }
    format!("/{}", kept.join("/"))
}

/// Reads `%6C`; `/`, `%`, control characters and white space stay escaped (they would become something else), a `%`
/// that escapes nothing becomes `%25`.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escape = tail
            .get(..2)
            .filter(|two| *first == b'%' && two.iter().all(u8::is_ascii_hexdigit));
        let value =
            escape.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        match value {
            Some(byte) if byte > b' ' && !matches!(byte, b'/' | b'%' | 0x7f) => bytes.push(byte),
            Some(byte) => bytes.extend(format!("%{byte:02X}").bytes()),
            None if *first == b'%' => bytes.extend(b"%25"),
            None => bytes.push(*first),
        }
        rest = if value.is_some() {
            tail.get(2..).unwrap_or_default()
        } else {
            tail
        };
    }
    String::from_utf8(bytes).unwrap_or_else(|wrong| {
        // Not text: kept as escapes, one spelling for each byte.
        wrong
            .as_bytes()
            .iter()
            .fold(String::new(), |mut text, byte| {
                if byte.is_ascii() {
                    text.push(char::from(*byte));
                } else {
                    let _ = write!(text, "%{byte:02X}");
                }
                text
            })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fits(pattern: &str, path: &str) -> bool {
        PathPattern::parse(pattern).unwrap().fits(&normalised(path))
    }

    #[test]
    fn a_path_without_wildcards_holds_for_itself_and_below() {
        for (pattern, path, holds) in [
            ("/login", "/login", true),
            ("/login", "/login/", true),
            ("/login", "/login/totp", true),
            ("/login", "/login-page", false),
            ("/login", "/", false),
            ("/", "/orders/1", true),
            ("/", "/", true),
        ] {
            assert_eq!(fits(pattern, path), holds, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_fits_the_whole_path() {
        for (pattern, path, holds) in [
            ("/orders/{id}", "/orders/7", true),
            ("/orders/{id}", "/orders/7/items", false),
            ("/orders/{id}", "/orders", false),
            ("/orders/{id}/items", "/orders/7/items", true),
            ("/users/*/keys", "/users/a/keys", true),
            ("/users/*/keys", "/users/a/b/keys", false),
            ("/static/*", "/static/css/a.css", true),
            ("/static/*", "/static", false),
            ("/files/{proxy+}", "/files/a/b", true),
            ("/{proxy+}", "/", false),
        ] {
            assert_eq!(fits(pattern, path), holds, "{pattern} {path}");
        }
    }

    #[test]
    fn other_spellings_of_a_path_do_not_walk_past_a_rule() {
        for spelling in [
            "//login",
            "/%6Cogin",
            "/%6cogin/",
            "/x/../login",
            "/./login",
            "/../login",
            "/login/%2e",
        ] {
            assert!(fits("/login", spelling), "{spelling}");
        }
        // One segment with a slash in it is not two: most servers see it so.
        assert!(!fits("/a/b", "/a%2Fb"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["orders", "", "/a{id}", "/{}", "/{a+}/b", "/a*", "/{a b}"] {
            assert_eq!(PathPattern::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing_and_never_fails(path in ".{0,40}", escapes in "(%[0-9a-fA-F]{2}|/|\\.|a){0,12}") {
            for path in [path, escapes] {
                let once = normalised(&path);
                prop_assert!(once.starts_with('/'));
                prop_assert_eq!(normalised(&once), once);
            }
        }
    }
}
