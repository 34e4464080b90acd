//! A till has the last page of its batch held against the books, line by line, before it settles.

use protocol::answer::Answer;
use protocol::ids::Sequence;
use protocol::request::{BatchLines as Body, Request};

use super::{Begun, Deed, Errand, Place};
use crate::till_books::LINES_KEPT;
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchLines {
    first: Sequence,
    last: Sequence,
}

impl Deed for BatchLines {
    /// Its newest sequences since the batch before, as long as it has used any.
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<BatchLines>> {
        let book = world.till_books.of(place.sale.terminal);
        let last = place.sale.sequence.0 - 1;
        let first = book.first_of_batch(place.sale.epoch).max(last.saturating_sub(LINES_KEPT as u32 - 1));
        if first > last {
            return None;
        }
        place.lines.of_till = book.lines_from(first);
        let (first, last) = (Sequence(first), Sequence(last));
        let request = Request::BatchLines(Body { first, last, lines: &[] });
        Some(Begun { doing: BatchLines { first, last }, request, entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        let Answer::BatchLines(told) = answer else { return false };
        told.lines.iter().all(|line| (self.first.0..=self.last.0).contains(&line.sequence.get()))
    }
}
