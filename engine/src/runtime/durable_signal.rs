//! Lets a thread that isn't the log's own sleep until the log has written.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use protocol::ids::RecordNumber;
use wal::Log;

/// Longest sleep while waiting for the log, should a wake-up have been missed.
const WAIT_MAX: Duration = Duration::from_millis(5);

/// Counts the blocks that the log has written since it was made, and wakes who waits for one.
#[derive(Default)]
pub(super) struct DurableSignal {
    /// Blocks written since the start; a failure of the log counts as one.
    blocks: Mutex<u64>,
    wake: Condvar,
}

impl DurableSignal {
    /// A signal of this log's blocks.
    pub(super) fn of(log: &Log) -> Arc<DurableSignal> {
        let signal = Arc::new(DurableSignal::default());
        let notified = Arc::clone(&signal);
        log.on_durable(Box::new(move |_| notified.notify()));
        signal
    }

    fn notify(&self) {
        *self.blocks.lock() += 1;
        self.wake.notify_all();
    }

    /// How many there were.
    pub(super) fn blocks(&self) -> u64 {
        *self.blocks.lock()
    }

    /// Sleeps until a block is written that wasn't yet when `blocks` was asked for.
    pub(super) fn wait_beyond(&self, blocks: u64) {
        let mut written = self.blocks.lock();
        while *written == blocks {
            if self.wake.wait_for(&mut written, WAIT_MAX).timed_out() {
                return;
            }
        }
    }

    /// Has the log write, and waits until a record is durable. False when the log has failed, so that it never will be.
    pub(super) fn wait_until_durable(&self, log: &Log, number: RecordNumber) -> bool {
        loop {
            let blocks = self.blocks();
            if log.durable() >= number.0 {
                return true;
            }
            if log.poisoned() {
                return false;
            }
            log.kick();
            self.wait_beyond(blocks);
        }
    }
}
