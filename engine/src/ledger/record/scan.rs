//! Records of self-scan: what an offline till showed, paid by phone, or told by the till before it was paid.
//!
//! ```text
//! scan paid      money 80 │ 80 till_time_ns u64 │ 88 gateway u32 │ 92 till_connected u8 │ 93 0, 3 bytes = 96
//! scan pending   money 80 │ 80 till_time_ns u64                                                         = 88
//! ```

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{MoneyRecord, Payload};

/// A debit by phone, under the identity of the offline till's sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct ScanPaidRecord {
    /// Debit: the person's transition wallet; credit: the till's merchant.
    pub money: MoneyRecord,
    /// When the till showed the code, by its clock.
    pub till_time_ns: U64,
    /// The gateway that asked. Its memo follows in the group.
    pub gateway: U32,
    /// 1 when the till seemed to be connected.
    pub till_connected: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

const _: () = assert!(size_of::<ScanPaidRecord>() == 96);

/// A sale that the till says was paid by phone, and nobody has paid yet: it moves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct ScanPendingRecord {
    /// Its amount is what the till says was paid. No sides.
    pub money: MoneyRecord,
    /// When the till says it was.
    pub till_time_ns: U64,
}

const _: () = assert!(size_of::<ScanPendingRecord>() == 88);

impl Payload for ScanPaidRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl Payload for ScanPendingRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}
