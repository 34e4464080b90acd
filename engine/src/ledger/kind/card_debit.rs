//! A tap of a card, online.
//!
//! The card must be known (`UnknownCard`), the account's current one (`CardLost`, else `CardNotCurrent`: a lost card
//! that was replaced is not current), and its counter above that of its last approved online tap
//! (`CardCounterReplayed`). Then the rules of every debit: see [`super::debit`].
//!
//! A card whose last tap is open says now what became of it, even where it has expired (`CardExpired`): see
//! [`super::presentation`]. What was approved in two phases isn't repeated in one: `IdentityConflict`.
//!
//! Wallet: card; what is loaded or settled before, and what of it is subsidy: see [`super::card_wallet`]. The counter is
//! remembered only when the tap is approved.

use protocol::ids::{CardCounter, CardUid};
use protocol::result_code::ResultCode;

use super::debit::Limits;
use super::presentation::Way;
use super::{Ask, Case, Desk};
use crate::ledger::command::{Channel, Sale};
use crate::ledger::decision::Decision;
use crate::ledger::directory::Directory;
use crate::ledger::fold::Fold;
use crate::ledger::lead::Lead;
use crate::ledger::record::{MoneyFlags, Wallet};
use crate::ledger::shard::Parts;

/// A tap, online.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardDebit<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// The card.
    pub card_uid: CardUid,
    /// The chip's counter.
    pub card_counter: CardCounter,
    /// What is to be paid.
    pub amount_fen: i64,
}

impl<'a> Ask<'a> for CardDebit<'a> {
    #[inline]
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    #[inline]
    fn lead(&self, directory: &Directory) -> Lead {
        Lead::of_card(directory, self.card_uid)
    }

    #[inline]
    fn prefetch_route(&self, directory: &Directory) {
        directory.prefetch_card(self.card_uid);
    }

    #[inline]
    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(self.amount_fen) };
        let digest = card_digest(self.card_uid, self.amount_fen);
        let case =
            Case { till, sale: &self.sale, digest, channel: Channel::Card, amount_fen: self.amount_fen };
        if let Some(decision) = desk.known(&case) {
            return desk.known_in(&case, Way::AtOnce, decision);
        }
        if let Some(code) = desk.bad_field(&case, till.config.sells()) {
            return desk.transient(&case, code);
        }
        let person = match desk.current_card(self.card_uid) {
            Ok(person) => person,
            Err((code, person)) => return desk.refuse(&case, code, person),
        };
        if self.card_counter.0 <= person.account.card_counter {
            return desk.refuse(&case, ResultCode::CardCounterReplayed, Some(person));
        }
        if person.account.asks_more() {
            return desk.present(&case, person, self.card_counter, Way::AtOnce);
        }
        let terms = desk.meal_terms(&case, person.account);
        if let Some(code) = desk.forbidden(&case, person, Wallet::Card, Limits::Usual, terms) {
            return desk.refuse(&case, code, Some(person));
        }
        desk.post_debit(&case, person, Wallet::Card, (MoneyFlags::CARD, self.card_counter.0), terms)
    }
}

/// Domain of the digests of bodies: it stands in records and never changes.
const DOMAIN_CARD: u64 = 1;

/// A tap and its upload have the same digest: card and amount. The same sale may come both ways and is one.
pub(super) fn card_digest(card_uid: CardUid, amount_fen: i64) -> u64 {
    Fold::new(DOMAIN_CARD).word(card_uid.0).word(amount_fen.cast_unsigned()).finish()
}
