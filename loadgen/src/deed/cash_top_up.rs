//! Cash paid in at a counter.

use protocol::answer::Answer;
use protocol::channel::Channel;

use super::{Begun, Deed, Entry, Errand, Place, top_up};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct CashTopUp {
    entry: Entry,
}

impl Deed for CashTopUp {
    fn begin(errand: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<CashTopUp>> {
        let entry = Entry::new(world.people.account(errand.holder), errand.amount_fen);
        let request = top_up::request(Channel::Counter, place.sale, &entry, world)?;
        Some(Begun { doing: CashTopUp { entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        self.entry.is_said_by(answer)
    }
}
