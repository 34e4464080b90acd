//! Somebody of finance plans a subsidy batch: opens it, and sends its lines page by page.

use protocol::answer::Answer;
use protocol::request::{Request, SubsidyLines as LinesBody, SubsidyMode, SubsidyOpen as OpenBody};

use super::{Begun, Deed, Entry, Errand, Place, reasoned};
use crate::runtime::{campus_day, subsidy_batches_from_clock};
use crate::subsidy_batches::fen_of;
use crate::world::World;

/// Days until a batch expires: so long its lines can be asked for. Not longer, since only so many batches are kept.
const DEADLINE_DAYS: u16 = 7;

#[derive(Clone, Copy, Debug)]
pub(crate) struct SubsidyOpen {
    batch: u32,
    entry: Entry,
}

impl Deed for SubsidyOpen {
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<SubsidyOpen>> {
        let first_number = subsidy_batches_from_clock(world.clock_zero_unix_ns);
        let planned = world.subsidies.plan(place.sale.terminal, first_number, &world.people)?;
        let (batch, total_fen) = (planned.number, planned.total_fen());
        let what = OpenBody {
            batch,
            mode: SubsidyMode::Beside,
            deadline_day: campus_day(place.unix_ns) + DEADLINE_DAYS,
            lines: planned.lines.len() as u32,
            total_fen,
        };
        let entry = Entry::of_batch(batch, total_fen);
        let request = Request::SubsidyOpen(reasoned(what, "伙食补助"));
        Some(Begun { doing: SubsidyOpen { batch, entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.subsidies.opened(self.batch);
        self.entry.is_said_by(answer)
    }

    fn not_done(&self, world: &mut World) {
        world.subsidies.refused(self.batch);
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SubsidyLines {
    batch: u32,
    /// How many lines have come with this page.
    sent: usize,
    entry: Entry,
}

impl Deed for SubsidyLines {
    /// The next page of the batch that this operator has opened.
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<SubsidyLines>> {
        let (planned, first, sent) = world.subsidies.next_page(place.sale.terminal)?;
        let batch = planned.number;
        place.lines.of_subsidies = planned.lines[first..sent].to_vec();
        let entry = Entry::of_batch(batch, fen_of(&place.lines.of_subsidies));
        let request = Request::SubsidyLines(LinesBody { batch, first: first as u32, lines: &[] });
        Some(Begun { doing: SubsidyLines { batch, sent, entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.subsidies.sent(self.batch, self.sent);
        self.entry.is_said_by(answer)
    }

    fn not_done(&self, world: &mut World) {
        world.subsidies.refused(self.batch);
    }
}
