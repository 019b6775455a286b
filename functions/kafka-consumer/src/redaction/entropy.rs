//! Long strings that look like chance.

use super::scan::Secret;
use super::shapes;

/// Length from which on a string is suspected: shorter ones are ids and names in every log.
const LONG: usize = 32;

/// An AWS secret access key's length.
const SECRET_KEY: usize = 40;

/// Shorter pieces of a string say nothing.
const PIECE: usize = 8;

pub(super) fn is_token_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/_-".contains(&byte)
}

/// Bytes of a run that are judged together; each is in two such parts, so that the cut between two saves nothing.
const PART: usize = 256;

/// The run of base64 (also URL-safe) at the beginning: how much of it was judged, and the secret in case it is one.
pub(super) fn run(rest: &[u8], beside_key: bool) -> (usize, Option<Secret>) {
    let length = rest
        .iter()
        .take(PART)
        .take_while(|byte| is_token_part(**byte))
        .count();
    let part = rest.get(..length).unwrap_or_default();
    let is_key =
        beside_key && length == SECRET_KEY && !part.contains(&b'-') && !part.contains(&b'_');
    if !is_key && !is_suspect(part) {
        return (if length < PART { length } else { PART / 2 }, None);
    }
    let length = rest.iter().take_while(|byte| is_token_part(**byte)).count();
    let padding = rest
        .iter()
        .skip(length)
        .take(2)
        .take_while(|byte| **byte == b'=')
        .count();
    let kind = if is_key { "secret-key" } else { "high-entropy" };
    (length, Some(Secret::of(kind, 0, length + padding)))
}

fn is_suspect(part: &[u8]) -> bool {
    let mut segments = part
        .split(|byte| *byte == b'/')
        .filter(|segment| segment.len() >= LONG);
    part.len() >= LONG && (is_random(part) || segments.any(is_random))
}

/// Whether at least half of a string, and sixteen characters, are in pieces that look like chance; or all of it, where
/// it has everything that base64 has.
fn is_random(run: &[u8]) -> bool {
    let mix = Mix::of(run);
    if mix.lower && mix.upper && mix.groups > 0 && mix.is_wild() {
        return true;
    }
    let mut random = 0;
    let mut at = 0;
    while let Some(rest) = run.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(uuid) = shapes::uuid(rest) {
            at += uuid;
            continue;
        }
        let length = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        let piece = rest.get(..length).unwrap_or_default();
        let before = at.checked_sub(1).and_then(|before| run.get(before));
        if looks_random(piece) && !(before == Some(&b'-') && is_resource_id(piece)) {
            random += length;
        }
        at += length.max(1);
    }
    random >= 16 && random * 2 >= run.len()
}

/// What AWS appends to `i-`, `eni-` and the like.
fn is_resource_id(piece: &[u8]) -> bool {
    let within = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    (piece.len() == 8 || piece.len() == 17) && piece.iter().all(within)
}

/// Whether a piece is letters and digits by chance.
fn looks_random(piece: &[u8]) -> bool {
    let mix = Mix::of(piece);
    let is_hex = mix.groups > 0 && mix.has_letter() && piece.iter().all(u8::is_ascii_hexdigit);
    piece.len() >= PIECE && mix.has_letter() && (is_hex || mix.groups > 2 || mix.is_wild())
}

/// How letters and digits change in a string. In names, digits come in one or two groups, and capitals begin words.
#[derive(Debug, Default)]
struct Mix {
    letters_and_digits: usize,
    lower: bool,
    upper: bool,
    /// Of digits.
    groups: usize,
    /// Between lower case, upper case and digits, but for a capital and what it begins.
    changes: usize,
}

impl Mix {
    fn of(text: &[u8]) -> Self {
        let mut mix = Self::default();
        let mut before = None;
        for byte in text.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
            let class = match byte {
                b'0'..=b'9' => 0,
                b'A'..=b'Z' => 1,
                _ => 2,
            };
            mix.letters_and_digits += 1;
            mix.upper |= class == 1;
            mix.lower |= class == 2;
            mix.groups += usize::from(class == 0 && before != Some(0));
            let changes = before.is_some_and(|before| before != class && (before, class) != (1, 2));
            mix.changes += usize::from(changes);
            before = Some(class);
        }
        mix
    }

    fn has_letter(&self) -> bool {
        self.lower || self.upper
    }

    /// A change at every fifth character. By chance it is nearly every second; in names, every seventh.
    fn is_wild(&self) -> bool {
        self.changes * 5 >= self.letters_and_digits
    }
}
