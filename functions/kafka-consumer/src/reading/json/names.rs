//! The names under which a log line's level, service, time and message stand, as a tree that an object is walked with.
//!
//! A name is a JSON pointer (RFC 6901) into the line: `/log.level` is a key with a dot in it, `/log/level` a key inside
//! another. For each of the four the names are in order of precedence: the first one of the list that the line has,
//! with a value that means something, counts, wherever in the line it stands. Of a key that comes twice the last one
//! counts, as with serde_json. Pointers do not lead into arrays.

use super::pointers::Pointers;
use super::run::{HEAD, head};
use super::usual::usual;

/// Names that each of the four may have.
pub(super) const MAX_NAMES: usize = 16;

/// Slots of a node: one for each value of a byte, several times as many as there can be names.
const SLOTS: usize = 256;

/// A slot without an edge.
const EMPTY: u8 = u8::MAX;

/// What is looked for in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Severity.
    Level,
    /// Who wrote it.
    Service,
    /// When.
    Time,
    /// What for people to read.
    Message,
}

impl Role {
    pub(super) const ALL: [Self; 4] = [Self::Level, Self::Service, Self::Time, Self::Message];

    /// Places of a role's names in [`Places`], the first one first.
    pub(super) fn places(self) -> std::ops::Range<usize> {
        let first = MAX_NAMES * self as usize;
        first..first + MAX_NAMES
    }
}

/// Sets of places: a bit for each name of each role.
pub(super) type Places = u64;

/// Places there are.
pub(super) const PLACES: usize = MAX_NAMES * Role::ALL.len();

/// Names of all four roles.
#[derive(Debug, Clone)]
pub struct Names {
    root: Node,
}

/// The keys of an object that lead to names.
#[derive(Debug, Clone)]
pub(super) struct Node {
    edges: Vec<Edge>,
    /// Numbers of edges by a hash of their keys, [`EMPTY`] where there is none: what turns most keys of a line away.
    slots: [u8; SLOTS],
}

/// A key that leads to names.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    key: Vec<u8>,
    /// Its first bytes.
    head: u64,
    /// The places of the names that end here.
    pub(super) here: Places,
    /// Those and the places of the names further inside.
    pub(super) all: Places,
    /// The object behind it, where names lead on.
    pub(super) inside: Box<Node>,
}

impl Names {
    /// Names, in the order level, service, time, message; the usual ones where none are given.
    pub fn new(given: [Option<Pointers>; 4]) -> Self {
        let mut root = Node::default();
        for (role, given) in Role::ALL.into_iter().zip(given) {
            let pointers = given.unwrap_or_else(|| usual(role));
            for (place, keys) in role.places().zip(&pointers.0) {
                root.grow(keys, 1 << place);
            }
        }
        root.place();
        Self { root }
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }
}

impl Default for Names {
    fn default() -> Self {
        Self::new([const { None }; 4])
    }
}

impl Default for Node {
    fn default() -> Self {
        Self {
            edges: Vec::new(),
            slots: [EMPTY; SLOTS],
        }
    }
}

impl Node {
    fn grow(&mut self, keys: &[String], place: Places) {
        let Some((key, further)) = keys.split_first() else {
            return;
        };
        let known = self
            .edges
            .iter()
            .position(|edge| edge.key == key.as_bytes());
        let at = known.unwrap_or_else(|| {
            self.edges.push(Edge {
                key: key.clone().into_bytes(),
                head: head(key.as_bytes()),
                here: 0,
                all: 0,
                inside: Box::default(),
            });
            self.edges.len() - 1
        });
        if let Some(edge) = self.edges.get_mut(at) {
            edge.all |= place;
            if further.is_empty() {
                edge.here |= place;
            }
            edge.inside.grow(further, place);
        }
    }

    /// Gives each edge its slot.
    fn place(&mut self) {
        self.slots = [EMPTY; SLOTS];
        for (number, edge) in (0..EMPTY).zip(&mut self.edges) {
            let mut slot = slot(&edge.key, edge.head);
            while let Some(taken) = self.slots.get_mut(usize::from(slot)) {
                if *taken == EMPTY {
                    *taken = number;
                    break;
                }
                slot = slot.wrapping_add(1);
            }
            edge.inside.place();
        }
    }

    /// The edge of a key with a [head]; `None` where nobody asks for it.
    #[inline]
    pub(super) fn edge(&self, key: &[u8], head: u64) -> Option<&Edge> {
        let mut slot = slot(key, head);
        loop {
            let edge = self
                .edges
                .get(usize::from(*self.slots.get(usize::from(slot))?))?;
            // Of a short key the head is all.
            let is_same = edge.head == head && edge.key.len() == key.len();
            if is_same && (key.len() <= HEAD || edge.key == key) {
                return Some(edge);
            }
            slot = slot.wrapping_add(1);
        }
    }

    /// Whether nothing leads further.
    #[inline]
    pub(super) fn is_leaf(&self) -> bool {
        self.edges.is_empty()
    }
}

/// Where a key is looked for first.
#[inline]
fn slot(key: &[u8], head: u64) -> u8 {
    // An odd number without pattern: it spreads all bits of the head over the highest byte.
    let spread = (head ^ key.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let [slot, ..] = spread.to_be_bytes();
    slot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_name_is_a_pointer_with_a_place() {
        for role in Role::ALL {
            let Pointers(names) = usual(role);
            assert!(names.len() <= MAX_NAMES, "{role:?}");
            for (place, name) in role.places().zip(&names) {
                let names = Names::default();
                let mut node = names.root();
                let mut here = 0;
                for key in name {
                    let edge = node.edge(key.as_bytes(), head(key.as_bytes())).unwrap();
                    assert_ne!(edge.all & 1 << place, 0);
                    (here, node) = (edge.here, &*edge.inside);
                }
                assert_ne!(here & 1 << place, 0, "{name:?}");
            }
        }
        assert_eq!(
            usual(Role::Service).0.len(),
            16,
            "none lost to a typing error"
        );
    }

    #[test]
    fn other_keys_lead_nowhere() {
        let names = Names::default();
        for key in ["", "levels", "leveL", "trace_id", &"x".repeat(100)] {
            assert!(
                names
                    .root()
                    .edge(key.as_bytes(), head(key.as_bytes()))
                    .is_none(),
                "{key}"
            );
        }
    }
}
