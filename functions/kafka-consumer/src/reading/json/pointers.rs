//! JSON pointers (RFC 6901), as the settings give them.

use std::str::FromStr;

use super::names::MAX_NAMES;

/// Keys that a pointer may have.
const MAX_KEYS: usize = 8;

/// Names of one role, the one that counts first in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointers(pub(super) Vec<Vec<String>>);

impl Pointers {
    /// Pointers that are known to be right.
    pub(super) fn of(pointers: &[&str]) -> Self {
        Self(
            pointers
                .iter()
                .filter_map(|pointer| keys(pointer))
                .collect(),
        )
    }
}

impl FromStr for Pointers {
    type Err = ();

    /// A list of pointers, separated by commas; a key with a comma in it cannot be written.
    fn from_str(text: &str) -> Result<Self, ()> {
        let pointers: Vec<_> = text
            .split(',')
            .map(|pointer| keys(pointer.trim()))
            .collect::<Option<_>>()
            .ok_or(())?;
        if pointers.len() > MAX_NAMES {
            return Err(());
        }
        Ok(Self(pointers))
    }
}

/// The keys of a pointer; `None` for one of the whole line, too deep a one, or what is none at all.
fn keys(pointer: &str) -> Option<Vec<String>> {
    let keys: Vec<String> = pointer
        .strip_prefix('/')?
        .split('/')
        .map(key)
        .collect::<Option<_>>()?;
    (keys.len() <= MAX_KEYS).then_some(keys)
}

fn key(written: &str) -> Option<String> {
    let mut parts = written.split('~');
    let mut key = parts.next()?.to_owned();
    for part in parts {
        let (meant, rest) = match part.as_bytes().first()? {
            b'0' => ('~', part.strip_prefix('0')?),
            b'1' => ('/', part.strip_prefix('1')?),
            _ => return None,
        };
        key.push(meant);
        key.push_str(rest);
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_read_with_their_escapes() {
        let read = |text: &str| text.parse::<Pointers>().map(|Pointers(names)| names);
        assert_eq!(
            read("/a~1b/c~0d, /log.level,/").unwrap(),
            [vec!["a/b", "c~d"], vec!["log.level"], vec![""]]
        );
        for wrong in ["", "level", "/a,,/b", "/a~2b", "/a~", "/1/2/3/4/5/6/7/8/9"] {
            assert_eq!(read(wrong), Err(()), "{wrong}");
        }
        assert_eq!(read(&["/a"; 17].join(",")), Err(()));
    }
}
