//! The tables by which tills sell: rules of account classes, meal periods, rates beside the price.

use core::ops::RangeInclusive;

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::error::{DecodeError, EncodeError};
use crate::message::Body;
use crate::message::field::{code, zero};
use crate::message::layout::{
    counted_body_bytes, head_and_items, item_body_bytes, items, put_head_and_items,
};
use crate::result_code::ResultCode;
use crate::tables::{ClassRulesLine, MealPeriodLine, PriceLine};

/// Most classes of accounts.
pub const CLASS_RULES_MAX: usize = 64;
/// Most meal periods.
pub const MEAL_PERIODS_MAX: usize = 16;
/// Most rates: one for each class in each meal period, and outside of every one.
pub const PRICES_MAX: usize = CLASS_RULES_MAX * (MEAL_PERIODS_MAX + 1);

/// A whole table, of one version of the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableAnswer<'a, L> {
    /// The outcome.
    pub code: ResultCode,
    /// The version of the parameters that it is of: what sign-in and heartbeat tell.
    pub parameter_version: u32,
    /// The lines, in order of number.
    pub lines: &'a [L],
}

/// Answers a query for the rules of account classes: a line for each class.
pub type ClassRulesAnswer<'a> = TableAnswer<'a, ClassRulesLine>;
/// Answers a query for the meal periods: a line for each that is set.
pub type MealPeriodsAnswer<'a> = TableAnswer<'a, MealPeriodLine>;
/// Answers a query for what is paid beside the price: a line for each rate that isn't 0, by class, then by meal period.
pub type PriceTableAnswer<'a> = TableAnswer<'a, PriceLine>;

/// What a line of a table is, and how many there may be.
pub(crate) trait Line:
    FromBytes + IntoBytes + Immutable + KnownLayout + Unaligned + Copy + 'static
{
    const COUNTS: RangeInclusive<usize>;
}

impl Line for ClassRulesLine {
    const COUNTS: RangeInclusive<usize> = 0..=CLASS_RULES_MAX;
}

impl Line for MealPeriodLine {
    const COUNTS: RangeInclusive<usize> = 0..=MEAL_PERIODS_MAX;
}

impl Line for PriceLine {
    const COUNTS: RangeInclusive<usize> = 0..=PRICES_MAX;
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct TableAnswerLayout {
    code: U16,
    action: u8,
    reserved: u8,
    parameter_version: U32,
    count: U16,
    reserved_tail: [u8; 6],
}

impl<'a, L: Line> Body<'a> for TableAnswer<'a, L> {
    const BYTES: RangeInclusive<usize> = item_body_bytes::<TableAnswerLayout, L>(L::COUNTS);

    type Owned = TableAnswer<'static, L>;

    fn owned(&self) -> Option<TableAnswer<'static, L>> {
        None
    }

    fn read(body: &'a [u8]) -> Result<TableAnswer<'a, L>, DecodeError> {
        let (layout, lines) = head_and_items::<TableAnswerLayout>(body)?;
        zero(&[layout.reserved], 3)?;
        zero(&layout.reserved_tail, 10)?;
        Ok(TableAnswer {
            code: code(layout.code, layout.action)?,
            parameter_version: layout.parameter_version.get(),
            lines: items(lines, layout.count, 8)?,
        })
    }

    fn body_bytes(&self) -> Result<usize, EncodeError> {
        counted_body_bytes::<TableAnswerLayout, L>(self.lines, L::COUNTS)
    }

    fn write(&self, body: &mut [u8]) {
        let head = TableAnswerLayout {
            code: self.code.number().into(),
            action: self.code.action().number(),
            reserved: 0,
            parameter_version: self.parameter_version.into(),
            // `body_bytes` has bounded the count.
            count: U16::new(self.lines.len() as u16),
            reserved_tail: [0; 6],
        };
        put_head_and_items(body, &head, self.lines);
    }
}
