//! Finance asks how far a subsidy batch has come, and looks at its lines.

use protocol::answer::Answer;
use protocol::request::{Request, SubsidyPreview as PreviewBody, SubsidyQuery as QueryBody};

use super::{Begun, Deed, Errand, Place};
use crate::world::World;

const LINES_MAX: u16 = 50;

#[derive(Clone, Copy, Debug)]
pub(crate) struct SubsidyQuery {
    batch: u32,
}

impl Deed for SubsidyQuery {
    /// As long as one is being paid, or taken back.
    fn begin(_: &Errand, _: &mut Place<'_>, world: &mut World) -> Option<Begun<SubsidyQuery>> {
        let batch = world.subsidies.running()?;
        let request = Request::SubsidyQuery(QueryBody { batch });
        Some(Begun { doing: SubsidyQuery { batch }, request, entry: None })
    }

    /// Nothing is paid that wasn't planned, and nothing taken back that wasn't paid.
    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        let Answer::Subsidy(told) = answer else { return false };
        world.subsidies.told(told);
        told.batch == self.batch
            && told.claimed_fen + told.skipped_fen <= told.total_fen
            && told.withdrawn_fen <= told.claimed_fen
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SubsidyPreview {
    batch: u32,
}

impl Deed for SubsidyPreview {
    fn begin(_: &Errand, _: &mut Place<'_>, world: &mut World) -> Option<Begun<SubsidyPreview>> {
        let batch = world.subsidies.to_look_at()?.number;
        let query = PreviewBody { batch, from_account: 0, lines_max: LINES_MAX };
        Some(Begun { doing: SubsidyPreview { batch }, request: Request::SubsidyPreview(query), entry: None })
    }

    /// Every line is as it was planned.
    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        let Answer::SubsidyPreview(page) = answer else { return false };
        page.batch == self.batch && world.subsidies.has_lines(self.batch, page.lines, LINES_MAX)
    }
}
