//! The threads that work for a log.

use crate::log::{Committed, Log};
use crate::storage::PaceStep;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Two threads: one parks until it is kicked and then writes blocks until nothing is staged; the other keeps one spare
/// segment ready. No timer. Both stop by themselves when the log is poisoned.
pub struct LogWriter {
    log: Arc<Log>,
    stopping: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl LogWriter {
    /// Starts the threads. A log has at most one `LogWriter`.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn spawn(log: Arc<Log>) -> io::Result<LogWriter> {
        let mut writer = LogWriter { log, stopping: Arc::new(AtomicBool::new(false)), threads: Vec::new() };
        writer.start("log-writer", |log, _| write_while_staged(log))?;
        writer.start("log-keeper", keep_spare)?;
        let [first, second] = &writer.threads[..] else {
            return Err(io::Error::other("a thread is missing"));
        };
        writer.log.set_threads(Some(first.thread().clone()), Some(second.thread().clone()));
        // What was wanted before anybody could be woken.
        writer.log.kick();
        writer.log.wake_keeper();
        Ok(writer)
    }

    /// Runs `work` at once and whenever the thread is woken, until it gives false.
    fn start(
        &mut self,
        name: &str,
        work: impl Fn(&Log, &AtomicBool) -> bool + Send + 'static,
    ) -> io::Result<()> {
        let log = Arc::clone(&self.log);
        let stopping = Arc::clone(&self.stopping);
        let body = move || {
            while work(&log, &stopping) {
                // Looked at after the work, which may park too and so use up the wake-up that came with the stop.
                if stopping.load(Ordering::Acquire) {
                    return;
                }
                std::thread::park();
            }
        };
        self.threads.push(std::thread::Builder::new().name(name.to_owned()).spawn(body)?);
        Ok(())
    }

    /// Stops both threads and waits for them; what is still staged stays staged. Dropping does the same.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.log.set_threads(None, None);
        self.stopping.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // A panic of the thread was already printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}

/// Writes until nothing is staged or another thread is writing, which wakes this one again if it leaves something. False
/// once the log is poisoned.
fn write_while_staged(log: &Log) -> bool {
    loop {
        match log.commit() {
            Ok(Committed::Written { .. }) => {}
            Ok(Committed::InFlight | Committed::Nothing) => return true,
            Err(_) => return false,
        }
    }
}

/// Makes a spare if there is none, in small pieces with pauses, so that the log's own writes hardly notice. What isn't
/// done when the spare is about to be needed is left. False once the log is poisoned.
fn keep_spare(log: &Log, stopping: &AtomicBool) -> bool {
    let pace = &mut |_| {
        // A wake-up meanwhile only makes the pause shorter.
        std::thread::park_timeout(PAUSE);
        if stopping.load(Ordering::Acquire) { PaceStep::GiveUp } else { step(log.used_share()) }
    };
    log.make_spare(pace).is_ok()
}

/// The pause before each piece. With these pieces, 13 MB/s: more than live requests fill.
const PAUSE: Duration = Duration::from_millis(5);

/// Pages of a piece: 64 KiB.
const PIECE_PAGES: u32 = 16;

/// The spare is to be ready when this share of the segment in use is used.
pub(crate) const READY_AT: f64 = 0.75;

/// What to do next when that share of the segment in use is used.
fn step(used: f64) -> PaceStep {
    // Zeros in a hurry would take the disk from the very writes that are in a hurry, and more of it than they save.
    if used < READY_AT { PaceStep::Zeros(PIECE_PAGES) } else { PaceStep::LeaveRest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_left_when_the_spare_is_about_to_be_needed() {
        assert_eq!(step(0.0), PaceStep::Zeros(16));
        assert_eq!(step(0.74), PaceStep::Zeros(16));
        assert_eq!(step(READY_AT), PaceStep::LeaveRest);
        assert_eq!(step(1.0), PaceStep::LeaveRest);
    }
}
