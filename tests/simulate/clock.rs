//! The simulated clock: two hands, moved by the simulation only. The wall hand may jump.

use std::sync::atomic::{AtomicU64, Ordering};

use wal::Clock;

pub const SECOND_NS: u64 = 1_000_000_000;
pub const DAY_NS: u64 = 86_400 * SECOND_NS;

/// 2026-11-24 11:30 at the campus.
const BEGIN_NS: u64 = 1_795_492_800 * SECOND_NS + 3 * 3_600 * SECOND_NS + 1_800 * SECOND_NS;

pub struct SimulatedClock {
    wall_ns: AtomicU64,
    monotonic_ns: AtomicU64,
}

impl SimulatedClock {
    pub fn new() -> SimulatedClock {
        SimulatedClock { wall_ns: AtomicU64::new(BEGIN_NS), monotonic_ns: AtomicU64::new(0) }
    }

    /// Lets time pass.
    pub fn pass(&self, ns: u64) {
        self.wall_ns.fetch_add(ns, Ordering::Relaxed);
        self.monotonic_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// Moves the wall hand alone.
    pub fn jump(&self, by_ns: i64) {
        let wall_ns = self.wall_ns.load(Ordering::Relaxed);
        self.wall_ns.store(wall_ns.saturating_add_signed(by_ns), Ordering::Relaxed);
    }
}

impl Clock for SimulatedClock {
    fn wall_ns(&self) -> u64 {
        self.wall_ns.load(Ordering::Relaxed)
    }

    fn monotonic_ns(&self) -> u64 {
        self.monotonic_ns.load(Ordering::Relaxed)
    }
}
