//! Somebody of finance looks at what waits for a second person.

use protocol::answer::Answer;
use protocol::ids::RecordNumber;
use protocol::request::{AdjustmentsQuery, Request};

use super::{Begun, Deed, Errand, Place};
use crate::world::World;

const LINES_MAX: u16 = 20;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Adjustments;

impl Deed for Adjustments {
    fn begin(_: &Errand, _: &mut Place<'_>, _: &mut World) -> Option<Begun<Adjustments>> {
        let query = AdjustmentsQuery { after: RecordNumber(0), lines_max: LINES_MAX };
        Some(Begun { doing: Adjustments, request: Request::Adjustments(query), entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        let Answer::Adjustments(page) = answer else { return false };
        page.lines.len() <= usize::from(LINES_MAX)
            && page.lines.is_sorted_by(|a, b| a.proposal.get() < b.proposal.get())
    }
}
