//! Records of what a till did that is no money: they stand in its chain, and use no sequence up.
//!
//! ```text
//! block-list active, 48 bytes
//!  0        4       8    10    12       16                24             32
//!  ┌────────┬───────┬────┬─────┬────────┬─────────────────┬──────────────┬──────────────────┐
//!  │terminal│version│slot│date │   0    │previous_terminal│ till_time_ns │ digest, 16 bytes │
//!  └────────┴───────┴────┴─────┴────────┴─────────────────┴──────────────┴──────────────────┘ 48
//!
//! duty, 136 bytes
//!  0        4       8    10    12       16                24             32   33       40
//!  ┌────────┬───────┬────┬─────┬────────┬─────────────────┬──────────────┬────┬────────┬──────────────────┐
//!  │terminal│cashier│slot│date │ shift  │previous_terminal│ till_time_ns │what│   0    │ totals, 96 bytes │
//!  └────────┴───────┴────┴─────┴────────┴─────────────────┴──────────────┴────┴────────┴──────────────────┘ 136
//!
//! batch settled, 248 bytes
//!  0        4       8    10    12    14      15 16     20     24                32           40       48      56
//!  ┌────────┬───────┬────┬─────┬─────┬───────┬─┬──────┬──────┬─────────────────┬────────────┬────────┬───────┬────────┬────────┐
//!  │terminal│ batch │slot│date │epoch│differs│0│first │ last │previous_terminal│till_time_ns│ behind │digest │ totals │till's  │
//!  └────────┴───────┴────┴─────┴─────┴───────┴─┴──────┴──────┴─────────────────┴────────────┴────────┴───────┴────────┴────────┘
//! ```

use protocol::ids::RecordNumber;
use protocol::till_totals::TillTotals;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::Payload;

/// The block-list that a till judges by from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct BlockListActiveRecord {
    /// The till.
    pub terminal: U32,
    /// The version of its list.
    pub version: U32,
    /// The till's dense slot.
    pub slot: U16,
    /// The open business date at the append.
    pub business_date: U16,
    /// Zero.
    pub reserved: U32,
    /// The record before this one in the till's chain.
    pub previous_terminal: U64,
    /// When it changed over, by the till's clock.
    pub till_time_ns: U64,
    /// The list's digest.
    pub digest: [u8; 16],
}

const _: () = assert!(size_of::<BlockListActiveRecord>() == 48);

impl Payload for BlockListActiveRecord {
    fn previous_of_terminal(&self) -> Option<RecordNumber> {
        Some(RecordNumber(self.previous_terminal.get()))
    }
}

/// A cashier signed on or off, or a shift was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct DutyRecord {
    /// The till.
    pub terminal: U32,
    /// Who signed on or off, or was signed on when the shift was closed; 0 for nobody.
    pub cashier: U32,
    /// The till's dense slot.
    pub slot: U16,
    /// The open business date at the append.
    pub business_date: U16,
    /// The shift that it happened in, or that was closed: from 1.
    pub shift: U32,
    /// The record before this one in the till's chain.
    pub previous_terminal: U64,
    /// By the till's clock.
    pub till_time_ns: U64,
    /// [`Self::ON`], [`Self::OFF`] or [`Self::SHIFT_CLOSED`].
    pub what: u8,
    /// Zero.
    pub reserved: [u8; 7],
    /// What the till did in the shift that was closed; zero otherwise.
    pub totals: TillTotals,
}

const _: () = assert!(size_of::<DutyRecord>() == 136);

impl DutyRecord {
    /// A cashier signed on.
    pub const ON: u8 = 1;
    /// The cashier signed off.
    pub const OFF: u8 = 2;
    /// The shift was closed, and the cashier signed off.
    pub const SHIFT_CLOSED: u8 = 3;
}

impl Payload for DutyRecord {
    fn previous_of_terminal(&self) -> Option<RecordNumber> {
        Some(RecordNumber(self.previous_terminal.get()))
    }
}

/// A batch that was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct BatchSettledRecord {
    /// The till.
    pub terminal: U32,
    /// The till's number of the batch.
    pub batch: U32,
    /// The till's dense slot.
    pub slot: U16,
    /// The open business date at the append.
    pub business_date: U16,
    /// The epoch of its sequences.
    pub epoch: U16,
    /// 1 when the totals differ, and it was closed as it stands.
    pub differs: u8,
    /// Zero.
    pub reserved: u8,
    /// Its first sequence.
    pub first: U32,
    /// Its last; one less than the first where it has none.
    pub last: U32,
    /// The record before this one in the till's chain.
    pub previous_terminal: U64,
    /// By the till's clock.
    pub till_time_ns: U64,
    /// Everything that stands under later sequences of the till is above this record.
    pub behind: U64,
    /// Digest of the till's sequences and totals.
    pub digest: U64,
    /// The totals of the books.
    pub totals: TillTotals,
    /// The till's own.
    pub totals_of_till: TillTotals,
}

const _: () = assert!(size_of::<BatchSettledRecord>() == 248);

impl Payload for BatchSettledRecord {
    fn previous_of_terminal(&self) -> Option<RecordNumber> {
        Some(RecordNumber(self.previous_terminal.get()))
    }
}
