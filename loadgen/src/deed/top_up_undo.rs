//! A counter takes its last cash top-up back: the cashier mistyped, or the person wants the money after all.

use protocol::answer::Answer;
use protocol::channel::ReversalReason;
use protocol::request::{Request, Reversal};

use super::{Begun, Deed, DeedKind, Done, Entry, Errand, Place};
use crate::outcome_log::SaleState;
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct TopUpUndo {
    original: Done,
    entry: Entry,
}

impl Deed for TopUpUndo {
    /// The top-up is forgotten with the first try to undo it.
    fn begin(_: &Errand, place: &mut Place<'_>, _: &mut World) -> Option<Begun<TopUpUndo>> {
        let original = place.recent.of(DeedKind::CashTopUp).take()?;
        let entry = Entry::of_original(&original, original.amount_fen);
        let request = Request::TopUpUndo(Reversal {
            original_epoch: original.sale.epoch,
            original_sequence: original.sale.sequence,
            amount_fen: original.amount_fen,
            reason: ReversalReason::Cashier,
            till_time_ns: place.unix_ns,
        });
        Some(Begun { doing: TopUpUndo { original, entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.log.set_state(self.original.entry, SaleState::Reversed);
        self.entry.is_said_by(answer)
    }
}
