//! Live requests that took long, said aloud: a few a second, with where their time went.

use std::time::Duration;

use protocol::frame::Header;

/// Slow requests that are told in one second; the others are only counted.
const TOLD_PER_S_MAX: u32 = 5;

/// When a request passed the marks on its way, on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// It was read and checked.
    pub checked_ns: u64,
    /// Its batch was decided and staged.
    pub staged_ns: u64,
    /// The last block became durable.
    pub durable_ns: u64,
    /// Its answer was about to be sent.
    pub begun_ns: u64,
}

/// Looks for requests slower than a bound.
#[derive(Debug)]
pub struct SlowRequests {
    slow_min_ns: u64,
    told: u32,
    untold: u64,
}

impl SlowRequests {
    /// A request is slow from `slow_min` on.
    pub fn new(slow_min: Duration) -> SlowRequests {
        SlowRequests {
            slow_min_ns: u64::try_from(slow_min.as_nanos()).unwrap_or(u64::MAX),
            told: 0,
            untold: 0,
        }
    }

    /// Looks at a request whose answer is about to be sent. True when it was slow and is told.
    #[inline]
    pub fn look(&mut self, header: &Header, times: &Times) -> bool {
        if times.begun_ns.saturating_sub(times.checked_ns) < self.slow_min_ns {
            return false;
        }
        self.tell(header, times)
    }

    #[cold]
    fn tell(&mut self, header: &Header, times: &Times) -> bool {
        if self.told == TOLD_PER_S_MAX {
            self.untold += 1;
            return false;
        }
        self.told += 1;
        let us = |from_ns: u64, to_ns: u64| to_ns.saturating_sub(from_ns) / 1_000;
        // A block that became durable after this one's, or none at all, says nothing about this request.
        let durable_ns = times.durable_ns.clamp(times.staged_ns, times.begun_ns);
        tracing::info!(
            terminal = %header.terminal,
            sequence = header.sequence.0,
            kind = ?header.kind,
            total_us = us(times.checked_ns, times.begun_ns),
            until_staged_us = us(times.checked_ns, times.staged_ns),
            until_durable_us = us(times.staged_ns, durable_ns),
            until_answer_us = us(durable_ns, times.begun_ns),
            "slow request"
        );
        true
    }

    /// A new second: as many may be told again.
    pub fn begin_second(&mut self) {
        if self.untold > 0 {
            tracing::info!(count = self.untold, "more slow requests");
        }
        (self.told, self.untold) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ids::{Epoch, RequestId, Sequence, TerminalId};
    use protocol::request::{Request, RequestIds};

    #[test]
    fn only_slow_ones_are_told_and_only_a_few_a_second() {
        let ids = RequestIds {
            terminal: TerminalId(1),
            epoch: Epoch(1),
            sequence: Sequence(1),
            request_id: RequestId(1),
        };
        let mut frame = Vec::new();
        Request::SignOut.append(&ids, &mut frame).expect("it can be encoded");
        let header = Request::decode(&frame).expect("it was just encoded").0;
        let took =
            |ns: u64| Times { checked_ns: 1_000, staged_ns: 2_000, durable_ns: 3_000, begun_ns: 1_000 + ns };
        let mut slow = SlowRequests::new(Duration::from_millis(1));
        assert!(!slow.look(&header, &took(999_999)));
        for _ in 0..TOLD_PER_S_MAX {
            assert!(slow.look(&header, &took(1_000_000)));
        }
        assert!(!slow.look(&header, &took(5_000_000)));
        assert_eq!(slow.untold, 1);
        slow.begin_second();
        assert!(slow.look(&header, &took(5_000_000)));
    }
}
