//! An account, and its holder's query password.

use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::message::Fixed;
use crate::message::selector::{AccountSelector, SelectorLayout};
use crate::password::SealedPassword;

/// Names an account and a query password: the one that it gets, or the one that its holder knows. Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountPassword {
    /// Whose account.
    pub account: AccountSelector,
    /// The query password, sealed for this frame. The ledger judges what it is.
    pub password: SealedPassword,
    /// The sender's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct AccountPasswordLayout {
    account: SelectorLayout,
    password: [u8; 16],
    till_time_ns: U64,
}

impl Fixed for AccountPassword {
    type Layout = AccountPasswordLayout;

    fn from_layout(layout: &AccountPasswordLayout) -> Result<AccountPassword, DecodeError> {
        Ok(AccountPassword {
            account: layout.account.read()?,
            password: SealedPassword(layout.password),
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> AccountPasswordLayout {
        AccountPasswordLayout {
            account: SelectorLayout::write(&self.account),
            password: self.password.0,
            till_time_ns: self.till_time_ns.into(),
        }
    }
}
