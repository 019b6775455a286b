//! The reader held against serde_json: it accepts the same texts and finds the same fields.

use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::names::{Names, Role};
use super::object::{Found, Scalar};
use super::scan;
use super::usual::usual;

/// JSON as it is written, with whatever one may write in more than one way.
fn document() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        4 => "[a-z #|/.-]{0,30}",
        1 => Just("é😀\u{2028}".to_owned()),
        1 => Just(r#"a\"b\\c\/\b\f\n\r\t\u00e9\ud83d\ude00"#.to_owned()),
        1 => Just(r"\ud800".to_owned()),
    ];
    let scalar = prop_oneof![
        3 => text.prop_map(|text| format!("\"{text}\"")),
        2 => "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?",
        1 => prop_oneof![Just("true"), Just("false"), Just("null")].prop_map(str::to_owned),
    ];
    scalar.prop_recursive(5, 60, 6, |inner| {
        let gap = "[ \n\t\r]{0,2}";
        let pair = (key(), gap, inner.clone()).prop_map(|(key, gap, value)| format!("{key}{gap}:{gap}{value}"));
        let list = |item: BoxedStrategy<String>| (proptest::collection::vec(item, 0..6), gap);
        prop_oneof![
            2 => list(pair.boxed()).prop_map(|(pairs, gap)| format!("{{{gap}{}{gap}}}", pairs.join(&format!("{gap},{gap}")))),
            1 => list(inner.boxed()).prop_map(|(items, gap)| format!("[{gap}{}]", items.join(&format!(",{gap}")))),
        ]
    })
}

/// Keys that names are made of and others, some of them written with escapes.
fn key() -> impl Strategy<Value = String> {
    let known: Vec<String> = Role::ALL
        .into_iter()
        .flat_map(|role| usual(role).0)
        .flatten()
        .collect();
    let key = prop_oneof![
        6 => proptest::sample::select(known),
        1 => "[a-z]{0,12}",
        1 => Just("service.names".to_owned()),
    ];
    (key, proptest::option::weighted(0.1, 0..8usize)).prop_map(|(key, escaped)| {
        let written: String = key
            .chars()
            .enumerate()
            .map(|(at, c)| {
                if Some(at) == escaped {
                    format!("\\u{:04x}", u32::from(c))
                } else {
                    c.to_string()
                }
            })
            .collect();
        format!("\"{written}\"")
    })
}

/// Texts that are JSON, and texts that nearly are.
fn nearly() -> impl Strategy<Value = String> {
    let slip = (
        any::<prop::sample::Index>(),
        0..3usize,
        prop_oneof![
            4 => proptest::sample::select(vec!["{", "}", "[", "]", ",", ":", "\"", "\\", "0", "-", ".", "e", "\n", " ", "\u{1}", "tru", "null", "\\u12", "é"]).prop_map(str::to_owned),
            1 => Just(String::new()),
        ],
    );
    (document(), proptest::collection::vec(slip, 0..3)).prop_map(|(mut text, slips)| {
        for (at, remove, insert) in slips {
            let chars: Vec<char> = text.chars().collect();
            let at = at.index(chars.len() + 1);
            let after = (at + remove).min(chars.len());
            text = chars[..at].iter().collect::<String>()
                + &insert
                + &chars[after..].iter().collect::<String>();
        }
        text
    })
}

/// What a name leads to, as serde_json has it.
fn lookup(document: &Value, name: &[String]) -> Option<Value> {
    let found = name
        .iter()
        .try_fold(document, |value, key| value.as_object()?.get(key))?;
    (found.is_string() || found.is_number()).then(|| found.clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_serde_json_accepts_is_accepted_and_nothing_else(text in nearly()) {
        let bytes = text.as_bytes();
        let start = scan::blank(bytes, 0);
        let whole = scan::value(bytes, start, 0).map(|end| scan::blank(bytes, end)) == Ok(bytes.len());
        prop_assert_eq!(whole, serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{}", text);
        if bytes.get(start) == Some(&b'{') {
            let walked = Found::new(&text).object(&Names::default(), start, 0);
            prop_assert_eq!(walked, scan::value(bytes, start, 0), "{}", text);
        }
    }

    #[test]
    fn the_fields_that_serde_json_finds_are_found(text in document()) {
        // Not what its type for any value cannot hold: half surrogate pairs.
        let Ok(document) = serde_json::from_str::<Value>(&text) else {
            return Ok(());
        };
        let mut found = Found::new(&text);
        if !document.is_object() || found.object(&Names::default(), 0, 0).is_err() {
            return Ok(());
        }
        for role in Role::ALL {
            let expected: Vec<Value> = usual(role).0.iter().filter_map(|name| lookup(&document, name)).collect();
            let found: Vec<Value> = found
                .values(role)
                .map(|value| match value {
                    Scalar::Text(text) => Value::from(text),
                    Scalar::Number(number) => serde_json::from_str(number).unwrap(),
                })
                .collect();
            prop_assert_eq!(found, expected, "{:?} of {}", role, text);
        }
    }
}

#[test]
fn nesting_is_accepted_as_deep_as_serde_json_does() {
    for depth in [126, 127, 128] {
        let text = format!(
            "{}{}",
            "{\"a\":".repeat(depth - 1) + "[",
            "]".to_owned() + &"}".repeat(depth - 1)
        );
        let walked = Found::new(&text).object(&Names::default(), 0, 0);
        assert_eq!(
            walked.is_ok(),
            serde_json::from_str::<Value>(&text).is_ok(),
            "{depth}"
        );
    }
}
