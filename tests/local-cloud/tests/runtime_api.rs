//! The Lambda Runtime API around a real process.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::process::Stdio;
use std::time::Duration;

use local_cloud::{Error, Function, FunctionBuilder, LocalCloud, Reply, wait};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

async fn cloud() -> LocalCloud {
    LocalCloud::builder("runtime-api").start().await.unwrap()
}

fn echo(cloud: &LocalCloud) -> FunctionBuilder {
    cloud
        .function("echo")
        .binary(local_cloud::workspace::root().join("target/debug/examples/echo-function"))
}

fn is_running(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat"));
    // A zombie has ended; its parent just has not asked yet.
    status.is_ok_and(|status| !status.contains(") Z "))
}

async fn process_of(function: &Function) -> u32 {
    let id = function
        .invoke(&json!({"variable": "AWS_LAMBDA_RUNTIME_API"}))
        .await
        .unwrap()
        .into_result()
        .unwrap();
    let address = format!("AWS_LAMBDA_RUNTIME_API={}", id.as_str().unwrap());
    let processes = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let has = |id: &u32| {
        std::fs::read(format!("/proc/{id}/environ"))
            .is_ok_and(|all| String::from_utf8_lossy(&all).contains(&address))
    };
    processes.into_iter().find(has).unwrap()
}

#[tokio::test]
async fn an_event_goes_in_and_the_answer_comes_back() {
    let cloud = cloud().await;
    let function = echo(&cloud).env("GREETING", "hello").start().await.unwrap();
    assert_eq!(
        function.invoke(&json!({"a": [1, null]})).await.unwrap(),
        Reply::Ok(json!({"a": [1, null]}))
    );
    assert_eq!(
        function
            .invoke(&json!({"variable": "GREETING"}))
            .await
            .unwrap(),
        Reply::Ok(json!("hello"))
    );
    let endpoint = Reply::Ok(json!(cloud.endpoint_url()));
    assert_eq!(
        function
            .invoke(&json!({"variable": "AWS_ENDPOINT_URL"}))
            .await
            .unwrap(),
        endpoint
    );
    assert_eq!(function.starts(), 1);
    assert!(function.init_duration() > Duration::ZERO);
    assert!(function.resident_memory_bytes().await.unwrap() > 1024 * 1024);
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test's own environment is the subject"
)]
async fn the_environment_is_lambdas_and_not_the_tests() {
    let cloud = cloud().await;
    let function = echo(&cloud).start().await.unwrap();
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert_eq!(
        function
            .invoke(&json!({"variable": "CARGO_MANIFEST_DIR"}))
            .await
            .unwrap(),
        Reply::Ok(json!(null))
    );
    assert_eq!(
        function
            .invoke(&json!({"variable": "AWS_LAMBDA_FUNCTION_NAME"}))
            .await
            .unwrap(),
        Reply::Ok(json!("echo"))
    );
}

#[tokio::test]
async fn an_error_of_the_function_is_a_reply_with_its_type_and_message() {
    let cloud = cloud().await;
    let function = echo(&cloud).start().await.unwrap();
    let reply = function
        .invoke(&json!({"fail": "no such plan"}))
        .await
        .unwrap();
    let Reply::Error {
        error_type,
        message,
    } = reply
    else {
        panic!("{reply:?}")
    };
    assert!(error_type.contains("Error"), "{error_type}");
    assert_eq!(message, "no such plan");
    assert_eq!(function.starts(), 1, "an error is no crash");
}

#[tokio::test]
async fn a_crash_is_reported_and_the_next_invocation_starts_the_process_again() {
    let cloud = cloud().await;
    let function = echo(&cloud).start().await.unwrap();
    let reply = function.invoke(&json!({"exit": 7})).await.unwrap();
    assert!(
        matches!(&reply, Reply::Crashed { message } if message.contains('7')),
        "{reply:?}"
    );
    assert!(function.invoke(&json!({})).await.unwrap().is_ok());
    assert_eq!(function.starts(), 2);
}

#[tokio::test]
async fn a_killed_function_starts_again_with_the_next_invocation() {
    let cloud = cloud().await;
    let function = echo(&cloud).start().await.unwrap();
    for starts in 2..5 {
        function.kill();
        assert!(function.invoke(&json!({})).await.unwrap().is_ok());
        assert_eq!(function.starts(), starts);
    }
    let hanging = tokio::spawn({
        let function = function.clone();
        async move { function.invoke(&json!({"hang": true, "metric": 1})).await }
    });
    let killed = wait::until(Duration::from_secs(20), async || {
        function.kill();
        hanging.is_finished().then_some(())
    });
    killed
        .await
        .expect("an invocation ends when its process is killed");
    assert!(matches!(
        hanging.await.unwrap().unwrap(),
        Reply::Crashed { .. } | Reply::Error { .. }
    ));
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_killed_and_starts_again() {
    let cloud = cloud().await;
    let function = echo(&cloud)
        .timeout(Duration::from_secs(1))
        .start()
        .await
        .unwrap();
    let process = process_of(&function).await;
    let reply = function.invoke(&json!({"hang": true})).await.unwrap();
    assert!(
        matches!(&reply, Reply::TimedOut { message } if message.ends_with("Task timed out after 1.00 seconds")),
        "{reply:?}"
    );
    assert!(!is_running(process));
    assert!(function.invoke(&json!({})).await.unwrap().is_ok());
    assert_eq!(function.starts(), 2);
}

#[tokio::test]
async fn a_function_that_fails_at_init_says_why_and_where_its_log_is() {
    let cloud = cloud().await;
    let error = echo(&cloud)
        .env("FAIL_INIT", "TOPIC_ARN is missing")
        .start()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Init { .. }), "{error:?}");
    let text = error.to_string();
    for part in [
        "function echo failed at init",
        "TOPIC_ARN is missing",
        "echo.log",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[tokio::test]
async fn a_missing_binary_says_how_to_build_it() {
    let cloud = cloud().await;
    let error = cloud
        .function("no-such-function")
        .start()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("no-such-function is missing: run: cargo build --workspace --all-targets"),
        "{error}"
    );
}

#[tokio::test]
async fn metrics_are_there_as_soon_as_the_answer_is() {
    let cloud = cloud().await;
    let function = echo(&cloud).start().await.unwrap();
    for number in 0..20 {
        function.invoke(&json!({"metric": number})).await.unwrap();
        assert_eq!(function.metrics().last().unwrap()["Echoed"], json!(number));
    }
    assert_eq!(function.metrics().len(), 20);
}

#[tokio::test]
async fn nothing_is_left_running_when_the_handles_are_dropped() {
    let cloud = cloud().await;
    let function = echo(&cloud).start().await.unwrap();
    let process = process_of(&function).await;
    let moto = cloud.moto_url().to_owned();
    assert!(is_running(process));
    drop((function, cloud));
    // Not even a zombie: it has been reaped.
    assert!(!std::path::Path::new(&format!("/proc/{process}")).exists());
    assert!(reqwest::get(format!("{moto}/moto-api/")).await.is_err());
}

/// Not a test of its own: the process that the test below kills.
#[tokio::test]
#[ignore = "runs until it is killed; started by the next test"]
async fn holds_a_cloud_until_it_is_killed() {
    let cloud = LocalCloud::builder("killed").redis().start().await.unwrap();
    let function = echo(&cloud).start().await.unwrap();
    let (process, redis) = (process_of(&function).await, cloud.redis().unwrap().url());
    println!("\nheld {process} {redis} {}", cloud.moto_url());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn nothing_is_left_running_when_the_test_process_is_killed() {
    let mut holder = tokio::process::Command::new(std::env::current_exe().unwrap());
    holder.args([
        "--ignored",
        "--nocapture",
        "--exact",
        "holds_a_cloud_until_it_is_killed",
    ]);
    let mut holder = holder
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let held = loop {
        let line = lines
            .next_line()
            .await
            .unwrap()
            .expect("the holder says what it holds");
        if let Some(held) = line.strip_prefix("held ") {
            break held.split(' ').map(str::to_owned).collect::<Vec<_>>();
        }
    };
    let process = held[0].parse().unwrap();
    assert!(is_running(process));
    holder.kill().await.unwrap();
    let ended = wait::until(Duration::from_secs(10), async || {
        let redis = redis::Client::open(held[1].as_str()).unwrap();
        let redis_answers = redis.get_multiplexed_async_connection().await.is_ok();
        let moto_answers = reqwest::get(format!("{}/moto-api/", held[2])).await.is_ok();
        (!is_running(process) && !redis_answers && !moto_answers).then_some(())
    });
    ended
        .await
        .expect("moto, redis and the function end with the process");
}
