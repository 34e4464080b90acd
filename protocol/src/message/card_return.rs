//! A card given back.

use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::CardUid;
use crate::message::Fixed;
use crate::message::field::card;
use crate::message::selector::{AccountSelector, SelectorLayout};

/// Takes the current card of an account back; the account stays. Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardReturn {
    /// Whose account.
    pub account: AccountSelector,
    /// The card that is given back; not 0.
    pub card_uid: CardUid,
    /// The counter's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct CardReturnLayout {
    account: SelectorLayout,
    card_uid: U64,
    till_time_ns: U64,
}

impl Fixed for CardReturn {
    type Layout = CardReturnLayout;

    fn from_layout(layout: &CardReturnLayout) -> Result<CardReturn, DecodeError> {
        Ok(CardReturn {
            account: layout.account.read()?,
            card_uid: card(layout.card_uid, 24)?,
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> CardReturnLayout {
        CardReturnLayout {
            account: SelectorLayout::write(&self.account),
            card_uid: self.card_uid.0.into(),
            till_time_ns: self.till_time_ns.into(),
        }
    }
}
