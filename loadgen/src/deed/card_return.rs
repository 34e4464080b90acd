//! A card given back; its person pays by phone from then on.

use protocol::answer::Answer;
use protocol::request::{AccountSelector, CardReturn as Body, Request};

use super::{Begun, Deed, Entry, Errand, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct CardReturn {
    holder: u32,
    entry: Entry,
}

impl Deed for CardReturn {
    fn begin(errand: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<CardReturn>> {
        let holder = errand.holder;
        let card_uid = world.people.card(holder)?;
        let entry = Entry::new(world.people.account(holder), 0);
        world.people.lay_card_down(holder);
        let request = Request::CardReturn(Body {
            account: AccountSelector::Account(entry.account),
            card_uid,
            till_time_ns: place.unix_ns,
        });
        Some(Begun { doing: CardReturn { holder, entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.people.take_card(self.holder);
        self.entry.is_said_by(answer)
    }

    fn not_done(&self, world: &mut World) {
        world.people.pick_card_up(self.holder);
    }
}
