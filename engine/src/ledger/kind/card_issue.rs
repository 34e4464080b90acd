//! Gives a card to an account that has none, with its counter at 0.
//!
//! `CardTermsWrong`, `CardNotReusableYet` and `CardNotReusable` for a card that was an account's before, `CardTaken` for one that is
//! somebody's or was given to two;
//! `UnknownAccount`, `AccountClosed`, `AccountFrozen`, `CardAlreadyCurrent`. What else: see [`super::card_state`].

use protocol::card::{CardKind, CardTerms};
use protocol::ids::CardUid;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U16, U32, U64};

use super::card_state::{Deed, Wanted, closed_or_frozen, digest_of};
use super::{Ask, Desk};
use crate::ledger::apply::Setting;
use crate::ledger::command::{AccountSelector, Sale};
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::record::{CardIssuedRecord, Record, RecordKind};
use crate::ledger::shard::Parts;

/// Gives a card to an account that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardIssue<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// Whose account.
    pub account: AccountSelector,
    /// The card; not 0.
    pub card_uid: CardUid,
    /// What it is issued as.
    pub kind: CardKind,
    /// The first +08:00 day on which it isn't taken any more; 0 = never.
    pub expires_day: u16,
    /// What the account pays for it.
    pub fee_fen: i64,
}

impl<'a> Ask<'a> for CardIssue<'a> {
    const CONFIGURES: bool = true;

    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let CardIssue { account, card_uid, kind, expires_day, fee_fen, .. } = *self;
        let fold = digest_of(1)
            .word(card_uid.0)
            .word(u64::from(kind.number()) << 16 | u64::from(expires_day))
            .word(fee_fen.cast_unsigned());
        let digest = account.fold(fold).finish();
        let terms = CardTerms { kind, expires_day };
        let wanted = Wanted { account, card_uid, deed: Deed::GivesOut, terms, fee_fen, digest };
        desk.card_state(
            &self.sale,
            &wanted,
            |person| {
                let account = person?.account;
                let has_one = account.card_uid != 0;
                closed_or_frozen(account).or(has_one.then_some(ResultCode::CardAlreadyCurrent))
            },
            |_, money| {
                Record::CardIssued(CardIssuedRecord {
                    money,
                    card_uid: U64::new(card_uid.0),
                    kind: kind.number(),
                    reserved: 0,
                    expires_day: U16::new(expires_day),
                    reserved_2: U32::ZERO,
                })
            },
        )
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn card_issued(&mut self, r: &CardIssuedRecord) -> Result<(), LedgerError> {
        let uid = r.card_uid.get();
        let expires_day = r.expires_day.get();
        self.give_out(CardUid(uid), &r.money, (r.kind, expires_day))?;
        self.change_card(RecordKind::CardIssued, &r.money, uid, expires_day != 0)?;
        Ok(())
    }
}
