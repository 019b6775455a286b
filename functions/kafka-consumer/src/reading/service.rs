//! Names of services: part of a key in a map, so bounded and free of the characters that separate such keys.

use std::borrow::Cow;

/// The service of lines that name none.
pub(super) const UNKNOWN: &str = "unknown";

/// Longest name kept, in characters.
const CHARACTERS: usize = 64;

/// A name fit for a key, as written where it can be; `None` for a blank one.
pub(super) fn name(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    if (1..=CHARACTERS).contains(&text.len()) && text.bytes().all(|byte| USUAL[usize::from(byte)]) {
        return Some(text);
    }
    let name = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    if name.is_empty() {
        return None;
    }
    let short = name.len() <= CHARACTERS || name.chars().count() <= CHARACTERS;
    if short && !name.chars().any(separates) {
        return Some(name);
    }
    let fit = |c| if separates(c) { '_' } else { c };
    Some(name.chars().take(CHARACTERS).map(fit).collect())
}

/// What names of services are made of, nearly always.
const USUAL: [bool; 256] = {
    let mut usual = [false; 256];
    let mut character = 0_u8;
    while character < 128 {
        usual[character as usize] =
            character.is_ascii_alphanumeric() || matches!(character, b'-' | b'_' | b'.' | b'/');
        character += 1;
    }
    usual
};

fn separates(character: char) -> bool {
    matches!(character, '#' | '|') || character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_clean_name_stays_as_written_and_borrowed() {
        for text in ["checkout", " zahlung-für/alle ", &"é".repeat(64)] {
            let found = name(Cow::Borrowed(text)).unwrap();
            assert!(matches!(found, Cow::Borrowed(_)));
            assert_eq!(found, text.trim());
        }
        assert_eq!(name(Cow::Borrowed(" \t")), None);
        assert_eq!(name(Cow::Owned(" a ".to_owned())).unwrap(), "a");
    }

    #[test]
    fn separators_are_replaced_and_long_names_cut() {
        assert_eq!(name(Cow::Borrowed("a#b|c\nd\u{85}e")).unwrap(), "a_b_c_d_e");
        assert_eq!(name(Cow::Owned("x".repeat(65))).unwrap(), "x".repeat(64));
    }

    proptest! {
        #[test]
        fn any_name_fits_a_key_and_stays_what_it_became(text in "\\PC{0,90}") {
            if let Some(found) = name(Cow::Borrowed(&text)) {
                prop_assert!(found.chars().count() <= CHARACTERS && !found.chars().any(separates));
                prop_assert_eq!(name(Cow::Borrowed(found.trim_end())).unwrap(), found.trim_end());
            }
        }
    }
}
