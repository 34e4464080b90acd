//! What a tap with the holder's query password looks at, in its dearest ways.

use protocol::ids::{AccountId, CardCounter, CardUid};

use super::{COUNTER, Campus};
use crate::ledger::command::{AccountSelector, CardTap, PasswordDebit, PasswordSet, Request};
use crate::ledger::known::PasswordVerdict;
use crate::ledger::state;

impl Campus {
    /// Of a card whose last tap is open, with a wrong password, then with the right one, which loads what is missing.
    pub(super) fn password_debits(&mut self, account: u32, card_uid: CardUid, counter: u32) {
        let (sale, id) = (self.next_sale_of(COUNTER), AccountSelector::Account(AccountId(account)));
        self.run(Request::PasswordSet(PasswordSet { sale, account: id, well_formed: true }));
        for (at, verdict) in (0..).zip([PasswordVerdict::Wrong, PasswordVerdict::Right]) {
            self.verdict = verdict;
            let (sale, card_counter) = (self.next_sale_of(COUNTER), CardCounter(counter + at));
            self.run(Request::CardTap(CardTap { sale, card_uid, card_counter, amount_fen: 10 }));
            let own = state::account(&self.state.shards, AccountId(account)).expect("it was opened");
            let more_than_the_card_has_fen = own.card_fen.max(0) + 50;
            for amount_fen in [more_than_the_card_has_fen, 101] {
                let sale = self.next_sale();
                let debit = PasswordDebit { sale, card_uid, card_counter, amount_fen, well_formed: true };
                self.counted(Request::PasswordDebit(debit));
                self.counted(Request::PasswordDebit(debit));
            }
        }
        self.verdict = PasswordVerdict::Right;
    }
}
