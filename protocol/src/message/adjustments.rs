//! The question after proposed adjustments, and those that wait.

use core::ops::RangeInclusive;

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::{DecodeError, EncodeError};
use crate::ids::RecordNumber;
use crate::message::field::{code, field, zero};
use crate::message::layout::{
    counted_body_bytes, head_and_items, item_body_bytes, items, put_head_and_items,
};
use crate::message::{Body, Fixed};
use crate::result_code::ResultCode;

/// Most lines of one answer.
pub const ADJUSTMENT_LINES_MAX: usize = 50;

/// Lines of an answer.
const LINES: RangeInclusive<usize> = 0..=ADJUSTMENT_LINES_MAX;

/// Asks which proposed adjustments wait to be approved, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdjustmentsQuery {
    /// Only those proposed by later records; 0 begins with the oldest.
    pub after: RecordNumber,
    /// Most lines wanted: 1 to [`ADJUSTMENT_LINES_MAX`].
    pub lines_max: u16,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct AdjustmentsLayout {
    after: U64,
    lines_max: U16,
    reserved: [u8; 6],
}

impl Fixed for AdjustmentsQuery {
    type Layout = AdjustmentsLayout;

    fn from_layout(layout: &AdjustmentsLayout) -> Result<AdjustmentsQuery, DecodeError> {
        zero(&layout.reserved, 10)?;
        let lines_max = layout.lines_max.get();
        if !(1..=ADJUSTMENT_LINES_MAX).contains(&usize::from(lines_max)) {
            return Err(field(8, lines_max));
        }
        Ok(AdjustmentsQuery { after: RecordNumber(layout.after.get()), lines_max })
    }

    fn to_layout(&self) -> AdjustmentsLayout {
        AdjustmentsLayout { after: self.after.0.into(), lines_max: self.lines_max.into(), reserved: [0; 6] }
    }
}

/// One proposed adjustment, as it lies in an answer.
///
/// ```text
///  0 proposal u64      24 amount_fen i64   40 wallet u8      42 zero, 6 bytes
///  8 time_ns u64       32 account u32      41 direction u8   48
/// 16 expires_ns u64    36 proposer u32
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct AdjustmentLine {
    /// The record by which it was proposed: what a decision names.
    pub proposal: U64,
    /// When that was: nanoseconds since 1970 UTC.
    pub time_ns: U64,
    /// From when on it can't be approved any more.
    pub expires_ns: U64,
    /// By how much, in fen; above zero.
    pub amount_fen: I64,
    /// Whose account.
    pub account: U32,
    /// The operator who proposed it.
    pub proposer: U32,
    /// An [`AdjustWallet`](crate::request::AdjustWallet)'s number.
    pub wallet: u8,
    /// An [`AdjustDirection`](crate::request::AdjustDirection)'s number.
    pub direction: u8,
    /// Zero.
    pub reserved: [u8; 6],
}

const _: () = assert!(size_of::<AdjustmentLine>() == 48);

/// Answers the question after proposed adjustments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdjustmentsAnswer<'a> {
    /// Approved.
    pub code: ResultCode,
    /// Ask for the next page with this as `after`; 0 when there are no more.
    pub next_after: RecordNumber,
    /// The server's clock: nanoseconds since 1970 UTC.
    pub server_time_ns: u64,
    /// Those that wait, oldest first.
    pub lines: &'a [AdjustmentLine],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct AdjustmentsAnswerLayout {
    code: U16,
    action: u8,
    reserved: u8,
    count: U16,
    reserved_2: U16,
    next_after: U64,
    server_time_ns: U64,
}

impl<'a> Body<'a> for AdjustmentsAnswer<'a> {
    const BYTES: RangeInclusive<usize> = item_body_bytes::<AdjustmentsAnswerLayout, AdjustmentLine>(LINES);

    type Owned = AdjustmentsAnswer<'static>;

    fn owned(&self) -> Option<AdjustmentsAnswer<'static>> {
        None
    }

    fn read(body: &'a [u8]) -> Result<AdjustmentsAnswer<'a>, DecodeError> {
        let (layout, lines) = head_and_items::<AdjustmentsAnswerLayout>(body)?;
        zero(&[layout.reserved], 3)?;
        zero(layout.reserved_2.as_bytes(), 6)?;
        Ok(AdjustmentsAnswer {
            code: code(layout.code, layout.action)?,
            next_after: RecordNumber(layout.next_after.get()),
            server_time_ns: layout.server_time_ns.get(),
            lines: items(lines, layout.count, 4)?,
        })
    }

    fn body_bytes(&self) -> Result<usize, EncodeError> {
        counted_body_bytes::<AdjustmentsAnswerLayout, AdjustmentLine>(self.lines, LINES)
    }

    fn write(&self, body: &mut [u8]) {
        let head = AdjustmentsAnswerLayout {
            code: self.code.number().into(),
            action: self.code.action().number(),
            reserved: 0,
            // `body_bytes` has bounded the count.
            count: U16::new(self.lines.len() as u16),
            reserved_2: U16::ZERO,
            next_after: self.next_after.0.into(),
            server_time_ns: self.server_time_ns.into(),
        };
        put_head_and_items(body, &head, self.lines);
    }
}
