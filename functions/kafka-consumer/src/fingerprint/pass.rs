//! One pass over a line: what varies is replaced, the rest is handed on.

use super::addresses::{email, ipv4, ipv6, query};
use super::dates;
use super::words::{self, Word};

/// How far a look ahead goes: no address, quoted name or time is longer.
pub(super) const AHEAD: usize = 256;

/// What the next number is, judged by what came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    No,
    /// Right behind a word for a code.
    Yes,
    /// The same, but a colon ends it: `error 1045` is a code, in `error: 42 rows` 42 is not.
    UntilColon,
}

pub(super) struct Pass<'s> {
    sink: &'s mut dyn FnMut(&str),
    left: usize,
    /// A space is due before what comes next.
    space: bool,
    code: Code,
    /// The last word was an id: the next may be what belongs to it.
    after_id: bool,
    /// The quote around a word that is kept.
    quote: Option<u8>,
}

impl<'s> Pass<'s> {
    pub(super) fn new(sink: &'s mut dyn FnMut(&str), limit: usize) -> Self {
        Self {
            sink,
            left: limit,
            space: false,
            code: Code::No,
            after_id: false,
            quote: None,
        }
    }

    /// Adds a line, set off by a space.
    pub(super) fn line(&mut self, line: &str) {
        let text = line.trim_ascii();
        let mut at = 0;
        while let Some(rest) = text
            .get(at..)
            .filter(|rest| !rest.is_empty() && self.left > 0)
        {
            at += match plain_words(rest.as_bytes()) {
                // Behind an id the next word may belong to it.
                Some(words) if !self.after_id => self.words(rest, &words),
                _ => {
                    let before = text.as_bytes().get(at.wrapping_sub(1)).copied();
                    self.step(rest, before.unwrap_or(b' '))
                }
            };
        }
        self.space = self.left < super::TEMPLATE;
        self.code = Code::No;
        self.quote = None;
    }

    /// Emits what stands at the beginning of `rest`; how many bytes of it that was.
    fn step(&mut self, rest: &str, before: u8) -> usize {
        let bytes = rest.as_bytes();
        let next = bytes.get(1).copied().unwrap_or(b' ');
        let first = bytes.first().copied().unwrap_or(b' ');
        let inside = before.is_ascii_alphanumeric();
        match first {
            0x1b if next == b'[' => return colour(bytes),
            _ if first.is_ascii_whitespace() || first.is_ascii_control() => {
                self.space = self.left < super::TEMPLATE;
                return 1;
            }
            b':' if next == b':' && !inside => {
                if let Some(length) = ipv6(rest) {
                    return self.replaced("<ip>", length);
                }
            }
            b'"' | b'\'' | b'`' if self.quote == Some(first) => self.quote = None,
            b'"' | b'\'' | b'`' if !inside => {
                if let Some(length) = quoted_text(rest, first, before) {
                    let quote = rest.get(..1).unwrap_or_default();
                    for text in [quote, "<str>", quote] {
                        self.emit(text);
                    }
                    return length;
                }
                self.quote = Some(first);
            }
            b'?' if next.is_ascii_alphanumeric() && !before.is_ascii_whitespace() => {
                if let Some(length) = query(bytes) {
                    return self.replaced("?<query>", length);
                }
            }
            // The sign of a number.
            b'-' | b'+' if next.is_ascii_digit() && b" =([,:".contains(&before) => return 1,
            _ if words::is_part(first) => return self.word(rest, before),
            _ => {}
        }
        if first == b':' && self.code == Code::UntilColon {
            self.code = Code::No;
        }
        self.after_id &= first == b'-';
        self.verbatim(rest, rest.chars().next().map_or(1, char::len_utf8))
    }

    /// Hands on plain words as one piece, as [`Self::word`] would one after the other.
    fn words(&mut self, rest: &str, words: &PlainWords) -> usize {
        let last = rest.get(words.last..words.end).unwrap_or_default();
        self.verbatim(rest, words.end);
        self.code = code_behind(last.as_bytes());
        words.end
    }

    fn word(&mut self, rest: &str, before: u8) -> usize {
        let bytes = rest.as_bytes();
        if let Some((placeholder, length)) = variable(rest, before) {
            return self.replaced(placeholder, length);
        }
        let number = words::number(bytes);
        let length = words::length(bytes);
        let word = bytes.get(..length).unwrap_or(bytes);
        let code = std::mem::replace(&mut self.code, Code::No) != Code::No;
        if code && number <= length && words::is_code(word) {
            return self.verbatim(rest, length);
        }
        if number >= length {
            return self.replaced("<n>", number);
        }
        if word.eq_ignore_ascii_case(b"http") && bytes.get(length) == Some(&b'/') {
            // The protocol's version, and behind it in an access log the status.
            let version = words::number(bytes.get(length + 1..).unwrap_or_default());
            self.code = Code::Yes;
            return self.verbatim(rest, length + 1 + version);
        }
        self.code = code_behind(word);
        let kind = words::kind(word, self.after_id);
        self.after_id = false;
        match kind {
            Word::Kept => self.verbatim(rest, length),
            Word::Id => {
                self.emit("<id>");
                self.after_id = true;
                length
            }
            Word::Numbered { name } => {
                self.verbatim(rest, name);
                self.replaced("<n>", length - name) + name
            }
            Word::Counted { digits } => self.replaced("<n>", digits),
        }
    }

    fn replaced(&mut self, placeholder: &str, length: usize) -> usize {
        self.emit(placeholder);
        length
    }

    fn verbatim(&mut self, rest: &str, length: usize) -> usize {
        self.emit(rest.get(..length).unwrap_or_default());
        length
    }

    fn emit(&mut self, text: &str) {
        if std::mem::take(&mut self.space) {
            (self.sink)(" ");
            self.left = self.left.saturating_sub(1);
        }
        if text.len() <= self.left {
            (self.sink)(text);
            self.left -= text.len();
            return;
        }
        let kept = super::prefix(text, self.left);
        (self.sink)(kept);
        self.left = 0;
    }
}

/// A terminal's control sequence: `ESC [ 3 1 m`.
fn colour(bytes: &[u8]) -> usize {
    let end = bytes
        .iter()
        .skip(2)
        .position(|byte| !byte.is_ascii_digit() && *byte != b';');
    end.map_or(bytes.len(), |end| end + 3)
}

/// A quoted text with spaces, quotes included. A quoted word is none, nor is what follows `=` (logfmt: a message) or
/// begins with an HTTP method (access logs).
fn quoted_text(rest: &str, quote: u8, before: u8) -> Option<usize> {
    const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
    let inner = rest.get(1..)?;
    let end = inner.bytes().take(AHEAD).position(|byte| byte == quote)?;
    let inner = inner.get(..end)?;
    let (word, _) = inner.split_once(char::is_whitespace)?;
    (before != b'=' && !METHODS.contains(&word)).then_some(end + 2)
}

/// What stands for the variable part that a text begins with, and the part's length.
fn variable(rest: &str, before: u8) -> Option<(&'static str, usize)> {
    let bytes = rest.as_bytes();
    let letters = bytes
        .iter()
        .take(words::UUID_START)
        .take_while(|byte| byte.is_ascii_alphabetic());
    // Neither a number nor hexadecimal.
    if letters
        .into_iter()
        .any(|letter| letter.to_ascii_lowercase() > b'f')
    {
        return (email(bytes).map(|length| ("<email>", length)))
            .or_else(|| Some(("<time>", dates::time(bytes, before == b':')?)));
    }
    // Looked for one after the other: most words are none of them, and few are the last.
    (email(bytes).map(|length| ("<email>", length)))
        .or_else(|| Some(("<uuid>", words::uuid(bytes)?)))
        .or_else(|| Some(("<time>", dates::time(bytes, before == b':')?)))
        .or_else(|| Some(("<ip>", ipv4(bytes).or_else(|| ipv6(rest))?)))
        .or_else(|| Some(("<hex>", words::hex(bytes)?)))
        .or_else(|| Some(("<duration>", words::duration(bytes)?)))
}

/// What a number right behind a word is.
fn code_behind(word: &[u8]) -> Code {
    if word.eq_ignore_ascii_case(b"error") {
        Code::UntilColon
    } else if words::names_a_code(word) {
        Code::Yes
    } else {
        Code::No
    }
}

/// Words that are nothing but words, with single spaces between them: what messages are mostly made of.
struct PlainWords {
    /// Where the last one begins.
    last: usize,
    /// Where it ends.
    end: usize,
}

/// The plain words that bytes begin with.
fn plain_words(bytes: &[u8]) -> Option<PlainWords> {
    let mut words = PlainWords {
        last: 0,
        end: plain_word(bytes)?,
    };
    while let Some(length) = bytes.get(words.end + 1..).and_then(plain_word) {
        words.last = words.end + 1;
        words.end = words.last + length;
    }
    Some(words)
}

/// Length of a word that is nothing but a word: four small letters or more, not all of them digits of a hexadecimal
/// number, and a space behind. No month (they have three), no address (they go on).
fn plain_word(bytes: &[u8]) -> Option<usize> {
    let mut beyond_hex = false;
    let mut length = 0;
    while let Some(letter @ b'a'..=b'z') = bytes.get(length) {
        beyond_hex |= *letter > b'f';
        length += 1;
    }
    (length >= 4 && beyond_hex && matches!(bytes.get(length), None | Some(b' '))).then_some(length)
}
