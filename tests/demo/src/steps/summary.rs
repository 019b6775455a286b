//! Step: what was found, fixed and saved; everything stops.

use std::time::Duration;

use local_cloud::wait;
use tokio::net::TcpStream;

use crate::failure::Failure;
use crate::paper::Paper;
use crate::story::Story;

/// How long ports may take to close.
const END: Duration = Duration::from_secs(5);

pub(crate) async fn end(paper: &mut Paper, story: Story) -> Result<(), Failure> {
    paper.step("What it comes to");
    for line in &story.summary {
        paper.say(format!("- {line}"));
    }
    let logs = story.cloud.logs().display().to_string();
    let addresses = [story.cloud.endpoint_url(), story.cloud.moto_url()];
    let addresses = addresses.map(|url| url.trim_start_matches("http://").to_owned());
    story.cloud.stop().await?;
    for address in addresses {
        let gone = wait::until(END, async || {
            TcpStream::connect(&address).await.is_err().then_some(())
        });
        let gone = gone.await.is_some();
        paper.check(
            gone,
            format!("nothing answers at {address} any more"),
            "an open port",
        )?;
    }
    paper.say(format!("The logs of all processes are in {logs}."));
    paper.say(format!(
        "{} checks held in {:.0} s.",
        paper.checks(),
        paper.seconds()
    ));
    Ok(())
}
