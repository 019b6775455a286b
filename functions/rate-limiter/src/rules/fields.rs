//! Reads the fields of what a person wrote as JSON and collects everything that is wrong with it.
//!
//! A reader answers a harmless value where it found something wrong and notes the problem: one look at the errors is
//! enough to mend the whole document. The caller drops what it read if there were problems.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found}: expected {expected}")]
pub struct Problem {
    /// Rule, field and what stands there.
    pub found: String,
    /// What a right one looks like.
    pub expected: String,
}

/// All problems of one document.
#[derive(Debug, Default)]
pub struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    /// Notes a problem.
    pub fn note(&self, found: String, expected: &str) {
        let expected = expected.to_owned();
        self.0.borrow_mut().push(Problem { found, expected });
    }

    /// The value, if nothing was wrong.
    pub fn unless_any<T>(self, value: T) -> Result<T, Vec<Problem>> {
        let problems = self.0.into_inner();
        if problems.is_empty() {
            Ok(value)
        } else {
            Err(problems)
        }
    }
}

/// The fields of one object, and what to call it in a problem.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    /// What the object is: `rule login`.
    pub place: &'a str,
    /// The object.
    pub map: &'a Map<String, Value>,
    /// Where problems are noted.
    pub problems: &'a Problems,
}

impl<'a> Fields<'a> {
    /// A person writes this: an unknown field is an error, not a surprise.
    pub fn only(&self, known: &[&str]) {
        for other in self
            .map
            .keys()
            .filter(|name| !known.contains(&name.as_str()))
        {
            let found = format!("{}, field `{}`", self.place, shortened(other));
            self.problems
                .note(found, &format!("only {}", known.join(", ")));
        }
    }

    /// A field that may be absent.
    pub fn value(&self, field: &str) -> Option<&'a Value> {
        self.map.get(field)
    }

    /// A whole number; `None` where it is absent or wrong.
    pub fn whole(&self, field: &str, range: &RangeInclusive<u64>) -> Option<u64> {
        let number = self.value(field)?.as_u64().filter(|n| range.contains(n));
        self.kept(field, &expected_whole(range), number)
    }

    /// A whole number that must be there; 1 stands in for one that is not.
    pub fn needed_whole(&self, field: &str, range: &RangeInclusive<u64>) -> u64 {
        if self.value(field).is_none() {
            self.wrong(field, &expected_whole(range));
        }
        self.whole(field, range).unwrap_or(1)
    }

    /// `true` or `false`; `None` where it is absent or wrong.
    pub fn flag(&self, field: &str) -> Option<bool> {
        self.kept(field, "true or false", self.value(field)?.as_bool())
    }

    /// What a text stands for; `None` where it is absent or wrong.
    pub fn text<T>(
        &self,
        field: &str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let read = self.value(field)?.as_str().and_then(read);
        self.kept(field, expected, read)
    }

    /// What one text or a list of at least one stand for.
    pub fn texts<T>(
        &self,
        field: &str,
        most: usize,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = self.value(field) else {
            return Vec::new();
        };
        let one = std::slice::from_ref(value);
        let listed = value.as_array().map_or(one, Vec::as_slice);
        if listed.is_empty() || listed.len() > most {
            let found = format!("{}, {field} with {} entries", self.place, listed.len());
            self.problems
                .note(found, &format!("1 to {most}: {expected}"));
            return Vec::new();
        }
        let mut all = Vec::with_capacity(listed.len());
        for value in listed {
            match value.as_str().and_then(&read) {
                Some(read) => all.push(read),
                None => self.wrong_value(field, value, expected),
            }
        }
        all
    }

    /// The objects of a list that may be absent.
    pub fn objects(&self, field: &str, most: usize, what: &str) -> Vec<&'a Map<String, Value>> {
        let Some(value) = self.value(field) else {
            return Vec::new();
        };
        let listed = value
            .as_array()
            .filter(|listed| (1..=most).contains(&listed.len()));
        let Some(listed) = listed else {
            let found = format!("{}, {field}", self.place);
            self.problems
                .note(found, &format!("a list of 1 to {most} {what}"));
            return Vec::new();
        };
        let mut objects = Vec::with_capacity(listed.len());
        for value in listed {
            match value.as_object() {
                Some(object) => objects.push(object),
                None => self.wrong_value(field, value, what),
            }
        }
        objects
    }

    /// An object that may be absent.
    pub fn object(&self, field: &str, expected: &str) -> Option<&'a Map<String, Value>> {
        let object = self.value(field)?.as_object().filter(|map| !map.is_empty());
        self.kept(field, expected, object)
    }

    /// Notes that a field is wrong or missing.
    pub fn wrong(&self, field: &str, expected: &str) {
        match self.value(field) {
            Some(value) => self.wrong_value(field, value, expected),
            None => self
                .problems
                .note(format!("{}, {field} is missing", self.place), expected),
        }
    }

    fn wrong_value(&self, field: &str, value: &Value, expected: &str) {
        let found = format!("{}, {field}={}", self.place, shortened(&value.to_string()));
        self.problems.note(found, expected);
    }

    fn kept<T>(&self, field: &str, expected: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.wrong(field, expected);
        }
        value
    }
}

fn expected_whole(range: &RangeInclusive<u64>) -> String {
    format!("a whole number from {} to {}", range.start(), range.end())
}

/// An error shows a value, not a page of it.
fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let head: String = text.chars().take(MOST).collect();
    format!("{head}...")
}

/// What may be called a name here: it stands in headers, metrics and keys without escapes.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=64).contains(&text.len()) && text.chars().all(allowed)
}

/// What [`is_name`] accepts, in words.
pub(super) const NAME: &str = "1 to 64 of a-z A-Z 0-9 . _ -";
