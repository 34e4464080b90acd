//! A card that takes the place of another.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::card::{CardKind, CardTerms, ReplaceReason};
use crate::error::DecodeError;
use crate::ids::CardUid;
use crate::message::Fixed;
use crate::message::field::{card, field, zero};
use crate::message::selector::{AccountSelector, SelectorLayout};

/// Gives a new card to an account in the place of its current one, lost or not. Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardReplace {
    /// Whose account.
    pub account: AccountSelector,
    /// The new card's number, not 0.
    pub new_card: CardUid,
    /// What the account pays for it, in fen; 0 = nothing. The ledger judges its range.
    pub fee_fen: i64,
    /// Why.
    pub reason: ReplaceReason,
    /// What the new one is.
    pub terms: CardTerms,
    /// The counter's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct CardReplaceLayout {
    account: SelectorLayout,
    new_card: U64,
    fee_fen: I64,
    reason: u8,
    kind: u8,
    expires_day: U16,
    reserved: U32,
    till_time_ns: U64,
}

impl Fixed for CardReplace {
    type Layout = CardReplaceLayout;

    fn from_layout(layout: &CardReplaceLayout) -> Result<CardReplace, DecodeError> {
        zero(layout.reserved.as_bytes(), 44)?;
        Ok(CardReplace {
            account: layout.account.read()?,
            new_card: card(layout.new_card, 24)?,
            fee_fen: layout.fee_fen.get(),
            reason: ReplaceReason::from_number(layout.reason).ok_or_else(|| field(40, layout.reason))?,
            terms: CardTerms {
                kind: CardKind::from_number(layout.kind).ok_or_else(|| field(41, layout.kind))?,
                expires_day: layout.expires_day.get(),
            },
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> CardReplaceLayout {
        CardReplaceLayout {
            account: SelectorLayout::write(&self.account),
            new_card: self.new_card.0.into(),
            fee_fen: self.fee_fen.into(),
            reason: self.reason.number(),
            kind: self.terms.kind.number(),
            expires_day: self.terms.expires_day.into(),
            reserved: U32::ZERO,
            till_time_ns: self.till_time_ns.into(),
        }
    }
}
