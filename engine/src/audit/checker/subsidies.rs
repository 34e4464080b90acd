//! The school's part of the card wallets, and the batches that it comes in.

use protocol::ids::AccountId;

use super::{Checker, Person};
use crate::audit::books::Wallets;
use crate::audit::report::Check;
use crate::audit::subsidy::{Purse, subsidy_change};
use crate::ledger::record::{MoneyRecord, Record};

impl Checker<'_> {
    /// The subsidy part of a card wallet, which changes as it must.
    pub(super) fn subsidy(&mut self, record: &Record<'_>, money: &MoneyRecord) {
        let Some(account) = money.person() else { return };
        let Some(&wallets) = self.books.person(account) else { return };
        let Some(person) = self.persons.get_mut(account.0 as usize) else { return };
        let card_fen = wallets.card_fen;
        let before_fen = person.subsidy_fen;
        let change = subsidy_change(record, before_fen, person.school_fen, card_fen);
        person.subsidy_fen += change.fen;
        let school_fen = purse_of(&wallets, person).school_fen();
        let more_fen = school_fen - core::mem::replace(&mut person.school_fen, school_fen);
        if !matches!(record, Record::SubsidyClaimed(_)) {
            person.came_back_fen += more_fen.max(0);
        }
        let after_fen = person.subsidy_fen;
        self.check(change.fen == change.due_fen, Check::Subsidy, || {
            format!("subsidy changes by {} fen of {before_fen}, due were {}", change.fen, change.due_fen)
        });
        self.check((0..=card_fen.max(0)).contains(&after_fen), Check::Subsidy, || {
            format!("{after_fen} fen of subsidy in a card wallet of {card_fen}")
        });
        let sum_fen = wallets.sum_fen();
        let took = matches!(record, Record::SubsidyTakenBack(_));
        self.check(!took || sum_fen >= 0, Check::Floor, || {
            format!("{sum_fen} fen are left once a subsidy was taken back")
        });
    }

    /// A record of a subsidy batch, held against the purse that it is about.
    pub(super) fn batch(&mut self, record: &Record<'_>) {
        let (books, persons) = (&self.books, &self.persons);
        let purse = |account: AccountId| {
            let person = persons.get(account.0 as usize);
            books.person(account).zip(person).map(|(wallets, person)| purse_of(wallets, person))
        };
        let done = self.batches.take(self.time_ns, record, &purse);
        self.agree(Check::Batch, done);
    }
}

fn purse_of(wallets: &Wallets, person: &Person) -> Purse {
    Purse {
        card_fen: wallets.card_fen,
        transition_fen: wallets.transition_fen,
        subsidy_fen: person.subsidy_fen,
        came_back_fen: person.came_back_fen,
        is_closed: person.is_closed,
    }
}
