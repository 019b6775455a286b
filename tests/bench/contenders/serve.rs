//! The contender's side of what `src/contender.rs` asks.

use std::io::{self, BufRead, Write};

use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

/// Does a round of `work` for each line on standard input and says what it cost; `digest` tells the results of two
/// contenders apart, and is not timed.
pub(crate) fn serve<T>(
    mut work: impl FnMut() -> T,
    digest: impl Fn(T) -> Option<String>,
) -> io::Result<()> {
    let mut output = io::stdout().lock();
    for request in io::stdin().lock().lines() {
        request?;
        let start = cpu_ms();
        let result = std::hint::black_box(work());
        let spent = cpu_ms() - start;
        let answer = json!({"cpu_ms": spent, "peak_kb": peak_kb()?, "digest": digest(result)});
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

/// CPU time of this process, all threads together.
pub(crate) fn cpu_ms() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let milliseconds = time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6;
    milliseconds
}

/// The most memory that was resident, in units of 1,024 bytes.
fn peak_kb() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| io::Error::other("/proc/self/status has no VmHWM"))
}
