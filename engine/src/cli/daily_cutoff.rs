//! Closes the business date at the same time every day while the server serves.

use std::sync::Arc;
use std::time::Duration;

use protocol::ids::BusinessDate;
use wal::{Clock, SystemClock};

use crate::import::campus::ClockMinute;
use crate::ledger::Request;
use crate::ledger::calendar::{DAY_NS, campus_time_of_day_ns, day_of};
use crate::ledger::command::CutOff;
use crate::runtime::engine::Engine;

const MINUTE_NS: u64 = 60_000_000_000;
/// A cut-off before noon closes the day before: the canteen's night belongs to the evening it began in.
const NOON_MINUTE: u16 = 12 * 60;
/// The wall clock is looked at this often while waiting, so that a set clock or a sleeping machine is noticed.
const LOOK_MAX: Duration = Duration::from_secs(30);

/// Runs until the process ends.
pub(super) async fn run(engine: Arc<Engine>, at: ClockMinute) {
    let mut due_ns = next_due_ns(SystemClock.wall_ns(), at);
    loop {
        let now_ns = SystemClock.wall_ns();
        if now_ns < due_ns {
            tokio::time::sleep(Duration::from_nanos(due_ns - now_ns).min(LOOK_MAX)).await;
            continue;
        }
        cut_off(&engine, opened_at(due_ns, at));
        due_ns = next_due_ns(now_ns, at);
    }
}

fn cut_off(engine: &Engine, opened: BusinessDate) {
    if engine.routes().configuration().registry.business_date() >= opened {
        return;
    }
    match engine.configure(Request::CutOff(CutOff { opened })) {
        Ok(outcome) => tracing::info!(record = %outcome.record, "the business date was closed"),
        Err(error) => tracing::error!(%error, "the business date could not be closed"),
    }
    engine.log().kick();
}

/// The next moment after `now_ns` at this time of the campus day.
fn next_due_ns(now_ns: u64, at: ClockMinute) -> u64 {
    let midnight_ns = now_ns - campus_time_of_day_ns(now_ns);
    let today_ns = midnight_ns + u64::from(at.0) * MINUTE_NS;
    if today_ns > now_ns { today_ns } else { today_ns + DAY_NS }
}

/// The date that a cut-off due at this moment opens.
fn opened_at(due_ns: u64, at: ClockMinute) -> BusinessDate {
    let day = day_of(due_ns);
    BusinessDate(if (NOON_MINUTE..24 * 60).contains(&at.0) { day + 1 } else { day })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24 00:00 at +08:00.
    const MIDNIGHT_NS: u64 = 20_781 * DAY_NS - 8 * 60 * MINUTE_NS;
    const DAY: u16 = 20_781 - 10_957;

    #[test]
    fn a_cut_off_is_due_once_a_day_and_opens_the_right_date() {
        for (at, now_minute, due_minute, opened) in [
            (23 * 60 + 30, 12 * 60, 23 * 60 + 30, DAY + 1),
            (23 * 60 + 30, 23 * 60 + 30, 47 * 60 + 30, DAY + 2),
            (2 * 60, 60, 2 * 60, DAY),
            (2 * 60, 12 * 60, 26 * 60, DAY + 1),
            (24 * 60, 60, 24 * 60, DAY + 1),
        ] {
            let at = ClockMinute(at);
            let due_ns = next_due_ns(MIDNIGHT_NS + now_minute * MINUTE_NS, at);
            assert_eq!(due_ns, MIDNIGHT_NS + due_minute * MINUTE_NS, "{at:?} seen at minute {now_minute}");
            assert_eq!(opened_at(due_ns, at), BusinessDate(opened), "{at:?} seen at minute {now_minute}");
        }
    }
}
