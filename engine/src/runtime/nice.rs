//! What isn't live gives way.

/// A lane's nice value: a tenth of a worker's weight when both want a processor.
const NICE: i32 = 10;

/// Asks the system to run this thread, and it alone, after the workers. That holds on Linux; where it isn't allowed, the thread
/// runs like any other.
pub(super) fn run_after_others() {
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "a lane keeps its priority");
    }
}
