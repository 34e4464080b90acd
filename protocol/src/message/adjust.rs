//! A balance that an operator corrects.

use zerocopy::little_endian::I64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::channel::numbered;
use crate::error::DecodeError;
use crate::message::Fixed;
use crate::message::field::{field, zero};
use crate::message::selector::{AccountSelector, SelectorLayout};

numbered! {
    /// Which way a correction goes.
    AdjustDirection {
        /// To the account.
        Give = 1, "give";
        /// From the account.
        Take = 2, "take";
    }
}

numbered! {
    /// The wallets that can be corrected, by their numbers as [`Wallet`](crate::channel::Wallet).
    AdjustWallet {
        /// The card wallet: the part of it that isn't subsidy.
        Card = 1, "card";
        /// The electronic wallet.
        Electronic = 3, "electronic";
    }
}

/// Corrects a balance; above the amount that one operator may decide alone, proposes to. Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adjust {
    /// Whose account.
    pub account: AccountSelector,
    /// By how much, in fen; above zero. The ledger judges its range.
    pub amount_fen: i64,
    /// Which wallet.
    pub wallet: AdjustWallet,
    /// Which way.
    pub direction: AdjustDirection,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct AdjustLayout {
    account: SelectorLayout,
    amount_fen: I64,
    wallet: u8,
    direction: u8,
    reserved: [u8; 6],
}

impl Fixed for Adjust {
    type Layout = AdjustLayout;

    fn from_layout(layout: &AdjustLayout) -> Result<Adjust, DecodeError> {
        zero(&layout.reserved, 34)?;
        Ok(Adjust {
            account: layout.account.read()?,
            amount_fen: layout.amount_fen.get(),
            wallet: AdjustWallet::from_number(layout.wallet).ok_or_else(|| field(32, layout.wallet))?,
            direction: AdjustDirection::from_number(layout.direction)
                .ok_or_else(|| field(33, layout.direction))?,
        })
    }

    fn to_layout(&self) -> AdjustLayout {
        AdjustLayout {
            account: SelectorLayout::write(&self.account),
            amount_fen: self.amount_fen.into(),
            wallet: self.wallet.number(),
            direction: self.direction.number(),
            reserved: [0; 6],
        }
    }
}
