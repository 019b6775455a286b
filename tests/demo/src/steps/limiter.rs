//! Step: a client in a loop meets the rate limiter, then Redis goes away.

use std::time::{Duration, Instant};

use local_cloud::Function;
use local_cloud::events::{self, Headers, Request};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::paper::Paper;
use crate::story::{Story, answer};

const RUNAWAY: &str = "198.51.100.7";
const NEIGHBOUR: &str = "203.0.113.9";
const REQUESTS: u32 = 250;
const LIMIT: u32 = 100;
const MORE: u32 = 20;
/// Far below the seconds for which clients of a lost Redis usually hang; the function's own deadline is 80 ms.
const SOON: Duration = Duration::from_millis(500);

pub(crate) async fn runaway_client(paper: &mut Paper, story: &mut Story) -> Result<(), Failure> {
    paper.step("Meanwhile, a runaway client");
    let rules = json!({"rules": [{"name": "default", "limit": LIMIT, "window_seconds": 60, "key": "client_address"}]});
    let limiter = story.cloud.function("rate-limiter");
    let limiter = limiter
        .env("REDIS_URL", story.cloud.redis()?.url())
        .env("RULES", rules.to_string());
    let limiter = limiter.env("ON_OUTAGE", "open").start().await?;
    paper.say(format!("The rule: {LIMIT} requests a minute by address. {RUNAWAY} sends {REQUESTS} as fast as it can."));
    through_the_authorizer(paper, story, &limiter).await?;
    through_the_load_balancer(paper, &limiter).await?;
    without_redis(paper, story, &limiter).await?;
    limiter.stop().await?;
    paper.done();
    Ok(())
}

async fn through_the_authorizer(
    paper: &mut Paper,
    story: &mut Story,
    limiter: &Function,
) -> Result<(), Failure> {
    let (mut allowed, began) = (0, Instant::now());
    for _ in 0..REQUESTS {
        let verdict = ask(limiter, &authorizer(RUNAWAY)).await?;
        allowed += u32::from(is_allowed(&verdict));
    }
    // Tokens come back while the client runs: one every 0.6 s.
    let refilled = began.elapsed().as_secs_f64() * f64::from(LIMIT) / 60.0;
    paper.check(
        allowed >= LIMIT && f64::from(allowed) <= f64::from(LIMIT) + refilled + 1.0,
        format!(
            "of its {REQUESTS} requests {allowed} pass, {} do not",
            REQUESTS - allowed
        ),
        format!("{allowed} passed, {refilled:.0} refilled"),
    )?;
    let neighbour = ask(limiter, &authorizer(NEIGHBOUR)).await?;
    paper.check(
        is_allowed(&neighbour),
        "another client does not notice",
        &neighbour,
    )?;
    story.summary.push(format!(
        "A client that sent {REQUESTS} requests at once got {allowed} through; nobody else noticed."
    ));
    Ok(())
}

async fn through_the_load_balancer(paper: &mut Paper, limiter: &Function) -> Result<(), Failure> {
    let request = Request::new("GET", "www.example.com", "/orders").from(RUNAWAY);
    let reply = ask(limiter, &events::load_balancer(&request, Headers::Single)).await?;
    let header = |name: &str| {
        reply["headers"][name]
            .as_str()
            .unwrap_or("(missing)")
            .to_owned()
    };
    paper.check(
        reply["statusCode"] == json!(429)
            && header("retry-after")
                .parse::<u32>()
                .is_ok_and(|seconds| seconds >= 1),
        format!(
            "behind the load balancer it reads 429, Retry-After {}, RateLimit {}",
            header("retry-after"),
            header("ratelimit")
        ),
        &reply,
    )
}

/// Redis hangs, then is gone: both times the stated mode answers soon, and says so.
async fn without_redis(
    paper: &mut Paper,
    story: &Story,
    limiter: &Function,
) -> Result<(), Failure> {
    known_denials(paper, story, limiter).await?;
    outage(paper, limiter, "hangs").await?;
    story.cloud.redis()?.kill().await?;
    outage(paper, limiter, "is gone").await?;
    let is_outage = |metric: &Value| metric["Outage"].as_f64().is_some_and(|count| count > 0.0);
    let counted = limiter
        .metrics()
        .iter()
        .filter(|metric| is_outage(metric))
        .count();
    paper.check(
        counted == 2,
        "both are counted in a metric that an alarm can watch",
        format!("{counted} counts of Outage"),
    )?;
    Ok(story.cloud.redis()?.restart().await?)
}

/// What is certain needs no Redis: from here on it hangs, and the runaway client is denied all the same, at once.
async fn known_denials(
    paper: &mut Paper,
    story: &Story,
    limiter: &Function,
) -> Result<(), Failure> {
    // Right after a token came back and was used, the next one is 0.6 s away.
    while !is_allowed(&ask(limiter, &authorizer(RUNAWAY)).await?) {}
    let denied = ask(limiter, &authorizer(RUNAWAY)).await?;
    paper.check(!is_allowed(&denied), "it goes on and on", &denied)?;
    story.cloud.redis()?.stop().await;
    let (mut without_redis, began) = (0, Instant::now());
    for _ in 0..MORE {
        let verdict = ask(limiter, &authorizer(RUNAWAY)).await?;
        let is_known = !is_allowed(&verdict) && verdict["context"]["outage"].is_null();
        without_redis += u32::from(is_known);
    }
    let each = began.elapsed().as_micros() / u128::from(MORE);
    paper.check(
        // On a machine that stands still for a while the token is back before the last of them.
        without_redis >= MORE / 2,
        format!(
            "Redis hangs now: {without_redis} of its next {MORE} requests are denied without asking it, {each} us each"
        ),
        format!("{without_redis} of {MORE}"),
    )
}

fn is_allowed(verdict: &Value) -> bool {
    verdict["context"]["verdict"] == json!("allowed")
}

async fn outage(paper: &mut Paper, limiter: &Function, what: &str) -> Result<(), Failure> {
    let began = Instant::now();
    // Of the runaway client the limiter knows without Redis that it is over its limit.
    let verdict = ask(limiter, &authorizer(NEIGHBOUR)).await?;
    let (took, context) = (began.elapsed(), &verdict["context"]);
    let reason = context["outage"].as_str().unwrap_or_default();
    paper.check(
        !reason.is_empty()
            && context["verdict"] == json!("allowed")
            && context["on_outage"] == json!("open")
            && took < SOON,
        format!(
            "Redis {what}: the stated mode (open) lets requests pass after {} ms and says why ({reason})",
            took.as_millis()
        ),
        format!("{verdict} after {took:?}"),
    )
}

/// A client's request, as the HTTP API brings it to the authorizer.
fn authorizer(client: &str) -> Value {
    let request = Request::new("GET", "api.example.com", "/orders").from(client);
    events::http_api_authorizer(&request, &[])
}

async fn ask(limiter: &Function, event: &Value) -> Result<Value, Failure> {
    answer("rate-limiter", limiter.invoke(event).await?)
}
