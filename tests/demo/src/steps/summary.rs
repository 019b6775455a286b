//! Step: what was found, fixed and saved; everything stops.

use crate::failure::Failure;
use crate::paper::Paper;
use crate::story::Story;

pub(crate) async fn end(paper: &mut Paper, story: Story) -> Result<(), Failure> {
    paper.step("What it comes to");
    for line in &story.summary {
        paper.say(format!("- {line}"));
    }
    let logs = story.cloud.logs().display().to_string();
    story.cloud.stop().await?;
    paper.say(format!("Everything is stopped; the logs are in {logs}."));
    paper.say(format!(
        "{} checks held in {:.0} s.",
        paper.checks(),
        paper.seconds()
    ));
    Ok(())
}
