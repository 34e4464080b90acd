//! Takes the current card of an account back, lost or not. The account stays, without a card; the card stays in the
//! directory, so that its late records find the account, and is blocked.
//!
//! `UnknownCard` for a card that no account has or had, `CardNotCurrent` for one that isn't this account's now;
//! `UnknownAccount`; `TapOpen` while nobody knows what became of the chip, unless the card can't be presented any more: then the tap
//! stands. An account that is closed or frozen may give its card back. What else: see [`super::card_state`].

use protocol::card::CardTerms;
use protocol::ids::CardUid;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U32, U64};

use super::card_state::{Deed, Wanted, digest_of};
use super::{Ask, Desk};
use crate::ledger::apply::Setting;
use crate::ledger::command::{AccountSelector, Sale};
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::record::{CardReturnedRecord, Record, RecordKind};
use crate::ledger::shard::Parts;

/// Takes the current card of an account back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardReturn<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// Whose account.
    pub account: AccountSelector,
    /// The card that is given back; not 0.
    pub card_uid: CardUid,
}

impl<'a> Ask<'a> for CardReturn<'a> {
    const CONFIGURES: bool = true;

    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let CardReturn { account, card_uid, .. } = *self;
        let wanted = Wanted {
            account,
            card_uid,
            deed: Deed::TakesBack,
            terms: CardTerms::STANDARD,
            fee_fen: 0,
            digest: account.fold(digest_of(3).word(card_uid.0)).finish(),
        };
        desk.card_state(
            &self.sale,
            &wanted,
            |person| {
                if desk.directory.card(card_uid).account().is_none() {
                    return Some(ResultCode::UnknownCard);
                }
                let account = person?.account;
                if account.card_uid != card_uid.0 {
                    return Some(ResultCode::CardNotCurrent);
                }
                desk.awaits_card(account).then_some(ResultCode::TapOpen)
            },
            |_, money| {
                Record::CardReturned(CardReturnedRecord {
                    money,
                    card_uid: U64::new(card_uid.0),
                    block_list_version: U32::ZERO,
                    way: 0,
                    reserved: [0; 3],
                })
            },
        )
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn card_returned(&mut self, r: &CardReturnedRecord) -> Result<(), LedgerError> {
        let uid = r.card_uid.get();
        let before = self.change_card(RecordKind::CardReturned, &r.money, 0, false)?;
        if before != uid || uid == 0 {
            return Err(self.bad("card_uid"));
        }
        self.come_back(CardUid(uid))?;
        self.block(uid)
    }
}
