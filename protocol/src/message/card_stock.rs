//! Blank cards that come into the counter's stock.

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::CardUid;
use crate::message::Fixed;
use crate::message::field::zero;

/// Puts a range of card numbers into stock. Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardStock {
    /// The first number. The ledger judges the range.
    pub first: CardUid,
    /// How many, from the first on.
    pub count: u16,
    /// The counter's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct CardStockLayout {
    first: U64,
    count: U16,
    reserved: [u8; 6],
    till_time_ns: U64,
}

impl Fixed for CardStock {
    type Layout = CardStockLayout;

    fn from_layout(layout: &CardStockLayout) -> Result<CardStock, DecodeError> {
        zero(layout.reserved.as_bytes(), 10)?;
        Ok(CardStock {
            first: CardUid(layout.first.get()),
            count: layout.count.get(),
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> CardStockLayout {
        CardStockLayout {
            first: self.first.0.into(),
            count: self.count.into(),
            reserved: [0; 6],
            till_time_ns: self.till_time_ns.into(),
        }
    }
}
