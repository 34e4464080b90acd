//! The threads that work for a log.

use crate::log::{Committed, Log};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

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
        writer.start("log-writer", write_while_staged)?;
        writer.start("log-keeper", |log| log.maintain().is_ok())?;
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
    fn start(&mut self, name: &str, work: impl Fn(&Log) -> bool + Send + 'static) -> io::Result<()> {
        let log = Arc::clone(&self.log);
        let stopping = Arc::clone(&self.stopping);
        let body = move || {
            while !stopping.load(Ordering::Acquire) && work(&log) {
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
