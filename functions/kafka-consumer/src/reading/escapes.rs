//! What a quoted text says, once its escapes are resolved: JSON's, which logfmt borrows.

/// The text between the quotes. Half of a surrogate pair becomes U+FFFD; an escape that JSON does not have, itself.
pub(super) fn unescaped(written: &str) -> String {
    let mut text = String::with_capacity(written.len());
    let mut parts = written.split('\\');
    text.push_str(parts.next().unwrap_or_default());
    // The first half of a surrogate pair, while its second half may follow.
    let mut half = None;
    // Each part begins with what a backslash escapes; an empty one is half of an escaped backslash.
    while let Some(part) = parts.next() {
        let (meant, rest) = escape(part);
        match (half.take(), meant) {
            (Some(high), Unit::Low(low)) => {
                text.pop();
                text.push(char::from_u32(0x1_0000_u32 + (high << 10) + low).unwrap_or_default());
            }
            (_, Unit::High(high)) => {
                // Stays where the second half does not follow at once.
                text.push(char::REPLACEMENT_CHARACTER);
                half = Some(high).filter(|_| rest.is_empty());
            }
            (_, Unit::Low(_)) => text.push(char::REPLACEMENT_CHARACTER),
            (_, Unit::Char(meant)) => text.push(meant),
            (_, Unit::Backslash) => {
                text.push('\\');
                text.push_str(parts.next().unwrap_or_default());
            }
        }
        text.push_str(rest);
    }
    text
}

/// What an escape stands for.
enum Unit {
    Char(char),
    /// The first half of a surrogate pair, its ten bits.
    High(u32),
    /// The second half.
    Low(u32),
    /// A backslash; what it escaped is the next part.
    Backslash,
}

fn escape(part: &str) -> (Unit, &str) {
    let mut chars = part.chars();
    let meant = match chars.next() {
        None => return (Unit::Backslash, part),
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => {
            let (digits, rest) = chars.as_str().split_at_checked(4).unwrap_or_default();
            return (
                unit(u32::from_str_radix(digits, 16).unwrap_or_default()),
                rest,
            );
        }
        Some(itself) => itself,
    };
    (Unit::Char(meant), chars.as_str())
}

fn unit(code: u32) -> Unit {
    match code {
        0xd800..0xdc00 => Unit::High(code - 0xd800),
        0xdc00..0xe000 => Unit::Low(code - 0xdc00),
        _ => Unit::Char(char::from_u32(code).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_and_surrogates_are_resolved() {
        for (written, text) in [
            (r#"a\"b\\n\/\t"#, "a\"b\\n/\t"),
            (r"\\\\", r"\\"),
            (r"\u00e9\ud83d\ude00x", "é😀x"),
            (r"\ud83d", "\u{fffd}"),
            (r"\ud83dx\ude00", "\u{fffd}x\u{fffd}"),
            (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
            (r"\ud83d\n\ude00", "\u{fffd}\n\u{fffd}"),
            (r"\ud83d\\ude00", "\u{fffd}\\ude00"),
        ] {
            assert_eq!(unescaped(written), text, "{written}");
        }
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_is_read_back(text in any::<String>()) {
            let written = serde_json::to_string(&text).unwrap();
            let inside = written.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
            prop_assert_eq!(unescaped(inside), text);
        }
    }
}
