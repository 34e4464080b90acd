//! A single-threaded runtime in the caller's thread: what every run of this crate takes place on.

use std::fmt::Display;
use std::future::Future;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::task::{JoinHandle, LocalSet};
use tokio::time::{Instant, timeout_at};

use crate::config::SECOND_NS;
use crate::error::LoadError;

/// Runs a future, and the tasks it spawns, to its end. Tasks left over are dropped with it.
pub(crate) fn run_here<T>(future: impl Future<Output = Result<T, LoadError>>) -> Result<T, LoadError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, future)
}

/// Awaits tasks until `end`, one timer for them all; whatever failed, or still waits then and is given up, goes to `fail`.
/// A panic goes on here.
pub(crate) async fn await_all<E: Display>(
    tasks: Vec<JoinHandle<Result<(), E>>>,
    end: Instant,
    fail: impl Fn(&dyn Display),
) {
    for mut task in tasks {
        match timeout_at(end, &mut task).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => fail(&error),
            Ok(Err(error)) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
            Err(_) => {
                task.abort();
                fail(&"no answer in time");
            }
        }
    }
}

/// The wall clock: nanoseconds since 1970 UTC.
pub(crate) fn unix_now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Seconds from 1970 UTC to 2026-01-01: what runs take from the clock counts from here.
const START_S: u64 = 1_767_225_600;

/// Where card counters start when nothing else is said: the wall clock in eighths of a second, so that a later run
/// starts above an earlier one as long as no card was tapped more than eight times a second.
pub(crate) fn card_counter_from_clock(unix_ns: u64) -> u32 {
    // 2^32 eighths last 17 years.
    let eighths = (unix_ns / 125_000_000).saturating_sub(START_S * 8);
    u32::try_from(eighths).unwrap_or(u32::MAX / 2).max(1)
}

/// Where the numbers of cards that are handed out start: the wall clock in seconds, with room for a million cards each, so that a
/// later run hands out others than an earlier one. They have seven bytes, as many as a card's number.
pub(crate) fn blank_cards_from_clock(unix_ns: u64) -> u64 {
    const CARDS_A_SECOND: u64 = 1 << 20;
    (unix_ns / SECOND_NS).saturating_sub(START_S).max(1) * CARDS_A_SECOND
}

/// Where the numbers of subsidy batches start: the wall clock in eighths of a second, for a run plans no more than eight.
pub(crate) fn subsidy_batches_from_clock(unix_ns: u64) -> u32 {
    card_counter_from_clock(unix_ns / SECOND_NS * SECOND_NS)
}

/// The +08:00 calendar day of a moment, in days since 2000-01-01.
pub(crate) fn campus_day(unix_ns: u64) -> u16 {
    const HOURS_AHEAD: u64 = 8;
    const DAYS_TO_2000: u64 = 10_957;
    ((unix_ns / SECOND_NS + HOURS_AHEAD * 3_600) / 86_400).saturating_sub(DAYS_TO_2000) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_on_the_campus() {
        let before_midnight_s = 1_795_622_399;
        // 2026-11-25 23:59:59 at +08:00.
        assert_eq!(campus_day(before_midnight_s * SECOND_NS), 9_825);
        assert_eq!(campus_day((before_midnight_s + 1) * SECOND_NS), 9_826);
    }

    #[test]
    fn batches_of_a_later_second_have_higher_numbers() {
        let first = subsidy_batches_from_clock((START_S + 100) * SECOND_NS + 900_000_000);
        assert_eq!(subsidy_batches_from_clock((START_S + 101) * SECOND_NS), first + 8);
    }
}
