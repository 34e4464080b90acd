//! One second of a run: what the time lines show.

use serde::Serialize;

/// What happened in one second. A run's last one may be shorter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SecondReport {
    /// When it began, in nanoseconds since the run's start.
    pub from_ns: u64,
    /// How long it was.
    pub duration_ns: u64,
    /// Sales approved in it.
    pub approved: u64,
    /// Sales refused in it.
    pub refused: u64,
    /// Intended requests dropped in it.
    pub dropped: u64,
    /// Requests waiting for their answer at its end.
    pub in_flight: u64,
    /// Of its approvals, from the intended start: half are at or below.
    pub p50_ns: u64,
    /// 99 %.
    pub p99_ns: u64,
    /// 99.9 %.
    pub p999_ns: u64,
    /// The slowest.
    pub max_ns: u64,
    /// The worst hiccup of the machine.
    pub hiccup_max_ns: u64,
    /// The generator's own worst lag.
    pub lag_max_ns: u64,
}

impl SecondReport {
    /// Sales approved a second.
    pub fn debits_per_s(&self) -> f64 {
        self.approved as f64 * 1e9 / self.duration_ns.max(1) as f64
    }
}
