//! Finance takes a subsidy batch to its next step: a second person approves or rejects it, then it is issued, or withdrawn.

use protocol::answer::Answer;
use protocol::request::{Request, SubsidyAction, SubsidyStep as Body};

use super::{Begun, Deed, DeedKind, Entry, Errand, Place, reasoned};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct SubsidyStep {
    batch: u32,
    action: SubsidyAction,
    entry: Entry,
}

impl Deed for SubsidyStep {
    /// Of a batch that waits for it.
    fn begin(errand: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<SubsidyStep>> {
        let (action, why) = match errand.deed {
            DeedKind::SubsidyApprove => (SubsidyAction::Approve, "名单核对无误"),
            DeedKind::SubsidyReject => (SubsidyAction::Reject, "名单有误"),
            DeedKind::SubsidyIssue => (SubsidyAction::Issue, "按时发放"),
            _ => (SubsidyAction::Withdraw, "发放有误"),
        };
        let batch = world.subsidies.next_for(action, place.sale.terminal)?;
        let entry = Entry::of_batch(batch, 0);
        let request = Request::SubsidyStep(reasoned(Body { batch, action }, why));
        Some(Begun { doing: SubsidyStep { batch, action, entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.subsidies.stepped(self.batch, self.action);
        self.entry.is_said_by(answer)
    }
}
