//! Holes in tills' sequences, closed by an operator.

use engine::ledger::command::GapClose;
use engine::ledger::limits::GAPS_MAX;
use engine::ledger::registry::TerminalKind;
use protocol::result_code::ResultCode;

use super::identity::bad_identity;
use super::{Answer, Body, Deed, Model, answer};

impl Model {
    pub(super) fn gap_close(&mut self, r: &GapClose<'_>) -> Answer {
        let (first, last) = (r.first.0, r.last.0);
        let body = Body::GapClose { till: r.till.0, epoch: r.epoch.0, first, last, reason: r.reason };
        let ask = match self.ask(&r.sale, body, 0) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return answer;
        }
        if let Some(answer) = bad_identity(&ask, self.tills[ask.till].kind == TerminalKind::Counter) {
            return answer;
        }
        let slot = usize::from(r.till_slot.0);
        let Some(till) = self.tills.get(slot).filter(|till| till.terminal == r.till.0) else {
            return self.refuse(&ask, ResultCode::GapTillUnknown, None);
        };
        // A counter's own request has come when it closes a hole of its own.
        let mut received = till.received.clone();
        let begins_an_epoch = slot == ask.till && ask.epoch != till.epoch;
        if slot == ask.till && !begins_an_epoch {
            received.insert(ask.sequence);
        }
        let highest = received.last().copied().unwrap_or(0);
        let missing =
            first != 0 && first <= last && last < highest && (first..=last).all(|s| !received.contains(&s));
        if r.epoch.0 != till.epoch || begins_an_epoch || !missing {
            return self.refuse(&ask, ResultCode::GapNotOpen, None);
        }
        received.extend(first..=last);
        if super::identity::gaps(received.iter()) > GAPS_MAX {
            return answer(ResultCode::TooManyGaps, 0);
        }
        let record = self.next_record();
        let answer = self.settle(&ask, record, ResultCode::Approved, Deed::Other, None);
        self.tills[slot].received.extend(first..=last);
        answer
    }
}
