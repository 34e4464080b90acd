//! A page of a subsidy batch: who gets how much.

use core::ops::RangeInclusive;

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::{DecodeError, EncodeError};
use crate::message::Body;
use crate::message::field::zero;
use crate::message::layout::{
    counted_body_bytes, head_and_items, item_body_bytes, items, put_head_and_items,
};

/// Most lines of a page: as many as one record of the log holds.
pub const SUBSIDY_PAGE_LINES_MAX: usize = 24;

/// Lines of a page.
const LINES: RangeInclusive<usize> = 1..=SUBSIDY_PAGE_LINES_MAX;

/// One line of a page. All fields are little-endian and may be made with `.into()` from their plain numbers.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct SubsidyLine {
    /// Whose account; above that of the line before.
    pub account: U32,
    /// How much it gets, in fen; above zero.
    pub amount_fen: U32,
}

const _: () = assert!(size_of::<SubsidyLine>() == 8);

/// Sends the next lines of a batch. Consumes a sequence; all of them are taken or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubsidyLines<'a> {
    /// The batch.
    pub batch: u32,
    /// How many lines came before this page.
    pub first: u32,
    /// 1 to [`SUBSIDY_PAGE_LINES_MAX`] lines, in order of account.
    pub lines: &'a [SubsidyLine],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct SubsidyLinesLayout {
    batch: U32,
    first: U32,
    count: U16,
    reserved: [u8; 6],
}

impl<'a> Body<'a> for SubsidyLines<'a> {
    const BYTES: RangeInclusive<usize> = item_body_bytes::<SubsidyLinesLayout, SubsidyLine>(LINES);

    type Owned = SubsidyLines<'static>;

    fn owned(&self) -> Option<SubsidyLines<'static>> {
        None
    }

    fn read(body: &'a [u8]) -> Result<SubsidyLines<'a>, DecodeError> {
        let (layout, lines) = head_and_items::<SubsidyLinesLayout>(body)?;
        zero(&layout.reserved, 10)?;
        let (batch, first) = (layout.batch.get(), layout.first.get());
        Ok(SubsidyLines { batch, first, lines: items(lines, layout.count, 8)? })
    }

    fn body_bytes(&self) -> Result<usize, EncodeError> {
        counted_body_bytes::<SubsidyLinesLayout, SubsidyLine>(self.lines, LINES)
    }

    fn write(&self, body: &mut [u8]) {
        let head = SubsidyLinesLayout {
            batch: self.batch.into(),
            first: self.first.into(),
            // `body_bytes` has bounded the count.
            count: U16::new(self.lines.len() as u16),
            reserved: [0; 6],
        };
        put_head_and_items(body, &head, self.lines);
    }
}
