//! A person asks how far the balance on the phone is confirmed: tills without a network may know of more.

use protocol::answer::Answer;
use protocol::ids::AccountId;
use protocol::request::{AccountSelector, Request, UnconfirmedQuery};

use super::{Begun, Deed, Errand, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Unconfirmed {
    account: AccountId,
}

impl Deed for Unconfirmed {
    fn begin(errand: &Errand, _: &mut Place<'_>, world: &mut World) -> Option<Begun<Unconfirmed>> {
        let account = world.people.account(errand.holder);
        let request = Request::Unconfirmed(UnconfirmedQuery { account: AccountSelector::Account(account) });
        Some(Begun { doing: Unconfirmed { account }, request, entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        matches!(answer, Answer::Unconfirmed(told) if told.account == Some(self.account))
    }
}
