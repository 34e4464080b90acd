//! What became of the chip after a two-phase tap.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::card::ChipWrite;
use crate::error::DecodeError;
use crate::ids::{Epoch, Sequence, TerminalId};
use crate::message::Fixed;
use crate::message::field::{field, zero};

/// Says what became of the chip after an approved two-phase tap of the same till. Consumes a sequence of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapConfirm {
    /// The till of the tap: the one that sends this. A chip names the till of its last tap, which may be another; that one
    /// confirms it, or nobody does.
    pub original_terminal: TerminalId,
    /// The tap's epoch.
    pub original_epoch: Epoch,
    /// Its sequence.
    pub original_sequence: Sequence,
    /// Its amount, in fen; it must be the tap's.
    pub amount_fen: i64,
    /// Whether the chip was written.
    pub write: ChipWrite,
    /// The till's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct TapConfirmLayout {
    original_sequence: U32,
    original_epoch: U16,
    write: u8,
    reserved: u8,
    amount_fen: I64,
    till_time_ns: U64,
    original_terminal: U32,
    reserved_tail: U32,
}

impl Fixed for TapConfirm {
    type Layout = TapConfirmLayout;

    fn from_layout(layout: &TapConfirmLayout) -> Result<TapConfirm, DecodeError> {
        zero(&[layout.reserved], 7)?;
        zero(layout.reserved_tail.as_bytes(), 28)?;
        Ok(TapConfirm {
            original_terminal: TerminalId(layout.original_terminal.get()),
            original_epoch: Epoch(layout.original_epoch.get()),
            original_sequence: Sequence(layout.original_sequence.get()),
            amount_fen: layout.amount_fen.get(),
            write: ChipWrite::from_number(layout.write).ok_or_else(|| field(6, layout.write))?,
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> TapConfirmLayout {
        TapConfirmLayout {
            original_sequence: self.original_sequence.0.into(),
            original_epoch: self.original_epoch.0.into(),
            write: self.write.number(),
            reserved: 0,
            amount_fen: self.amount_fen.into(),
            till_time_ns: self.till_time_ns.into(),
            original_terminal: self.original_terminal.0.into(),
            reserved_tail: U32::ZERO,
        }
    }
}
