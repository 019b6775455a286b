use super::*;
use crate::fixture;
use proptest::prelude::*;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_791_900_000 + hour * 3600).unwrap()
}

fn interface(id: &str, address: &str) -> Interface {
    Interface {
        id: id.to_owned(),
        addresses: vec![address.parse().unwrap()],
        attached_at: None,
        ..fixture::interface("eni-web")
    }
}

fn apply(stays: &mut Vec<Stay>, seen: &[Interface], now: Timestamp) {
    let changed = observe(stays, seen, now);
    *stays = merge(std::mem::take(stays), changed);
}

fn who(stays: &[Stay], from: i64, to: i64) -> String {
    let inventory = Inventory::new(stays, &Network::default());
    let address = "10.0.1.5".parse().unwrap();
    match inventory.holder(
        address,
        &fixture::interface("eni-web").source.vpc_id,
        at(from),
        at(to),
    ) {
        Holder::Known(interface) => interface.id.clone(),
        Holder::Assumed(interface) => format!("{}?", interface.id),
        Holder::Ambiguous => "ambiguous".to_owned(),
        Holder::Unknown => "unknown".to_owned(),
    }
}

#[test]
fn a_reused_address_belongs_to_whoever_had_it_then() {
    let mut stays = Vec::new();
    apply(&mut stays, &[interface("eni-1", "10.0.1.5")], at(0));
    apply(&mut stays, &[interface("eni-1", "10.0.1.5")], at(24));
    apply(&mut stays, &[interface("eni-2", "10.0.1.5")], at(48));
    assert_eq!(who(&stays, 10, 20), "eni-1");
    assert_eq!(who(&stays, 50, 60), "eni-2");
    assert_eq!(who(&stays, 40, 60), "ambiguous");
    assert_eq!(
        who(&stays, -20, -10),
        "ambiguous",
        "before both, either could have been it"
    );
}

#[test]
fn a_time_before_every_sight_falls_back_to_the_only_holder_and_says_so() {
    let mut stays = Vec::new();
    assert_eq!(who(&stays, 0, 1), "unknown");
    apply(&mut stays, &[interface("eni-1", "10.0.1.5")], at(100));
    assert_eq!(who(&stays, 0, 24), "eni-1?");
    stays[0].interface.attached_at = Some(at(-5));
    assert_eq!(
        who(&stays, 0, 24),
        "eni-1",
        "the attachment's time is known"
    );
}

proptest! {
    #[test]
    fn stays_of_an_interface_never_overlap_and_observing_twice_changes_nothing(
        nights in proptest::collection::vec(proptest::collection::vec((0u8..4, 0u8..4), 0..5), 1..12)
    ) {
        let mut stays = Vec::new();
        for (night, seen) in nights.iter().enumerate() {
            let seen: BTreeMap<u8, u8> = seen.iter().copied().collect();
            let seen: Vec<Interface> = seen.iter()
                .map(|(id, address)| interface(&format!("eni-{id}"), &format!("10.0.1.{address}")))
                .collect();
            let now = at(24 * i64::try_from(night).unwrap());
            apply(&mut stays, &seen, now);
            prop_assert_eq!(observe(&stays, &seen, now), vec![]);
            for interface in &seen {
                let open = stays.iter().filter(|stay| stay.interface.id == interface.id && stay.gone.is_none());
                prop_assert_eq!(open.count(), 1);
            }
        }
        for one in &stays {
            for other in &stays {
                if one.interface.id == other.interface.id && one.first_seen < other.first_seen {
                    prop_assert!(one.gone.is_some_and(|gone| gone <= other.first_seen));
                }
            }
        }
    }
}
