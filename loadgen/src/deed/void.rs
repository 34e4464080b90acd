//! A cashier undoes the last sale: it was keyed in wrong.

use protocol::answer::Answer;
use protocol::channel::ReversalReason;
use protocol::request::{Request, Reversal};

use super::{Begun, Deed, Done, Entry, Errand, Place};
use crate::outcome_log::SaleState;
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Void {
    original: Done,
    entry: Entry,
}

impl Deed for Void {
    /// The sale is forgotten with the first try to undo it.
    fn begin(_: &Errand, place: &mut Place<'_>, _: &mut World) -> Option<Begun<Void>> {
        let original = place.recent.sale.take()?;
        let entry = Entry::of_original(&original, original.amount_fen);
        let request = Request::Void(Reversal {
            original_epoch: original.sale.epoch,
            original_sequence: original.sale.sequence,
            amount_fen: original.amount_fen,
            reason: ReversalReason::Cashier,
            till_time_ns: place.unix_ns,
        });
        Some(Begun { doing: Void { original, entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.log.set_state(self.original.entry, SaleState::Reversed);
        self.entry.is_said_by(answer)
    }
}
