//! What cryptography says of a request, and which till it names, is found out before it is queued, outside every lock: the ledger computes no MAC.

use std::cell::RefCell;

use protocol::keys::{Key128, derive_code_key, derive_terminal_key, derive_terminal_scan_key};
use protocol::mac::Cmac128;
use protocol::password::Password;
use protocol::payment_code::{self, CODE_DIGITS, CODE_KEY_ID_MAX, CodeRefusal};
use protocol::request::Request;
use protocol::self_scan::ScanCode;

use super::Shared;
use super::worker::wall_ns;
use crate::ledger::TerminalSlot;
use crate::ledger::command::CodeVerdict;
use crate::ledger::record::MoneyRecord;

/// No till has this slot.
const NO_TILL: TerminalSlot = TerminalSlot(MoneyRecord::NO_SLOT);

/// What was found out.
#[derive(Clone, Copy)]
pub(super) enum Proof {
    /// Nothing was to be judged.
    None,
    /// Of a payment code, judged under the key of this version.
    Code(CodeVerdict, u32),
    /// Of what an offline till showed.
    Scan(ScanProof),
    /// Of a query password: itself, if it is one.
    Password(Option<Password>),
    /// Of the debit that a refund names: its till's slot, if it is registered.
    Slot(Option<TerminalSlot>),
    /// The slot of the till that is named; one that no till has, when it isn't registered.
    Till(TerminalSlot),
}

/// What was found out about the code of an offline till.
#[derive(Clone, Copy)]
pub(super) struct ScanProof {
    /// The till's slot; one that no till has, when it isn't registered.
    pub(super) slot: TerminalSlot,
    pub(super) authentic: bool,
    /// Whether the till seems to be connected.
    pub(super) till_connected: bool,
    /// What the phone shows if it is paid.
    pub(super) confirmation: u32,
}

/// Who finds it out.
pub(super) struct Judge<'w> {
    pub(super) shared: &'w Shared,
    pub(super) code_keys: &'w RefCell<CodeKeys>,
}

impl Judge<'_> {
    /// Judges a request.
    pub(super) fn proof(&self, request: &Request<'_>) -> Proof {
        match request {
            Request::CodeDebit(debit) => {
                let current = self.shared.engine.routes().configuration().registry.code_key().version;
                let (verdict, version) = self.code_keys.borrow_mut().verdict(&debit.code, current, wall_ns());
                Proof::Code(verdict, version)
            }
            Request::Refund(refund) => {
                let routes = self.shared.engine.routes();
                let till = routes.configuration().registry.find_terminal(refund.original.terminal);
                Proof::Slot(till.map(|till| till.slot))
            }
            Request::ScanPay(pay) => Proof::Scan(self.scan(&pay.code)),
            Request::GapClose(close) => {
                let routes = self.shared.engine.routes();
                let till = routes.configuration().registry.find_terminal(close.till);
                Proof::Till(till.map_or(NO_TILL, |till| till.slot))
            }
            _ => Proof::None,
        }
    }

    fn scan(&self, code: &ScanCode) -> ScanProof {
        let now_ns = self.shared.engine.logged_time_ns();
        let routes = self.shared.engine.routes();
        let registry = &routes.configuration().registry;
        let Some(till) = registry.find_terminal(code.terminal) else {
            return ScanProof { slot: NO_TILL, authentic: false, till_connected: false, confirmation: 0 };
        };
        let scan_key = |version| {
            let terminal_key = derive_terminal_key(&self.shared.master_key, till.terminal, version);
            derive_terminal_scan_key(&terminal_key, till.terminal)
        };
        let mut key = scan_key(till.key_version);
        // A till that was offline when its key was changed shows codes of the one before, and checks the confirmation by it.
        let earlier = registry.earlier_believed_key(till, now_ns).map(scan_key);
        if let Some(earlier) = earlier.filter(|earlier| code.is_authentic(earlier)) {
            key = earlier;
        }
        ScanProof {
            slot: till.slot,
            authentic: code.is_authentic(&key),
            till_connected: self.shared.sessions.is_open(till.terminal),
            confirmation: code.confirmation(&key),
        }
    }
}

/// The latest payment-code keys, each scheduled when the first code of it comes: each worker has its own.
pub(super) struct CodeKeys {
    master: Key128,
    /// By key id, with the version that is scheduled.
    scheduled: [Option<(u32, Cmac128)>; CODE_KEY_ID_MAX as usize + 1],
}

impl CodeKeys {
    /// None is scheduled yet.
    pub(super) fn new(master: Key128) -> CodeKeys {
        CodeKeys { master, scheduled: Default::default() }
    }

    /// What is to be said of a code's digits while the key of version `current` is in use, and the version that they were
    /// judged under: whether that one's codes are taken still is the ledger's to say.
    fn verdict(&mut self, digits: &[u8; CODE_DIGITS], current: u32, now_ns: u64) -> (CodeVerdict, u32) {
        let Ok(parsed) = payment_code::parse(digits) else { return (CodeVerdict::Malformed, 0) };
        let Some(version) = payment_code::key_version_of(parsed.key_id(), current) else {
            return (CodeVerdict::Malformed, 0);
        };
        let verdict = match parsed.authenticate(self.key(parsed.key_id(), version), now_ns) {
            Ok(code) => match u32::try_from(code.step) {
                Ok(step) => CodeVerdict::Authentic { account: code.account, step, nonce: code.nonce },
                Err(_) => CodeVerdict::Expired,
            },
            Err(CodeRefusal::NotAuthentic) => CodeVerdict::NotAuthentic,
            Err(CodeRefusal::Expired) => CodeVerdict::Expired,
        };
        (verdict, version)
    }

    fn key(&mut self, key_id: u8, version: u32) -> &mut Cmac128 {
        let place = &mut self.scheduled[usize::from(key_id)];
        if place.as_ref().is_some_and(|(scheduled, _)| *scheduled != version) {
            *place = None;
        }
        let master = &self.master;
        let (_, key) =
            place.get_or_insert_with(|| (version, Cmac128::new(&derive_code_key(master, version))));
        key
    }
}

#[cfg(test)]
mod tests {
    use protocol::ids::AccountId;

    use super::*;

    #[test]
    fn a_code_is_judged_under_the_newest_key_of_its_id() {
        let master = Key128::new([7; 16]);
        let mut keys = CodeKeys::new(master.clone());
        let step = 59_849_770;
        let now_ns = step * payment_code::STEP_NS;
        let account = AccountId(5);
        let authentic = CodeVerdict::Authentic { account, step: step as u32, nonce: 1 };
        let code = |version| {
            let key = derive_code_key(&master, version);
            payment_code::issue(&key, payment_code::key_id_of(version), account, step, 1).expect("it fits")
        };
        assert_eq!(keys.verdict(&code(0), 0, now_ns), (authentic, 0));
        assert_eq!(keys.verdict(&code(1), 0, now_ns), (CodeVerdict::Malformed, 0));
        for current in 1..9_u32 {
            for version in current.saturating_sub(3)..=current {
                assert_eq!(keys.verdict(&code(version), current, now_ns), (authentic, version));
            }
            let (coming, _) = keys.verdict(&code(current + 1), current, now_ns);
            let unknown = current + 1 < 4;
            let expected = if unknown { CodeVerdict::Malformed } else { CodeVerdict::NotAuthentic };
            assert_eq!(coming, expected, "version {} while {current} is in use", current + 1);
        }
    }
}
