//! Reports an account's current card lost: no tap of it is taken from here on, and it comes onto the block-list.
//!
//! `CardAlreadyLost`, `NoCard`; `Busy` when the block-list has no place, without a record. An account that is frozen or closed
//! may report its card, too. What else: see [`super::password`].

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

/// Reports an account's current card lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossReport<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// Whose card.
    pub account: AccountSelector,
    /// Whether what came along is a password at all.
    pub well_formed: bool,
}

impl<'a> Ask<'a> for LossReport<'a> {
    const CONFIGURES: bool = true;

    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let LossReport { account, well_formed, .. } = *self;
        desk.by_password(
            &self.sale,
            &Wanted { account, well_formed, digest: account.fold(digest_of(5)).finish() },
            Terminal::reports_losses,
            |person, _| {
                let account = person.account;
                if account.card_uid == 0 {
                    Some(ResultCode::NoCard)
                } else if account.card_lost {
                    Some(ResultCode::CardAlreadyLost)
                } else {
                    let has_room = desk.registry.block_list.may_block(account.card_uid);
                    (!has_room).then_some(ResultCode::Busy)
                }
            },
            |person, money| {
                Record::LossReported(LossRecord { money, card_uid: U64::new(person.account.card_uid) })
            },
        )
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn loss_reported(&mut self, r: &LossRecord) -> Result<(), LedgerError> {
        self.set_lost(RecordKind::LossReported, r, true)?;
        self.block_as(r.card_uid.get(), true)
    }

    /// Sets or clears the loss of the card that the record names, which must be the account's and otherwise until now.
    pub(super) fn set_lost(
        &mut self,
        kind: RecordKind,
        r: &LossRecord,
        lost: bool,
    ) -> Result<(), LedgerError> {
        let mut fits = false;
        self.change_holder(
            kind,
            &r.money,
            |account| {
                fits = account.card_uid == r.card_uid.get() && account.card_lost != lost;
                account.card_lost = lost;
            },
            |holder| holder.forget_failures(),
        )?;
        if fits && r.card_uid.get() != 0 { Ok(()) } else { Err(self.bad("card_uid")) }
    }
}
