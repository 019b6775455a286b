//! A Runtime API as fast as it can be, so that what is timed is the function: one connection after the other, one
//! thread, answers written ahead. For each line `start <count>` the function is started anew and invoked so often.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// No function takes longer to start or to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// `clients`: `one`, or `each` invocation another.
pub(super) fn run(event: &Path, clients: &str, function: &[String]) -> io::Result<()> {
    let event = std::fs::read_to_string(event)?;
    let mut output = io::stdout().lock();
    let mut number = 0;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let parts: Vec<&str> = line.split(' ').collect();
        let [_, count, salt] = parts.as_slice() else {
            return Err(io::Error::other("expected <case> <count> <salt>"));
        };
        let count: u32 = count.parse().map_err(io::Error::other)?;
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "any part of a hash will do"
        )]
        let salt = hasher.finish() as u32;
        let events = (0..count).map(|index| {
            number += u32::from(clients == "each");
            event_of(&event, salt.wrapping_add(number), index)
        });
        let answer = environment(function, events.collect())?;
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

/// The event of a client by a number.
fn event_of(event: &str, client: u32, index: u32) -> (String, String) {
    let [a, b, c, d] = client.to_be_bytes();
    let text = event.replace("203.0.113.20", &format!("{}.{b}.{c}.{d}", a | 1));
    (format!("00000000-0000-4000-8000-{index:012x}"), text)
}

/// One process, from its start to its end.
fn environment(function: &[String], events: Vec<(String, String)>) -> io::Result<Value> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let [program, arguments @ ..] = function else {
        return Err(io::Error::other("no function"));
    };
    let started = Instant::now();
    let child = Command::new(program)
        .args(arguments)
        .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let child = Killed(child);
    let (stream, _) = listener.accept()?;
    let mut api = Api::new(stream)?;
    api.request()?;
    let start = started.elapsed();
    let count = events.len();
    let (mut allowed, mut first) = (0_u32, Duration::ZERO);
    let began = Instant::now();
    for (id, event) in events {
        api.next(&id, &event)?;
        let (path, body) = api.request()?;
        if !path.ends_with("/response") {
            return Err(io::Error::other(format!(
                "{path}: {}",
                String::from_utf8_lossy(&body)
            )));
        }
        allowed += u32::from(
            body.windows(16)
                .any(|part| part == b"\"statusCode\":200" || part == b"statusCode\": 200"),
        );
        api.accepted()?;
        api.request()?;
        if first.is_zero() {
            first = began.elapsed();
        }
    }
    let took = began.elapsed();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.0.id()))?;
    let peak_kb: Option<f64> = status.lines().find_map(|line| {
        line.strip_prefix("VmHWM:")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    });
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let per_second = count as f64 / took.as_secs_f64();
    Ok(json!({
        "per_second": per_second,
        "start_ms": start.as_secs_f64() * 1e3,
        "first_ms": (start + first).as_secs_f64() * 1e3,
        "peak_mb": peak_kb.map(|kb| kb * 1_024.0 / 1e6),
        "allowed": allowed,
    }))
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The API's side of the connection.
struct Api {
    input: BufReader<TcpStream>,
    output: TcpStream,
}

impl Api {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let output = stream.try_clone()?;
        Ok(Self {
            input: BufReader::new(stream),
            output,
        })
    }

    /// The next request's path and body.
    fn request(&mut self) -> io::Result<(String, Vec<u8>)> {
        let mut line = String::new();
        self.input.read_line(&mut line)?;
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut length = 0;
        loop {
            line.clear();
            if self.input.read_line(&mut line)? == 0 {
                return Err(io::Error::other("the function has ended"));
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            if lower.starts_with("transfer-encoding:") {
                return Err(io::Error::other("a body in pieces is not understood here"));
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.input.read_exact(&mut body)?;
        Ok((path, body))
    }

    fn next(&mut self, id: &str, event: &str) -> io::Result<()> {
        let length = event.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nlambda-runtime-aws-request-id: {id}\r\n\
             lambda-runtime-deadline-ms: 4102444800000\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:123456789012:function:bench\r\n\
             content-length: {length}\r\n\r\n{event}"
        );
        self.output.write_all(answer.as_bytes())
    }

    fn accepted(&mut self) -> io::Result<()> {
        self.output
            .write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
    }
}
