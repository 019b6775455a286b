//! Step: the local cloud starts and the world is built in it.

use std::path::PathBuf;

use crate::failure::Failure;
use crate::paper::Paper;
use crate::story::Story;

pub(crate) async fn start(paper: &mut Paper, ip_ranges: Option<PathBuf>) -> Result<Story, Failure> {
    paper.step("A cloud on this machine");
    let named = ip_ranges.as_ref().map(|path| path.display().to_string());
    let ip_ranges = ip_ranges.filter(|path| path.is_file());
    let addresses = match (&ip_ranges, named) {
        (Some(_), Some(path)) => format!("AWS's published ranges in {path}"),
        (None, Some(path)) => format!("a few published AWS ranges (IP_RANGES={path} is no file)"),
        _ => "a few published AWS ranges (set IP_RANGES to use the whole file)".to_owned(),
    };
    let story = Story::begin(paper, ip_ranges).await?;
    paper.say(format!("Addresses: {addresses}"));
    let network = story.world.observe().await?;
    let nats = story.world.ids.nats.len();
    paper.check(
        nats == 2 && network.nat_of_subnet.len() == 2 && network.interface_endpoints.is_empty(),
        format!(
            "AWS, Redis and Kafka answer: VPC {} with {nats} NAT gateways and no endpoint",
            story.world.ids.vpc
        ),
        format!(
            "{nats} NAT gateways, {} subnets behind them",
            network.nat_of_subnet.len()
        ),
    )?;
    paper.done();
    Ok(story)
}
