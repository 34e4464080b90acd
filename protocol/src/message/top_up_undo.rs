//! A top-up at a counter undone.

use zerocopy::little_endian::U64;

use zerocopy::IntoBytes;

use crate::channel::ReversalReason;
use crate::error::DecodeError;
use crate::ids::{Epoch, Sequence};
use crate::message::Fixed;
use crate::message::field::{field, zero};
use crate::message::reversal::ReversalLayout;

/// Takes back a top-up that this counter took in cash, on the same business date. Consumes a sequence of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopUpUndo {
    /// The epoch of the top-up to undo.
    pub original_epoch: Epoch,
    /// The sequence of the top-up to undo.
    pub original_sequence: Sequence,
    /// Its amount in fen; it must be the original's.
    pub amount_fen: i64,
    /// Why.
    pub reason: ReversalReason,
    /// The counter's clock when it decided to undo: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

impl Fixed for TopUpUndo {
    type Layout = ReversalLayout;

    fn from_layout(layout: &ReversalLayout) -> Result<TopUpUndo, DecodeError> {
        zero(&[layout.reserved], 7)?;
        zero(layout.reserved_tail.as_bytes(), 24)?;
        Ok(TopUpUndo {
            original_epoch: Epoch(layout.original_epoch.get()),
            original_sequence: Sequence(layout.original_sequence.get()),
            amount_fen: layout.amount_fen.get(),
            reason: ReversalReason::from_number(layout.reason).ok_or_else(|| field(6, layout.reason))?,
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> ReversalLayout {
        ReversalLayout {
            original_sequence: self.original_sequence.0.into(),
            original_epoch: self.original_epoch.0.into(),
            reason: self.reason.number(),
            reserved: 0,
            amount_fen: self.amount_fen.into(),
            till_time_ns: self.till_time_ns.into(),
            reserved_tail: U64::ZERO,
        }
    }
}
