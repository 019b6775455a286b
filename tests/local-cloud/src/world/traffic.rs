//! What everybody sends and receives on a day: a pure function of seed and day.
//!
//! Quiet life has a weekly and a daily profile and some noise: web servers talk to the internet and to DynamoDB,
//! image-builder downloads container layers from S3, batch-1 copies its results to S3 in another region, the pollers
//! refresh their credentials. From the leak day on the pollers hand what they read to the public Lambda API, about
//! 3.3 TB a day ($150 at the NAT gateways), and image-builder downloads six times as much. How a flow travels is not
//! decided here: see `network`.

use std::net::Ipv4Addr;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::addresses::{AddressBook, FarEnd};
use super::cast::Resident;
use super::habits::{self, Habit, INTERVALS};

/// Seconds a flow-log record covers: AWS's longest aggregation interval.
pub const INTERVAL_SECONDS: i64 = 600;
const GB: f64 = 1_073_741_824.0;
/// What comes back in acknowledgements and headers for each byte that goes out, and the other way round.
const ECHO: f64 = 0.015;

/// Direction, seen from the resident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Resident to far end.
    Upload,
    /// Far end to resident.
    Download,
}

/// One direction of a conversation during one interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// First moment of the interval, Unix seconds.
    pub start: i64,
    /// Who is behind the NAT.
    pub resident: Resident,
    /// The resident's port.
    pub local_port: u16,
    /// Who is at the far end.
    pub far_end: FarEnd,
    /// The far end's address.
    pub remote: Ipv4Addr,
    /// The far end's port.
    pub remote_port: u16,
    /// Which way.
    pub direction: Direction,
    /// Bytes, with headers.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
}

/// Makes days of traffic.
#[derive(Debug, Clone)]
pub struct Generator {
    seed: u64,
    leak_day: Date,
    book: AddressBook,
}

impl Generator {
    /// A generator; the same arguments make the same days.
    pub fn new(seed: u64, leak_day: Date, book: AddressBook) -> Self {
        Self {
            seed,
            leak_day,
            book,
        }
    }

    /// All flows of a day (UTC) that leave the VPC, by interval.
    pub fn day(&self, day: Date) -> Vec<Flow> {
        let midnight = day
            .to_zoned(TimeZone::UTC)
            .map_or(0, |zoned| zoned.timestamp().as_second());
        let mut flows = Vec::new();
        for (number, habit) in habits::all(day >= self.leak_day).iter().enumerate() {
            // A stream of its own for each day and habit: one more habit leaves the others as they were.
            let stream = self.seed
                ^ midnight.cast_unsigned().rotate_left(20)
                ^ (number as u64).rotate_left(56);
            self.live(
                habit,
                midnight,
                day.weekday(),
                &mut StdRng::seed_from_u64(stream),
                &mut flows,
            );
        }
        flows.sort_by_key(|flow| flow.start);
        flows
    }

    fn live(
        &self,
        habit: &Habit,
        midnight: i64,
        weekday: Weekday,
        random: &mut StdRng,
        flows: &mut Vec<Flow>,
    ) {
        let week = if habit.human {
            habits::week_profile(weekday)
        } else {
            1.0
        };
        let of_day =
            habit.gigabytes * GB * week * (1.0 + 0.05 * bell(random)) * f64::from(habit.every)
                / f64::from(INTERVALS);
        for interval in (0..INTERVALS).step_by(habit.every as usize) {
            let shape = if habit.human {
                habits::day_profile(interval)
            } else {
                1.0
            };
            let bytes = of_day * shape * (1.0 + 0.06 * bell(random)) / f64::from(habit.peers);
            let start = midnight + i64::from(interval) * INTERVAL_SECONDS;
            for _ in 0..habit.peers {
                let Some(remote) = self.book.of(habit.far_end).choose(random) else {
                    continue;
                };
                let local_port = random.random_range(1_024..=65_535);
                let flow = |direction, bytes| Flow {
                    start,
                    resident: habit.resident,
                    local_port,
                    far_end: habit.far_end,
                    remote: *remote,
                    remote_port: 443,
                    direction,
                    bytes,
                    packets: packets(bytes),
                };
                let back = match habit.direction {
                    Direction::Upload => Direction::Download,
                    Direction::Download => Direction::Upload,
                };
                flows.push(flow(habit.direction, whole(bytes)));
                flows.push(flow(back, whole(bytes * ECHO)));
            }
        }
    }
}

/// Mean 0, deviation 1, never beyond 3.5: the sum of twelve dice, shifted and cut.
fn bell(random: &mut StdRng) -> f64 {
    let sum: f64 = (0..12).map(|_| random.random::<f64>()).sum();
    (sum - 6.0).clamp(-3.5, 3.5)
}

fn packets(bytes: u64) -> u64 {
    // Full Ethernet frames; acknowledgements are not worth a model.
    bytes.div_ceil(1_500).max(1)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and far below 2^63"
)]
fn whole(bytes: f64) -> u64 {
    bytes.max(60.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn generator(seed: u64) -> Generator {
        Generator::new(seed, date(2026, 10, 13), AddressBook::documented(seed))
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    fn total(flows: &[Flow], wanted: impl Fn(&Flow) -> bool) -> f64 {
        flows
            .iter()
            .filter(|flow| wanted(flow))
            .map(|flow| flow.bytes as f64)
            .sum::<f64>()
            / GB
    }

    #[test]
    fn the_same_seed_and_day_make_the_same_traffic() {
        let day = date(2026, 10, 13);
        assert_eq!(generator(1).day(day), generator(1).day(day));
        assert_ne!(generator(1).day(day), generator(2).day(day));
        let bytes = |day| {
            generator(1)
                .day(day)
                .iter()
                .map(|flow| flow.bytes)
                .collect::<Vec<_>>()
        };
        assert_ne!(bytes(date(2026, 9, 8)), bytes(date(2026, 9, 15)));
    }

    #[test]
    fn the_leak_is_a_hundred_and_fifty_dollars_a_day_and_starts_on_its_day() {
        let uploads = |day| {
            total(&generator(1).day(day), |flow| {
                flow.far_end == FarEnd::LambdaApi
            })
        };
        assert!(uploads(date(2026, 10, 12)) < f64::EPSILON);
        let dollars = uploads(date(2026, 10, 13)) * 0.045;
        assert!((145.0..160.0).contains(&dollars), "{dollars}");
    }

    #[test]
    fn image_builder_downloads_six_times_as_much_after_the_leak_began() {
        let layers = |day| total(&generator(1).day(day), |flow| flow.far_end == FarEnd::S3);
        let factor = layers(date(2026, 10, 13)) / layers(date(2026, 10, 6));
        assert!((4.5..7.5).contains(&factor), "{factor}");
    }

    #[test]
    fn weekends_are_quieter_and_every_flow_lies_in_its_day() {
        let of = |day| generator(1).day(day);
        assert!(
            total(&of(date(2026, 9, 13)), |_| true) < 0.8 * total(&of(date(2026, 9, 15)), |_| true)
        );
        let midnight = date(2026, 9, 15)
            .to_zoned(TimeZone::UTC)
            .unwrap()
            .timestamp()
            .as_second();
        assert!(
            of(date(2026, 9, 15))
                .iter()
                .all(|flow| (midnight..midnight + 86_400).contains(&flow.start) && flow.bytes > 0)
        );
    }
}
