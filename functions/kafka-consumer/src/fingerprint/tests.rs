//! Messages of one cause meet, messages of different causes part; what people read.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

/// Messages of one problem each, as one service logs them on two days.
const SAME: [[&str; 2]; 22] = [
    [
        "java.lang.IllegalStateException: Order 81723 is locked by worker-7\n\tat com.acme.Orders.lock(Orders.java:112)\n\tat com.acme.Api.post(Api.java:40)",
        "java.lang.IllegalStateException: Order 9 is locked by worker-12\n\tat com.acme.Orders.lock(Orders.java:115)\n\tat com.acme.Batch.run(Batch.java:8)",
    ],
    [
        "Failed to publish order 17\norg.apache.kafka.common.errors.TimeoutException: Topic orders not present in metadata after 60000 ms.\n\tat org.acme.P.send(P.java:9)",
        "Failed to publish order 18\norg.apache.kafka.common.errors.TimeoutException: Topic orders not present in metadata after 30000 ms.\n\tat org.acme.P.send(P.java:9)",
    ],
    [
        "Traceback (most recent call last):\n  File \"/app/main.py\", line 10, in <module>\n    run()\n  File \"/app/pay.py\", line 77, in charge\n    return cards[key]\nKeyError: 'amount'",
        "Traceback (most recent call last):\n  File \"/app/cron.py\", line 3, in <module>\n    pay.charge(x)\n  File \"/app/pay.py\", line 79, in charge\n    return cards[key]\nKeyError: 'amount'\n\nDuring handling of the above exception, another exception occurred:",
    ],
    [
        "dial tcp 10.0.3.17:5432: connect: connection refused",
        "dial tcp 10.0.4.2:5433: connect: connection refused",
    ],
    [
        "dial tcp [2001:db8::17]:443: i/o timeout",
        "dial tcp [fe80::1]:8443: i/o timeout",
    ],
    [
        "Get \"https://api.acme.com/users/17/cart?page=3&x=y\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
        "Get \"https://api.acme.com/users/99321/cart?q=shoes\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
    ],
    [
        "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:12 +0x1d",
        "panic: runtime error: index out of range [17] with length 17\n\ngoroutine 92 [running]:\nmain.main()\n\t/app/main.go:14 +0x2d",
    ],
    [
        "TypeError: Cannot read properties of undefined (reading 'total')\n    at Cart.sum (/app/cart.js:17:31)\n    at /app/index.js:8:3",
        "TypeError: Cannot read properties of undefined (reading 'total')\n    at Cart.sum (/app/cart.js:18:9)\n    at processTicksAndRejections (node:internal/process/task_queues:95:5)",
    ],
    [
        "Error: connect ETIMEDOUT 52.94.133.131:443",
        "Error: connect ETIMEDOUT 3.5.0.9:443",
    ],
    [
        "10.0.0.7 - alice [13/Oct/2026:15:00:01 +0000] \"GET /orders/12 HTTP/1.1\" 503 512 \"-\" \"curl/8.1\"",
        "10.0.1.9 - alice [14/Oct/2026:03:10:59 +0000] \"GET /orders/99871 HTTP/1.1\" 503 87 \"-\" \"curl/8.4\"",
    ],
    [
        "upstream request failed with status 502 after 1.204s (request id 4f2c1a77-9f5e-4b0c-9d53-0a0f1c2b3d4e)",
        "upstream request failed with status 502 after 998ms (request id 00000000-9f5e-4b0c-9d53-0a0f1c2b3d4e)",
    ],
    [
        "ERROR: duplicate key value violates unique constraint \"users_email_key\" DETAIL: Key (email)=(ann@example.com) already exists.",
        "ERROR: duplicate key value violates unique constraint \"users_email_key\" DETAIL: Key (email)=(bob.b+x@mail.example.org) already exists.",
    ],
    [
        "Deadlock found when trying to get lock; try restarting transaction (1213) [SQLSTATE 40001] in 12 ms",
        "Deadlock found when trying to get lock; try restarting transaction (1213) [SQLSTATE 40001] in 7031 ms",
    ],
    [
        "E11000 duplicate key error collection: shop.orders index: _id_ dup key: { _id: ObjectId('507f1f77bcf86cd799439011') }",
        "E11000 duplicate key error collection: shop.orders index: _id_ dup key: { _id: ObjectId('65a1f77bcf86cd7994390aa2') }",
    ],
    [
        "pod checkout-7d9f8b6c5d-x2k4p evicted: node ip-10-0-1-23.ec2.internal is low on memory",
        "pod checkout-5f6d7c8b9d-bcdfg evicted: node ip-10-0-44-2.ec2.internal is low on memory",
    ],
    [
        "2026-10-13T15:00:00.123Z WARN disk /dev/nvme1n1 at 91% of 100GB",
        "2026-10-14 03:59:59,001 WARN disk /dev/nvme1n1 at 97% of 500GB",
    ],
    [
        "Oct  3 15:00:00 web-1 sshd[812]: Failed password for root from 203.0.113.9 port 51122 ssh2",
        "Oct 13 07:10:09 web-2 sshd[90211]: Failed password for root from 198.51.100.77 port 40022 ssh2",
    ],
    [
        "\u{1b}[31mError:\u{1b}[0m job 12 failed",
        "\u{1b}[33;1mError:\u{1b}[0m job 7 failed",
    ],
    [
        "thread 'main' panicked at src/main.rs:3:5:\nindex out of bounds: the len is 3 but the index is 7",
        "thread 'main' panicked at src/main.rs:4:9:\nindex out of bounds: the len is 9 but the index is 9",
    ],
    [
        "com.acme.Cart@1b6d3586 is closed, lease i-0a1b2c3d4e5f60718 at 0x00007f3a lost",
        "com.acme.Cart@5caf905d is closed, lease i-00ff2c3d4e5f6aaaa at 0x1 lost",
    ],
    [
        "could not parse \"12 apples and\" as amount",
        "could not parse \"one pear or two\" as amount",
    ],
    [
        "  queue   full:\t1,204 waiting, offset -3 ",
        "queue full: 17 waiting, offset 12",
    ],
];

/// Different problems that look alike.
const DIFFERENT: [[&str; 2]; 13] = [
    [
        "upstream failed with status 502",
        "upstream failed with status 504",
    ],
    ["request failed: HTTP 404", "request failed: HTTP 500"],
    [
        "x - - [13/Oct/2026:15:00:01 +0000] \"GET /a HTTP/1.1\" 404 1",
        "x - - [13/Oct/2026:15:00:01 +0000] \"GET /a HTTP/1.1\" 500 1",
    ],
    ["[Errno 2] cannot open", "[Errno 13] cannot open"],
    [
        "process ended with exit code 137",
        "process ended with exit code 1",
    ],
    [
        "query failed (SQLSTATE 42P01)",
        "query failed (SQLSTATE 23505)",
    ],
    ["ERROR 1045 (28000)", "ERROR 1146 (42S02)"],
    ["KeyError: 'amount'", "KeyError: 'currency'"],
    [
        "NullPointerException: null\n\tat com.acme.Orders.lock(Orders.java:112)",
        "NullPointerException: null\n\tat com.acme.Carts.pay(Carts.java:112)",
    ],
    [
        "Traceback (most recent call last):\n  File \"/app/a.py\", line 1, in f\nKeyError: 'a'",
        "Traceback (most recent call last):\n  File \"/app/a.py\", line 1, in f\nValueError: 'a'",
    ],
    [
        "request failed\njava.io.IOException: closed\n\tat a.B.c(B.java:1)",
        "request failed\njava.lang.IllegalStateException: closed\n\tat a.B.c(B.java:1)",
    ],
    [
        "thread 'main' panicked at src/main.rs:3:5:\nno such file",
        "thread 'main' panicked at src/main.rs:3:5:\nindex out of bounds",
    ],
    ["GET /orders/12 refused", "GET /carts/12 refused"],
];

#[test]
fn messages_of_one_cause_meet() {
    for [one, other] in SAME {
        assert_eq!(template(one), template(other));
        assert_eq!(of("pay", one), of("pay", other));
        assert_eq!(
            template(&template(one)),
            template(one),
            "a template is its own"
        );
    }
}

#[test]
fn messages_of_different_causes_part() {
    for [one, other] in DIFFERENT {
        assert_ne!(of("pay", one), of("pay", other), "{}", template(one));
    }
    let causes: std::collections::BTreeSet<_> =
        SAME.iter().map(|[one, _]| of("pay", one)).collect();
    assert_eq!(causes.len(), SAME.len());
}

#[test]
fn the_same_message_of_two_services_is_two_problems() {
    assert_ne!(of("pay", "timeout"), of("cart", "timeout"));
    assert_ne!(of("pay", "ment failed"), of("payment", " failed"));
}

#[test]
fn a_fingerprint_never_changes() {
    // Part of stored keys: if this fails, the problems people know have lost their names.
    assert_snapshot!(of("checkout", "timeout after 30000 ms calling 10.0.3.17:5432"), @"5cec91502cd9ce92");
    assert_snapshot!(of("", ""), @"a8100ae6aa1940d0");
}

#[test]
fn templates_are_for_people() {
    let templates: Vec<String> = SAME.iter().map(|[one, _]| template(one)).collect();
    assert_snapshot!(templates.join("\n"), @r#"
    java.lang.IllegalStateException: Order <n> is locked by worker-<n> at com.acme.Orders.lock(Orders.java:<n>)
    Failed to publish order <n> org.apache.kafka.common.errors.TimeoutException: Topic orders not present in metadata after <n> ms. at org.acme.P.send(P.java:<n>)
    KeyError: 'amount' File "/app/pay.py", line <n>, in charge
    dial tcp <ip>:<n>: connect: connection refused
    dial tcp [<ip>]:<n>: i/o timeout
    Get "https://api.acme.com/users/<n>/cart?<query>": context deadline exceeded (Client.Timeout exceeded while awaiting headers)
    panic: runtime error: index out of range [<n>] with length <n>
    TypeError: Cannot read properties of undefined (reading 'total') at Cart.sum (/app/cart.js:<n>:<n>)
    Error: connect ETIMEDOUT <ip>:<n>
    <ip> - alice [<time>] "GET /orders/<n> HTTP/1.1" 503 <n> "-" "curl/<n>"
    upstream request failed with status 502 after <duration> (request id <uuid>)
    ERROR: duplicate key value violates unique constraint "users_email_key" DETAIL: Key (email)=(<email>) already exists.
    Deadlock found when trying to get lock; try restarting transaction (<n>) [SQLSTATE 40001] in <n> ms
    E<n> duplicate key error collection: shop.orders index: _id_ dup key: { _id: ObjectId('<id>') }
    pod checkout-<id>-<id> evicted: node ip-<n>-<n>-<n>-<n>.ec2.internal is low on memory
    <time> WARN disk /dev/<id> at <n>% of <n>GB
    <time> web-<n> sshd[<n>]: Failed password for root from <ip> port <n> ssh<n>
    Error: job <n> failed
    thread 'main' panicked at src/main.rs:<n>:<n>: index out of bounds: the len is <n> but the index is <n>
    com.acme.Cart@<id> is closed, lease i-<id> at <hex> lost
    could not parse "<str>" as amount
    queue full: <n> waiting, offset <n>
    "#);
    assert_snapshot!(template("timeout after 30000 ms calling 10.0.3.17:5432"), @"timeout after <n> ms calling <ip>:<n>");
}

#[test]
fn a_long_message_counts_by_the_beginning_of_its_template_however_long_its_ids_are() {
    let tail = " and so on".repeat(100);
    let one = template(&format!("cannot read blob {}{tail}", "7".repeat(10)));
    let other = template(&format!("cannot read blob {}{tail} 1", "7".repeat(900)));
    assert_eq!(one, other);
    assert_eq!(one.len(), TEMPLATE);
}

proptest! {
    #[test]
    fn no_message_panics_or_outgrows_the_bound(message in "\\PC{0,120}|[ -~\\n]{0,120}|([a-f0-9:.'\"=@/-]{1,9} ?){0,20}") {
        let once = template(&message);
        prop_assert!(once.len() <= TEMPLATE);
        prop_assert!(!once.contains('\n'));
    }

    #[test]
    fn words_mean_the_same_one_by_one_and_in_a_run(
        words in proptest::collection::vec(
            prop_oneof![
                6 => "[a-z]{1,9}",
                2 => "[a-z0-9]{1,8}",
                1 => "error|status|exitcode|http|errno|pod-7d9f8|worker-7f9c4d8b-|7f9c4d8b:",
                1 => "[0-9]{1,4}",
            ],
            1..120,
        ),
    ) {
        // Only words with exactly one space between them are taken together.
        prop_assert_eq!(template(&words.join(" ")), template(&words.join("  ")));
    }

    #[test]
    fn numbers_times_and_ids_do_not_matter(
        one in any::<[u32; 3]>(), other in any::<[u32; 3]>(), [id, other_id] in ["[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}"; 2],
    ) {
        let message = |[job, ip, time]: [u32; 3], id| {
            let ip = std::net::Ipv4Addr::from(ip);
            let at = jiff::Timestamp::from_second(i64::from(time)).unwrap();
            format!("{at} job {job} of tenant-{job} ({id}) failed at {ip} after {time}ms: {}%", job % 100)
        };
        prop_assert_eq!(of("pay", &message(one, &id)), of("pay", &message(other, &other_id)));
    }
}
