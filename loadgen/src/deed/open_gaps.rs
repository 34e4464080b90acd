//! A counter looks at the holes in tills' sequences: of the till that lost one, or of all.

use protocol::answer::Answer;
use protocol::command_table::GAP_LINES_MAX;
use protocol::ids::{Epoch, Sequence, TerminalId};
use protocol::request::{OpenGapsQuery, Request};

use super::{Begun, Deed, Errand, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenGaps {
    counter: TerminalId,
}

impl Deed for OpenGaps {
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<OpenGaps>> {
        let counter = place.sale.terminal;
        let query = OpenGapsQuery {
            terminal: world.holes.look_after(counter).map_or(TerminalId(0), |hole| hole.terminal),
            after_terminal: TerminalId(0),
            after_epoch: Epoch(0),
            after_first: Sequence(0),
            lines_max: GAP_LINES_MAX as u16,
        };
        Some(Begun { doing: OpenGaps { counter }, request: Request::OpenGaps(query), entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        let Answer::OpenGaps(page) = answer else { return false };
        world.holes.told(self.counter, page.lines);
        page.lines.len() <= GAP_LINES_MAX
    }
}
