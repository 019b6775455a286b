//! The steps in order. Each prints what happened and checks it.

mod cloud;
mod leak;
mod limiter;
mod logs;
mod nights;
mod quiet;
mod remedy;
mod saving;
mod summary;

use std::path::PathBuf;

use crate::failure::Failure;
use crate::paper::Paper;
use crate::story::LAST_QUIET_DAY;

/// How many steps there are.
pub(crate) const COUNT: usize = 10;

/// Plays the story from beginning to end.
pub(crate) async fn run(paper: &mut Paper, ip_ranges: Option<PathBuf>) -> Result<(), Failure> {
    let mut story = cloud::start(paper, ip_ranges).await?;
    quiet::months(paper, &mut story).await?;
    let consumer = logs::through_kafka(paper, &mut story).await?;
    let detector = nights::quiet(paper, &story, LAST_QUIET_DAY).await?;
    let (finding, _) = leak::found(paper, &mut story, &detector, &consumer).await?;
    remedy::approved(paper, &mut story, &finding).await?;
    saving::shown(paper, &mut story, &detector).await?;
    remedy::undone(paper, &mut story).await?;
    limiter::runaway_client(paper, &mut story).await?;
    consumer.stop().await?;
    detector.stop().await?;
    summary::end(paper, story).await
}
