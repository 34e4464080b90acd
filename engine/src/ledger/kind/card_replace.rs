//! Gives a new card to an account in the place of its current one, lost or not. The old one stays in the directory, so
//! that its late records find the account; it is blocked, and taps of it are `CardNotCurrent`.
//!
//! `CardNotCurrent` for an account without a card; `CardTermsWrong`, `CardNotReusableYet`, `CardNotReusable`, `CardTaken`, `UnknownAccount`, `AccountClosed` and
//! `AccountFrozen` as for [`super::card_issue`]. What else: see [`super::card_state`].

use protocol::card::{CardKind, CardTerms, ReplaceReason};
use protocol::ids::CardUid;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U16, U32, U64};

use super::card_state::{Deed, Wanted, closed_or_frozen, digest_of};
use super::{Ask, Desk};
use crate::ledger::apply::Setting;
use crate::ledger::command::{AccountSelector, Sale};
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::record::{CardReplacedRecord, Record, RecordKind};
use crate::ledger::shard::Parts;

/// Gives a new card to an account in the place of its current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardReplace<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// Whose account.
    pub account: AccountSelector,
    /// The new card; not 0.
    pub new_card: CardUid,
    /// Why.
    pub reason: ReplaceReason,
    /// As what, and until when the new one is given out.
    pub terms: CardTerms,
    /// What the account pays for it.
    pub fee_fen: i64,
}

impl<'a> Ask<'a> for CardReplace<'a> {
    const CONFIGURES: bool = true;

    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let CardReplace { account, new_card, reason, terms, fee_fen, .. } = *self;
        // A standard card for ever adds nothing: so it was when there were no others.
        let kind = u64::from(terms.kind.number() - CardKind::Standard.number());
        let why_and_what = u64::from(reason.number()) | u64::from(terms.expires_day) << 8 | kind << 24;
        let fold = digest_of(2).word(new_card.0).word(why_and_what).word(fee_fen.cast_unsigned());
        let wanted = Wanted {
            account,
            card_uid: new_card,
            deed: Deed::GivesOut,
            terms,
            fee_fen,
            digest: account.fold(fold).finish(),
        };
        desk.card_state(
            &self.sale,
            &wanted,
            |person| {
                let account = person?.account;
                let has_none = account.card_uid == 0;
                has_none.then_some(ResultCode::CardNotCurrent).or(closed_or_frozen(account))
            },
            |person, money| {
                Record::CardReplaced(CardReplacedRecord {
                    money,
                    old: U64::new(person.account.card_uid),
                    new: U64::new(new_card.0),
                    old_counter: U32::new(person.account.card_counter),
                    reason: reason.number(),
                    kind: terms.kind.number() - CardKind::Standard.number(),
                    expires_day: U16::new(terms.expires_day),
                })
            },
        )
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn card_replaced(&mut self, r: &CardReplacedRecord) -> Result<(), LedgerError> {
        let (old, new) = (r.old.get(), r.new.get());
        let expires_day = r.expires_day.get();
        self.give_out(CardUid(new), &r.money, (r.kind_of_card(), expires_day))?;
        let before = self.change_card(RecordKind::CardReplaced, &r.money, new, expires_day != 0)?;
        if before != old || old == 0 {
            return Err(self.bad("old"));
        }
        self.block_as(old, r.reason == ReplaceReason::Lost.number())
    }
}
