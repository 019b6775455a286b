//! What the values under the names mean.

use std::borrow::Cow;

use super::super::{Level, moment, service};
use super::names::{Names, Role};
use super::object::{Found, Scalar};

impl<'t> Found<'t> {
    /// What a text has that is one object and nothing else.
    pub(super) fn whole(text: &'t str, names: &Names) -> Option<Self> {
        let text = text.trim_ascii();
        if !text.starts_with('{') || u32::try_from(text.len()).is_err() {
            return None;
        }
        let mut found = Self::new(text);
        (found.object(names, 0, 0) == Ok(text.len())).then_some(found)
    }

    pub(super) fn level(&self) -> Option<Level> {
        self.values(Role::Level).find_map(|value| match value {
            Scalar::Text(text) => Level::named(&text),
            Scalar::Number(number) => Level::numbered(number),
        })
    }

    pub(super) fn service(&self) -> Option<Cow<'t, str>> {
        self.values(Role::Service).find_map(|value| match value {
            Scalar::Text(text) => service::name(text),
            Scalar::Number(_) => None,
        })
    }

    pub(super) fn seconds(&self) -> Option<i64> {
        self.values(Role::Time).find_map(|value| match value {
            Scalar::Text(text) => moment::of_text(&text),
            Scalar::Number(number) => moment::of_number(number),
        })
    }

    pub(super) fn message(&self) -> Option<Cow<'t, str>> {
        self.values(Role::Message).find_map(|value| match value {
            Scalar::Text(text) if !text.trim_ascii().is_empty() => Some(text),
            _ => None,
        })
    }
}
