//! A counter puts a box of blank cards into stock, and hands those out first.

use protocol::answer::Answer;
use protocol::ids::CardUid;
use protocol::request::{CardStock as Body, Request};

use super::{Begun, Deed, Entry, Errand, NOBODY, Place};
use crate::world::World;

/// Cards in a box.
const CARDS: u16 = 20;

#[derive(Clone, Copy, Debug)]
pub(crate) struct CardStock {
    first: CardUid,
    entry: Entry,
}

impl Deed for CardStock {
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<CardStock>> {
        let first = world.people.blank_cards(CARDS);
        let entry = Entry::new(NOBODY, 0);
        let request = Request::CardStock(Body { first, count: CARDS, till_time_ns: place.unix_ns });
        Some(Begun { doing: CardStock { first, entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.people.put_into_stock(self.first, CARDS);
        self.entry.is_said_by(answer)
    }
}
