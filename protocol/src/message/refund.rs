//! A debit given back by the merchant, wholly or in part.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::{Epoch, SaleId, Sequence, TerminalId};
use crate::message::Fixed;
use crate::message::field::zero;

/// Gives a debit back, wholly or in part, on whatever date it was. Consumes a sequence of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The debit: of this till, or of another till of the same merchant.
    pub original: SaleId,
    /// What is given back of it, in fen. With what was given back before it is the debit's amount at most.
    pub amount_fen: i64,
    /// The till's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct RefundLayout {
    original_terminal: U32,
    original_sequence: U32,
    original_epoch: U16,
    reserved: [u8; 6],
    amount_fen: I64,
    till_time_ns: U64,
}

impl Fixed for Refund {
    type Layout = RefundLayout;

    fn from_layout(layout: &RefundLayout) -> Result<Refund, DecodeError> {
        zero(&layout.reserved, 10)?;
        Ok(Refund {
            original: SaleId {
                terminal: TerminalId(layout.original_terminal.get()),
                epoch: Epoch(layout.original_epoch.get()),
                sequence: Sequence(layout.original_sequence.get()),
            },
            amount_fen: layout.amount_fen.get(),
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> RefundLayout {
        RefundLayout {
            original_terminal: self.original.terminal.0.into(),
            original_sequence: self.original.sequence.0.into(),
            original_epoch: self.original.epoch.0.into(),
            reserved: [0; 6],
            amount_fen: self.amount_fen.into(),
            till_time_ns: self.till_time_ns.into(),
        }
    }
}
