//! The question after a page of a bill, and the page. Its lines are [`crate::bill`]'s.

use core::ops::RangeInclusive;

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::bill::BillLine;
use crate::error::{DecodeError, EncodeError};
use crate::ids::{AccountId, RecordNumber};
use crate::message::field::{account, account_number, code, field, zero};
use crate::message::layout::{
    counted_body_bytes, head_and_items, item_body_bytes, items, put_head_and_items,
};
use crate::message::selector::{AccountSelector, SelectorLayout};
use crate::message::{Body, Fixed};
use crate::result_code::ResultCode;

/// Most lines on one page of a bill.
pub const BILL_LINES_MAX: usize = 50;

/// Asks for a page of a bill, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillQuery {
    /// Whose account.
    pub account: AccountSelector,
    /// Only lines whose record number is below this one; 0 begins with the newest.
    pub before: RecordNumber,
    /// Most lines wanted: 1 to [`BILL_LINES_MAX`](crate::command_table::BILL_LINES_MAX).
    pub lines_max: u16,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct BillLayout {
    account: SelectorLayout,
    before: U64,
    lines_max: U16,
    reserved: [u8; 6],
}

impl Fixed for BillQuery {
    type Layout = BillLayout;

    fn from_layout(layout: &BillLayout) -> Result<BillQuery, DecodeError> {
        zero(&layout.reserved, 34)?;
        let lines_max = layout.lines_max.get();
        if !(1..=BILL_LINES_MAX).contains(&usize::from(lines_max)) {
            return Err(field(32, lines_max));
        }
        Ok(BillQuery {
            account: layout.account.read()?,
            before: RecordNumber(layout.before.get()),
            lines_max,
        })
    }

    fn to_layout(&self) -> BillLayout {
        BillLayout {
            account: SelectorLayout::write(&self.account),
            before: self.before.0.into(),
            lines_max: self.lines_max.into(),
            reserved: [0; 6],
        }
    }
}

/// Answers a bill query with one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillAnswer<'a> {
    /// [`ResultCode::Approved`], or why there is no bill to show.
    pub code: ResultCode,
    /// The account, if one was found.
    pub account: Option<AccountId>,
    /// Ask with this number as `before` for the next page; 0 when there is none.
    pub next_before: RecordNumber,
    /// The lines, newest first, zero-copy: they lie in the frame.
    pub lines: &'a [BillLine],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct BillAnswerLayout {
    code: U16,
    action: u8,
    reserved: u8,
    account: U32,
    next_before: U64,
    count: U16,
    reserved_tail: [u8; 6],
}

const LINES: RangeInclusive<usize> = 0..=BILL_LINES_MAX;

impl<'a> Body<'a> for BillAnswer<'a> {
    const BYTES: RangeInclusive<usize> = item_body_bytes::<BillAnswerLayout, BillLine>(LINES);

    type Owned = BillAnswer<'static>;

    fn owned(&self) -> Option<BillAnswer<'static>> {
        None
    }

    fn read(body: &'a [u8]) -> Result<BillAnswer<'a>, DecodeError> {
        let (layout, lines) = head_and_items::<BillAnswerLayout>(body)?;
        zero(&[layout.reserved], 3)?;
        zero(&layout.reserved_tail, 18)?;
        Ok(BillAnswer {
            code: code(layout.code, layout.action)?,
            account: account(layout.account),
            next_before: RecordNumber(layout.next_before.get()),
            lines: items(lines, layout.count, 16)?,
        })
    }

    fn body_bytes(&self) -> Result<usize, EncodeError> {
        counted_body_bytes::<BillAnswerLayout, BillLine>(self.lines, LINES)
    }

    fn write(&self, body: &mut [u8]) {
        let head = BillAnswerLayout {
            code: self.code.number().into(),
            action: self.code.action().number(),
            reserved: 0,
            account: account_number(self.account),
            next_before: self.next_before.0.into(),
            // `body_bytes` has bounded the count.
            count: U16::new(self.lines.len() as u16),
            reserved_tail: [0; 6],
        };
        put_head_and_items(body, &head, self.lines);
    }
}
