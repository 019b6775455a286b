//! Generated secrets in generated surroundings: nothing of them survives; harmless texts do.

use insta::assert_snapshot;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::samples::{around, harmless, named, shaped, with_name};
use super::*;

const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE64: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/";
const BASE64_URL: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
const HEX: &[u8] = b"0123456789abcdef";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// The longest part of a secret, in characters, that a text still has.
fn survives(secret: &str, text: &str) -> usize {
    let chars: Vec<char> = secret.chars().collect();
    (1..=chars.len())
        .rev()
        .find(|length| {
            chars
                .windows(*length)
                .any(|part| text.contains(&part.iter().collect::<String>()))
        })
        .unwrap_or(0)
}

/// Whether six characters in a row survive, outside of what the surroundings have anyway.
fn leaks(secret: &str, redacted: &str, surroundings: &str) -> bool {
    let text: String = redacted
        .split("[redacted:")
        .enumerate()
        .map(|(at, part)| {
            if at == 0 {
                part
            } else {
                part.split_once(']').unwrap().1
            }
        })
        .collect::<Vec<_>>()
        .join(" ");
    let chars: Vec<char> = secret.chars().collect();
    chars.windows(6.min(chars.len())).any(|part| {
        let part: String = part.iter().collect();
        text.contains(&part) && !surroundings.contains(&part)
    })
}

proptest! {
    #[test]
    fn nothing_of_a_shaped_secret_survives_anywhere((secret, kind) in shaped(), context in 0..11usize) {
        let text = around(&secret, context);
        let redacted = redact(&text, 4000);
        let hidden = if kind == "email" { secret.split('@').next().unwrap() } else { &secret };
        prop_assert!(!leaks(hidden, &redacted, &around("", context)), "{text}\n{redacted}");
        prop_assert!(redacted.contains("[redacted:"), "{redacted}");
        if kind == "card" {
            let digits: String = redacted.chars().filter(char::is_ascii_digit).collect();
            let all: String = secret.chars().filter(char::is_ascii_digit).collect();
            prop_assert!(survives(&all, &digits) <= 4, "{text}\n{redacted}");
        }
    }

    #[test]
    fn nothing_of_a_named_secret_survives_anywhere((name, secret) in named(), context in 0..15usize) {
        let text = with_name(&name, &secret, context);
        let redacted = redact(&text, 4000);
        prop_assert!(!leaks(&secret, &redacted, &with_name(&name, "", context)), "{text}\n{redacted}");
    }

    #[test]
    fn nothing_of_a_urls_password_survives(
        user in "[a-z]{0,8}", password in "[A-Za-z!$%^&*()_+,.;=@?#/-][A-Za-z0-9!$%^&*()_+,.;=@?#/:-]{5,30}", context in 0..11usize,
    ) {
        let text = around(&format!("postgres://{user}:{password}@db.example.com:5432/shop?x=1"), context);
        let redacted = redact(&text, 4000);
        prop_assert!(!leaks(&password, &redacted, &around("postgres://@db.example.com:5432/shop?x=1", context)), "{text}\n{redacted}");
    }

    #[test]
    fn no_head_of_a_secret_survives_the_edge_of_the_window_or_of_the_sample(
        (secret, _) in shaped(), room in 0..80usize, context in 0..11usize, max in 0..120usize,
    ) {
        let heads = ["RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", ""].map(|kind| format!("-----BEGIN {kind}PRIVATE KEY-----"));
        let frame = around("", context) + &heads.concat() + "\\n-----\n-----";
        let words = "word ".repeat((WINDOW - room) / 5);
        for text in [format!("{words}{}", around(&secret, context)), around(&secret, context)] {
            for redacted in [redact(&text, WINDOW), redact(&text, max)] {
                let hidden = secret.split('@').next().unwrap();
                prop_assert!(!leaks(hidden, &redacted, &frame), "{redacted}");
            }
        }
    }

    #[test]
    fn redacting_twice_changes_nothing(
        text in prop_oneof![
            "\\PC{0,200}",
            "([a-z]{1,9}[ =:\"'\\\\,;&@/.-]{1,2}){0,30}",
            "(password|token|[a-z]{3}|eyJ|AKIA[A-Z]{16}|4111 1111 1111 1111|Bearer |cookie: |://|a@b.cd|[\"'=:,;&{}\\[\\]@ \\\\n]){0,30}",
            (shaped(), 0..11usize).prop_map(|((secret, _), context)| around(&secret, context)),
            (named(), 0..15usize).prop_map(|((name, secret), context)| with_name(&name, &secret, context)),
        ],
        repeat in prop_oneof![4 => Just(1), 1 => 40..90usize],
        max in prop_oneof![Just(WINDOW), 0..150usize],
    ) {
        let once = redact(&text.repeat(repeat), max);
        prop_assert!(once.chars().count() <= max && once.len() <= WINDOW);
        prop_assert_eq!(redact(&once, max), once);
    }

    #[test]
    fn harmless_texts_stay_as_they_are(parts in proptest::collection::vec(harmless(), 1..20), style in 0..4usize) {
        let text = match style {
            0 => parts.join(" "),
            1 => parts.join(", "),
            2 => serde_json::json!({"level": "info", "message": parts.join(" "), "parts": parts}).to_string(),
            _ => format!("field={}", parts.join(" field=")),
        };
        prop_assert_eq!(redact(&text, 4000), text);
    }
}

#[test]
fn nearly_all_long_random_strings_are_hidden_and_nearly_all_long_names_stay() {
    let mut random = StdRng::seed_from_u64(7);
    for (alphabet, lengths) in [
        (BASE62, 32..64),
        (BASE64, 40..41),
        (BASE64_URL, 43..44),
        (HEX, 32..65),
        (UPPER, 32..64),
    ] {
        let kept = (0..20_000)
            .filter(|_| {
                let length = random.random_range(lengths.clone());
                let secret: String = (0..length)
                    .map(|_| char::from(*alphabet.choose(&mut random).unwrap()))
                    .collect();
                leaks(&secret, &redact(&format!("field={secret} end"), 4000), "")
            })
            .count();
        assert!(
            kept <= 20,
            "{kept} of 20,000 of {}",
            String::from_utf8_lossy(alphabet)
        );
    }
    let word = |random: &mut StdRng| -> String {
        let length = random.random_range(3..10);
        (0..length)
            .map(|_| char::from(*LOWER.choose(random).unwrap()))
            .collect()
    };
    let hidden = (0..20_000)
        .filter(|round| {
            let mut name = String::new();
            while name.len() < 40 {
                let next = word(&mut random);
                match round % 3 {
                    0 => name += &(next.split_at(1).0.to_uppercase() + next.split_at(1).1),
                    1 => name += &(next + "-"),
                    _ => name += &["/", &next, &random.random_range(0..100).to_string()].concat(),
                }
            }
            redact(&name, 4000) != name
        })
        .count();
    assert!(hidden <= 100, "{hidden} of 20,000 names");
}

#[test]
fn a_secret_key_beside_its_access_key_is_hidden_whatever_it_looks_like() {
    let text = "AKIAIOSFODNN7EXAMPLE,wwwjalrxutnfemikamdengbpxrficyexamplekey";
    assert_snapshot!(redact(text, 400), @"[redacted:access-key],[redacted:secret-key]");
    assert_snapshot!(redact("wwwjalrxutnfemikamdengbpxrficyexamplekey", 400), @"wwwjalrxutnfemikamdengbpxrficyexamplekey");
}

#[test]
fn what_people_read() {
    let lines = [
        r#"{"level":"error","user":"ann","password":"hunter2 and more","attempts":3}"#,
        r#"{"msg":"POST failed","body":"{\"card\":\"4111 1111 1111 1111\",\"cvv\":\"123\"}","status":502}"#,
        "level=error msg=\"login failed\" email=ann.lee@example.com token=abc123 tokens_used=12 token_type=bearer",
        "dial postgres://app:s3cr3t@db.internal:5432/shop: i/o timeout",
        "Authorization: Bearer abc.def.ghi\nAccept: text/html\nCookie: sid=12; theme=dark",
        "curl -H \"Authorization: Digest username=\\\"ann\\\", response=\\\"6629fae4\\\"\" https://example.com",
        "GET /cb?code=17&access_token=ya29.a0AfH6SMBxyz&state=9 HTTP/1.1",
        "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "token_count: 17, max_tokens=4096, password=null, secret: {}, std::token::Kind",
        "Unexpected token: <",
        "lodash@4.17.21 failed at com.acme.Cart@1b6d3586, trace 4bf92f3577b34da6a3ce929d0e0e4736",
    ];
    let redacted: Vec<String> = lines.iter().map(|line| redact(line, 400)).collect();
    assert_snapshot!(redacted.join("\n"), @r#"
    {"level":"error","user":"ann","password":"[redacted:password]","attempts":3}
    {"msg":"POST failed","body":"{\"card\":\"[redacted:card]\",\"cvv\":\"[redacted:card]\"}","status":502}
    level=error msg="login failed" email=[redacted:email] token=[redacted:token] tokens_used=12 token_type=bearer
    dial postgres://[redacted:credentials]@db.internal:5432/shop: i/o timeout
    Authorization: [redacted:authorization]
    Accept: text/html
    Cookie: [redacted:cookie]
    curl -H "Authorization: [redacted:authorization]" https://example.com
    GET /cb?code=17&access_token=[redacted:token]&state=9 HTTP/1.1
    AWS_ACCESS_KEY_ID=[redacted:key] AWS_SECRET_ACCESS_KEY=[redacted:secret]
    token_count: 17, max_tokens=4096, password=null, secret: {}, std::token::Kind
    Unexpected token: [redacted:token]
    lodash@4.17.21 failed at com.acme.Cart@1b6d3586, trace [redacted:high-entropy]
    "#);
}

#[test]
fn a_long_text_is_cut_at_a_word_and_says_so() {
    assert_snapshot!(redact("cannot charge ann@example.com twice", 30), @"cannot charge …");
    assert_snapshot!(redact("cannot charge ann@example.com twice", 36), @"cannot charge [redacted:email] twice");
    assert_eq!(redact("anything", 0), "");
    assert_eq!(
        redact(&"x".repeat(WINDOW + 1), 100),
        "…",
        "one word over the window's edge may be a secret"
    );
}
