//! What the product makes of generated networks, held against what is true of them.

use std::sync::Arc;

use nat_cost_detector::explain::attribute::{Directory, Flows, attribute, gaps};
use nat_cost_detector::explain::causes::{Explanation, explain_with_gaps};
use nat_cost_detector::explain::traffic::{DayTally, DayTraffic, Side, Watch};
use rust_decimal::prelude::ToPrimitive as _;
use tollkeeper::flow_log::LineReader;
use tollkeeper::prices;
use tollkeeper::services::IpRanges;

use super::world::{self, Key, Recorded, SCATTER, World};

/// What was found of the causes.
#[derive(Debug, Default)]
pub(crate) struct Score {
    /// Causes over a hundredth of the excess where the data allows, and those named.
    pub(crate) allowed: u32,
    pub(crate) named: u32,
    /// Points by which the named ones' shares are off.
    pub(crate) errors: Vec<f64>,
    /// Causes where it does not, and those that the finding names all the same or says it cannot know.
    pub(crate) doubtful: u32,
    pub(crate) said: u32,
    /// For each finding, causes over a hundredth that nobody made.
    pub(crate) invented: Vec<f64>,
    /// What was missed, for people.
    pub(crate) missed: Vec<String>,
}

impl Score {
    /// Of the networks of some seeds.
    pub(crate) fn of(seeds: std::ops::Range<u64>) -> Result<Self, String> {
        let mut score = Self::default();
        for seed in seeds {
            score.add(&World::new(seed))?;
        }
        Ok(score)
    }

    fn add(&mut self, world: &World) -> Result<(), String> {
        let outcome = outcome(world)?;
        let truth = world.truth();
        let found = |key: &Key| {
            let same = outcome.explanation.causes.iter().filter(|cause| {
                (
                    &cause.nat_gateway_id,
                    &cause.source.id,
                    &cause.service,
                    &cause.service_region,
                    cause.direction,
                ) == (&key.0, &key.1, &key.2, &key.3, key.4)
            });
            let shares = same.map(|cause| cause.share_percent.to_f64().unwrap_or(0.0));
            let shares: Vec<f64> = shares.collect();
            (!shares.is_empty()).then(|| shares.iter().sum::<f64>())
        };
        // Causes add up to the excess at most. Where all else happened to fall, what was added is more than the excess:
        // a share of either is right, and of anything between.
        let added: f64 = truth.values().map(|(bytes, _)| bytes).sum();
        let whole = outcome.excess.max(added);
        for (key, (bytes, talk)) in &truth {
            let share = bytes / whole * 100.0;
            if share <= 1.0 {
                continue;
            }
            let scatter = 3.0 * SCATTER * talk.level > outcome.excess / 200.0;
            let skips = world.skips() && talk.gateway == 'a';
            let named = found(key);
            if talk.gateway == 'e' || skips || scatter {
                self.doubtful += 1;
                let unreadable = talk.gateway == 'e' && outcome.traffic.unclassified_bytes() > 0;
                let hidden = skips && outcome.traffic.skipped() > 0 && outcome.coverage < 1.0;
                let blind = outcome.explanation.blind_spot.is_some();
                let said = unreadable || hidden || named.is_some() || blind;
                self.said += u32::from(said);
                if !said {
                    self.missed
                        .push(format!("silent about {key:?}, {share:.2} %"));
                }
                continue;
            }
            self.allowed += 1;
            match named {
                Some(found) => {
                    self.named += 1;
                    let of_excess = bytes / outcome.excess.min(added) * 100.0;
                    let error = (share - found).max(found - of_excess).max(0.0);
                    self.errors.push(error);
                    if error > 1.0 {
                        self.missed.push(format!(
                            "seed {}: {key:?}: {found:.2} % for {share:.2} %, {:?} usual",
                            world.seed, outcome.explanation.usual_rises
                        ));
                    }
                }
                None => self
                    .missed
                    .push(format!("not named: {key:?}, {share:.2} %")),
            }
        }
        let causes = outcome.explanation.causes.iter();
        let invented = causes.filter(|cause| {
            let key = (
                cause.nat_gateway_id.clone(),
                cause.source.id.clone(),
                cause.service.clone(),
                cause.service_region.clone(),
                cause.direction,
            );
            cause.share_percent > rust_decimal::Decimal::ONE && !truth.contains_key(&key)
        });
        self.invented.push(f64::from(
            u32::try_from(invented.count()).unwrap_or(u32::MAX),
        ));
        Ok(())
    }
}

/// What the product makes of a world.
struct Outcome {
    traffic: DayTraffic,
    explanation: Explanation,
    excess: f64,
    /// Bytes attributed, of those that passed.
    coverage: f64,
}

fn outcome(world: &World) -> Result<Outcome, String> {
    let ranges =
        IpRanges::from_json(world::RANGES.as_bytes()).map_err(|error| error.to_string())?;
    let ranges = Arc::new(ranges);
    let inventory = world.inventory();
    let directory = Directory {
        inventory: &inventory,
        mappings: &world.mappings,
        region: "us-east-1",
        surroundings: &world.surroundings,
        subnets: &world.network.subnets,
        tag_keys: &[],
    };
    let today = world.record(0);
    let traffic = read(world, &today, 0, directory, &ranges);
    let flows = attribute(&traffic, directory);
    let (mut quiet, mut usual) = (Vec::new(), 0.0);
    for week in 1..=4 {
        let recorded = world.record(7 * week);
        #[expect(
            clippy::cast_precision_loss,
            reason = "far below 2^53 where it matters"
        )]
        let bytes = recorded.bytes as f64;
        usual += bytes / 4.0;
        let traffic = read(world, &recorded, 7 * week, directory, &ranges);
        quiet.push(attribute(&traffic, directory));
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "far below 2^53 where it matters"
    )]
    let excess = today.bytes as f64 - usual;
    let prices = prices::for_region("us-east-1").map_err(|error| error.to_string())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, far below 2^63"
    )]
    let explanation = explain_with_gaps(
        &flows,
        &quiet,
        (today.bytes, excess as u64),
        &gaps(&traffic, directory),
        prices,
    );
    Ok(Outcome {
        coverage: coverage(&flows, &today),
        traffic,
        explanation,
        excess,
    })
}

fn coverage(flows: &Flows, today: &Recorded) -> f64 {
    let logged: u64 = flows.values().map(|figures| figures.bytes).sum();
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let coverage = logged as f64 / today.bytes as f64;
    coverage
}

/// Both sides of a day, as the product reads them: the instances' counts only for gateways that recorded nothing.
fn read(
    world: &World,
    recorded: &Recorded,
    back: i64,
    directory: Directory<'_>,
    ranges: &Arc<IpRanges>,
) -> DayTraffic {
    let side = |side| {
        let watch = Watch {
            nats: directory
                .inventory
                .nat_interfaces()
                .map(str::to_owned)
                .collect(),
            side,
            ranges: Some(Arc::clone(ranges)),
        };
        let mut tally = DayTally::new(world.day.plus(-back));
        for file in &recorded.files {
            let mut lines = LineReader::new(None);
            for line in file.lines() {
                match lines.read(line.as_bytes()) {
                    Some(Ok(record)) => tally.count(&record, &watch),
                    Some(Err(_)) => tally.bad_line(),
                    None => {}
                }
            }
        }
        tally.traffic()
    };
    let mut traffic = side(Side::Gateways);
    traffic.instances = side(Side::Instances).instances;
    traffic
}
