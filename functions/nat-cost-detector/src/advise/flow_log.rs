//! The remedy for not knowing: a flow log on the NAT gateways' interfaces.

use rust_decimal::Decimal;
use tollkeeper::finding::{Advice, Remedy};
use tollkeeper::prices;

use super::month::{DAYS_A_MONTH, money};

/// Delivery of flow logs to S3, dollars a GB (first 10 TB a month, us-east-1 list price).
const FLOW_LOG_GB: Decimal = Decimal::from_parts(25, 0, 0, false, 2);
/// Assumed size of flow logs: four lines of 250 bytes for each MB through the gateways.
const FLOW_LOG_SHARE: u64 = 1_000;

/// The remedy for not knowing: a flow log on the NAT interfaces. It saves nothing by itself.
pub fn flow_log(day_bytes: u64, vpc_id: &str) -> Advice {
    let month = day_bytes.saturating_mul(DAYS_A_MONTH) / FLOW_LOG_SHARE;
    Advice {
        remedy: Remedy::FlowLog,
        title: "Turn on a flow log (version 5 fields, to S3, expiring) on the NAT gateways' interfaces: without one \
                nobody can say who causes this traffic"
            .to_owned(),
        vpc_id: vpc_id.to_owned(),
        services: Vec::new(),
        zones: Vec::new(),
        monthly_cost: money(prices::gb(month) * FLOW_LOG_GB),
        monthly_saving: money(Decimal::ZERO),
        break_even_gb_a_month: None,
        does_not_cover: vec![
            "The cost is an estimate (four lines of 250 bytes for each MB, $0.25 a GB delivered); storage is extra".to_owned(),
        ],
        plan_request: None,
    }
}
