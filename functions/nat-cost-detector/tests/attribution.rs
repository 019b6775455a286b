//! Attribution on generated flow logs with known truth: the benchmark's own networks, on other seeds.

#[path = "../../../tests/bench/attribution/score.rs"]
mod score;
#[path = "../../../tests/bench/attribution/world.rs"]
mod world;

use score::Score;

#[test]
fn every_cause_is_named_with_its_share_or_said_to_be_unknown() {
    let score = Score::of(1_000..1_012).unwrap();
    assert!(score.allowed > 30 && score.doubtful > 5, "{score:?}");
    assert_eq!(score.named, score.allowed, "{:#?}", score.missed);
    assert_eq!(score.said, score.doubtful, "{:#?}", score.missed);
    let worst = score.errors.iter().copied().fold(0.0, f64::max);
    assert!(worst <= 1.0, "{worst} points: {:#?}", score.missed);
    assert!(
        score.invented.iter().all(|causes| *causes == 0.0),
        "{score:?}"
    );
}
