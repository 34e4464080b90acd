//! A counter closes a hole that it was told of: the till was switched off, and nothing will come under that sequence.

use protocol::answer::Answer;
use protocol::request::{GapClose as Body, Request};
use protocol::text::GapReason;

use super::{Begun, Deed, Entry, Errand, NOBODY, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct GapClose {
    entry: Entry,
}

impl Deed for GapClose {
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<GapClose>> {
        let hole = world.holes.close(place.sale.terminal)?;
        let entry = Entry::new(NOBODY, 0);
        let request = Request::GapClose(Body {
            till: hole.terminal,
            epoch: hole.epoch,
            first: hole.sequence,
            last: hole.sequence,
            reason: GapReason::new("断电").expect("a short text"),
            till_time_ns: place.unix_ns,
        });
        Some(Begun { doing: GapClose { entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        self.entry.is_said_by(answer)
    }
}
