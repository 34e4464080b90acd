//! The record of a payment-code key taken into use. It begins with the money record of who asked; it moves nothing.

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{MoneyRecord, Payload};

/// The next payment-code key is in use.
///
/// ```text
/// 0 money   80 key_version u32   84 earlier_until_step u32   88
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct CodeKeyRotatedRecord {
    /// Who asked.
    pub money: MoneyRecord,
    /// The version from now on: the one before and 1.
    pub key_version: U32,
    /// Codes of the version before are taken up to those of this time step; 0 = none is.
    pub earlier_until_step: U32,
}

const _: () = assert!(size_of::<CodeKeyRotatedRecord>() == 88);

impl Payload for CodeKeyRotatedRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}
