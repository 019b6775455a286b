//! Settings lookup: environment variables, read once at start through one function.
//!
//! A wrong value stops the function at init and names variable, value and what was expected. This module refuses
//! to know which settings exist: each function's `config.rs` does.

use std::fmt::Display;
use std::str::FromStr;

/// Looks a variable up.
type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Where settings come from: `std::env::var` in `main`, a map in tests.
pub struct Settings<'a> {
    lookup: Box<Lookup<'a>>,
}

/// A setting that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// A required variable is absent or empty.
    #[error("{variable} is not set: expected {expected}")]
    Missing {
        /// The variable.
        variable: String,
        /// What a right value looks like.
        expected: String,
    },
    /// A variable holds something else than expected.
    #[error("{variable}=`{value}` is wrong: expected {expected}")]
    Wrong {
        /// The variable.
        variable: String,
        /// Its value; of a secret only `(hidden)`.
        value: String,
        /// What a right value looks like.
        expected: String,
    },
}

impl<'a> Settings<'a> {
    /// Settings from any lookup.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String> + 'a) -> Self {
        Self {
            lookup: Box::new(lookup),
        }
    }

    /// The process environment. Call it in `main` only.
    pub fn from_environment() -> Settings<'static> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the environment"
        )]
        Settings::from_lookup(|name| std::env::var(name).ok())
    }

    /// Settings from a list of pairs, for tests.
    pub fn from_pairs(pairs: &'a [(&str, &str)]) -> Self {
        Self::from_lookup(move |name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    /// The raw text of a variable; an empty one counts as absent, as templates pass empty parameters.
    pub fn text(&self, variable: &str) -> Option<String> {
        (self.lookup)(variable)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    /// A required text.
    pub fn required_text(&self, variable: &str, expected: &str) -> Result<String, SettingError> {
        self.text(variable)
            .ok_or_else(|| missing(variable, expected))
    }

    /// An optional value of any parseable type.
    pub fn optional<T: FromStr>(
        &self,
        variable: &str,
        expected: &str,
    ) -> Result<Option<T>, SettingError> {
        self.text(variable)
            .map(|value| value.parse().map_err(|_| wrong(variable, &value, expected)))
            .transpose()
    }

    /// A value with a default.
    pub fn or<T: FromStr>(
        &self,
        variable: &str,
        default: T,
        expected: &str,
    ) -> Result<T, SettingError> {
        Ok(self.optional(variable, expected)?.unwrap_or(default))
    }

    /// A required value.
    pub fn required<T: FromStr>(&self, variable: &str, expected: &str) -> Result<T, SettingError> {
        self.optional(variable, expected)?
            .ok_or_else(|| missing(variable, expected))
    }

    /// A value with a default that must lie within bounds, both included.
    pub fn within<T: FromStr + PartialOrd + Display + Copy>(
        &self,
        variable: &str,
        default: T,
        low: T,
        high: T,
    ) -> Result<T, SettingError> {
        let expected = format!("a number from {low} to {high}");
        let value = self.or(variable, default, &expected)?;
        if value < low || value > high {
            return Err(wrong(variable, &value.to_string(), &expected));
        }
        Ok(value)
    }

    /// `true` or `false`, with a default.
    pub fn flag(&self, variable: &str, default: bool) -> Result<bool, SettingError> {
        self.or(variable, default, "true or false")
    }

    /// One of a list of words; `None` as default makes it required (dangerous modes have no default).
    pub fn choice<T: Copy>(
        &self,
        variable: &str,
        default: Option<T>,
        choices: &[(&str, T)],
    ) -> Result<T, SettingError> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let expected = format!("one of {}", words.join(", "));
        match self.text(variable) {
            None => default.ok_or_else(|| missing(variable, &expected)),
            Some(value) => choices
                .iter()
                .find(|(word, _)| *word == value)
                .map(|(_, choice)| *choice)
                .ok_or_else(|| wrong(variable, &value, &expected)),
        }
    }
}

/// An error for a variable that is absent.
pub fn missing(variable: &str, expected: &str) -> SettingError {
    SettingError::Missing {
        variable: variable.to_owned(),
        expected: expected.to_owned(),
    }
}

/// An error for a variable with a wrong value. Pass `(hidden)` as value of a secret.
pub fn wrong(variable: &str, value: &str, expected: &str) -> SettingError {
    SettingError::Wrong {
        variable: variable.to_owned(),
        value: value.to_owned(),
        expected: expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_value_names_variable_value_and_what_was_expected() {
        let pairs = [("PAGES", "twenty"), ("HOPS", "9"), ("MODE", "opne")];
        let settings = Settings::from_pairs(&pairs);
        let message = |error: SettingError| error.to_string();
        assert_eq!(
            message(settings.or("PAGES", 20u32, "a whole number").unwrap_err()),
            "PAGES=`twenty` is wrong: expected a whole number"
        );
        assert_eq!(
            message(settings.within("HOPS", 1u8, 0, 5).unwrap_err()),
            "HOPS=`9` is wrong: expected a number from 0 to 5"
        );
        assert_eq!(
            message(
                settings
                    .choice("MODE", None, &[("open", 1), ("closed", 2)])
                    .unwrap_err()
            ),
            "MODE=`opne` is wrong: expected one of open, closed"
        );
        assert_eq!(
            message(
                settings
                    .choice("ABSENT", None, &[("open", 1), ("closed", 2)])
                    .unwrap_err()
            ),
            "ABSENT is not set: expected one of open, closed"
        );
    }

    #[test]
    fn an_empty_value_counts_as_absent() {
        let pairs = [("EMPTY", "  ")];
        assert_eq!(
            Settings::from_pairs(&pairs).or("EMPTY", 7u8, "a number"),
            Ok(7)
        );
    }
}
