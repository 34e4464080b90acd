//! A till settles its batch by its own totals, and as it stands where the server has others.

use protocol::answer::Answer;
use protocol::ids::{Sequence, TerminalId};
use protocol::request::{BatchSettle as Body, Request};

use super::{Begun, Deed, DeedKind, Errand, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchSettle {
    till: TerminalId,
    body: Body,
}

impl Deed for BatchSettle {
    /// Once more only where the first try was refused.
    fn begin(errand: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<BatchSettle>> {
        let till = place.sale.terminal;
        let book = world.till_books.of(till);
        let is_wanted = errand.deed == DeedKind::BatchSettle || book.is_to_be_settled_again();
        // What it has stored belongs to the batch, so it is uploaded first.
        if !is_wanted || place.unsent_records > 0 {
            return None;
        }
        let last = Sequence(place.sale.sequence.0 - 1);
        let body = book.batch(place.sale.epoch, last, place.unix_ns);
        Some(Begun { doing: BatchSettle { till, body }, request: Request::BatchSettle(body), entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        let Answer::BatchSettle(settled) = answer else { return false };
        world.till_books.of(self.till).settled(settled);
        let as_told = self.body.as_it_stands || settled.totals == self.body.totals;
        as_told && settled.batch == self.body.batch && settled.last == self.body.last && settled.record.0 > 0
    }

    fn refused(&self, answer: &Answer<'_>, world: &mut World) {
        if let Answer::BatchSettle(differing) = answer {
            world.till_books.of(self.till).settled(differing);
        }
    }
}
