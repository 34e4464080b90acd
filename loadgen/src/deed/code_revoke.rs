//! A person revokes the payment codes that the phone has shown: somebody took a picture of one.

use protocol::answer::Answer;
use protocol::request::{AccountSelector, CodeRevoke as Body, Request};

use super::{Begun, Deed, Entry, Errand, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct CodeRevoke {
    entry: Entry,
}

impl Deed for CodeRevoke {
    /// Of a person with a card, who can pay until codes are taken again.
    fn begin(errand: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<CodeRevoke>> {
        if !world.people.has_card(errand.holder) {
            return None;
        }
        world.people.forget_codes(errand.holder, place.unix_ns);
        let entry = Entry::new(world.people.account(errand.holder), 0);
        let account = AccountSelector::Account(entry.account);
        let request = Request::CodeRevoke(Body { account, till_time_ns: place.unix_ns });
        Some(Begun { doing: CodeRevoke { entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        self.entry.is_said_by(answer)
    }
}
