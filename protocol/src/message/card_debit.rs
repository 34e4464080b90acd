//! A debit of the account of a card.

use zerocopy::little_endian::{I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::{CardCounter, CardUid};
use crate::message::Fixed;
use crate::message::field::zero;

/// Debits the account of a card that was tapped, at once or, in a CardTap, in two phases: the answer says what to write on the
/// chip, and a [`TapConfirm`](super::tap_confirm::TapConfirm) follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardDebit {
    /// The card's number.
    pub card_uid: CardUid,
    /// The card's transaction counter for this tap; above that of any earlier one: one more than stands on the chip.
    pub card_counter: CardCounter,
    /// The amount in fen. The ledger judges its range.
    pub amount_fen: i64,
    /// The till's clock at the tap: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct CardDebitLayout {
    card_uid: U64,
    card_counter: U32,
    reserved: U32,
    amount_fen: I64,
    till_time_ns: U64,
}

impl Fixed for CardDebit {
    type Layout = CardDebitLayout;

    fn from_layout(layout: &CardDebitLayout) -> Result<CardDebit, DecodeError> {
        zero(layout.reserved.as_bytes(), 12)?;
        Ok(CardDebit {
            card_uid: CardUid(layout.card_uid.get()),
            card_counter: CardCounter(layout.card_counter.get()),
            amount_fen: layout.amount_fen.get(),
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> CardDebitLayout {
        CardDebitLayout {
            card_uid: self.card_uid.0.into(),
            card_counter: self.card_counter.0.into(),
            reserved: U32::ZERO,
            amount_fen: self.amount_fen.into(),
            till_time_ns: self.till_time_ns.into(),
        }
    }
}
