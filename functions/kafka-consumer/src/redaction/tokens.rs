//! Tokens that their issuers made recognisable.

use super::scan::Secret;

/// The kind of AWS's access key ids.
const ACCESS_KEY: &str = "access-key";

/// Prefix, least length of what follows, kind.
const PREFIXES: [(&str, usize, &str); 40] = [
    ("eyJ", 16, "jwt"),
    ("ghp_", 20, "github-token"),
    ("gho_", 20, "github-token"),
    ("ghu_", 20, "github-token"),
    ("ghs_", 20, "github-token"),
    ("ghr_", 20, "github-token"),
    ("github_pat_", 20, "github-token"),
    ("glpat-", 16, "gitlab-token"),
    ("glrt-", 16, "gitlab-token"),
    ("xoxa-", 8, "slack-token"),
    ("xoxb-", 8, "slack-token"),
    ("xoxc-", 8, "slack-token"),
    ("xoxd-", 8, "slack-token"),
    ("xoxe-", 8, "slack-token"),
    ("xoxe.", 8, "slack-token"),
    ("xoxp-", 8, "slack-token"),
    ("xoxr-", 8, "slack-token"),
    ("xoxs-", 8, "slack-token"),
    ("xapp-", 8, "slack-token"),
    ("hooks.slack.com/services/", 8, "slack-token"),
    ("sk_live_", 8, "stripe-key"),
    ("sk_test_", 8, "stripe-key"),
    ("rk_live_", 8, "stripe-key"),
    ("rk_test_", 8, "stripe-key"),
    ("whsec_", 8, "stripe-key"),
    ("AIza", 30, "google-key"),
    ("ya29.", 16, "google-token"),
    ("GOCSPX-", 16, "google-token"),
    ("sk-", 20, "key"),
    ("npm_", 30, "npm-token"),
    ("pypi-", 30, "pypi-token"),
    ("SG.", 30, "sendgrid-key"),
    ("dop_v1_", 30, "token"),
    ("shpat_", 20, "token"),
    ("hf_", 20, "token"),
    ("hvs.", 16, "vault-token"),
    ("hvb.", 16, "vault-token"),
    ("dapi", 32, "token"),
    ("AGE-SECRET-KEY-1", 20, "private-key"),
    ("lin_api_", 20, "token"),
];

/// The token at a position, or behind the scheme there.
pub(super) fn token(bytes: &[u8], at: usize) -> Option<Secret> {
    let rest = bytes.get(at..)?;
    let token = access_key(rest).or_else(|| scheme(rest)).or_else(|| {
        PREFIXES.iter().find_map(|(prefix, least, kind)| {
            let tail = rest.strip_prefix(prefix.as_bytes())?;
            let length = run(tail, b"_-./+=");
            (length >= *least).then(|| Secret::of(kind, 0, prefix.len() + length))
        })
    });
    token.map(|token| token.from(at))
}

/// Ids of long-lived and temporary keys: base32, upper case, twenty characters in all.
pub(super) fn access_key(rest: &[u8]) -> Option<Secret> {
    let (prefix, tail) = rest.split_at_checked(4)?;
    let within = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let length = tail.iter().take_while(|byte| within(byte)).count();
    let known: [&[u8]; 4] = [b"AKIA", b"ASIA", b"ABIA", b"ACCA"];
    (length >= 16 && known.contains(&prefix)).then(|| Secret::of(ACCESS_KEY, 0, 4 + length))
}

/// Bearer and basic credentials, told from `basic authentication` by what no word has.
fn scheme(rest: &[u8]) -> Option<Secret> {
    let word: &[u8] = match rest.first()? {
        b'b' | b'B' if rest.get(..6)?.eq_ignore_ascii_case(b"bearer") => b"bearer",
        b'b' | b'B' if rest.get(..5)?.eq_ignore_ascii_case(b"basic") => b"basic",
        _ => return None,
    };
    let behind = rest.get(word.len()..)?;
    let gap = match behind {
        [b'%', b'2', b'0', ..] => 3,
        _ => behind
            .iter()
            .take(8)
            .take_while(|byte| **byte == b' ')
            .count(),
    };
    let value = behind.get(gap..)?;
    let length = run(value, b"._~+/=-");
    let token = value.get(..length)?;
    let has_digit = token.iter().any(u8::is_ascii_digit);
    let has_lower = token.iter().any(u8::is_ascii_lowercase);
    let has_late_upper = token.iter().skip(1).any(u8::is_ascii_uppercase);
    let has_sign = token.iter().any(|byte| b"_~+/=".contains(byte));
    let is_word = !(has_digit || has_sign || has_lower && has_late_upper);
    (gap > 0 && length >= 6 && !is_word)
        .then(|| Secret::of("authorization", word.len() + gap, length))
}

/// Length of a run of letters, digits and some signs, without the stop of a sentence.
fn run(bytes: &[u8], signs: &[u8]) -> usize {
    let within = |byte: &u8| byte.is_ascii_alphanumeric() || signs.contains(byte);
    let length = bytes.iter().take_while(|byte| within(byte)).count();
    let stops = bytes
        .iter()
        .take(length)
        .rev()
        .take_while(|byte| **byte == b'.')
        .count();
    length - stops
}
