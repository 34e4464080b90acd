//! The records of holes in tills' sequences: closed by an operator, or by what a card told.
//!
//! ```text
//! gap closed   0 money │ 80 till u32 │ 84 first u32 │ 88 last u32 │ 92 epoch u16 │ 94 slot u16 │ 96 since_s u32 │ 100 0 u32 │ 104 reason, 32 bytes = 136
//! told posted  0 money │ 80 card_uid u64 │ 88 witness u64 │ 96 till u32 │ 100 sequence u32 │ 104 card_counter u32 │ 108 epoch u16 │ 110 0 u16
//!              │ 112 reason, 32 bytes = 144
//! ```

use protocol::ids::{Epoch, SaleId, Sequence, TerminalId};
use zerocopy::little_endian::{U16, U32, U64};
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

/// A sale that never came was posted, because its card told of it: by the record before this one, in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct ToldPostedRecord {
    /// Who asked; its amount is the sale's, its person whoever paid it.
    pub money: MoneyRecord,
    /// The card.
    pub card_uid: U64,
    /// The offline sale that told of it.
    pub witness: U64,
    /// The till of the sale that never came.
    pub till: U32,
    /// Its sequence there.
    pub sequence: U32,
    /// The card's counter at it.
    pub card_counter: U32,
    /// The till's epoch then.
    pub epoch: U16,
    /// Zero.
    pub reserved: U16,
    /// Why: UTF-8, padded with zeros.
    pub reason: [u8; 32],
}

const _: () = assert!(size_of::<ToldPostedRecord>() == 144);

impl Payload for ToldPostedRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl ToldPostedRecord {
    /// The identity of the sale that was posted.
    pub fn told(&self) -> SaleId {
        SaleId {
            terminal: TerminalId(self.till.get()),
            epoch: Epoch(self.epoch.get()),
            sequence: Sequence(self.sequence.get()),
        }
    }
}
