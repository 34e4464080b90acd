//! The question after what tills still owe: holes in their sequences, and self-scans that nobody has paid.

use core::ops::RangeInclusive;

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::channel::numbered;
use crate::error::{DecodeError, EncodeError};
use crate::ids::{Epoch, RecordNumber, Sequence, TerminalId};
use crate::message::field::{code, field, zero};
use crate::message::layout::{
    counted_body_bytes, head_and_items, item_body_bytes, items, put_head_and_items,
};
use crate::message::{Body, Fixed};
use crate::result_code::ResultCode;

/// Most lines of one page.
pub const GAP_LINES_MAX: usize = 100;

const LINES: RangeInclusive<usize> = 0..=GAP_LINES_MAX;

/// Asks for a page of what tills still owe, in order of till, epoch and sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenGapsQuery {
    /// Only of this till; 0 = of all.
    pub terminal: TerminalId,
    /// Goes on behind this line of the page before: its till, 0 to begin with the first.
    pub after_terminal: TerminalId,
    /// Its epoch.
    pub after_epoch: Epoch,
    /// Its first sequence.
    pub after_first: Sequence,
    /// Most lines wanted: 1 to [`GAP_LINES_MAX`](crate::command_table::GAP_LINES_MAX).
    pub lines_max: u16,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct OpenGapsQueryLayout {
    terminal: U32,
    after_terminal: U32,
    after_first: U32,
    after_epoch: U16,
    lines_max: U16,
}

impl Fixed for OpenGapsQuery {
    type Layout = OpenGapsQueryLayout;

    fn from_layout(layout: &OpenGapsQueryLayout) -> Result<OpenGapsQuery, DecodeError> {
        let lines_max = layout.lines_max.get();
        if !(1..=GAP_LINES_MAX).contains(&usize::from(lines_max)) {
            return Err(field(14, lines_max));
        }
        Ok(OpenGapsQuery {
            terminal: TerminalId(layout.terminal.get()),
            after_terminal: TerminalId(layout.after_terminal.get()),
            after_epoch: Epoch(layout.after_epoch.get()),
            after_first: Sequence(layout.after_first.get()),
            lines_max,
        })
    }

    fn to_layout(&self) -> OpenGapsQueryLayout {
        OpenGapsQueryLayout {
            terminal: self.terminal.0.into(),
            after_terminal: self.after_terminal.0.into(),
            after_first: self.after_first.0.into(),
            after_epoch: self.after_epoch.0.into(),
            lines_max: self.lines_max.into(),
        }
    }
}

numbered! {
    /// What a till owes.
    GapKind {
        /// Sequences that haven't come.
        Missing = 1, "missing";
        /// A sale by self-scan that the till told of and nobody has paid.
        Unpaid = 2, "unpaid";
    }
}

/// What a till owes, as it lies in an answer.
///
/// ```text
///  0 terminal u32   8 last u32     14 kind u8    16 since_ns u64
///  4 first u32     12 epoch u16    15 zero       24 amount_fen i64
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct GapLine {
    /// The till.
    pub terminal: U32,
    /// The first sequence.
    pub first: U32,
    /// The last.
    pub last: U32,
    /// The till's epoch.
    pub epoch: U16,
    /// A [`GapKind`]'s number.
    pub kind: u8,
    /// Zero.
    pub reserved: u8,
    /// When it was noticed, by the log's time, to the second: nanoseconds since 1970 UTC.
    pub since_ns: U64,
    /// What is unpaid; 0 for what is missing.
    pub amount_fen: I64,
}

const _: () = assert!(size_of::<GapLine>() == 32);

/// Answers a question after gaps with one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenGapsAnswer<'a> {
    /// [`ResultCode::Approved`].
    pub code: ResultCode,
    /// Whether there are more lines behind the last.
    pub more: bool,
    /// The newest record of the log that this may have seen.
    pub record: RecordNumber,
    /// The lines, zero-copy: they lie in the frame.
    pub lines: &'a [GapLine],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct OpenGapsAnswerLayout {
    code: U16,
    action: u8,
    more: u8,
    count: U16,
    reserved: U16,
    record: U64,
}

impl<'a> Body<'a> for OpenGapsAnswer<'a> {
    const BYTES: RangeInclusive<usize> = item_body_bytes::<OpenGapsAnswerLayout, GapLine>(LINES);

    type Owned = OpenGapsAnswer<'static>;

    fn owned(&self) -> Option<OpenGapsAnswer<'static>> {
        None
    }

    fn read(body: &'a [u8]) -> Result<OpenGapsAnswer<'a>, DecodeError> {
        let (layout, lines) = head_and_items::<OpenGapsAnswerLayout>(body)?;
        zero(layout.reserved.as_bytes(), 6)?;
        if layout.more > 1 {
            return Err(field(3, layout.more));
        }
        Ok(OpenGapsAnswer {
            code: code(layout.code, layout.action)?,
            more: layout.more == 1,
            record: RecordNumber(layout.record.get()),
            lines: items(lines, layout.count, 4)?,
        })
    }

    fn body_bytes(&self) -> Result<usize, EncodeError> {
        counted_body_bytes::<OpenGapsAnswerLayout, GapLine>(self.lines, LINES)
    }

    fn write(&self, body: &mut [u8]) {
        let head = OpenGapsAnswerLayout {
            code: self.code.number().into(),
            action: self.code.action().number(),
            more: self.more.into(),
            // `body_bytes` has bounded the count.
            count: U16::new(self.lines.len() as u16),
            reserved: U16::ZERO,
            record: self.record.0.into(),
        };
        put_head_and_items(body, &head, self.lines);
    }
}
