//! The order to do things in, and what they save together.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use tollkeeper::finding::{Advice, Remedy};

/// Free remedies first, then by saving, the largest first. A remedy that takes another's place stands right behind it.
pub fn in_order(mut advice: Vec<Advice>) -> Vec<Advice> {
    let group_saving = savings_by_group(&advice);
    advice.sort_by_key(|advice| {
        let group = group(advice);
        let saving = group_saving.get(&group).copied().unwrap_or_default();
        let unknown = is_unknown(advice);
        let costs = !unknown && !advice.monthly_cost.amount.is_zero();
        let last = last_resort(advice.remedy);
        (
            last,
            unknown,
            costs,
            std::cmp::Reverse(saving),
            group,
            advice.remedy,
            advice.title.clone(),
        )
    });
    advice
}

/// What the remedies save together: of those that take each other's place, only the best one counts.
pub fn total_monthly_saving(advice: &[Advice]) -> Decimal {
    savings_by_group(advice).values().copied().sum()
}

/// Remedies of one group take each other's place; all others are groups of their own.
type Group<'a> = (Remedy, &'a str, &'a str);

fn group(advice: &Advice) -> (Remedy, String, String) {
    let key: Group<'_> = match advice.remedy {
        Remedy::InterfaceEndpoints | Remedy::ProvisionedPollers => {
            (Remedy::InterfaceEndpoints, &advice.vpc_id, "")
        }
        remedy => (remedy, &advice.vpc_id, &advice.title),
    };
    (key.0, key.1.to_owned(), key.2.to_owned())
}

fn savings_by_group(advice: &[Advice]) -> BTreeMap<(Remedy, String, String), Decimal> {
    let mut savings = BTreeMap::new();
    for one in advice {
        let best: &mut Decimal = savings.entry(group(one)).or_default();
        *best = (*best).max(one.monthly_saving.amount);
    }
    savings
}

/// Whether a remedy's saving could not be measured; what it costs is known to be nothing, or it is for knowing more.
fn is_unknown(advice: &Advice) -> bool {
    advice.monthly_saving.amount.is_zero()
}

/// What gives up a managed service comes after everything else.
fn last_resort(remedy: Remedy) -> bool {
    remedy == Remedy::NatInstances
}
