//! What tills are told of the rules by which they sell: one line a class of accounts, one line a meal period, one line a rate.
//!
//! ```text
//! class rules, 36 bytes: │ floor_fen i64 │ debit_max_fen u32 │ day_max_fen u32 │ offline_debit_max_fen u32 │
//!                        │ offline_day_max_fen u32 │ class u8 │ rule u8 │ 0, 2 bytes │ code_max_fen u32 │ meal_max_fen u32 │
//! meal period, 72 bytes: │ start_minute u16 │ end_minute u16 │ period u8 │ 0, 3 bytes │ name text 64 │
//! price, 8 bytes:        │ rate i16 │ class u8 │ period u8 │ 0, 4 bytes │
//! ```

use zerocopy::little_endian::{I16, I64, U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The rules of an account class. Limits are inclusive.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct ClassRulesLine {
    /// What a debit must leave, in fen.
    pub floor_fen: I64,
    /// Most of one debit without the password.
    pub debit_max_fen: U32,
    /// Most of a calendar day (+08:00) without the password.
    pub day_max_fen: U32,
    /// An offline sale above it is flagged.
    pub offline_debit_max_fen: U32,
    /// An offline sale that takes its day above it is flagged.
    pub offline_day_max_fen: U32,
    /// The class.
    pub class: u8,
    /// 0: the balance covers the amount; 1: it is above zero, too.
    pub rule: u8,
    /// Zero.
    pub reserved: [u8; 2],
    /// Most of one payment by code.
    pub code_max_fen: U32,
    /// Most of one meal period of a day without the password; 0 = as much as the day.
    pub meal_max_fen: U32,
}

const _: () = assert!(size_of::<ClassRulesLine>() == 36);

/// A meal period: a part of the day at +08:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct MealPeriodLine {
    /// The first minute of the day that belongs to it.
    pub start_minute: U16,
    /// The first minute that doesn't any more.
    pub end_minute: U16,
    /// Its number.
    pub period: u8,
    /// Zero.
    pub reserved: [u8; 3],
    /// Its name: UTF-8, closed by zero bytes.
    pub name: [u8; 64],
}

const _: () = assert!(size_of::<MealPeriodLine>() == 72);

/// What a class pays beside the price in a meal period.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct PriceLine {
    /// On top of the price, in hundredths of a percent of it; a discount is below zero.
    pub rate: I16,
    /// The class.
    pub class: u8,
    /// The meal period's number; 16 for the time outside of every one.
    pub period: u8,
    /// Zero.
    pub reserved: [u8; 4],
}

const _: () = assert!(size_of::<PriceLine>() == 8);
