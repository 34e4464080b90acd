//! A counter has a sale posted whose till has lost it, on the word of its card.

use protocol::answer::Answer;
use protocol::request::{Request, ToldPost as Body};
use protocol::text::GapReason;

use super::{Begun, Deed, Entry, Errand, Place};
use crate::lost_sales::LostSale;
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct ToldPost {
    lost: LostSale,
    entry: Entry,
}

impl Deed for ToldPost {
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<ToldPost>> {
        let lost = world.lost_sales.take()?;
        let entry = Entry::new(lost.account, lost.amount_fen);
        let request = Request::ToldPost(Body {
            card_uid: lost.tap.card_uid,
            card_counter: lost.tap.counter,
            reason: GapReason::new("机器损坏").expect("a short text"),
            till_time_ns: place.unix_ns,
        });
        Some(Begun { doing: ToldPost { lost, entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        self.entry.is_said_by(answer)
    }

    fn not_done(&self, world: &mut World) {
        world.lost_sales.put_back(self.lost);
    }
}
