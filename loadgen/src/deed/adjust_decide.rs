//! Somebody of finance approves what a colleague proposed.

use protocol::answer::Answer;
use protocol::request::{AdjustDecide as Body, Request, Verdict};

use super::{Begun, Deed, Entry, Errand, Place, reasoned};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct AdjustDecide {
    entry: Entry,
}

impl Deed for AdjustDecide {
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<AdjustDecide>> {
        let proposal = world.proposals.take_of_another(place.sale.terminal)?;
        let entry = Entry::new(proposal.account, proposal.amount_fen);
        let what = Body { proposal: proposal.record, verdict: Verdict::Approve };
        let request = Request::AdjustDecide(reasoned(what, "核对无误"));
        Some(Begun { doing: AdjustDecide { entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        self.entry.is_said_by(answer)
    }
}
