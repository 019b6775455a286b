//! A page being written. Markup can only be a literal of this program and everything else is escaped, so that no name
//! from AWS can become a tag, an attribute or a script.

use std::fmt::Display;

/// HTML text.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup of ours, as it stands.
    pub(super) fn markup(&mut self, literal: &'static str) -> &mut Self {
        self.0.push_str(literal);
        self
    }

    /// Anything else: escaped, for element content and for quoted attributes alike.
    pub(super) fn text(&mut self, value: impl Display) -> &mut Self {
        for c in value.to_string().chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c if c.is_control() => self.0.push(' '),
                // Marks that turn the reading direction round can make a name look like another one.
                '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    self.0.push('\u{fffd}');
                }
                c => self.0.push(c),
            }
        }
        self
    }

    /// An element with nothing but text in it; `open` and `close` are its tags.
    pub(super) fn element(
        &mut self,
        open: &'static str,
        value: impl Display,
        close: &'static str,
    ) -> &mut Self {
        self.markup(open).text(value).markup(close)
    }

    /// The text so far.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_opens_a_tag_leaves_an_attribute_or_starts_an_entity(text in "(?s).{0,200}") {
            let mut html = Html::default();
            html.text(&text);
            let out = html.into_string();
            prop_assert!(!out.contains(['<', '>', '"', '\'']));
            for (at, _) in out.match_indices('&') {
                let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
                let rest = out.get(at..).unwrap();
                prop_assert!(known.iter().any(|entity| rest.starts_with(entity)));
            }
            prop_assert!(!out.chars().any(char::is_control));
        }
    }
}
