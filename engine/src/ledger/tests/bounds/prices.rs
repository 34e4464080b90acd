//! What a sale with a surcharge that counts in the limit of a meal looks at, and what gives it back, in their dearest ways.

use protocol::ids::AccountId;
use protocol::result_code::ResultCode;

use super::{COUNTER, Campus, card, tap, text};
use crate::ledger::command::{
    AccountSelector, Channel, CodeDebit, CodeVerdict, Refund, Request, Reversal, Sale, SetMealPeriod,
    SetPolicy, SetPrice, TopUp, Void,
};
use crate::ledger::prices::OTHER_TIME;
use crate::ledger::registry::Policy;
use crate::ledger::state;

/// The one whose times are found last.
const LAST_PERIOD: u8 = OTHER_TIME - 1;

/// The kind of command that all of these count as.
pub(super) const PRICED: &str = "priced";

impl Campus {
    /// A tap that loads what is missing, and a payment by code; given back by a reversal, a void and in part.
    pub(super) fn priced(&mut self, round: u32, account: u32, counter: u32) {
        let on_terms = |campus: &mut Campus, rate, meal_max_fen, end_minute| {
            // All day long, or not at all.
            let period = SetMealPeriod { period: LAST_PERIOD, name: "meal", start_minute: 0, end_minute };
            let policy =
                Policy { debit_max_fen: u32::MAX, day_max_fen: u32::MAX, meal_max_fen, ..Policy::DEFAULT };
            for request in [
                Request::SetMealPeriod(period),
                Request::SetPolicy(SetPolicy { class: 0, policy }),
                Request::SetPrice(SetPrice { class: 0, period: LAST_PERIOD, rate }),
            ] {
                assert_eq!(campus.run(request), ResultCode::Approved);
            }
        };
        on_terms(self, 500, u32::MAX, 1_440);
        let paid_in = TopUp {
            sale: self.next_sale_of(COUNTER),
            account: AccountSelector::Account(AccountId(account)),
            amount_fen: 30_000,
            channel: Channel::WeChat,
            order_number: text(&format!("priced {round}")),
        };
        assert_eq!(self.run(Request::TopUp(paid_in)), ResultCode::Approved);
        let own = state::account(&self.state.shards, AccountId(account)).expect("it was opened");
        let more_than_the_card_has_fen = own.card_fen.max(0) + 50;
        let own = card(account.into());
        let loading = self.priced_twice(|sale| tap(sale, own, counter, more_than_the_card_has_fen));
        self.priced_twice(|sale| Request::Reversal(reversal(sale, loading, more_than_the_card_has_fen)));
        let verdict =
            CodeVerdict::Authentic { account: AccountId(account), step: 2_000_000_000 + round, nonce: 3 };
        self.priced_twice(|sale| {
            let digits = *b"12345678901234567890";
            Request::CodeDebit(CodeDebit { sale, digits, verdict, key_version: 0, amount_fen: 100 })
        });
        let voided = self.priced_twice(|sale| tap(sale, own, counter + 1, 300));
        self.priced_twice(|sale| {
            let Reversal { original_epoch, original_sequence, amount_fen, .. } = reversal(sale, voided, 300);
            Request::Void(Void { sale, original_epoch, original_sequence, amount_fen })
        });
        let paid = self.priced_twice(|sale| tap(sale, own, counter + 2, 300));
        let (original, original_slot) = (paid.id(), Some(paid.slot));
        let sale = self.next_sale_of(COUNTER);
        let refund = Request::Refund(Refund { sale, original, original_slot, amount_fen: 110 });
        assert_eq!(self.counted_as(PRICED, refund), ResultCode::Approved);
        on_terms(self, 0, 0, 0);
    }

    /// Under the next sequence, and again.
    fn priced_twice(&mut self, request: impl Fn(Sale<'static>) -> Request<'static>) -> Sale<'static> {
        let sale = self.next_sale_of(COUNTER);
        for _ in 0..2 {
            assert_eq!(self.counted_as(PRICED, request(sale)), ResultCode::Approved);
        }
        sale
    }
}

fn reversal(sale: Sale<'static>, original: Sale<'_>, amount_fen: i64) -> Reversal<'static> {
    let (original_epoch, original_sequence) = (original.epoch, original.sequence);
    Reversal { sale, original_epoch, original_sequence, amount_fen }
}
