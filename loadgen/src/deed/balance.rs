//! A look at the balance.

use protocol::answer::Answer;
use protocol::ids::AccountId;
use protocol::request::{AccountSelector, BalanceQuery, Request};

use super::{Begun, Deed, Errand, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Balance {
    account: AccountId,
}

impl Deed for Balance {
    fn begin(errand: &Errand, _: &mut Place<'_>, world: &mut World) -> Option<Begun<Balance>> {
        let account = world.people.account(errand.holder);
        let request = Request::Balance(BalanceQuery { account: AccountSelector::Account(account) });
        Some(Begun { doing: Balance { account }, request, entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        let Answer::Balance(balance) = answer else { return false };
        balance.account == Some(self.account)
            && balance.card_fen + balance.transition_fen + balance.electronic_fen == balance.system_fen
    }
}
