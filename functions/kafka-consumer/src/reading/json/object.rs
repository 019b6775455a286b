//! One object: checked from brace to brace, and what the names lead to found on the way.

use std::borrow::Cow;

use super::super::escapes::unescaped;
use super::names::{Edge, Names, Node, PLACES, Places, Role};
use super::run::{head, run, run_of_key};
use super::scan::{self, End};

/// What one line has under the names.
#[derive(Debug)]
pub(super) struct Found<'t> {
    text: &'t str,
    present: Places,
    /// Which of them are strings with escapes.
    escaped: Places,
    /// From where to where the value at a place is written; meaningful where `present` says so.
    spans: [(u32, u32); PLACES],
}

/// A string or a number.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar<'t> {
    /// A string, its escapes resolved.
    Text(Cow<'t, str>),
    /// A number as written.
    Number(&'t str),
}

impl<'t> Found<'t> {
    /// Nothing yet, of a text shorter than 4 GiB.
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            present: 0,
            escaped: 0,
            spans: [(0, 0); PLACES],
        }
    }

    /// Walks the object that begins at a position, inside `depth` arrays.
    pub(super) fn object(&mut self, names: &Names, at: usize, depth: u32) -> End {
        self.present = 0;
        self.walk(names.root(), at, depth)
    }

    fn walk(&mut self, node: &Node, at: usize, depth: u32) -> End {
        let bytes = self.text.as_bytes();
        if depth >= scan::MAX_DEPTH {
            return Err(at);
        }
        let mut at = scan::blank(bytes, at + 1);
        if bytes.get(at) == Some(&b'}') {
            return Ok(at + 1);
        }
        loop {
            let start = scan::byte(bytes, at, b'"')?;
            let (plain_end, head) = run_of_key(bytes, start);
            let (end, edge) = if bytes.get(plain_end) == Some(&b'"') {
                let key = bytes.get(start..plain_end).unwrap_or_default();
                (plain_end + 1, node.edge(key, head))
            } else {
                let end = scan::string(bytes, start)?;
                (end, self.edge_of_escaped(node, start, end))
            };
            at = scan::colon(bytes, end)?;
            at = match edge {
                None => scan::value(bytes, at, depth + 1)?,
                Some(edge) => self.wanted(edge, at, depth + 1)?,
            };
            if scan::follows(bytes, at, b",\"") {
                at += 1;
                continue;
            }
            at = scan::blank(bytes, at);
            match bytes.get(at) {
                Some(b',') => at = scan::blank(bytes, at + 1),
                Some(b'}') => return Ok(at + 1),
                _ => return Err(at),
            }
        }
    }

    #[cold]
    fn edge_of_escaped<'n>(&self, node: &'n Node, start: usize, end: usize) -> Option<&'n Edge> {
        let key = unescaped(self.text.get(start..end - 1).unwrap_or_default());
        node.edge(key.as_bytes(), head(key.as_bytes()))
    }

    /// A value that a name leads to or into.
    fn wanted(&mut self, edge: &Edge, at: usize, depth: u32) -> End {
        // Of a key that comes twice the last one counts, with all that the first one held.
        self.present &= !edge.all;
        let bytes = self.text.as_bytes();
        match bytes.get(at) {
            Some(b'{') if !edge.inside.is_leaf() => self.walk(&edge.inside, at, depth),
            Some(b'"') => {
                let plain_end = run(bytes, at + 1);
                let has_escapes = bytes.get(plain_end) != Some(&b'"');
                let end = if has_escapes {
                    scan::string(bytes, at + 1)?
                } else {
                    plain_end + 1
                };
                self.keep(edge.here, at, end, has_escapes);
                Ok(end)
            }
            Some(b'-' | b'0'..=b'9') => {
                let end = scan::scalar(bytes, at)?;
                self.keep(edge.here, at, end, false);
                Ok(end)
            }
            _ => scan::value(bytes, at, depth),
        }
    }

    fn keep(&mut self, places: Places, start: usize, end: usize, has_escapes: bool) {
        self.present |= places;
        if has_escapes {
            self.escaped |= places;
        } else {
            self.escaped &= !places;
        }
        let short = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        for place in bits(places) {
            if let Some(span) = self.spans.get_mut(place) {
                *span = (short(start), short(end));
            }
        }
    }

    /// The values under a role's names, the one that counts first in front.
    pub(super) fn values(&self, role: Role) -> impl Iterator<Item = Scalar<'t>> {
        let range = role.places();
        let places = (self.present >> range.start) & (u64::MAX >> (PLACES - range.len()));
        bits(places).filter_map(move |place| self.value(range.start + place))
    }

    fn value(&self, place: usize) -> Option<Scalar<'t>> {
        let &(start, end) = self.spans.get(place)?;
        let (start, end) = (start as usize, end as usize);
        let bytes = self.text.as_bytes();
        if bytes.get(start) != Some(&b'"') {
            return Some(Scalar::Number(self.text.get(start..end)?));
        }
        let text = self.text.get(start + 1..end - 1)?;
        Some(Scalar::Text(if self.escaped >> place & 1 == 1 {
            Cow::Owned(unescaped(text))
        } else {
            Cow::Borrowed(text)
        }))
    }
}

/// The bits that are set, the lowest first.
fn bits(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = set.trailing_zeros();
        set &= set.checked_sub(1)?;
        Some(lowest as usize)
    })
}
