//! A channel tells an order twice, as WeChat Pay does when it isn't sure of having been heard: a new request of the
//! gateway, with the order number of its last top-up. It is approved, and nothing comes in a second time.

use protocol::answer::Answer;

use super::{Begun, Deed, DeedKind, Entry, Errand, Place, top_up};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct TopUpAgain {
    entry: Entry,
}

impl Deed for TopUpAgain {
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<TopUpAgain>> {
        let done = (*place.recent.of(DeedKind::TopUp))?;
        let entry = Entry::new(done.account, done.amount_fen);
        let request = top_up::request(top_up::channel(&entry), done.sale, &entry, world)?;
        Some(Begun { doing: TopUpAgain { entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        self.entry.is_said_by(answer)
    }
}
