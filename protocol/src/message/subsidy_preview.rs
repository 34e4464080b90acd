//! The question after a batch's lines, and what became of each.

use core::ops::RangeInclusive;

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::channel::numbered;
use crate::error::{DecodeError, EncodeError};
use crate::message::field::{code, field, zero};
use crate::message::layout::{
    counted_body_bytes, head_and_items, item_body_bytes, items, put_head_and_items,
};
use crate::message::{Body, Fixed};
use crate::result_code::ResultCode;

/// Most lines of one answer.
pub const SUBSIDY_PREVIEW_LINES_MAX: usize = 100;

/// Lines of an answer.
const LINES: RangeInclusive<usize> = 0..=SUBSIDY_PREVIEW_LINES_MAX;

numbered! {
    /// What became of a line.
    SubsidyLineState {
        /// It wasn't paid yet.
        Waiting = 0, "waiting";
        /// It was paid.
        Claimed = 1, "claimed";
        /// It can't be paid.
        Skipped = 2, "skipped";
        /// It was paid, and something of it taken back.
        Withdrawn = 3, "withdrawn";
    }
}

/// Asks for a batch's lines, in order of account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubsidyPreview {
    /// The batch.
    pub batch: u32,
    /// Only accounts from this one on.
    pub from_account: u32,
    /// Most lines wanted: 1 to [`SUBSIDY_PREVIEW_LINES_MAX`].
    pub lines_max: u16,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SubsidyPreviewLayout {
    batch: U32,
    from_account: U32,
    lines_max: U16,
    reserved: [u8; 6],
}

impl Fixed for SubsidyPreview {
    type Layout = SubsidyPreviewLayout;

    fn from_layout(layout: &SubsidyPreviewLayout) -> Result<SubsidyPreview, DecodeError> {
        zero(&layout.reserved, 10)?;
        let lines_max = layout.lines_max.get();
        if !(1..=SUBSIDY_PREVIEW_LINES_MAX).contains(&usize::from(lines_max)) {
            return Err(field(8, lines_max));
        }
        Ok(SubsidyPreview { batch: layout.batch.get(), from_account: layout.from_account.get(), lines_max })
    }

    fn to_layout(&self) -> SubsidyPreviewLayout {
        SubsidyPreviewLayout {
            batch: self.batch.into(),
            from_account: self.from_account.into(),
            lines_max: self.lines_max.into(),
            reserved: [0; 6],
        }
    }
}

/// One line of a batch, as it lies in an answer.
///
/// ```text
///  0 account u32   4 amount_fen u32   8 withdrawn_fen u32   12 state u8   13 zero, 3 bytes   16
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct SubsidyPreviewLine {
    /// Whose account.
    pub account: U32,
    /// How much it gets, in fen.
    pub amount_fen: U32,
    /// How much of it was taken back, in fen.
    pub withdrawn_fen: U32,
    /// A [`SubsidyLineState`]'s number.
    pub state: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

const _: () = assert!(size_of::<SubsidyPreviewLine>() == 16);

/// Answers the question after a batch's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubsidyPreviewAnswer<'a> {
    /// Approved, or `UnknownBatch`.
    pub code: ResultCode,
    /// The batch.
    pub batch: u32,
    /// Ask for the next page with this as `from_account`; 0 when there are no more.
    pub next_account: u32,
    /// The server's clock: nanoseconds since 1970 UTC.
    pub server_time_ns: u64,
    /// The lines, in order of account. Once a batch is over, those of which something may come back; and none when nothing may.
    pub lines: &'a [SubsidyPreviewLine],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct SubsidyPreviewAnswerLayout {
    code: U16,
    action: u8,
    reserved: u8,
    batch: U32,
    next_account: U32,
    count: U16,
    reserved_2: U16,
    server_time_ns: U64,
}

impl<'a> Body<'a> for SubsidyPreviewAnswer<'a> {
    const BYTES: RangeInclusive<usize> =
        item_body_bytes::<SubsidyPreviewAnswerLayout, SubsidyPreviewLine>(LINES);

    type Owned = SubsidyPreviewAnswer<'static>;

    fn owned(&self) -> Option<SubsidyPreviewAnswer<'static>> {
        None
    }

    fn read(body: &'a [u8]) -> Result<SubsidyPreviewAnswer<'a>, DecodeError> {
        let (layout, lines) = head_and_items::<SubsidyPreviewAnswerLayout>(body)?;
        zero(&[layout.reserved], 3)?;
        zero(layout.reserved_2.as_bytes(), 14)?;
        Ok(SubsidyPreviewAnswer {
            code: code(layout.code, layout.action)?,
            batch: layout.batch.get(),
            next_account: layout.next_account.get(),
            server_time_ns: layout.server_time_ns.get(),
            lines: items(lines, layout.count, 12)?,
        })
    }

    fn body_bytes(&self) -> Result<usize, EncodeError> {
        counted_body_bytes::<SubsidyPreviewAnswerLayout, SubsidyPreviewLine>(self.lines, LINES)
    }

    fn write(&self, body: &mut [u8]) {
        let head = SubsidyPreviewAnswerLayout {
            code: self.code.number().into(),
            action: self.code.action().number(),
            reserved: 0,
            batch: self.batch.into(),
            next_account: self.next_account.into(),
            // `body_bytes` has bounded the count.
            count: U16::new(self.lines.len() as u16),
            reserved_2: U16::ZERO,
            server_time_ns: self.server_time_ns.into(),
        };
        put_head_and_items(body, &head, self.lines);
    }
}
