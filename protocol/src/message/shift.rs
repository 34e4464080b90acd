//! Cashiers at a till, and the totals of their shifts. None of this uses a sequence up.

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::RecordNumber;
use crate::message::Fixed;
use crate::message::field::{code, field, is_repeat, repeat_flag, zero};
use crate::result_code::ResultCode;
use crate::till_totals::TillTotals;

/// A cashier signs on at the till, or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CashierSign {
    /// The cashier; not 0.
    pub cashier: u32,
    /// To sign off: records that the till has stored and not sent. It is refused while there are any.
    pub unsent_records: u32,
    /// The till's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct CashierSignLayout {
    cashier: U32,
    unsent_records: U32,
    till_time_ns: U64,
}

impl Fixed for CashierSign {
    type Layout = CashierSignLayout;

    fn from_layout(layout: &CashierSignLayout) -> Result<CashierSign, DecodeError> {
        let cashier = layout.cashier.get();
        if cashier == 0 {
            return Err(field(0, cashier));
        }
        Ok(CashierSign {
            cashier,
            unsent_records: layout.unsent_records.get(),
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> CashierSignLayout {
        CashierSignLayout {
            cashier: self.cashier.into(),
            unsent_records: self.unsent_records.into(),
            till_time_ns: self.till_time_ns.into(),
        }
    }
}

/// Closes the till's shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShiftClose {
    /// The shift, as its totals say.
    pub shift: u32,
    /// Records that the till has stored and not sent. It is refused while there are any.
    pub unsent_records: u32,
    /// The till's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ShiftCloseLayout {
    shift: U32,
    unsent_records: U32,
    till_time_ns: U64,
}

impl Fixed for ShiftClose {
    type Layout = ShiftCloseLayout;

    fn from_layout(layout: &ShiftCloseLayout) -> Result<ShiftClose, DecodeError> {
        Ok(ShiftClose {
            shift: layout.shift.get(),
            unsent_records: layout.unsent_records.get(),
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> ShiftCloseLayout {
        ShiftCloseLayout {
            shift: self.shift.into(),
            unsent_records: self.unsent_records.into(),
            till_time_ns: self.till_time_ns.into(),
        }
    }
}

/// Answers a question for a shift's totals, and its closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShiftAnswer {
    /// The outcome.
    pub code: ResultCode,
    /// True when this shift was closed before: these are its totals of then.
    pub repeat: bool,
    /// The shift: 1 for the till's first, 0 when it was refused.
    pub shift: u32,
    /// Who is signed on, or was at the closing; 0 for nobody.
    pub cashier: u32,
    /// The record that closed it; 0 for an open one.
    pub record: RecordNumber,
    /// What the till did in it so far.
    pub totals: TillTotals,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ShiftAnswerLayout {
    code: U16,
    action: u8,
    flags: u8,
    shift: U32,
    cashier: U32,
    reserved: U32,
    record: U64,
    totals: TillTotals,
}

impl Fixed for ShiftAnswer {
    type Layout = ShiftAnswerLayout;

    fn from_layout(layout: &ShiftAnswerLayout) -> Result<ShiftAnswer, DecodeError> {
        zero(layout.reserved.as_bytes(), 12)?;
        Ok(ShiftAnswer {
            code: code(layout.code, layout.action)?,
            repeat: is_repeat(layout.flags),
            shift: layout.shift.get(),
            cashier: layout.cashier.get(),
            record: RecordNumber(layout.record.get()),
            totals: layout.totals,
        })
    }

    fn to_layout(&self) -> ShiftAnswerLayout {
        ShiftAnswerLayout {
            code: self.code.number().into(),
            action: self.code.action().number(),
            flags: repeat_flag(self.repeat),
            shift: self.shift.into(),
            cashier: self.cashier.into(),
            reserved: U32::ZERO,
            record: self.record.0.into(),
            totals: self.totals,
        }
    }
}
