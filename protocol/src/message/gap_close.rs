//! A hole in a till's sequences, closed by an operator who knows why it will stay one.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::{Epoch, Sequence, TerminalId};
use crate::message::Fixed;
use crate::message::field::{field, given_reason, zero};
use crate::text::GapReason;

/// Closes a hole, or a part of it. Consumes a sequence of the asking counter's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GapClose {
    /// The till whose sequences are missing.
    pub till: TerminalId,
    /// Its epoch.
    pub epoch: Epoch,
    /// The first that is closed, not 0.
    pub first: Sequence,
    /// The last that is closed, not before the first.
    pub last: Sequence,
    /// Why, not empty.
    pub reason: GapReason,
    /// The counter's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct GapCloseLayout {
    till: U32,
    first: U32,
    last: U32,
    epoch: U16,
    reserved: U16,
    reason: [u8; 32],
    till_time_ns: U64,
}

impl Fixed for GapClose {
    type Layout = GapCloseLayout;

    fn from_layout(layout: &GapCloseLayout) -> Result<GapClose, DecodeError> {
        zero(layout.reserved.as_bytes(), 14)?;
        let (first, last) = (layout.first.get(), layout.last.get());
        if first == 0 {
            return Err(field(4, first));
        }
        if first > last {
            return Err(field(8, last));
        }
        Ok(GapClose {
            till: TerminalId(layout.till.get()),
            epoch: Epoch(layout.epoch.get()),
            first: Sequence(first),
            last: Sequence(last),
            reason: given_reason(layout.reason, 16)?,
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> GapCloseLayout {
        GapCloseLayout {
            till: self.till.0.into(),
            first: self.first.0.into(),
            last: self.last.0.into(),
            epoch: self.epoch.0.into(),
            reserved: U16::ZERO,
            reason: *self.reason.as_bytes(),
            till_time_ns: self.till_time_ns.into(),
        }
    }
}
