//! Generated secrets, the texts they stand in, and texts without any.

use proptest::prelude::*;

/// A secret that stands for itself, and the name of its kind.
pub(super) fn shaped() -> impl Strategy<Value = (String, &'static str)> {
    prop_oneof![
        "(AKIA|ASIA)[A-Z2-7]{16}".prop_map(|key| (key, "access-key")),
        "eyJ[A-Za-z0-9_-]{17,60}\\.eyJ[A-Za-z0-9_-]{20,90}\\.[A-Za-z0-9_-]{43}"
            .prop_map(|key| (key, "jwt")),
        "gh[pousr]_[A-Za-z0-9]{36}".prop_map(|key| (key, "github-token")),
        "github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}".prop_map(|key| (key, "github-token")),
        "xox[bpas]-[0-9]{10,12}-[0-9]{10,12}-[A-Za-z0-9]{24}".prop_map(|key| (key, "slack-token")),
        "[sr]k_(live|test)_[A-Za-z0-9]{24,99}".prop_map(|key| (key, "stripe-key")),
        "AIza[A-Za-z0-9_-]{35}".prop_map(|key| (key, "google-key")),
        "ya29\\.[A-Za-z0-9_-]{40,80}".prop_map(|key| (key, "google-token")),
        "glpat-[A-Za-z0-9_-]{20}".prop_map(|key| (key, "gitlab-token")),
        card().prop_map(|key| (key, "card")),
        "[A-Za-z0-9][A-Za-z0-9._%+-]{5,30}@[a-z]{2,10}(\\.[a-z]{2,8}){1,2}"
            .prop_map(|key| (key, "email")),
        private_key().prop_map(|key| (key, "private-key")),
    ]
}

/// Payment card numbers with their check digit, as written.
fn card() -> impl Strategy<Value = String> {
    ("[2-6][0-9]{11,17}", 0..3usize).prop_map(|(body, style)| {
        let sum: u32 = body
            .bytes()
            .rev()
            .enumerate()
            .map(|(at, digit)| {
                let digit = u32::from(digit - b'0');
                match at % 2 {
                    0 if digit > 4 => digit * 2 - 9,
                    0 => digit * 2,
                    _ => digit,
                }
            })
            .sum();
        let number = format!("{body}{}", (10 - sum % 10) % 10);
        let sign = ["", " ", "-"][style];
        let groups: Vec<&str> = match number.len() {
            15 => cut(&number, &[4, 6, 5]),
            16 => cut(&number, &[4, 4, 4, 4]),
            _ => vec![number.as_str()],
        };
        groups.join(sign)
    })
}

fn cut<'a>(mut number: &'a str, groups: &[usize]) -> Vec<&'a str> {
    let group = |length: &usize| {
        let (group, rest) = number.split_at(*length);
        number = rest;
        group
    };
    groups.iter().map(group).collect()
}

fn private_key() -> impl Strategy<Value = String> {
    (
        "(RSA |EC |OPENSSH |ENCRYPTED |)",
        "[A-Za-z0-9+/]{64}",
        1..20usize,
        "[A-Za-z0-9+/]{8,60}==",
        any::<bool>(),
    )
        .prop_map(|(kind, line, lines, last, escaped)| {
            let body = format!("{line}\n").repeat(lines);
            let key = format!(
                "-----BEGIN {kind}PRIVATE KEY-----\n{body}{last}\n-----END {kind}PRIVATE KEY-----"
            );
            if escaped {
                key.replace('\n', "\\n")
            } else {
                key
            }
        })
}

/// A password or key that only its name betrays.
pub(super) fn named() -> impl Strategy<Value = (String, String)> {
    let name = prop::sample::select(vec![
        "password",
        "PASSWORD",
        "db.password",
        "user_passwd",
        "pwd",
        "client_secret",
        "clientSecret",
        "API-KEY",
        "x-api-key",
        "accessToken",
        "refresh_token",
        "AWS_SECRET_ACCESS_KEY",
        "aws_session_token",
        "Authorization",
        "cookie",
        "Set-Cookie",
        "sessionId",
        "X-Amz-Signature",
        "passphrase",
        "private_key",
        "AccountKey",
    ]);
    (name, "[!#$%()*+./:;?@A-Z^_a-z0-9{|}~,&-]{6,40}|\\PC{6,20}").prop_filter_map(
        "what ends or is no value",
        |(name, secret)| {
            // Behind a flag this would be the next one.
            let plain = !secret.starts_with("--")
                && !secret.contains(['"', '\'', '`', '\\', '<', '>', '=', '[', '{'])
                && !secret.contains(char::is_whitespace);
            plain.then(|| (name.to_owned(), secret))
        },
    )
}

/// Texts around a secret that stands for itself.
pub(super) fn around(secret: &str, context: usize) -> String {
    match context {
        0 => secret.to_owned(),
        1 => format!("login of ann failed with {secret}, then again"),
        2 => format!(r#"{{"level":"error","field":"{secret}","n":12}}"#),
        3 => format!("level=error field={secret} n=12"),
        4 => format!("https://example.com/a/b?q=1&field={secret}&n=2"),
        5 => format!("wörter ünd 世界 «{secret}» … ende"),
        6 => format!("one\ntwo: {secret}\nthree"),
        7 => format!(r#"{{"body":"{{\"field\":\"{secret}\",\"n\":1}}"}}"#),
        8 => format!(r"first line\n{secret}\nlast line"),
        9 => format!("({secret})"),
        _ => format!("curl -H 'X-Field: {secret}' example.com"),
    }
}

/// The same for a secret with a name.
pub(super) fn with_name(name: &str, secret: &str, context: usize) -> String {
    match context {
        0 => format!("{name}={secret}"),
        1 => format!("cannot log in: {name}: {secret}"),
        2 => format!(r#"{{"level":"error","{name}":"{secret}","n":12}}"#),
        3 => format!(r#"{{ "{name}" : "{secret}" }}"#),
        4 => format!("level=error {name}={secret} n=12"),
        5 => format!(r#"level=error {name}="{secret}" n=12"#),
        6 => format!("https://example.com/a/b?q=1&{name}={secret}&n=2"),
        7 => format!("GET / HTTP/1.1\nHost: example.com\n{name}: {secret}\nAccept: */*"),
        8 => format!(r#"{{"body":"{{\"{name}\":\"{secret}\",\"n\":1}}"}}"#),
        9 => format!("{{'{name}': '{secret}', 'n': 1}}"),
        10 => format!("<{name}>{secret}</{name}>"),
        11 => format!("Server=db;{name}={secret};Timeout=30"),
        12 => format!("tool --{name} {secret} --verbose"),
        13 => format!(r#"{{"{name}":["{secret}","x"],"n":1}}"#),
        _ => format!("日本語 {name} => {secret}"),
    }
}

/// What logs are full of: words, names, numbers of up to twelve digits, ids, addresses and times.
pub(super) fn harmless() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,12}",
        "([A-Z][a-z]{2,9}){1,6}",
        "(com|org)(\\.[a-z]{2,10}){1,4}\\.([A-Z][a-z]{2,9}){1,4}",
        "[0-9]{1,12}",
        "-?[0-9]{1,5}\\.[0-9]{1,18}",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "([1-9][0-9]{0,2}\\.){3}[0-9]{1,3}(:[0-9]{2,5})?",
        "20[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{3})?Z",
        "17[0-9]{8}|17[0-9]{11}",
        "arn:aws:(ec2|s3|lambda|kafka):us-east-1:[0-9]{12}:(function|cluster|role|network-interface)/([a-z]{3,9}-){1,3}(prod|dev)",
        "arn:aws:ec2:eu-west-1:[0-9]{12}:network-interface/eni-[0-9a-f]{17}",
        "(i|eni|vpce|subnet)-([0-9a-f]{8}|[0-9a-f]{17})",
        "ip-10-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}\\.eu-west-1\\.compute\\.internal",
        "([a-z]{3,10}-){1,3}[0-9a-f]{9,10}-[bcdfghjklmnpqrstvwxz2456789]{5}",
        "(/[a-z]{2,10}){2,6}(\\.[a-z]{2,4})?",
        "https://[a-z]{3,10}\\.example\\.com(/[a-z]{2,10}){1,3}",
    ]
}
