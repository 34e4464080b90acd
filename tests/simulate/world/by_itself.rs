//! What happens by itself: time passes, and what is due is done.

use engine::ledger::{Command, Request};
use engine::runtime::engine::Reply;

use super::super::clock::{DAY_NS, SECOND_NS};
use super::{World, is_new_approval};

impl World<'_> {
    /// What the slow lane does by itself, sooner or later.
    pub(super) fn do_what_is_due(&mut self) {
        if let Some(request) = self.machine.engine().due() {
            let reply = self.machine.engine().execute(&Command::from(request));
            self.note(|| format!("by itself: {request:?}: {reply:?}"));
            let expired = matches!(request, Request::AdjustExpire(_)) && is_new_approval(&reply);
            self.coverage.adjustments_expired += u64::from(expired);
        }
        self.pay_subsidies();
    }

    /// Some lines of the subsidy batch that runs, or the step that ends it; false when none runs.
    pub(super) fn pay_subsidies(&mut self) -> bool {
        let lines_max = self.random.between(1, 8) as usize;
        let (requests, then) = self.machine.engine().subsidy_portion(self.sweep, lines_max);
        let mut taken = true;
        for request in &requests {
            let reply = self.machine.engine().execute(&Command::from(*request));
            taken &= !matches!(reply, Reply::Refused(_));
            self.note(|| format!("by itself: {request:?}: {reply:?}"));
        }
        if taken {
            self.sweep = then;
        }
        !requests.is_empty()
    }

    pub(super) fn move_clock(&mut self) {
        let pass_ns = match self.random.below(10) {
            0 => self.random.below(90 * SECOND_NS),
            _ => self.random.below(SECOND_NS),
        };
        // Now and then nothing happens for a day: what becomes due by the next one does.
        let day_ns = if self.random.per_mille(20) { DAY_NS } else { 0 };
        self.clock.pass(pass_ns + day_ns);
        if self.random.per_mille(10) {
            self.jump_clock();
        }
        if self.random.per_mille(10) {
            self.machine.engine().log().accept_wall_clock();
        }
        self.town.now_ns = self.machine.engine().log().stage().time_ns();
    }

    pub(super) fn jump_clock(&mut self) {
        let hour_ns = 3_600 * SECOND_NS as i64;
        let by_ns = *self.random.pick(&[
            -(SECOND_NS as i64),
            SECOND_NS as i64,
            -hour_ns,
            hour_ns,
            4 * DAY_NS as i64,
            -2 * DAY_NS as i64,
        ]);
        self.coverage.clock_jumps += 1;
        self.note(|| format!("the wall clock jumps by {} s", by_ns / SECOND_NS as i64));
        self.clock.jump(by_ns);
    }
}
