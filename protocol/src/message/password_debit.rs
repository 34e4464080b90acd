//! A debit of the account of a card above the limits, with the holder's query password.

use zerocopy::little_endian::{I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::{CardCounter, CardUid};
use crate::message::Fixed;
use crate::message::field::zero;
use crate::password::SealedPassword;

/// Debits the account of a card that was tapped, whose holder keyed the query password in: no limit of amounts applies.
/// Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordDebit {
    /// The card's number.
    pub card_uid: CardUid,
    /// The card's transaction counter for this tap; above that of any earlier one: one more than stands on the chip.
    pub card_counter: CardCounter,
    /// The amount in fen. The ledger judges its range.
    pub amount_fen: i64,
    /// The holder's query password, sealed for this frame.
    pub password: SealedPassword,
    /// The till's clock at the tap: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct PasswordDebitLayout {
    card_uid: U64,
    card_counter: U32,
    reserved: U32,
    amount_fen: I64,
    password: [u8; 16],
    till_time_ns: U64,
}

impl Fixed for PasswordDebit {
    type Layout = PasswordDebitLayout;

    fn from_layout(layout: &PasswordDebitLayout) -> Result<PasswordDebit, DecodeError> {
        zero(layout.reserved.as_bytes(), 12)?;
        Ok(PasswordDebit {
            card_uid: CardUid(layout.card_uid.get()),
            card_counter: CardCounter(layout.card_counter.get()),
            amount_fen: layout.amount_fen.get(),
            password: SealedPassword(layout.password),
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> PasswordDebitLayout {
        PasswordDebitLayout {
            card_uid: self.card_uid.0.into(),
            card_counter: self.card_counter.0.into(),
            reserved: U32::ZERO,
            amount_fen: self.amount_fen.into(),
            password: self.password.0,
            till_time_ns: self.till_time_ns.into(),
        }
    }
}
