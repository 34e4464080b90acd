//! The threads that work for a log.

use crate::log::Log;
use std::io;
use std::sync::Arc;

/// Two threads: one parks until it is kicked and then writes blocks until nothing is staged; the other keeps one spare
/// segment ready. No timer.
pub struct LogWriter {
    _private: (),
}

impl LogWriter {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn spawn(log: Arc<Log>) -> io::Result<LogWriter> {
        let _ = log;
        todo!()
    }

    /// Stops both threads and waits for them; what is still staged stays staged. Dropping does the same.
    pub fn stop(self) {
        todo!()
    }
}
