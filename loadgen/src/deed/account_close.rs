//! Somebody leaves the college: the card comes back, and the counter pays out what is left.

use protocol::answer::Answer;
use protocol::card::PayoutWay;
use protocol::ids::CardUid;
use protocol::request::{AccountClose as Body, AccountSelector, Request};

use super::{Begun, Deed, Entry, Errand, Place, money};
use crate::subsidy_batches::may_get_subsidies;
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct AccountClose {
    holder: u32,
    entry: Entry,
}

impl Deed for AccountClose {
    /// Only the answer knows what is left.
    const AMOUNT_IS_TOLD: bool = true;

    /// Not of those who get subsidies: what of that goes back to the school only the server knows.
    fn begin(errand: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<AccountClose>> {
        let holder = errand.holder;
        if may_get_subsidies(holder) {
            return None;
        }
        let entry = Entry::new(world.people.account(holder), 0);
        let card_uid = world.people.card(holder).unwrap_or(CardUid(0));
        world.people.lay_card_down(holder);
        let request = Request::AccountClose(Body {
            account: AccountSelector::Account(entry.account),
            card_uid,
            way: PayoutWay::Cash,
            till_time_ns: place.unix_ns,
        });
        Some(Begun { doing: AccountClose { holder, entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.people.take_card(self.holder);
        let said = |money: &protocol::answer::MoneyAnswer| {
            money.account == Some(self.entry.account) && money.balance_after_fen == 0 && money.record.0 != 0
        };
        money(answer).is_some_and(said)
    }

    fn not_done(&self, world: &mut World) {
        world.people.pick_card_up(self.holder);
    }
}
