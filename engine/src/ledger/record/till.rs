//! Records of what a till did that is no money: they stand in its chain, and use no sequence up.
//!
//! ```text
//! block-list active, 48 bytes
//!  0        4       8    10    12       16                24             32
//!  ┌────────┬───────┬────┬─────┬────────┬─────────────────┬──────────────┬──────────────────┐
//!  │terminal│version│slot│date │   0    │previous_terminal│ till_time_ns │ digest, 16 bytes │
//!  └────────┴───────┴────┴─────┴────────┴─────────────────┴──────────────┴──────────────────┘ 48
//! ```

use protocol::ids::RecordNumber;
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
