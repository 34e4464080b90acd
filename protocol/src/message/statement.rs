//! The question after an account's statement, and a page of it: the lines of a period, and how they add up. Its lines
//! are [`crate::bill`]'s.

use core::ops::RangeInclusive;

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::bill::{BillLine, BillLineKinds};
use crate::channel::numbered;
use crate::error::{DecodeError, EncodeError};
use crate::ids::{AccountId, RecordNumber};
use crate::message::bill::BILL_LINES_MAX;
use crate::message::field::{account, account_number, code, field, zero};
use crate::message::layout::{
    counted_body_bytes, head_and_items, item_body_bytes, items, put_head_and_items,
};
use crate::message::selector::{AccountSelector, SelectorLayout};
use crate::message::{Body, Fixed};
use crate::result_code::ResultCode;

numbered! {
    /// Which day of a record a period is about.
    StatementDay {
        /// The day at +08:00 on which it was recorded.
        Calendar = 1, "calendar";
        /// The business date that was open then.
        Business = 2, "business";
    }
}

numbered! {
    /// What of the period is left when a page ends.
    StatementMore {
        /// Nothing: every line was shown.
        Nothing = 0, "nothing";
        /// Lines. The sums are those of the whole period already.
        Lines = 1, "lines";
        /// Records that weren't looked at, so that the sums are those of the page alone.
        Records = 2, "records";
        /// Records that weren't looked at, and no line of the period was reached yet: no lines, and sums of 0 to be
        /// passed over.
        Unreached = 3, "unreached";
    }
}

/// Asks for a page of an account's statement: the lines of a period, newest first, and its sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementQuery {
    /// Whose account.
    pub account: AccountSelector,
    /// Goes on behind the page that gave this as its `next_before`; 0 begins with the newest. Any other record of
    /// the account will do; one that isn't its own is [`ResultCode::CursorUnknown`].
    pub before: RecordNumber,
    /// The first day of the period, in days since 2000-01-01.
    pub from_day: u16,
    /// The last day of the period, not before the first.
    pub to_day: u16,
    /// Which lines are wanted. The sums are of all of them, whichever are shown.
    pub kinds: BillLineKinds,
    /// Which days the period is made of.
    pub by: StatementDay,
    /// Most lines wanted: 1 to [`BILL_LINES_MAX`](crate::command_table::BILL_LINES_MAX).
    pub lines_max: u16,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct StatementLayout {
    account: SelectorLayout,
    before: U64,
    from_day: U16,
    to_day: U16,
    kinds: U32,
    by: u8,
    reserved: u8,
    lines_max: U16,
    reserved_tail: [u8; 12],
}

impl Fixed for StatementQuery {
    type Layout = StatementLayout;

    fn from_layout(layout: &StatementLayout) -> Result<StatementQuery, DecodeError> {
        zero(&[layout.reserved], 41)?;
        zero(&layout.reserved_tail, 44)?;
        let (from_day, to_day) = (layout.from_day.get(), layout.to_day.get());
        if from_day > to_day {
            return Err(field(34, to_day));
        }
        let kinds = layout.kinds.get();
        let lines_max = layout.lines_max.get();
        if !(1..=BILL_LINES_MAX).contains(&usize::from(lines_max)) {
            return Err(field(42, lines_max));
        }
        Ok(StatementQuery {
            account: layout.account.read()?,
            before: RecordNumber(layout.before.get()),
            from_day,
            to_day,
            kinds: BillLineKinds::from_bits(kinds).ok_or_else(|| field(36, kinds))?,
            by: StatementDay::from_number(layout.by).ok_or_else(|| field(40, layout.by))?,
            lines_max,
        })
    }

    fn to_layout(&self) -> StatementLayout {
        StatementLayout {
            account: SelectorLayout::write(&self.account),
            before: self.before.0.into(),
            from_day: self.from_day.into(),
            to_day: self.to_day.into(),
            kinds: self.kinds.bits().into(),
            by: self.by.number(),
            reserved: 0,
            lines_max: self.lines_max.into(),
            reserved_tail: [0; 12],
        }
    }
}

/// Answers a statement query with one page. What was asked for is the period's part below `before`.
///
/// `opening_fen + in_fen + out_fen = closing_fen`, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementAnswer<'a> {
    /// [`ResultCode::Approved`], or why there is no statement to show.
    pub code: ResultCode,
    /// The account, if one was found.
    pub account: Option<AccountId>,
    /// Ask with this number as `before` for the next page; 0 when there is none.
    pub next_before: RecordNumber,
    /// The system balance before the oldest record of what the sums are about, in fen.
    pub opening_fen: i64,
    /// What came in, in fen: not negative.
    pub in_fen: i64,
    /// What went out, in fen: not positive.
    pub out_fen: i64,
    /// The system balance after the newest record of what the sums are about, in fen.
    pub closing_fen: i64,
    /// What is left of the period, and thereby what the sums are about.
    pub more: StatementMore,
    /// The newest record of the account that this has seen.
    pub record: RecordNumber,
    /// The lines, newest first, zero-copy: they lie in the frame.
    pub lines: &'a [BillLine],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct StatementAnswerLayout {
    code: U16,
    action: u8,
    reserved: u8,
    account: U32,
    next_before: U64,
    opening_fen: I64,
    in_fen: I64,
    out_fen: I64,
    closing_fen: I64,
    count: U16,
    more: u8,
    reserved_2: [u8; 5],
    record: U64,
}

const LINES: RangeInclusive<usize> = 0..=BILL_LINES_MAX;

impl<'a> Body<'a> for StatementAnswer<'a> {
    const BYTES: RangeInclusive<usize> = item_body_bytes::<StatementAnswerLayout, BillLine>(LINES);

    type Owned = StatementAnswer<'static>;

    fn owned(&self) -> Option<StatementAnswer<'static>> {
        None
    }

    fn read(body: &'a [u8]) -> Result<StatementAnswer<'a>, DecodeError> {
        let (layout, lines) = head_and_items::<StatementAnswerLayout>(body)?;
        zero(&[layout.reserved], 3)?;
        zero(&layout.reserved_2, 51)?;
        Ok(StatementAnswer {
            code: code(layout.code, layout.action)?,
            account: account(layout.account),
            next_before: RecordNumber(layout.next_before.get()),
            opening_fen: layout.opening_fen.get(),
            in_fen: layout.in_fen.get(),
            out_fen: layout.out_fen.get(),
            closing_fen: layout.closing_fen.get(),
            more: StatementMore::from_number(layout.more).ok_or_else(|| field(50, layout.more))?,
            record: RecordNumber(layout.record.get()),
            lines: items(lines, layout.count, 48)?,
        })
    }

    fn body_bytes(&self) -> Result<usize, EncodeError> {
        counted_body_bytes::<StatementAnswerLayout, BillLine>(self.lines, LINES)
    }

    fn write(&self, body: &mut [u8]) {
        let head = StatementAnswerLayout {
            code: self.code.number().into(),
            action: self.code.action().number(),
            reserved: 0,
            account: account_number(self.account),
            next_before: self.next_before.0.into(),
            opening_fen: self.opening_fen.into(),
            in_fen: self.in_fen.into(),
            out_fen: self.out_fen.into(),
            closing_fen: self.closing_fen.into(),
            // `body_bytes` has bounded the count.
            count: U16::new(self.lines.len() as u16),
            more: self.more.number(),
            reserved_2: [0; 5],
            record: self.record.0.into(),
        };
        put_head_and_items(body, &head, self.lines);
    }
}
