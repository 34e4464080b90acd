//! Logged time: the wall clock, made to never go backwards and never to jump.

use crate::clock::Clock;

/// A drift of one part in 1,024 between the two clocks is slewing, not a jump.
const DRIFT_DIVISOR: u64 = 1024;

/// The state from which logged time follows.
#[derive(Debug)]
pub(crate) struct LoggedTime {
    last_ns: u64,
    anchor_wall_ns: u64,
    anchor_monotonic_ns: u64,
    sampled_monotonic_ns: u64,
    jump_max_ns: u64,
    frozen: bool,
}

impl LoggedTime {
    /// Goes on after a log whose last record has time `last_ns` (0: none). A wall clock that stands before that by more
    /// than a jump counts as one.
    pub(crate) fn new(last_ns: u64, clock: &dyn Clock, jump_max_ns: u64) -> Self {
        let (wall_ns, monotonic_ns) = (clock.wall_ns(), clock.monotonic_ns());
        Self {
            last_ns,
            anchor_wall_ns: wall_ns.max(last_ns),
            anchor_monotonic_ns: monotonic_ns,
            sampled_monotonic_ns: monotonic_ns,
            jump_max_ns,
            frozen: last_ns.saturating_sub(wall_ns) > jump_max_ns,
        }
    }

    /// The logged time at this moment.
    pub(crate) fn sample(&mut self, clock: &dyn Clock) -> u64 {
        let wall_ns = clock.wall_ns();
        let monotonic_ns = clock.monotonic_ns();
        self.sampled_monotonic_ns = monotonic_ns;
        let elapsed_ns = monotonic_ns.saturating_sub(self.anchor_monotonic_ns);
        let expected_ns = self.anchor_wall_ns.saturating_add(elapsed_ns);
        self.frozen =
            wall_ns.abs_diff(expected_ns) > self.jump_max_ns.saturating_add(elapsed_ns / DRIFT_DIVISOR);
        if self.frozen {
            // The anchor stays, so that a wall clock that is set right again is recognised.
            self.last_ns = self.last_ns.max(expected_ns);
        } else {
            self.anchor_wall_ns = wall_ns;
            self.anchor_monotonic_ns = monotonic_ns;
            self.last_ns = self.last_ns.max(wall_ns);
        }
        self.last_ns
    }

    /// Takes the wall clock as right from now on.
    pub(crate) fn accept(&mut self, clock: &dyn Clock) {
        self.anchor_wall_ns = clock.wall_ns();
        self.anchor_monotonic_ns = clock.monotonic_ns();
        self.frozen = false;
    }

    /// Whether the wall clock has jumped and isn't followed.
    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// The monotonic clock at the last sample.
    pub(crate) fn sampled_monotonic_ns(&self) -> u64 {
        self.sampled_monotonic_ns
    }

    /// The time of the last sample.
    pub(crate) fn last_ns(&self) -> u64 {
        self.last_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock set by hand: wall and monotonic nanoseconds.
    struct Manual(parking_lot::Mutex<(u64, u64)>);

    impl Manual {
        fn at(wall_ns: u64) -> Self {
            Self(parking_lot::Mutex::new((wall_ns, 0)))
        }

        fn pass(&self, ns: u64) {
            let mut hands = self.0.lock();
            hands.0 += ns;
            hands.1 += ns;
        }

        fn jump_to(&self, wall_ns: u64) {
            self.0.lock().0 = wall_ns;
        }
    }

    impl Clock for Manual {
        fn wall_ns(&self) -> u64 {
            self.0.lock().0
        }

        fn monotonic_ns(&self) -> u64 {
            self.0.lock().1
        }
    }

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn small_steps_are_followed_and_never_backwards() {
        let clock = Manual::at(100 * SECOND);
        let mut time = LoggedTime::new(0, &clock, 2 * SECOND);
        assert_eq!(time.sample(&clock), 100 * SECOND);
        clock.jump_to(99 * SECOND);
        assert_eq!(time.sample(&clock), 100 * SECOND);
        clock.pass(3 * SECOND);
        assert_eq!(time.sample(&clock), 102 * SECOND);
        assert!(!time.is_frozen());
    }

    #[test]
    fn a_jump_freezes_time_at_monotonic_pace_until_it_is_undone() {
        for jump_to in [10 * SECOND, 5000 * SECOND] {
            let clock = Manual::at(100 * SECOND);
            let mut time = LoggedTime::new(0, &clock, 2 * SECOND);
            time.sample(&clock);
            clock.jump_to(jump_to);
            clock.pass(SECOND);
            assert_eq!(time.sample(&clock), 101 * SECOND);
            assert!(time.is_frozen());
            clock.pass(SECOND);
            assert_eq!(time.sample(&clock), 102 * SECOND);
            clock.jump_to(103 * SECOND);
            assert_eq!(time.sample(&clock), 103 * SECOND);
            assert!(!time.is_frozen());
        }
    }

    #[test]
    fn a_jump_can_be_accepted() {
        let clock = Manual::at(100 * SECOND);
        let mut time = LoggedTime::new(0, &clock, 2 * SECOND);
        clock.jump_to(5000 * SECOND);
        time.sample(&clock);
        time.accept(&clock);
        assert_eq!(time.sample(&clock), 5000 * SECOND);
        assert!(!time.is_frozen());
    }

    #[test]
    fn slow_slewing_overnight_is_no_jump() {
        let clock = Manual::at(100 * SECOND);
        let mut time = LoggedTime::new(0, &clock, 2 * SECOND);
        clock.pass(36_000 * SECOND);
        clock.jump_to(36_118 * SECOND);
        assert_eq!(time.sample(&clock), 36_118 * SECOND);
        assert!(!time.is_frozen());
    }

    #[test]
    fn a_log_from_the_future_goes_on_at_monotonic_pace() {
        let clock = Manual::at(100 * SECOND);
        let mut time = LoggedTime::new(900 * SECOND, &clock, 2 * SECOND);
        assert!(time.is_frozen());
        clock.pass(SECOND);
        assert_eq!(time.sample(&clock), 901 * SECOND);
        assert!(time.is_frozen());
    }
}
