//! The seam between a run and whoever watches it: live numbers out, a wish to stop in.
//!
//! A run occupies its caller's thread. Another thread holds a clone of the [`RunControl`], reads the numbers,
//! and acts on the world at the moment it likes: `yika rush` kills the server halfway and starts it again. The
//! generator itself never kills anything; its tills only notice.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::second::SecondReport;

/// Numbers of a run at one moment, at most 20 ms old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Nanoseconds since the run's start; 0 while tills sign in.
    pub elapsed_ns: u64,
    /// When the last intended request is due.
    pub planned_ns: u64,
    /// Live requests sent.
    pub sent: u64,
    /// Sales approved.
    pub approved: u64,
    /// Sales refused.
    pub refused: u64,
    /// Frames sent again.
    pub retries: u64,
    /// Reversals done.
    pub reversed: u64,
    /// Stored sales uploaded.
    pub uploaded: u64,
    /// Requests dropped.
    pub dropped: u64,
    /// Tills with a live session.
    pub tills_up: u64,
    /// Live requests waiting for their answer.
    pub in_flight: u64,
    /// 1 once the run has ended.
    pub ended: u64,
}

const FIELDS: usize = 12;

/// Shared between the run and its watcher. Clones share.
#[derive(Clone, Debug, Default)]
pub struct RunControl {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    fields: [AtomicU64; FIELDS],
    seconds: Mutex<Vec<SecondReport>>,
}

impl RunControl {
    /// A control for one run.
    pub fn new() -> RunControl {
        RunControl::default()
    }

    /// The latest numbers. They are published one by one: two of them may be a publication apart.
    pub fn progress(&self) -> Progress {
        let [
            elapsed_ns,
            planned_ns,
            sent,
            approved,
            refused,
            retries,
            reversed,
            uploaded,
            dropped,
            tills_up,
            in_flight,
            ended,
        ] = std::array::from_fn(|field| self.shared.fields[field].load(Ordering::Relaxed));
        Progress {
            elapsed_ns,
            planned_ns,
            sent,
            approved,
            refused,
            retries,
            reversed,
            uploaded,
            dropped,
            tills_up,
            in_flight,
            ended,
        }
    }

    /// The seconds that are over, from this one on; the first is 0.
    pub fn seconds_from(&self, first: usize) -> Vec<SecondReport> {
        let seconds = self.shared.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        seconds.get(first..).unwrap_or_default().to_vec()
    }

    /// Asks the run to end: no further request is begun, those in flight are awaited, stored sales stay stored.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// True once [`RunControl::stop`] was called.
    pub fn is_stopping(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }

    pub(crate) fn publish_second(&self, second: SecondReport) {
        self.shared.seconds.lock().unwrap_or_else(PoisonError::into_inner).push(second);
    }

    pub(crate) fn publish(&self, progress: Progress) {
        let values: [u64; FIELDS] = [
            progress.elapsed_ns,
            progress.planned_ns,
            progress.sent,
            progress.approved,
            progress.refused,
            progress.retries,
            progress.reversed,
            progress.uploaded,
            progress.dropped,
            progress.tills_up,
            progress.in_flight,
            progress.ended,
        ];
        for (field, value) in self.shared.fields.iter().zip(values) {
            field.store(value, Ordering::Relaxed);
        }
    }
}
