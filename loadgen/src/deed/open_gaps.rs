//! A counter looks at the holes in tills' sequences.

use protocol::answer::Answer;
use protocol::ids::{Epoch, Sequence, TerminalId};
use protocol::request::{OpenGapsQuery, Request};

use super::{Begun, Deed, Errand, Place};
use crate::world::World;

const LINES_MAX: u16 = 20;

#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenGaps;

impl Deed for OpenGaps {
    fn begin(_: &Errand, _: &mut Place<'_>, _: &mut World) -> Option<Begun<OpenGaps>> {
        let query = OpenGapsQuery {
            terminal: TerminalId(0),
            after_terminal: TerminalId(0),
            after_epoch: Epoch(0),
            after_first: Sequence(0),
            lines_max: LINES_MAX,
        };
        Some(Begun { doing: OpenGaps, request: Request::OpenGaps(query), entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        matches!(answer, Answer::OpenGaps(page) if page.lines.len() <= usize::from(LINES_MAX))
    }
}
