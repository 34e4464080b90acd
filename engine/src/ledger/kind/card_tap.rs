//! A tap in two phases: the answer says what to write on the chip, the till writes it, and confirms.
//!
//! It is decided as [`super::card_debit`] is, with the same refusals, and posts the same. But the account's card counter
//! rises only once the chip is known to be written; until then the tap is open: see [`crate::ledger::open_taps`]. `Busy`, without
//! a record, while the table of open taps has no place for one more,
//! unless the card or the account is refused.
//!
//! The chip is written with the tap's counter and with what the card wallet holds after it, whatever was loaded or settled in
//! its group. Its retry is told the same as long as it is open, and nothing to write afterwards.
//!
//! What was paid by phone is settled inside the tap, as in every tap ([`super::card_wallet`]). Where the tap is undone for
//! want of a written chip, the settling stays, as it does when a tap is reversed: the card wallet has paid, and the next chip that
//! is written says so.

use protocol::ids::{CardCounter, CardUid};
use zerocopy::little_endian::I64;

use super::meal_terms::MealTerms;
use super::presentation::Way;
use super::{Ask, Case, Desk, Person};
use crate::ledger::command::Sale;
use crate::ledger::decision::Decision;
use crate::ledger::directory::Directory;
use crate::ledger::lead::Lead;
use crate::ledger::record::{FullDebitRecord, MoneyFlags, Record, Wallet, Wallets};
use crate::ledger::shard::Parts;

/// A tap in two phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardTap<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// The card.
    pub card_uid: CardUid,
    /// The counter of this transaction: one more than stands on the chip.
    pub card_counter: CardCounter,
    /// What is to be paid.
    pub amount_fen: i64,
}

impl<'a> Ask<'a> for CardTap<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn lead(&self, directory: &Directory) -> Lead {
        Lead::of_card(directory, self.card_uid)
    }

    fn prefetch_route(&self, directory: &Directory) {
        directory.prefetch_card(self.card_uid);
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        desk.tapped(&self.sale, (self.card_uid, self.card_counter), self.amount_fen, Way::InTwoPhases)
    }
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    pub(super) fn has_room_for_tap(&self, person: Person<'_>) -> bool {
        self.parts.shard(self.layout.shard_of_account(person.id)).has_room_for_tap(person.id)
    }

    /// The first phase: as a debit, with a counter that isn't the card's yet.
    pub(super) fn post_tap<'a>(
        &self,
        case: &Case<'_, 'a>,
        person: Person<'_>,
        counter: CardCounter,
        terms: MealTerms,
    ) -> Decision<'a> {
        let token = (MoneyFlags::default(), counter.0);
        let decision = self.post_debit(case, person, Wallet::Card, token, terms);
        decision.with_last(|record| {
            let debit = match record {
                Record::FullDebit(debit) => debit,
                Record::Debit(money) => {
                    let wallets =
                        Wallets { card_fen: I64::new(-money.amount_fen.get()), ..Wallets::default() };
                    FullDebitRecord::plain(money, wallets)
                }
                other => return other,
            };
            Record::FullDebit(FullDebitRecord { phases: FullDebitRecord::TWO_PHASES, ..debit })
        })
    }
}
