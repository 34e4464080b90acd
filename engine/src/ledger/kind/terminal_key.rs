//! A terminal's next key is taken into use, and the terminal is known to have it.
//!
//! Keys are derived elsewhere; the books hold their versions. So that a till in the field isn't locked out, it may sign in under
//! the key before, too, until it has signed in once under the new one or a week has passed, whichever is first. What it had signed
//! under the key before is believed for thirty days more, which is how late offline records may come; and until then the terminal's
//! key isn't rotated again, so that there never is more than one before.
//!
//! After what operators have in common ([`super::office`]): `TerminalNotFound`, `TerminalKeyNotNext`, `TerminalKeyTooSoon`.

use protocol::command_table::Kind;
use protocol::ids::TerminalId;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::U32;

use super::office::{case_of, digest_of, reason_bytes};
use super::{Ask, Desk};
use crate::ledger::apply::Setting;
use crate::ledger::command::{Sale, TerminalSlot};
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::record::{Record, RecordKind, TerminalKeyRotatedRecord, TerminalKeyTakenRecord};
use crate::ledger::registry::KeyRotation;
use crate::ledger::shard::Parts;

/// Takes a terminal's next key into use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalKeyRotate<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// Whose key.
    pub terminal: TerminalId,
    /// The version from now on.
    pub key_version: u32,
    /// Why, UTF-8.
    pub reason: &'a [u8],
}

impl<'a> Ask<'a> for TerminalKeyRotate<'a> {
    const CONFIGURES: bool = true;

    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(0) };
        let digest = digest_of(Kind::TerminalKeyRotate, self.reason)
            .word(u64::from(self.terminal.0))
            .word(u64::from(self.key_version))
            .finish();
        let case = case_of(till, &self.sale, digest, 0);
        if let Some(decision) = desk.office_refusal(&case, Kind::TerminalKeyRotate, Some(self.reason), None) {
            return decision;
        }
        let Some(known) = desk.registry.find_terminal(self.terminal) else {
            return desk.refuse(&case, ResultCode::TerminalNotFound, None);
        };
        if known.key_version.checked_add(1) != Some(self.key_version) {
            return desk.refuse(&case, ResultCode::TerminalKeyNotNext, None);
        }
        if desk.registry.key_rotation(known.slot).is_believed_before(desk.stamp.time_ns) {
            return desk.refuse(&case, ResultCode::TerminalKeyTooSoon, None);
        }
        let money = desk.memo(&case, ResultCode::Approved, None);
        let record = TerminalKeyRotatedRecord {
            money,
            terminal: U32::new(self.terminal.0),
            key_version: U32::new(self.key_version),
            reason_bytes: reason_bytes(self.reason),
            reserved: [0; 7],
        };
        desk.office_done(&money, ResultCode::Approved, Record::TerminalKeyRotated(record, self.reason))
    }
}

/// A terminal has signed in under the key that was taken into use last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalKeyTaken {
    /// Which.
    pub terminal: TerminalId,
    /// The version of the key.
    pub key_version: u32,
}

impl<'a> Ask<'a> for TerminalKeyTaken {
    const CONFIGURES: bool = true;

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let awaited = |slot| desk.registry.key_rotation(slot).awaits_terminal();
        match desk.registry.find_terminal(self.terminal) {
            Some(known) if known.key_version == self.key_version && awaited(known.slot) => {
                let record = TerminalKeyTakenRecord {
                    terminal: U32::new(self.terminal.0),
                    key_version: U32::new(self.key_version),
                };
                desk.changed(ResultCode::Approved, None, Record::TerminalKeyTaken(record))
            }
            _ => desk.unchanged(ResultCode::Approved, None),
        }
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn terminal_key_rotated(
        &mut self,
        r: &TerminalKeyRotatedRecord,
        _: &[u8],
    ) -> Result<(), LedgerError> {
        let slot = self.slot_of(r.terminal.get())?;
        let terminal = &mut self.registry.terminals[usize::from(slot.0)];
        if terminal.key_version.checked_add(1) != Some(r.key_version.get()) {
            return Err(self.bad("key_version"));
        }
        terminal.key_version = r.key_version.get();
        let rotation = KeyRotation { rotated_ns: self.time_ns, taken: false };
        self.registry.key_rotations[usize::from(slot.0)] = rotation;
        self.posting(RecordKind::TerminalKeyRotated).post_till(&r.money)?;
        Ok(())
    }

    pub(in crate::ledger) fn terminal_key_taken(
        &mut self,
        r: &TerminalKeyTakenRecord,
    ) -> Result<(), LedgerError> {
        let slot = self.slot_of(r.terminal.get())?;
        if self.registry.terminals[usize::from(slot.0)].key_version != r.key_version.get() {
            return Err(self.bad("key_version"));
        }
        self.registry.key_rotations[usize::from(slot.0)].taken = true;
        Ok(())
    }

    fn slot_of(&self, terminal: u32) -> Result<TerminalSlot, LedgerError> {
        let known = self.registry.find_terminal(TerminalId(terminal));
        known.map(|known| known.slot).ok_or_else(|| self.bad("terminal"))
    }
}
