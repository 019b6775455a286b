//! The fixes before moto, one module each. Every fix is shown twice: what moto does by itself (when that assertion fails,
//! moto has learnt it and the fix can go) and what the front makes of it.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

mod fixes {
    mod cloudtrail;
    mod cloudwatch;
    mod cost_explorer;
    mod event_sources;
    mod gateway_routes;
    mod private_dns;
    mod service_filter;
    mod vpc;
}
