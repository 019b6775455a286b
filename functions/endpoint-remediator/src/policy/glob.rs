//! IAM's wildcards: `*` for any text, `?` for one character. Linear in time but for one level of stepping back.

/// Whether `text` matches `pattern`, letter for letter.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at_pattern, mut at_text) = (0, 0);
    // Where the last `*` stands, and up to where it took text.
    let mut star: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some('*') => {
                star = Some((at_pattern, at_text));
                at_pattern += 1;
            }
            Some(expected) if *expected == '?' || *expected == text[at_text] => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => match star {
                Some((position, taken)) => {
                    star = Some((position, taken + 1));
                    at_pattern = position + 1;
                    at_text = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at_pattern).all(|rest| *rest == '*')
}

/// The same whatever the case: actions.
pub(super) fn matches_any_case(pattern: &str, text: &str) -> bool {
    matches(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase())
}

/// Whether a pattern has wildcards at all.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_iams() {
        assert!(matches("*", ""));
        assert!(matches("s3:Get*", "s3:GetObject"));
        assert!(matches(
            "arn:*:s3:::prod-*-bucket/*",
            "arn:aws:s3:::prod-a-b-bucket/x"
        ));
        assert!(matches("a?c", "abc"));
        assert!(!matches("a?c", "ac"));
        assert!(!matches("s3:get*", "s3:GetObject"));
        assert!(matches_any_case("S3:get*", "s3:GetObject"));
        assert!(!matches("", "x"));
    }
}
