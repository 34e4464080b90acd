//! Registers a terminal, or changes what is known of it; its slot stays. With another version of its key the one before is neither
//! taken nor believed any more.

use protocol::ids::{MerchantId, TerminalId};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U16, U32};

use super::{Ask, Desk};
use crate::ledger::apply::{Setting, flag};
use crate::ledger::command::TerminalSlot;
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::record::{Record, TerminalRegisteredRecord};
use crate::ledger::registry::{KeyRotation, Terminal, TerminalKind};
use crate::ledger::shard::Parts;
use crate::ledger::terminal_entry::TerminalEntry;

/// Registers a terminal, or changes what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterTerminal {
    /// The terminal; not 0.
    pub terminal: TerminalId,
    /// A registered merchant; 0 for an operator, who sells for nobody.
    pub merchant: MerchantId,
    /// What it may send.
    pub kind: TerminalKind,
    /// The version of its master key.
    pub key_version: u32,
    /// Whether it may trade.
    pub enabled: bool,
}

impl<'a> Ask<'a> for RegisterTerminal {
    const CONFIGURES: bool = true;

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let RegisterTerminal { terminal, merchant, kind, key_version, enabled } = *self;
        let slot = TerminalSlot(u16::MAX);
        let wanted = Terminal { terminal, merchant, key_version, slot, kind, enabled };
        if wanted.terminal.0 == 0 {
            return desk.unchanged(ResultCode::NotPermitted, None);
        }
        if kind.is_operator() && merchant.0 != 0 {
            return desk.unchanged(ResultCode::NotPermitted, None);
        }
        if !kind.is_operator() && desk.registry.merchant(merchant).is_none() {
            return desk.unchanged(ResultCode::UnknownMerchant, None);
        }
        let slot = match desk.registry.find_terminal(wanted.terminal) {
            Some(known) if *known == (Terminal { slot: known.slot, ..wanted }) => {
                return desk.unchanged(ResultCode::Approved, None);
            }
            Some(known) => known.slot,
            None => match u16::try_from(desk.registry.terminals.len()) {
                Ok(next) if next < desk.registry.terminals_max => TerminalSlot(next),
                _ => return desk.unchanged(ResultCode::Busy, None),
            },
        };
        let record = TerminalRegisteredRecord {
            terminal: U32::new(wanted.terminal.0),
            merchant: U32::new(wanted.merchant.0),
            key_version: U32::new(wanted.key_version),
            slot: U16::new(slot.0),
            kind: wanted.kind as u8,
            enabled: u8::from(wanted.enabled),
        };
        desk.changed(ResultCode::Approved, None, Record::TerminalRegistered(record))
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn terminal_registered(
        &mut self,
        r: &TerminalRegisteredRecord,
    ) -> Result<(), LedgerError> {
        let slot = TerminalSlot(r.slot.get());
        let terminal = Terminal {
            terminal: TerminalId(r.terminal.get()),
            merchant: MerchantId(r.merchant.get()),
            key_version: r.key_version.get(),
            slot,
            kind: TerminalKind::from_number(r.kind).ok_or_else(|| self.bad("kind of terminal"))?,
            enabled: flag(self.number, "enabled", r.enabled)?,
        };
        match self.registry.position(terminal.terminal) {
            Ok(at) => {
                if self.registry.slots_by_terminal[at] != slot {
                    return Err(self.bad("slot"));
                }
                let known = core::mem::replace(&mut self.registry.terminals[usize::from(slot.0)], terminal);
                if known.key_version != terminal.key_version {
                    self.registry.key_rotations[usize::from(slot.0)] = KeyRotation::NEVER;
                }
            }
            Err(at) => {
                if usize::from(slot.0) != self.registry.terminals.len() {
                    return Err(self.bad("slot"));
                }
                if slot.0 >= self.registry.terminals_max {
                    return Err(LedgerError::TableFull { table: "terminals" });
                }
                self.registry.terminals.push(terminal);
                self.registry.key_rotations.push(KeyRotation::NEVER);
                self.registry.slots_by_terminal.insert(at, slot);
                let shard = self.parts.shard_mut(self.layout.shard_of_terminal(slot));
                shard.terminals.push(TerminalEntry::new(terminal.terminal, shard.outcomes_per_terminal));
            }
        }
        Ok(())
    }
}
