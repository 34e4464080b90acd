//! A merchant gives half of the last sale back: a dish was sold out. The sale itself stands.

use protocol::answer::Answer;
use protocol::request::{Refund as Body, Request};

use super::{Begun, Deed, Entry, Errand, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Refund {
    entry: Entry,
}

impl Deed for Refund {
    /// The sale is forgotten, so that nobody voids it afterwards.
    fn begin(_: &Errand, place: &mut Place<'_>, _: &mut World) -> Option<Begun<Refund>> {
        let original = place.recent.sale.take()?;
        let entry = Entry::of_original(&original, (original.amount_fen + 1) / 2);
        let request = Request::Refund(Body {
            original: original.sale,
            amount_fen: entry.amount_fen,
            till_time_ns: place.unix_ns,
        });
        Some(Begun { doing: Refund { entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        self.entry.is_said_by(answer)
    }
}
