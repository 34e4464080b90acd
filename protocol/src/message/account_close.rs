//! An account that ends: what is left is paid out, and the card comes back.

use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::card::PayoutWay;
use crate::error::DecodeError;
use crate::ids::CardUid;
use crate::message::Fixed;
use crate::message::field::{field, zero};
use crate::message::selector::{AccountSelector, SelectorLayout};

/// Closes an account. The answer's amount is what the counter pays out. Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountClose {
    /// Whose account.
    pub account: AccountSelector,
    /// The card that comes back; 0 where there is none, or it is reported lost.
    pub card_uid: CardUid,
    /// How the holder gets the money.
    pub way: PayoutWay,
    /// The counter's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct AccountCloseLayout {
    account: SelectorLayout,
    card_uid: U64,
    way: u8,
    reserved: [u8; 7],
    till_time_ns: U64,
}

impl Fixed for AccountClose {
    type Layout = AccountCloseLayout;

    fn from_layout(layout: &AccountCloseLayout) -> Result<AccountClose, DecodeError> {
        zero(&layout.reserved, 33)?;
        Ok(AccountClose {
            account: layout.account.read()?,
            card_uid: CardUid(layout.card_uid.get()),
            way: PayoutWay::from_number(layout.way).ok_or_else(|| field(32, layout.way))?,
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> AccountCloseLayout {
        AccountCloseLayout {
            account: SelectorLayout::write(&self.account),
            card_uid: self.card_uid.0.into(),
            way: self.way.number(),
            reserved: [0; 7],
            till_time_ns: self.till_time_ns.into(),
        }
    }
}
