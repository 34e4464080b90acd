//! The subsidy part of card wallets: used first, and never more than is on the card.

use super::posting::changes;
use crate::ledger::record::{Record, SubsidyRecord, Wallet};

/// A person's card wallet, and what of it is the school's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Purse {
    pub(super) card_fen: i128,
    pub(super) transition_fen: i128,
    /// The subsidy part of the card wallet.
    pub(super) subsidy_fen: i128,
    /// What of the school's part came back after it was spent, added up since the log began.
    pub(super) came_back_fen: i128,
    /// Whether the account is closed.
    pub(super) is_closed: bool,
}

impl Purse {
    /// What is left of the school's part once what was paid by phone is settled onto the card, the school's part first.
    pub(super) fn school_fen(&self) -> i128 {
        let settled_fen = (-self.transition_fen).min(self.card_fen).max(0);
        self.subsidy_fen - self.subsidy_fen.min(settled_fen)
    }
}

/// What a record changes in the subsidy part of a card wallet, and what it must change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SubsidyChange {
    pub(super) fen: i128,
    pub(super) due_fen: i128,
}

/// The change by a record, of an account that held so much subsidy before it, so much of that not spent by phone, and has so much
/// on the card after it. What a debit gives back is due as it is: what it may give back is held against its original.
pub(super) fn subsidy_change(
    record: &Record<'_>,
    before_fen: i128,
    school_fen: i128,
    card_fen: i128,
) -> SubsidyChange {
    let first_of = |amount_fen: i64| -before_fen.min(i128::from(amount_fen));
    let as_it_is = |fen: i64| SubsidyChange { fen: i128::from(fen), due_fen: i128::from(fen) };
    match record {
        Record::Debit(money) if money.wallet() == Some(Wallet::Card) => {
            SubsidyChange { fen: 0, due_fen: first_of(money.amount_fen.get()) }
        }
        Record::FullDebit(r) => SubsidyChange {
            fen: i128::from(changes(&r.wallets)[3]),
            // What is paid by code is no subsidy.
            due_fen: first_of(-changes(&r.wallets)[0]),
        },
        Record::Settle(r) => SubsidyChange {
            fen: i128::from(changes(&r.wallets)[3]),
            due_fen: first_of(r.money.amount_fen.get()),
        },
        Record::Fee(r) => {
            let [card_fen, .., subsidy_fen] = changes(&r.wallets);
            SubsidyChange { fen: i128::from(subsidy_fen), due_fen: first_of(-card_fen) }
        }
        Record::OfflineDebit(r) => SubsidyChange {
            fen: -i128::from(r.subsidy_fen.get()),
            due_fen: first_of(r.money.amount_fen.get()),
        },
        // What is paid out leaves nothing of the school's behind.
        Record::PaidOut(r) => SubsidyChange { fen: i128::from(changes(&r.wallets)[3]), due_fen: -before_fen },
        Record::FullReversal(r) | Record::Void(r) | Record::TapUndone(r) => {
            as_it_is(changes(&r.back.wallets)[3])
        }
        Record::Refund(r) => as_it_is(changes(&r.wallets)[3]),
        // All of it to make place, as much as there is of what is withdrawn; what was spent by phone isn't there.
        Record::SubsidyTakenBack(r) => {
            let amount_fen = i128::from(r.money.amount_fen.get());
            let taken_fen =
                if r.mode == SubsidyRecord::CLEARED { school_fen } else { amount_fen.min(school_fen) };
            SubsidyChange { fen: i128::from(changes(&r.wallets)[3]), due_fen: -taken_fen }
        }
        // A debt takes its part at once.
        Record::SubsidyClaimed(r) => SubsidyChange {
            fen: i128::from(changes(&r.wallets)[3]),
            due_fen: i128::from(r.money.amount_fen.get()).min(card_fen.max(0) - before_fen),
        },
        _ => as_it_is(0),
    }
}
