//! A till's batches settled: totals first, lines where these differ. None of this uses a sequence up.

use core::ops::RangeInclusive;

use zerocopy::IntoBytes;
use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::error::{DecodeError, EncodeError};
use crate::ids::{Epoch, RecordNumber, Sequence};
use crate::message::field::{code, field, is_repeat, repeat_flag, zero};
use crate::message::layout::{
    counted_body_bytes, head_and_items, item_body_bytes, items, put_head_and_items,
};
use crate::message::{Body, Fixed};
use crate::result_code::ResultCode;
use crate::till_totals::{LineResult, TillKind, TillLine, TillTotals};

/// Most lines of a batch in one frame, and most sequences that one frame is about.
pub const TILL_LINES_MAX: usize = 2_000;

const LINES: RangeInclusive<usize> = 0..=TILL_LINES_MAX;

/// Settles a batch: the till's sequences from the one behind the batch before up to the last, in the header's epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSettle {
    /// The till's number of the batch, from 1; one more than the batch before.
    pub batch: u32,
    /// Its first sequence.
    pub first: Sequence,
    /// Its last sequence; one less than the first where it has none.
    pub last: Sequence,
    /// Whether it is to be closed although the totals differ.
    pub as_it_stands: bool,
    /// The till's own totals.
    pub totals: TillTotals,
    /// The till's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct BatchSettleLayout {
    batch: U32,
    first: U32,
    last: U32,
    as_it_stands: u8,
    reserved: [u8; 3],
    totals: TillTotals,
    till_time_ns: U64,
}

impl Fixed for BatchSettle {
    type Layout = BatchSettleLayout;

    fn from_layout(layout: &BatchSettleLayout) -> Result<BatchSettle, DecodeError> {
        zero(&layout.reserved, 13)?;
        let batch = layout.batch.get();
        if batch == 0 {
            return Err(field(0, batch));
        }
        let (first, last) = (layout.first.get(), layout.last.get());
        if first == 0 {
            return Err(field(4, first));
        }
        if last < first - 1 {
            return Err(field(8, last));
        }
        if layout.as_it_stands > 1 {
            return Err(field(12, layout.as_it_stands));
        }
        totals_hold(&layout.totals, 16)?;
        Ok(BatchSettle {
            batch,
            first: Sequence(first),
            last: Sequence(last),
            as_it_stands: layout.as_it_stands == 1,
            totals: layout.totals,
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> BatchSettleLayout {
        BatchSettleLayout {
            batch: self.batch.into(),
            first: self.first.0.into(),
            last: self.last.0.into(),
            as_it_stands: self.as_it_stands.into(),
            reserved: [0; 3],
            totals: self.totals,
            till_time_ns: self.till_time_ns.into(),
        }
    }
}

/// Totals can be: no amount is below zero, and there is none of what there is none of.
fn totals_hold(totals: &TillTotals, at: usize) -> Result<(), DecodeError> {
    for (place, (count, amount_fen)) in totals.counts.iter().zip(totals.amounts_fen).enumerate() {
        let amount_fen = amount_fen.get();
        if amount_fen < 0 || (count.get() == 0 && amount_fen != 0) {
            let amount_at = at + size_of_val(&totals.counts) + place * size_of::<I64>();
            return Err(field(amount_at, amount_fen.cast_unsigned()));
        }
    }
    Ok(())
}

/// Answers the settling of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSettleAnswer {
    /// The outcome.
    pub code: ResultCode,
    /// True when it was closed before in the same way.
    pub repeat: bool,
    /// The batch's epoch. When it is out of order or a conflict, this and what follows are of the batch that was closed last.
    pub epoch: Epoch,
    /// The till's number of the batch; 0 for none.
    pub batch: u32,
    /// Its last sequence.
    pub last: Sequence,
    /// The record that closed it; 0 when it isn't closed.
    pub record: RecordNumber,
    /// The totals of the books; zero when it is out of order or a conflict.
    pub totals: TillTotals,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct BatchSettleAnswerLayout {
    code: U16,
    action: u8,
    flags: u8,
    epoch: U16,
    reserved: U16,
    batch: U32,
    last: U32,
    record: U64,
    totals: TillTotals,
}

impl Fixed for BatchSettleAnswer {
    type Layout = BatchSettleAnswerLayout;

    fn from_layout(layout: &BatchSettleAnswerLayout) -> Result<BatchSettleAnswer, DecodeError> {
        zero(layout.reserved.as_bytes(), 6)?;
        Ok(BatchSettleAnswer {
            code: code(layout.code, layout.action)?,
            repeat: is_repeat(layout.flags),
            epoch: Epoch(layout.epoch.get()),
            batch: layout.batch.get(),
            last: Sequence(layout.last.get()),
            record: RecordNumber(layout.record.get()),
            totals: layout.totals,
        })
    }

    fn to_layout(&self) -> BatchSettleAnswerLayout {
        BatchSettleAnswerLayout {
            code: self.code.number().into(),
            action: self.code.action().number(),
            flags: repeat_flag(self.repeat),
            epoch: self.epoch.0.into(),
            reserved: U16::ZERO,
            batch: self.batch.into(),
            last: self.last.0.into(),
            record: self.record.0.into(),
            totals: self.totals,
        }
    }
}

/// Sends what the till did under some sequences of the header's epoch, to be held against the books. Changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLines<'a> {
    /// The first sequence that this is about.
    pub first: Sequence,
    /// The last; at most [`TILL_LINES_MAX`] from the first to it, both counted.
    pub last: Sequence,
    /// What the till did under them, in rising order of sequence.
    pub lines: &'a [TillLine],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct BatchLinesLayout {
    first: U32,
    last: U32,
    count: U16,
    reserved: [u8; 6],
}

impl<'a> Body<'a> for BatchLines<'a> {
    const BYTES: RangeInclusive<usize> = item_body_bytes::<BatchLinesLayout, TillLine>(LINES);

    type Owned = BatchLines<'static>;

    fn owned(&self) -> Option<BatchLines<'static>> {
        None
    }

    fn read(body: &'a [u8]) -> Result<BatchLines<'a>, DecodeError> {
        let (layout, lines) = head_and_items::<BatchLinesLayout>(body)?;
        zero(&layout.reserved, 10)?;
        let (first, last) = (layout.first.get(), layout.last.get());
        if first == 0 {
            return Err(field(0, first));
        }
        if !(first..first.saturating_add(TILL_LINES_MAX as u32)).contains(&last) {
            return Err(field(4, last));
        }
        let lines: &[TillLine] = items(lines, layout.count, 8)?;
        let mut before = first - 1;
        for (place, line) in lines.iter().enumerate() {
            let at = size_of::<BatchLinesLayout>() + place * size_of::<TillLine>();
            let sequence = line.sequence.get();
            if sequence <= before || sequence > last {
                return Err(field(at, sequence));
            }
            if TillKind::from_number(line.kind).is_none() {
                return Err(field(at + 4, line.kind));
            }
            if line.amount_fen.get() < 0 {
                return Err(field(at + 8, line.amount_fen.get().cast_unsigned()));
            }
            zero(&[line.result], at + 5)?;
            zero(line.reserved.as_bytes(), at + 6)?;
            zero(line.record.as_bytes(), at + 16)?;
            before = sequence;
        }
        Ok(BatchLines { first: Sequence(first), last: Sequence(last), lines })
    }

    fn body_bytes(&self) -> Result<usize, EncodeError> {
        counted_body_bytes::<BatchLinesLayout, TillLine>(self.lines, LINES)
    }

    fn write(&self, body: &mut [u8]) {
        let head = BatchLinesLayout {
            first: self.first.0.into(),
            last: self.last.0.into(),
            // `body_bytes` has bounded the count, here and below.
            count: U16::new(self.lines.len() as u16),
            reserved: [0; 6],
        };
        put_head_and_items(body, &head, self.lines);
    }
}

/// Answers lines that were sent: what came of each that isn't equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLinesAnswer<'a> {
    /// The outcome.
    pub code: ResultCode,
    /// How many lines are equal.
    pub equal: u32,
    /// The others, in rising order of sequence.
    pub lines: &'a [TillLine],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct BatchLinesAnswerLayout {
    code: U16,
    action: u8,
    reserved: u8,
    equal: U32,
    count: U16,
    reserved_tail: [u8; 6],
}

impl<'a> Body<'a> for BatchLinesAnswer<'a> {
    const BYTES: RangeInclusive<usize> = item_body_bytes::<BatchLinesAnswerLayout, TillLine>(LINES);

    type Owned = BatchLinesAnswer<'static>;

    fn owned(&self) -> Option<BatchLinesAnswer<'static>> {
        None
    }

    fn read(body: &'a [u8]) -> Result<BatchLinesAnswer<'a>, DecodeError> {
        let (layout, lines) = head_and_items::<BatchLinesAnswerLayout>(body)?;
        zero(&[layout.reserved], 3)?;
        zero(&layout.reserved_tail, 10)?;
        let lines: &[TillLine] = items(lines, layout.count, 8)?;
        for (place, line) in lines.iter().enumerate() {
            if LineResult::from_number(line.result).is_none() {
                let at = size_of::<BatchLinesAnswerLayout>() + place * size_of::<TillLine>();
                return Err(field(at + 5, line.result));
            }
        }
        Ok(BatchLinesAnswer { code: code(layout.code, layout.action)?, equal: layout.equal.get(), lines })
    }

    fn body_bytes(&self) -> Result<usize, EncodeError> {
        counted_body_bytes::<BatchLinesAnswerLayout, TillLine>(self.lines, LINES)
    }

    fn write(&self, body: &mut [u8]) {
        let head = BatchLinesAnswerLayout {
            code: self.code.number().into(),
            action: self.code.action().number(),
            reserved: 0,
            equal: self.equal.into(),
            count: U16::new(self.lines.len() as u16),
            reserved_tail: [0; 6],
        };
        put_head_and_items(body, &head, self.lines);
    }
}
