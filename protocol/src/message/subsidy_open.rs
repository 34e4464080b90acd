//! A subsidy batch that is opened: its lines follow, page by page.

use zerocopy::little_endian::{I64, U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::channel::numbered;
use crate::error::DecodeError;
use crate::message::Fixed;
use crate::message::field::{field, zero};

numbered! {
    /// What becomes of what is left of earlier batches.
    SubsidyMode {
        /// It stays: the batch comes beside it.
        Beside = 1, "beside";
        /// It is taken back first: the batch comes in its place.
        Clear = 2, "clear";
    }
}

/// Opens a subsidy batch. Consumes a sequence; its reason is the batch's title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubsidyOpen {
    /// The batch's number, chosen by finance, not 0; never used again.
    pub batch: u32,
    /// What becomes of what is left of earlier batches.
    pub mode: SubsidyMode,
    /// The last day on which it is issued or withdrawn, in days since 2000-01-01 at +08:00.
    pub deadline_day: u16,
    /// How many lines will come. The ledger judges its range.
    pub lines: u32,
    /// What they will add up to, in fen. The ledger judges its range.
    pub total_fen: i64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SubsidyOpenLayout {
    batch: U32,
    mode: u8,
    reserved: u8,
    deadline_day: U16,
    lines: U32,
    reserved_2: U32,
    total_fen: I64,
}

impl Fixed for SubsidyOpen {
    type Layout = SubsidyOpenLayout;

    fn from_layout(layout: &SubsidyOpenLayout) -> Result<SubsidyOpen, DecodeError> {
        zero(&[layout.reserved], 5)?;
        zero(layout.reserved_2.as_bytes(), 12)?;
        if layout.batch.get() == 0 {
            return Err(field(0, layout.batch.get()));
        }
        Ok(SubsidyOpen {
            batch: layout.batch.get(),
            mode: SubsidyMode::from_number(layout.mode).ok_or_else(|| field(4, layout.mode))?,
            deadline_day: layout.deadline_day.get(),
            lines: layout.lines.get(),
            total_fen: layout.total_fen.get(),
        })
    }

    fn to_layout(&self) -> SubsidyOpenLayout {
        SubsidyOpenLayout {
            batch: self.batch.into(),
            mode: self.mode.number(),
            reserved: 0,
            deadline_day: self.deadline_day.into(),
            lines: self.lines.into(),
            reserved_2: U32::ZERO,
            total_fen: self.total_fen.into(),
        }
    }
}
