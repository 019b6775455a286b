//! Words: which are names, which are numbers and ids.

/// Names that end in digits; without them `s3` would read `s<n>`.
const NAMES: [&[u8]; 22] = [
    b"base64", b"crc32", b"ec2", b"h2", b"http2", b"http3", b"ipv4", b"ipv6", b"k8s", b"log4j",
    b"md5", b"oauth2", b"route53", b"s3", b"sha1", b"sha256", b"sha512", b"slf4j", b"utf8",
    b"utf16", b"x509", b"x86",
];

/// The letters that Kubernetes makes the last part of a pod's name of: five of them.
const POD_SUFFIX: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// A name.
    Kept,
    /// An id, as a whole.
    Id,
    /// A name of so many bytes, then a number.
    Numbered { name: usize },
    /// A number of so many digits, then what was counted.
    Counted { digits: usize },
}

/// Whether a byte belongs to words: ASCII letters and digits, and whatever is not ASCII.
pub(super) fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// Length of the word at the beginning.
pub(super) fn length(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_part(**byte)).count()
}

/// Length of the run of digits at the beginning.
pub(super) fn digits(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

/// Length of the number at the beginning: with separators of thousands, decimals, or the further parts of a version.
pub(super) fn number(bytes: &[u8]) -> usize {
    let mut end = digits(bytes);
    while end > 0 {
        let more = digits(bytes.get(end + 1..).unwrap_or_default());
        match bytes.get(end) {
            Some(b'.') if more > 0 => end += 1 + more,
            Some(b',') if more == 3 => end += 1 + more,
            _ => break,
        }
    }
    end
}

/// Length of a duration: `250ms`, `1.5s`, `1m30.5s`.
pub(super) fn duration(bytes: &[u8]) -> Option<usize> {
    const UNITS: [&[u8]; 17] = [
        b"ns",
        b"us",
        "µs".as_bytes(),
        "μs".as_bytes(),
        b"ms",
        b"s",
        b"sec",
        b"secs",
        b"m",
        b"min",
        b"mins",
        b"h",
        b"hr",
        b"hrs",
        b"d",
        b"day",
        b"days",
    ];
    let mut end = 0;
    loop {
        let rest = bytes.get(end..)?;
        let number = number(rest);
        let unit = rest
            .get(number..)?
            .iter()
            .take_while(|b| is_part(**b) && !b.is_ascii_digit());
        let unit = rest.get(number..number + unit.count())?;
        if number == 0 || !UNITS.contains(&unit) {
            return None;
        }
        end += number + unit.len();
        if bytes.get(end).is_none_or(|byte| !byte.is_ascii_digit()) {
            return Some(end);
        }
    }
}

/// Digits of a UUID before its first hyphen.
pub(super) const UUID_START: usize = 8;

/// Length of a UUID.
pub(super) fn uuid(bytes: &[u8]) -> Option<usize> {
    let text = bytes.get(..36)?;
    let shaped = text.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    (shaped && bytes.get(36).is_none_or(|byte| !is_part(*byte))).then_some(36)
}

/// Length of `0x` and hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> Option<usize> {
    let [b'0', b'x' | b'X', rest @ ..] = bytes else {
        return None;
    };
    let digits = rest
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    (digits > 0).then_some(2 + digits)
}

/// Whether a number behind this word is a code: `status`, `errno`, `exitCode`.
pub(super) fn names_a_code(word: &[u8]) -> bool {
    const WHOLE: [&[u8]; 5] = [b"errno", b"http", b"signal", b"sqlstate", b"errorno"];
    let ends = |end: &[u8]| {
        let tail = word
            .len()
            .checked_sub(end.len())
            .and_then(|at| word.get(at..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    WHOLE.iter().any(|name| word.eq_ignore_ascii_case(name)) || ends(b"code") || ends(b"status")
}

/// Whether a word can be a code: up to five digits and capitals.
pub(super) fn is_code(word: &[u8]) -> bool {
    let within = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    word.len() <= 5 && word.iter().all(within) && word.iter().any(u8::is_ascii_digit)
}

/// What a word is; `after_id` where it is joined to an id by a hyphen.
pub(super) fn kind(word: &[u8], after_id: bool) -> Word {
    if after_id && word.len() == 5 && word.iter().all(|byte| POD_SUFFIX.contains(byte)) {
        return Word::Id;
    }
    let start = digits(word);
    let runs = word
        .split(|byte| !byte.is_ascii_digit())
        .filter(|run| !run.is_empty())
        .count();
    if runs == 0 || is_name(word) {
        return Word::Kept;
    }
    let end = word
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let has_lower = word.iter().any(u8::is_ascii_lowercase);
    let has_upper = word.iter().any(u8::is_ascii_uppercase);
    let one_case = has_lower != has_upper;
    let is_hex = one_case && word.len() >= 7 && word.iter().all(u8::is_ascii_hexdigit);
    if runs > 1 || is_hex {
        Word::Id
    } else if end > 0 {
        Word::Numbered {
            name: word.len() - end,
        }
    } else if word.len() >= 8 && (start > 0 || one_case) {
        Word::Id
    } else if start > 0 {
        Word::Counted { digits: start }
    } else {
        Word::Kept
    }
}

/// Whether a word is, or begins with, one of the names and has no digits besides.
fn is_name(word: &[u8]) -> bool {
    NAMES.iter().any(|name| {
        word.split_at_checked(name.len())
            .is_some_and(|(start, rest)| {
                start.eq_ignore_ascii_case(name) && !rest.iter().any(u8::is_ascii_digit)
            })
    })
}
