//! A card given to a person who has none.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::card::CardKind;
use crate::error::DecodeError;
use crate::ids::CardUid;
use crate::message::Fixed;
use crate::message::field::{card, field, zero};
use crate::message::selector::{AccountSelector, SelectorLayout};

/// Gives a card to an account that has none. Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardIssue {
    /// Whose account.
    pub account: AccountSelector,
    /// The card's number, not 0.
    pub card_uid: CardUid,
    /// What it is issued as.
    pub kind: CardKind,
    /// The first day on which it isn't taken any more, in days since 2000-01-01 at +08:00; 0 = never.
    pub expires_day: u16,
    /// What the account pays for it, in fen; 0 = nothing. The ledger judges its range.
    pub fee_fen: i64,
    /// The counter's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct CardIssueLayout {
    account: SelectorLayout,
    card_uid: U64,
    kind: u8,
    reserved: u8,
    expires_day: U16,
    reserved_2: U32,
    fee_fen: I64,
    till_time_ns: U64,
    reserved_tail: U64,
}

impl Fixed for CardIssue {
    type Layout = CardIssueLayout;

    fn from_layout(layout: &CardIssueLayout) -> Result<CardIssue, DecodeError> {
        zero(&[layout.reserved], 33)?;
        zero(layout.reserved_2.as_bytes(), 36)?;
        zero(layout.reserved_tail.as_bytes(), 56)?;
        Ok(CardIssue {
            account: layout.account.read()?,
            card_uid: card(layout.card_uid, 24)?,
            kind: CardKind::from_number(layout.kind).ok_or_else(|| field(32, layout.kind))?,
            expires_day: layout.expires_day.get(),
            fee_fen: layout.fee_fen.get(),
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> CardIssueLayout {
        CardIssueLayout {
            account: SelectorLayout::write(&self.account),
            card_uid: self.card_uid.0.into(),
            kind: self.kind.number(),
            reserved: 0,
            expires_day: self.expires_day.into(),
            reserved_2: U32::ZERO,
            fee_fen: self.fee_fen.into(),
            till_time_ns: self.till_time_ns.into(),
            reserved_tail: U64::ZERO,
        }
    }
}
