//! A sale that never came, posted because its card told of it with a later one.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::{CardCounter, CardUid};
use crate::message::Fixed;
use crate::message::field::{card, given_reason, zero};
use crate::text::GapReason;

/// Posts what a card told of its transaction before. Consumes a sequence of the asking counter's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToldPost {
    /// The card, not 0.
    pub card_uid: CardUid,
    /// The card's counter at the sale that never came.
    pub card_counter: CardCounter,
    /// Why it won't come, not empty.
    pub reason: GapReason,
    /// The counter's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ToldPostLayout {
    card_uid: U64,
    card_counter: U32,
    reserved: U32,
    reason: [u8; 32],
    till_time_ns: U64,
}

impl Fixed for ToldPost {
    type Layout = ToldPostLayout;

    fn from_layout(layout: &ToldPostLayout) -> Result<ToldPost, DecodeError> {
        zero(layout.reserved.as_bytes(), 12)?;
        Ok(ToldPost {
            card_uid: card(layout.card_uid, 0)?,
            card_counter: CardCounter(layout.card_counter.get()),
            reason: given_reason(layout.reason, 16)?,
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> ToldPostLayout {
        ToldPostLayout {
            card_uid: self.card_uid.0.into(),
            card_counter: self.card_counter.0.into(),
            reserved: U32::ZERO,
            reason: *self.reason.as_bytes(),
            till_time_ns: self.till_time_ns.into(),
        }
    }
}
