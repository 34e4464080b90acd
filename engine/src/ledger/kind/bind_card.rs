//! Makes a card the account's current one, with its counter at 0 and not lost; the one before stays in the directory, and
//! is blocked.
//!
//! A card that the account had before is `CardNotCurrent`, also when it came back and is somebody else's now. Any other card of another account, current or old, is
//! `IdentityConflict`: recorded once, and from then on the card belongs to neither and is blocked; the outcome names the
//! account that had it.

use protocol::ids::{AccountId, CardUid};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U32, U64};

use super::{Ask, Desk};
use crate::ledger::account::AccountStatus;
use crate::ledger::apply::Setting;
use crate::ledger::decision::Decision;
use crate::ledger::directory::CardRoute;
use crate::ledger::error::LedgerError;
use crate::ledger::record::{CardBoundRecord, CardConflictRecord, Record, RecordKind};
use crate::ledger::shard::Parts;

/// Makes a card the account's current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindCard {
    /// The account.
    pub account: AccountId,
    /// The card; not 0.
    pub card_uid: CardUid,
}

impl<'a> Ask<'a> for BindCard {
    const CONFIGURES: bool = true;

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let BindCard { account: id, card_uid } = *self;
        if card_uid.0 == 0 {
            return desk.unchanged(ResultCode::NotPermitted, None);
        }
        let Some(person) = desk.person(id) else { return desk.unchanged(ResultCode::UnknownAccount, None) };
        match desk.directory.card(card_uid) {
            CardRoute::Conflicted => desk.unchanged(ResultCode::IdentityConflict, Some(id)),
            CardRoute::Account(owner) if owner == id => {
                let current = person.account.card_uid == card_uid.0;
                let code = if current { ResultCode::Approved } else { ResultCode::CardNotCurrent };
                desk.unchanged(code, Some(id))
            }
            CardRoute::Account(_) if desk.was_formerly(card_uid, id) => {
                desk.unchanged(ResultCode::CardNotCurrent, Some(id))
            }
            CardRoute::Account(owner) => {
                let Some(first) = desk.person(owner) else {
                    return desk.unchanged(ResultCode::UnknownAccount, Some(owner));
                };
                if !desk.registry.block_list.may_block(card_uid.0) {
                    return desk.unchanged(ResultCode::Busy, None);
                }
                let record = CardConflictRecord {
                    card_uid: U64::new(card_uid.0),
                    previous_first: U64::new(first.account.head),
                    previous_second: U64::new(person.account.head),
                    first: U32::new(owner.0),
                    second: U32::new(id.0),
                };
                desk.changed(ResultCode::IdentityConflict, Some(owner), Record::CardConflict(record))
            }
            CardRoute::Unknown => {
                if person.account.status == AccountStatus::Closed {
                    return desk.unchanged(ResultCode::AccountClosed, Some(id));
                }
                let may_leave = desk.registry.block_list.may_block(person.account.card_uid);
                if !desk.directory.has_room_for_card(card_uid) || !may_leave {
                    return desk.unchanged(ResultCode::Busy, None);
                }
                let record = CardBoundRecord {
                    card_uid: U64::new(card_uid.0),
                    previous_account: U64::new(person.account.head),
                    account: U32::new(id.0),
                    reserved: U32::ZERO,
                };
                desk.changed(ResultCode::Approved, Some(id), Record::CardBound(record))
            }
        }
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn card_bound(&mut self, r: &CardBoundRecord) -> Result<(), LedgerError> {
        let (uid, account) = (r.card_uid.get(), AccountId(r.account.get()));
        if self.directory.card(CardUid(uid)) != CardRoute::Unknown {
            return Err(self.bad("card_uid"));
        }
        self.registry.card_stock.take(CardUid(uid));
        let (mut left, mut had_tap) = (0, false);
        self.change_account(account.0, r.previous_account.get(), |account| {
            left = account.card_uid;
            had_tap = account.change_card(uid, false);
        })?;
        if had_tap {
            self.posting(RecordKind::CardBound).forget_tap(account);
        }
        if !self.directory.insert_card(CardUid(uid), account) {
            return Err(LedgerError::TableFull { table: "cards" });
        }
        self.block(left)
    }

    pub(in crate::ledger) fn card_conflict(&mut self, r: &CardConflictRecord) -> Result<(), LedgerError> {
        let uid = r.card_uid.get();
        let mut had_tap = false;
        self.change_account(r.first.get(), r.previous_first.get(), |account| {
            if account.card_uid == uid {
                had_tap = account.change_card(0, false);
            }
        })?;
        if had_tap {
            self.posting(RecordKind::CardConflict).forget_tap(AccountId(r.first.get()));
        }
        self.change_account(r.second.get(), r.previous_second.get(), |_| {})?;
        if !self.directory.set_conflicted(CardUid(uid)) {
            return Err(self.bad("card_uid"));
        }
        self.block(uid)
    }
}
