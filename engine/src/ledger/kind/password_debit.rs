//! A tap of a card, online, with the holder's query password: no limit of amounts applies.
//!
//! It is decided as [`super::card_debit`] is and makes the same records, with [`MoneyFlags::PASSWORD`] in that of the debit. What is
//! wrong with the card comes first, then the password (see [`super::password`]), then the rules of every debit but for
//! `DebitLimit` and `DayLimit`. It counts in the day's total, and forgets the wrong passwords before it. A wrong one is counted even
//! if a tap before was found to be unwritten: that is undone in the same group.
//!
//! The password isn't part of the sale: under the same identity, card and amount it is the same as a tap without it, or as that tap's
//! upload, and is answered as what came first was.
//!
//! [`MoneyFlags::PASSWORD`]: crate::ledger::record::MoneyFlags::PASSWORD

use protocol::ids::{AccountId, CardCounter, CardUid};

use super::presentation::Way;
use super::{Ask, Desk};
use crate::ledger::apply::Posting;
use crate::ledger::command::Sale;
use crate::ledger::decision::Decision;
use crate::ledger::directory::Directory;
use crate::ledger::lead::Lead;
use crate::ledger::shard::Parts;

/// A tap, online, with the holder's query password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordDebit<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// The card.
    pub card_uid: CardUid,
    /// The chip's counter.
    pub card_counter: CardCounter,
    /// What is to be paid.
    pub amount_fen: i64,
    /// Whether what came along is a password at all.
    pub well_formed: bool,
}

impl<'a> Ask<'a> for PasswordDebit<'a> {
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
        let way = Way::ByPassword { well_formed: self.well_formed };
        desk.tapped(&self.sale, (self.card_uid, self.card_counter), self.amount_fen, way)
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    /// A debit came with the right password.
    #[cold]
    #[inline(never)]
    pub(super) fn password_was_right(&mut self, person: AccountId) {
        self.layout.holder_mut(self.parts, person).forget_failures();
    }
}
