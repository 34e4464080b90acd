//! The threads that work for a log.

use crate::log::{Committed, Log};
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

/// Makes a spare if there is none, in small pieces with pauses, so that the log's own writes hardly notice; faster only
/// when the segment in use fills up faster. False once the log is poisoned.
fn keep_spare(log: &Log, stopping: &AtomicBool) -> bool {
    let page_count = f64::from(log.segment_pages());
    let pace = &mut |pages_done: u32| {
        let piece = piece(f64::from(pages_done) / page_count, log.used_share());
        if piece == Piece::AfterPause {
            // A wake-up meanwhile only makes the pause shorter.
            std::thread::park_timeout(PAUSE);
        }
        (!stopping.load(Ordering::Acquire)).then_some(piece.pages())
    };
    log.make_spare(pace).is_ok()
}

/// The pause between two pieces while there is time. With small pieces, 13 MB/s.
const PAUSE: Duration = Duration::from_millis(5);

/// The spare is to be ready when this share of the segment in use is used.
pub(crate) const READY_AT: f64 = 0.75;

/// The next piece of a spare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    /// There is time.
    AfterPause,
    /// A little late.
    Now,
    /// So late that the log may have to wait: bandwidth counts, not politeness.
    LargeNow,
}

impl Piece {
    fn pages(self) -> u32 {
        match self {
            Piece::AfterPause | Piece::Now => 16,
            Piece::LargeNow => 256,
        }
    }
}

/// What to do next when this share of the spare is done and that share of the segment in use is used.
fn piece(done: f64, used: f64) -> Piece {
    if done < used {
        Piece::LargeNow
    } else if done * READY_AT < used {
        Piece::Now
    } else {
        Piece::AfterPause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spare_is_made_as_fast_as_the_segment_in_use_fills_up() {
        assert_eq!(piece(0.0, 0.0), Piece::AfterPause);
        assert_eq!(piece(0.5, 0.3), Piece::AfterPause);
        assert_eq!(piece(0.5, 0.4), Piece::Now);
        assert_eq!(piece(0.5, 0.6), Piece::LargeNow);
        // It is ready before the segment is full: at the share that is to be, no pause is left.
        assert_eq!(piece(0.99, READY_AT), Piece::Now);
    }
}
