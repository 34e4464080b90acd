//! A counter gives a person the query password that a phone is bound and a card reported lost with.

use protocol::answer::Answer;
use protocol::request::{AccountPassword, AccountSelector, Request};

use super::{Begun, Deed, Entry, Errand, Place};
use crate::passwords::unsealed;
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct PasswordSet {
    holder: u32,
    entry: Entry,
}

impl Deed for PasswordSet {
    fn begin(errand: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<PasswordSet>> {
        let holder = errand.holder;
        let entry = Entry::new(world.people.account(holder), 0);
        let request = Request::PasswordSet(AccountPassword {
            account: AccountSelector::Account(entry.account),
            password: unsealed(entry.account),
            till_time_ns: place.unix_ns,
        });
        Some(Begun { doing: PasswordSet { holder, entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.phone_users.knows_password(self.holder);
        self.entry.is_said_by(answer)
    }
}
