//! A till's shift: what it adds up to so far, and its closing.

use protocol::answer::Answer;
use protocol::ids::TerminalId;
use protocol::request::{Request, ShiftClose as Body};

use super::{Begun, Deed, Errand, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct ShiftTotals {
    till: TerminalId,
}

impl Deed for ShiftTotals {
    fn begin(_: &Errand, place: &mut Place<'_>, _: &mut World) -> Option<Begun<ShiftTotals>> {
        let doing = ShiftTotals { till: place.sale.terminal };
        Some(Begun { doing, request: Request::ShiftTotals, entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        let Answer::Shift(shift) = answer else { return false };
        world.till_books.of(self.till).shift = Some(shift.shift);
        shift.shift > 0 && shift.record.0 == 0
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ShiftClose {
    till: TerminalId,
    shift: u32,
}

impl Deed for ShiftClose {
    /// Once its totals were told, and nothing waits to be uploaded.
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<ShiftClose>> {
        let till = place.sale.terminal;
        let shift = world.till_books.of(till).shift.filter(|_| place.unsent_records == 0)?;
        let request = Request::ShiftClose(Body { shift, unsent_records: 0, till_time_ns: place.unix_ns });
        Some(Begun { doing: ShiftClose { till, shift }, request, entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.till_books.of(self.till).shift = None;
        matches!(answer, Answer::Shift(shift) if shift.shift == self.shift && shift.record.0 > 0)
    }
}
