//! The function that the local cloud's own tests run: it answers what the event tells it to.
//!
//! `{"fail": "<message>"}` answers an error, `{"exit": <status>}` ends the process, `{"hang": true}` never answers,
//! `{"variable": "<name>"}` answers an environment variable, `{"metric": <n>}` writes a metric document first,
//! `{"reply": <value>}` answers the value; anything else comes back as it is. With FAIL_INIT set it does not start.
//!
//! For Kafka: with POISON set to `<partition>:<offset>,...` those records fail FAILURES times. In mode ANSWER=partial
//! they are named in batchItemFailures, otherwise the whole batch answers an error.

use std::collections::BTreeMap;
use std::io::{Error, Write};
use std::sync::Mutex;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

/// How often each poisoned record has failed so far.
type Failed = Mutex<BTreeMap<String, u32>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    if let Some(message) = variable("FAIL_INIT") {
        return Err(Error::other(message).into());
    }
    let failed = Failed::default();
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        answer(&failed, event.payload).await
    }))
    .await
}

async fn answer(failed: &Failed, event: Value) -> Result<Value, Error> {
    if let Some(message) = event["fail"].as_str() {
        return Err(Error::other(message.to_owned()));
    }
    if let Some(status) = event["exit"].as_i64() {
        std::process::exit(i32::try_from(status).unwrap_or(1));
    }
    if event["hang"] == json!(true) {
        return std::future::pending().await;
    }
    if let Some(name) = event["variable"].as_str() {
        return Ok(json!(variable(name)));
    }
    if let Some(number) = event["metric"].as_i64() {
        writeln!(
            std::io::stdout(),
            "{}",
            json!({"_aws": {"Timestamp": 0, "CloudWatchMetrics": []}, "Echoed": number})
        )?;
    }
    if event["records"].is_object() {
        return records(failed, &event);
    }
    Ok(event.get("reply").cloned().unwrap_or(event))
}

/// Logs what it takes, one line a record, so that a test sees which records arrived in which order.
fn records(failed: &Failed, event: &Value) -> Result<Value, Error> {
    let poison = variable("POISON").unwrap_or_default();
    let limit: u32 = variable("FAILURES")
        .and_then(|number| number.parse().ok())
        .unwrap_or(1);
    let mut failures = Vec::new();
    for record in event["records"]
        .as_object()
        .into_iter()
        .flat_map(|records| records.values())
        .flat_map(|list| list.as_array().into_iter().flatten())
    {
        let at = format!("{}:{}", record["partition"], record["offset"]);
        let mut failed = failed
            .lock()
            .map_err(|_| Error::other("a record's handling panicked"))?;
        let times = failed.entry(at.clone()).or_default();
        if poison.split(',').any(|poisoned| poisoned == at) && *times < limit {
            *times += 1;
            failures.push(json!({"itemIdentifier": {
                "partition": format!("{}-{}", record["topic"].as_str().unwrap_or_default(), record["partition"]),
                "offset": record["offset"],
            }}));
        } else {
            writeln!(std::io::stdout(), "took {at}")?;
        }
    }
    match variable("ANSWER").as_deref() {
        Some("partial") => Ok(json!({"batchItemFailures": failures})),
        Some(reply) => serde_json::from_str(reply).map_err(Error::other),
        None if failures.is_empty() => Ok(Value::Null),
        None => Err(Error::other("a record is poisoned")),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what a function finds in its environment is what this one is asked for"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
