//! Time comes in as an argument: [`Clock`] is what the log reads it through.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// The two clocks that logged time is made of.
pub trait Clock: Send + Sync {
    /// Nanoseconds since 1970-01-01 UTC; may jump.
    fn wall_ns(&self) -> u64;
    /// Nanoseconds since some fixed moment; never goes backwards and goes on while the machine sleeps.
    fn monotonic_ns(&self) -> u64;
}

/// The clocks of the operating system (`CLOCK_REALTIME` and `CLOCK_BOOTTIME`).
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

fn nanoseconds(time: Timespec) -> u64 {
    // A wall clock set before 1970 counts as 1970: logged time is the greater of it and the last record's anyway.
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

impl Clock for SystemClock {
    fn wall_ns(&self) -> u64 {
        nanoseconds(clock_gettime(ClockId::Realtime))
    }

    fn monotonic_ns(&self) -> u64 {
        nanoseconds(clock_gettime(ClockId::Boottime))
    }
}
