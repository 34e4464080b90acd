//! What a till says of the chip after a two-phase tap.
//!
//! ```text
//! 0 money   80 original_record u64   88 original_sequence u32   92 original_epoch u16   94 write u8   95 zero   96
//! ```

use protocol::ids::{Epoch, SaleId, Sequence, TerminalId};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{MoneyRecord, Payload};

/// A confirmation. It moves nothing: where the chip wasn't written, what undoes the tap stands before it in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct TapConfirmedRecord {
    /// Its debit is the person, its amount the tap's.
    pub money: MoneyRecord,
    /// The record of the tap.
    pub original_record: U64,
    /// The tap's sequence, on the same till.
    pub original_sequence: U32,
    /// The tap's epoch.
    pub original_epoch: U16,
    /// [`protocol::card::ChipWrite`]. Unknown leaves the tap open.
    pub write: u8,
    /// Zero.
    pub reserved: u8,
}

const _: () = assert!(size_of::<TapConfirmedRecord>() == 96);

impl Payload for TapConfirmedRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl TapConfirmedRecord {
    /// The tap.
    pub fn original(&self) -> SaleId {
        SaleId {
            terminal: TerminalId(self.money.terminal.get()),
            epoch: Epoch(self.original_epoch.get()),
            sequence: Sequence(self.original_sequence.get()),
        }
    }
}
