//! A hiccup meter: how late the machine itself wakes a thread that has nothing to do.
//!
//! ```text
//! deadlines  |    |    |    |    |    |    |    |       every HICCUP_INTERVAL_NS
//! wake-ups    |    |    |               |    |    |
//!                       late by 2 intervals: counts as 2, 1 and 0 late, one for each deadline in the stall
//! ```
//!
//! After Gil Tene's jHiccup. A thread of its own sleeps to the next deadline and records by how much it woke late, so
//! a stall of the processor, the hypervisor or the scheduler shows here although no request was involved. Whatever a
//! run's latencies hold beyond it is the server's, the disk's or the generator's own.
//!
//! The deadlines that a stall swallows are filled in, as if each had been waited for (the correction for coordinated
//! omission). The kernel's timer slack, 50 µs unless changed, is part of every value. When all processors are busy
//! the thread waits for its turn like any other, and that is in it too: a request's thread had to wait as well.
//!
//! Its cost is a thousand wake-ups a second; [`HiccupSummary::cpu_share`] says what they took.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::config::MILLISECOND_NS;
use crate::measurement::{LATENCY_MAX_NS, new_histogram};
use crate::report::LatencySummary;

/// Between two deadlines.
pub const HICCUP_INTERVAL_NS: u64 = MILLISECOND_NS;

/// What the meter found beside a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct HiccupSummary {
    /// How late it woke, one value for each deadline.
    pub late: LatencySummary,
    /// Share of one processor that the meter itself took.
    pub cpu_share: f64,
}

/// The records of the meter's thread, apart from the thread: wake-ups in, histogram out.
struct HiccupRecorder {
    histogram: Histogram<u64>,
    deadline_ns: u64,
}

impl HiccupRecorder {
    fn new(now_ns: u64) -> HiccupRecorder {
        HiccupRecorder { histogram: new_histogram(), deadline_ns: now_ns + HICCUP_INTERVAL_NS }
    }

    /// Notes a wake-up for the deadline, sets the next one, and gives the lateness.
    fn wake(&mut self, now_ns: u64) -> u64 {
        let late_ns = now_ns.saturating_sub(self.deadline_ns).min(LATENCY_MAX_NS);
        // It fails for values beyond the histogram's bounds only.
        let recorded = self.histogram.record_correct(late_ns, HICCUP_INTERVAL_NS);
        debug_assert!(recorded.is_ok(), "{recorded:?}");
        let missed = late_ns / HICCUP_INTERVAL_NS;
        self.deadline_ns += (missed + 1) * HICCUP_INTERVAL_NS;
        late_ns
    }
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    /// The worst since it was last taken.
    max_ns: AtomicU64,
}

/// A running meter. Dropped, it stops too.
#[derive(Debug)]
pub struct HiccupMeter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<HiccupSummary>>,
}

impl HiccupMeter {
    /// Starts the meter's thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start() -> std::io::Result<HiccupMeter> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("hiccups".to_owned()).spawn(move || measure(&of_thread))?;
        Ok(HiccupMeter { shared, thread: Some(thread) })
    }

    /// The worst lateness since this was last asked, in nanoseconds.
    pub fn take_max_ns(&self) -> u64 {
        self.shared.max_ns.swap(0, Ordering::Relaxed)
    }

    /// Stops the meter and gives what it found.
    pub fn stop(mut self) -> HiccupSummary {
        self.join()
    }

    fn join(&mut self) -> HiccupSummary {
        self.shared.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(summary)) => summary,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => HiccupSummary::default(),
        }
    }
}

impl Drop for HiccupMeter {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

fn measure(shared: &Shared) -> HiccupSummary {
    let zero = Instant::now();
    let now_ns = || u64::try_from(zero.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let mut recorder = HiccupRecorder::new(0);
    while !shared.stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_nanos(recorder.deadline_ns.saturating_sub(now_ns())));
        let late_ns = recorder.wake(now_ns());
        shared.max_ns.fetch_max(late_ns, Ordering::Relaxed);
    }
    let cpu = clock_gettime(ClockId::ThreadCPUTime);
    let cpu_s = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
    HiccupSummary {
        late: LatencySummary::of(&recorder.histogram),
        cpu_share: cpu_s / zero.elapsed().as_secs_f64().max(1e-9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = MILLISECOND_NS;

    #[test]
    fn a_stall_counts_once_for_each_deadline_it_swallowed() {
        let mut recorder = HiccupRecorder::new(0);
        assert_eq!(recorder.wake(MS), 0);
        assert_eq!(recorder.wake(2 * MS + 60_000), 60_000);
        // Due at 3 ms, woke at 13.5: the deadlines at 4 to 13 ms were missed.
        assert_eq!(recorder.wake(13 * MS + MS / 2), 10 * MS + MS / 2);
        assert_eq!(recorder.deadline_ns, 14 * MS);
        assert_eq!(recorder.wake(14 * MS), 0);
        let histogram = &recorder.histogram;
        // Late by 10.5, 9.5, ... 1.5 ms, and the three others.
        assert_eq!(histogram.len(), 10 + 3);
        assert_eq!(histogram.count_between(MS, LATENCY_MAX_NS), 10);
        assert!(histogram.equivalent(histogram.max(), 10 * MS + MS / 2));
    }

    #[test]
    fn the_meter_runs_beside_and_the_worst_is_taken_once() {
        let meter = HiccupMeter::start().expect("a thread");
        while meter.take_max_ns() == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let summary = meter.stop();
        assert!(summary.late.count > 0 && summary.late.max_ns > 0, "{summary:?}");
        assert!(summary.cpu_share > 0.0 && summary.cpu_share < 1.0, "{summary:?}");
    }
}
