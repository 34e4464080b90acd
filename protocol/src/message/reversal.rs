//! A sale, or a counter's own top-up, undone as a whole.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::channel::ReversalReason;
use crate::error::DecodeError;
use crate::ids::{Epoch, Sequence};
use crate::message::Fixed;
use crate::message::field::{field, zero};

/// Undoes an earlier sale of the same till or, in a Void, one whose answer the till saw, on the business date on which it
/// was made or, in a TopUpUndo, a top-up that this counter took in cash on the same business date. Consumes a sequence of
/// its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// The epoch of what is to be undone.
    pub original_epoch: Epoch,
    /// Its sequence.
    pub original_sequence: Sequence,
    /// Its amount, in fen; it must be the original's.
    pub amount_fen: i64,
    /// Why.
    pub reason: ReversalReason,
    /// The till's clock when it decided to undo: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ReversalLayout {
    original_sequence: U32,
    original_epoch: U16,
    reason: u8,
    reserved: u8,
    amount_fen: I64,
    till_time_ns: U64,
    reserved_tail: U64,
}

impl Fixed for Reversal {
    type Layout = ReversalLayout;

    fn from_layout(layout: &ReversalLayout) -> Result<Reversal, DecodeError> {
        zero(&[layout.reserved], 7)?;
        zero(layout.reserved_tail.as_bytes(), 24)?;
        Ok(Reversal {
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
