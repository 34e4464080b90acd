//! The class of an account and its holder's own limits, set by an operator.

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::message::Fixed;
use crate::message::field::zero;
use crate::message::selector::{AccountSelector, SelectorLayout};

/// Sets an account's class and the holder's own limits, all of them. Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLimits {
    /// Whose account.
    pub account: AccountSelector,
    /// The holder's own limit for one debit, in fen; 0 = the class's.
    pub debit_max_fen: u32,
    /// The holder's own limit for a day, in fen; 0 = the class's.
    pub day_max_fen: u32,
    /// The account's class. The ledger judges its range.
    pub class: u8,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct AccountLimitsLayout {
    account: SelectorLayout,
    debit_max_fen: U32,
    day_max_fen: U32,
    class: u8,
    reserved: [u8; 7],
}

impl Fixed for AccountLimits {
    type Layout = AccountLimitsLayout;

    fn from_layout(layout: &AccountLimitsLayout) -> Result<AccountLimits, DecodeError> {
        zero(&layout.reserved, 33)?;
        Ok(AccountLimits {
            account: layout.account.read()?,
            debit_max_fen: layout.debit_max_fen.get(),
            day_max_fen: layout.day_max_fen.get(),
            class: layout.class,
        })
    }

    fn to_layout(&self) -> AccountLimitsLayout {
        AccountLimitsLayout {
            account: SelectorLayout::write(&self.account),
            debit_max_fen: self.debit_max_fen.into(),
            day_max_fen: self.day_max_fen.into(),
            class: self.class,
            reserved: [0; 7],
        }
    }
}
