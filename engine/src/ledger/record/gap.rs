//! The record of a hole in a till's sequences, closed by an operator.
//!
//! ```text
//! 0 money │ 80 till u32 │ 84 first u32 │ 88 last u32 │ 92 epoch u16 │ 94 slot u16 │ 96 since_s u32 │ 100 0 u32 │ 104 reason, 32 bytes = 136
//! ```

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{MoneyRecord, Payload};

/// A hole is closed, or a part of it: it moves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct GapClosedRecord {
    /// Who asked.
    pub money: MoneyRecord,
    /// The till whose sequences were missing.
    pub till: U32,
    /// The first of them that is closed.
    pub first: U32,
    /// The last.
    pub last: U32,
    /// The till's epoch.
    pub epoch: U16,
    /// The till's slot.
    pub slot: U16,
    /// When the hole was noticed: seconds since 1970-01-01 UTC.
    pub since_s: U32,
    /// Zero.
    pub reserved: U32,
    /// Why: UTF-8, padded with zeros.
    pub reason: [u8; 32],
}

const _: () = assert!(size_of::<GapClosedRecord>() == 136);

impl Payload for GapClosedRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}
