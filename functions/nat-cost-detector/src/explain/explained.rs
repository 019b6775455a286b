//! Explains an observed day: reads its traffic and that of quiet days, finds the causes, advises. Read-only.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use tollkeeper::finding::{Advice, DataQuality};
use tollkeeper::time::Day;

use crate::App;
use crate::adapters::surroundings;
use crate::advise::{self, Situation};
use crate::config::ExplainSource;
use crate::detect::{Range, Verdict};
use crate::explain::attribute::{Certainty, Directory, Flows, attribute, gaps};
use crate::explain::causes::{self, Explanation};
use crate::explain::sources::ReadDay;
use crate::explain::surroundings::Surroundings;
use crate::explain::vantage::passages;
use crate::measure::inventory::Inventory;
use crate::measure::network::Network;
use crate::measure::study::Observed;
use crate::measure::volumes;
use crate::tell::text::human_bytes;

/// Quiet days that a mean is taken of where the same weekday is not at hand.
const QUIET_DAYS: usize = 3;

/// Who was behind a day's traffic, and what to do about it.
pub struct Explained {
    /// The day's flows.
    pub flows: Flows,
    /// Causes of the excess.
    pub explanation: Explanation,
    /// Remedies.
    pub advice: Vec<Advice>,
    /// What it all rests on.
    pub quality: DataQuality,
}

impl App {
    /// Explains a day whose usual range is known, and advises. A source that cannot be read becomes a note: the alarm
    /// is worth more than its causes.
    pub async fn explain_day(
        &self,
        observed: &Observed,
        inventory: &Inventory,
        verdict: &Verdict,
        weekdays: &[Range; 7],
        incident_id: Option<&str>,
        ec2: &aws_sdk_ec2::Client,
    ) -> Explained {
        let day = observed.subject.day;
        let volume = observed.volume();
        let excess = volume.saturating_sub(weekdays[usize::from(day.weekday())].expected);
        let mut quality = observed.quality(verdict, self);
        let around = self
            .surroundings(&observed.network, ec2, &mut quality)
            .await;
        let directory = self.directory(observed, inventory, &around);
        let Some(read) = self
            .read_or_note(observed, inventory, day, &mut quality)
            .await
        else {
            "none".clone_into(&mut quality.explained_from);
            return Explained {
                flows: Flows::new(),
                explanation: causes::unexplained(excess, observed.prices),
                advice: no_flow_logs(observed, volume),
                quality,
            };
        };
        let flows = attribute(&read.traffic, directory);
        describe(&read, &flows, observed, directory, &mut quality);
        let gaps = gaps(&read.traffic, directory);
        // A day of a large account fills a fair part of a function's memory: one at a time.
        drop(read);
        let quiet = self
            .quiet_days(observed, directory, weekdays, &flows, &mut quality)
            .await;
        let explanation =
            causes::explain_with_gaps(&flows, &quiet, (volume, excess), &gaps, observed.prices);
        doubts(&explanation, &mut quality);
        Explained {
            explanation,
            advice: advise::advise(Situation {
                flows: &flows,
                network: &observed.network,
                mappings: &observed.mappings,
                prices: observed.prices,
                incident_id,
            }),
            flows,
            quality,
        }
    }

    /// Who was behind a day's traffic, unjudged; `None` where nothing was recorded, with a note why.
    pub(crate) async fn flows_of(
        &self,
        observed: &Observed,
        inventory: &Inventory,
        day: Day,
        quality: &mut DataQuality,
    ) -> Option<Flows> {
        let around = self
            .surroundings(&observed.network, &self.clients.ec2, quality)
            .await;
        let directory = self.directory(observed, inventory, &around);
        let read = self.read_or_note(observed, inventory, day, quality).await?;
        Some(attribute(&read.traffic, directory))
    }

    fn directory<'a>(
        &'a self,
        observed: &'a Observed,
        inventory: &'a Inventory,
        around: &'a Surroundings,
    ) -> Directory<'a> {
        Directory {
            inventory,
            mappings: &observed.mappings,
            region: &observed.subject.region,
            surroundings: around,
            subnets: &observed.network.subnets,
            tag_keys: &self.config.tag_keys,
        }
    }

    /// The network around the gateways, and tags; without these sources go by their own names.
    async fn surroundings(
        &self,
        network: &Network,
        ec2: &aws_sdk_ec2::Client,
        quality: &mut DataQuality,
    ) -> Surroundings {
        if self.config.explain == ExplainSource::None {
            return Surroundings::default();
        }
        let keys = &self.config.tag_keys;
        let tags = match surroundings::tags(ec2, keys).await {
            Ok(tags) => {
                if !keys.is_empty() {
                    let keys = keys.join(", ");
                    let note = format!("Sources are grouped by the tags {keys} as they are now");
                    quality.notes.push(note);
                }
                tags
            }
            Err(error) => {
                tracing::warn!(%error, "explaining without tags");
                let note = format!("Without tags: sources go by their own names ({error})");
                quality.notes.push(note);
                BTreeMap::new()
            }
        };
        Surroundings::of(network, tags)
    }

    /// The days to compare with: up to four quiet days of the same weekday, else the latest quiet ones. Only days of
    /// which the logs recorded about as much of the traffic as today's count: else all that they lack would look new.
    async fn quiet_days(
        &self,
        observed: &Observed,
        directory: Directory<'_>,
        weekdays: &[Range; 7],
        today: &Flows,
        quality: &mut DataQuality,
    ) -> Vec<Flows> {
        let day = observed.subject.day;
        let is_quiet = |day: &Day| {
            let range = weekdays[usize::from(day.weekday())];
            observed
                .volumes
                .get(day)
                .is_some_and(|bytes| *bytes > 0 && *bytes <= range.high)
        };
        let (mut found, mut days, mut others) = (Vec::new(), Vec::new(), Vec::new());
        let weeks = i64::from(self.config.baseline_days);
        let same_weekday = (1..=weeks).map(|week| (day.plus(-7 * week), true));
        let latest = (1..=6).map(|back| (day.plus(-back), false));
        for (candidate, same) in same_weekday.chain(latest).filter(|(day, _)| is_quiet(day)) {
            if !same && (days.len() >= QUIET_DAYS || found_same_weekday(&days, day)) {
                break;
            }
            let read = self
                .read_or_note(observed, directory.inventory, candidate, quality)
                .await;
            let Some(read) = read else {
                continue;
            };
            let flows = attribute(&read.traffic, directory);
            if is_comparable(observed, (day, today), (candidate, &flows)) {
                days.push(candidate);
                found.push(flows);
            } else {
                others.push(candidate.to_string());
            }
        }
        quality.notes.push(compared(&days));
        if !others.is_empty() {
            quality.notes.push(format!(
                "Not compared with {}: the flow logs recorded a smaller part of the traffic then",
                others.join(", ")
            ));
        }
        found
    }
}

fn found_same_weekday(days: &[Day], day: Day) -> bool {
    days.iter().any(|other| other.weekday() == day.weekday())
}

fn compared(days: &[Day]) -> String {
    let names: Vec<String> = days.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [] => "No quiet day's flow logs to compare with: the excess is spread over the day's traffic by volume, so the \
               causes show who used the NAT gateways, not who changed"
            .to_owned(),
        [one] => format!(
            "Compared with the traffic of {one}: one day alone does not show what is usual scatter"
        ),
        _ => format!("Compared with the mean traffic of {}", names.join(", ")),
    }
}

/// Whether a day's logs recorded at least four fifths of what today's did, each as part of the day's volume.
fn is_comparable(observed: &Observed, today: (Day, &Flows), other: (Day, &Flows)) -> bool {
    let logged = |flows: &Flows| -> u128 {
        let bytes = flows.values().map(|figures| u128::from(figures.bytes));
        bytes.sum()
    };
    let volume = |day: Day| u128::from(observed.volumes.get(&day).copied().unwrap_or(0));
    // Part of the volume then, against part of the volume today.
    logged(other.1) * volume(today.0) * 5 >= logged(today.1) * volume(other.0) * 4
}

/// Notes what cannot be told from the usual ups and downs.
fn doubts(explanation: &Explanation, quality: &mut DataQuality) {
    if explanation.usual_rises > 0 {
        quality.notes.push(format!(
            "{} more than on the days compared with lie within the usual scatter of their flows: no cause is made of them",
            human_bytes(explanation.usual_rises)
        ));
    }
    if let Some((flow, bytes)) = &explanation.blind_spot {
        quality.notes.push(format!(
            "A rise of less than {} between {} and {} could not be told from its usual scatter",
            human_bytes(*bytes),
            flow.source.name,
            flow.service
        ));
    }
}

/// Percent of CloudWatch's bytes from which something must have been counted twice: one plain log and one rich one of the
/// same interfaces make 200, and clocks differ by minutes only.
const TWICE_FROM: Decimal = Decimal::from_parts(120, 0, 0, false, 0);

/// Notes what the reading of a day leaves open.
fn describe(
    read: &ReadDay,
    flows: &Flows,
    observed: &Observed,
    directory: Directory<'_>,
    quality: &mut DataQuality,
) {
    let traffic = &read.traffic;
    let day = observed.subject.day;
    quality.skipped_lines = traffic.skipped();
    quality.flow_logs_percent_of_cloudwatch = volumes::total_by_day(&observed.nats)
        .get(&day)
        .and_then(|bytes| {
            let logged = flows.values().map(|figures| figures.bytes).sum();
            volumes::percent(logged, *bytes)
        });
    if quality
        .flow_logs_percent_of_cloudwatch
        .is_some_and(|percent| percent > TWICE_FROM)
    {
        quality.notes.push(format!(
            "The flow logs of {day} show far more than CloudWatch: several flow logs may record the same interfaces in one \
             place, so the causes' bytes are too high"
        ));
    }
    let with = |certainty| -> u64 {
        flows
            .values()
            .filter(|figures| figures.certainty == certainty)
            .map(|figures| figures.bytes)
            .sum()
    };
    let volumes = [
        (
            with(Certainty::Assumed),
            "of sources whose interface was not observed at that time: the only one ever seen at the address is assumed",
        ),
        (
            with(Certainty::Routed),
            "recorded at the instances: their NAT gateway is concluded from the routes as they are now",
        ),
        (
            with(Certainty::BehindTransitGateway),
            "of sources behind a Transit Gateway that no interface of this account is known for",
        ),
        (
            passages(traffic, directory).unplaced_bytes,
            "recorded at instances whose way nothing tells: they may have gone through a NAT gateway and are not counted",
        ),
        (
            with(Certainty::Ambiguous),
            "of addresses that several interfaces had at that time",
        ),
        (
            with(Certainty::Unknown),
            "of addresses that no interface is known for",
        ),
        (
            traffic.unclassified_bytes(),
            "in log lines without packet addresses (version 2 fields only), which cannot be attributed",
        ),
    ];
    let counts = [
        (
            traffic.skipped(),
            "SKIPDATA line(s): each hides an unknown number of flows",
        ),
        (traffic.bad_lines, "flow-log line(s) could not be read"),
        (
            read.unread_files as u64,
            "flow-log file(s) could not be read to their end",
        ),
    ];
    let volumes = volumes
        .into_iter()
        .filter(|(bytes, _)| *bytes > 0)
        .map(|(bytes, what)| format!("{} {what}", human_bytes(bytes)));
    let counts = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"));
    quality.notes.extend(volumes.chain(counts));
}

fn no_flow_logs(observed: &Observed, volume: u64) -> Vec<Advice> {
    let vpcs: BTreeSet<&str> = observed
        .network
        .nats
        .iter()
        .map(|nat| nat.vpc_id.as_str())
        .collect();
    if volume == 0 {
        return Vec::new();
    }
    let vpcs: Vec<&str> = vpcs.into_iter().collect();
    vec![advise::flow_log(volume, &vpcs.join(","))]
}
