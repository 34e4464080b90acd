//! An account that is frozen by an operator, or unfrozen.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::channel::numbered;
use crate::error::DecodeError;
use crate::message::Fixed;
use crate::message::field::{field, zero};
use crate::message::selector::{AccountSelector, SelectorLayout};

numbered! {
    /// What becomes of an account's status.
    FreezeAction {
        /// It is frozen: neither debits nor top-ups.
        Freeze = 1, "freeze";
        /// It is open again.
        Unfreeze = 2, "unfreeze";
    }
}

/// Freezes an account, or lifts that again. Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountFreeze {
    /// Whose account.
    pub account: AccountSelector,
    /// Which of both.
    pub action: FreezeAction,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct AccountFreezeLayout {
    account: SelectorLayout,
    action: u8,
    reserved: [u8; 7],
}

impl Fixed for AccountFreeze {
    type Layout = AccountFreezeLayout;

    fn from_layout(layout: &AccountFreezeLayout) -> Result<AccountFreeze, DecodeError> {
        zero(&layout.reserved, 25)?;
        Ok(AccountFreeze {
            account: layout.account.read()?,
            action: FreezeAction::from_number(layout.action).ok_or_else(|| field(24, layout.action))?,
        })
    }

    fn to_layout(&self) -> AccountFreezeLayout {
        AccountFreezeLayout {
            account: SelectorLayout::write(&self.account),
            action: self.action.number(),
            reserved: [0; 7],
        }
    }
}
