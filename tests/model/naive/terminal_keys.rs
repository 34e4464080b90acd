//! Terminals' keys: the next is taken into use, and the terminal signs in under it.

use engine::ledger::command::{TerminalKeyRotate, TerminalKeyTaken};
use engine::ledger::registry::TerminalKind;
use protocol::result_code::ResultCode;

use super::{Answer, Body, Deed, Model};

const STAYS_NS: u64 = 37 * 86_400_000_000_000;

impl Model {
    pub(super) fn terminal_key_rotate(&mut self, r: &TerminalKeyRotate<'_>) -> Answer {
        let body = Body::TerminalKey {
            terminal: r.terminal.0,
            key_version: r.key_version,
            reason: r.reason.to_vec(),
        };
        let ask = match self.ask(&r.sale, body, 0) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        let roles = [TerminalKind::Administrator];
        if let Some(answer) = self.known(&ask).or_else(|| self.bad_office_field(&ask, &roles, r.reason)) {
            return answer;
        }
        let time_ns = self.time_ns;
        let Some(till) = self.tills.iter_mut().find(|till| till.terminal == r.terminal.0) else {
            return self.refuse(&ask, ResultCode::TerminalNotFound, None);
        };
        if till.key_version + 1 != r.key_version {
            return self.refuse(&ask, ResultCode::TerminalKeyNotNext, None);
        }
        if till.key_changed_ns.is_some_and(|changed_ns| time_ns < changed_ns + STAYS_NS) {
            return self.refuse(&ask, ResultCode::TerminalKeyTooSoon, None);
        }
        (till.key_version, till.key_changed_ns, till.key_awaited) = (r.key_version, Some(time_ns), true);
        let record = self.next_record();
        self.settle(&ask, record, ResultCode::Approved, Deed::Other, None)
    }

    pub(super) fn terminal_key_taken(&mut self, r: &TerminalKeyTaken) -> Answer {
        let till = self.tills.iter_mut().find(|till| till.terminal == r.terminal.0);
        match till.filter(|till| till.key_awaited && till.key_version == r.key_version) {
            Some(till) => {
                till.key_awaited = false;
                self.changed(ResultCode::Approved, None)
            }
            None => self.stands(ResultCode::Approved, None),
        }
    }
}
