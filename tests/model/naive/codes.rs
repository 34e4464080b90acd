//! Payment codes revoked, and the key that they are made under.

use engine::ledger::command::{CodeKeyRotate, CodeRevoke};
use engine::ledger::registry::TerminalKind;
use protocol::result_code::ResultCode;

use super::identity::bad_identity;
use super::{Answer, Body, Deed, Model};

const HALF_A_MINUTE_NS: u64 = 30_000_000_000;
/// Who makes codes may not have heard of a new key for two minutes.
const STEPS_TO_HEAR_OF_A_KEY: u32 = 4;

impl Model {
    pub(super) fn code_revoke(&mut self, r: &CodeRevoke<'_>) -> Answer {
        let body = Body::CodeRevoke { account: r.account };
        let ask = match self.ask(&r.sale, body, 0) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return answer;
        }
        let kind = self.tills[ask.till].kind;
        let permitted = matches!(kind, TerminalKind::PhoneGateway | TerminalKind::Counter);
        if let Some(answer) = bad_identity(&ask, permitted) {
            return answer;
        }
        match self.select(&r.account) {
            Err(code) => self.refuse(&ask, code, None),
            Ok(id) => {
                // A phone whose clock is ahead may have shown a code of the step to come.
                let step = self.step_now().max(r.intake_step) + 1;
                let revoked = &mut self.accounts[id as usize].codes_revoked_to;
                *revoked = step.max(*revoked);
                let record = self.next_record();
                self.settle(&ask, record, ResultCode::Approved, Deed::Other, Some(id))
            }
        }
    }

    pub(super) fn code_key_rotate(&mut self, r: &CodeKeyRotate<'_>) -> Answer {
        let body = Body::CodeKeyRotate { key_version: r.key_version, refuses_earlier: r.refuses_earlier };
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
        if r.key_version != self.code_key + 1 {
            return self.refuse(&ask, ResultCode::CodeKeyNotNext, None);
        }
        self.code_key = r.key_version;
        let last = self.step_now() + STEPS_TO_HEAR_OF_A_KEY;
        self.earlier_key_until_step = if r.refuses_earlier { 0 } else { last };
        let record = self.next_record();
        self.settle(&ask, record, ResultCode::Approved, Deed::Other, None)
    }

    /// Whether a code made under this key is taken.
    pub(super) fn key_is_in_use(&self, key_version: u32, step: u32) -> bool {
        let one_before = key_version + 1 == self.code_key;
        key_version == self.code_key || one_before && step <= self.earlier_key_until_step
    }

    fn step_now(&self) -> u32 {
        (self.time_ns / HALF_A_MINUTE_NS) as u32
    }
}
