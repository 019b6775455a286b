//! The upstream's answer, as this function may pass it on.

use bytes::Bytes;
use http::Response;

use super::request::passed_on;
use crate::doors::Door;
use crate::doors::reply::Answer;

/// A load balancer takes 1 MB from a function; API Gateway and function URLs take 6 MB. Some room is left for headers
/// and what JSON adds. Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>
pub(super) fn most_bytes(door: Door) -> usize {
    match door {
        Door::LoadBalancer => 1_000_000,
        _ => 5_500_000,
    }
}

/// Status, headers and body; `added` headers take the place of the upstream's own.
pub(super) fn of(response: Response<Bytes>, added: &[(&str, String)]) -> Answer {
    let (parts, body) = response.into_parts();
    let mut headers = parts.headers;
    passed_on(&mut headers);
    for (name, _) in added {
        headers.remove(*name);
    }
    let kept = headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let added = added
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    Answer {
        status: parts.status.as_u16(),
        headers: kept.chain(added).collect(),
        body: body.to_vec(),
    }
}

/// Whether the reply stays within `most` bytes: a body that is no text grows by a third as base64, and one that is
/// grows by what JSON escapes.
pub(super) fn fits(answer: &Answer, most: usize) -> bool {
    let body = match std::str::from_utf8(&answer.body) {
        Ok(text) => text.bytes().map(escaped_length).sum(),
        Err(_) => answer.body.len().div_ceil(3) * 4,
    };
    let headers: usize = answer
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len() + 8)
        .sum();
    body + headers <= most
}

fn escaped_length(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
        0..=31 => 6,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_headers_replace_the_upstreams_and_those_of_the_hop_are_gone() {
        let response = Response::builder()
            .status(201)
            .header("connection", "close")
            .header("ratelimit", "\"theirs\";r=1")
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .body(Bytes::from_static(b"made"));
        let answer = of(
            response.unwrap(),
            &[("ratelimit", "\"ours\";r=9".to_owned())],
        );
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            answer.headers,
            [
                header("set-cookie", "a=1"),
                header("set-cookie", "b=2"),
                header("ratelimit", "\"ours\";r=9")
            ]
        );
        assert_eq!((answer.status, answer.body), (201, b"made".to_vec()));
    }

    #[test]
    fn a_body_counts_as_it_is_sent() {
        let answer = |body: Vec<u8>| Answer {
            status: 200,
            headers: Vec::new(),
            body,
        };
        assert!(fits(&answer(vec![b'a'; 1_000]), 1_000));
        assert!(!fits(&answer(vec![b'"'; 501]), 1_000));
        assert!(!fits(&answer(vec![0xff; 751]), 1_000));
        assert!(fits(&answer(vec![0xff; 750]), 1_000));
    }
}
