//! Takes the loss report of an account's current card back: its taps are taken again, and it leaves the block-list.
//!
//! `CardNotLost`, `NoCard`. What else: see [`super::password`].

use protocol::result_code::ResultCode;
use zerocopy::little_endian::U64;

use super::password::{Wanted, digest_of};
use super::{Ask, Desk};
use crate::ledger::apply::Setting;
use crate::ledger::command::{AccountSelector, Sale};
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::record::{LossRecord, Record, RecordKind};
use crate::ledger::registry::Terminal;
use crate::ledger::shard::Parts;

/// Takes the loss report of an account's current card back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossLift<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// Whose card.
    pub account: AccountSelector,
    /// Whether what came along is a password at all.
    pub well_formed: bool,
}

impl<'a> Ask<'a> for LossLift<'a> {
    const CONFIGURES: bool = true;

    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let LossLift { account, well_formed, .. } = *self;
        desk.by_password(
            &self.sale,
            &Wanted { account, well_formed, digest: account.fold(digest_of(6)).finish() },
            Terminal::reports_losses,
            |person, _| {
                if person.account.card_uid == 0 {
                    return Some(ResultCode::NoCard);
                }
                (!person.account.card_lost).then_some(ResultCode::CardNotLost)
            },
            |person, money| {
                Record::LossLifted(LossRecord { money, card_uid: U64::new(person.account.card_uid) })
            },
        )
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn loss_lifted(&mut self, r: &LossRecord) -> Result<(), LedgerError> {
        self.set_lost(RecordKind::LossLifted, r, false)?;
        self.registry.block_list.free(r.card_uid.get());
        Ok(())
    }
}
