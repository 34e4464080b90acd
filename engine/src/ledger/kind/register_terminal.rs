//! Registers a terminal, or changes what is known of it; its slot stays.

use protocol::ids::{MerchantId, TerminalId};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U16, U32};

use super::{Ask, Desk};
use crate::ledger::command::TerminalSlot;
use crate::ledger::decision::Decision;
use crate::ledger::record::{Record, TerminalRegisteredRecord};
use crate::ledger::registry::{Terminal, TerminalKind};
use crate::ledger::shard::Parts;

/// Registers a terminal, or changes what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterTerminal {
    /// The terminal; not 0.
    pub terminal: TerminalId,
    /// A registered merchant.
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
        if desk.registry.merchant(wanted.merchant).is_none() {
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
