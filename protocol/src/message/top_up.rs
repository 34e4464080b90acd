//! Money paid in.

use zerocopy::little_endian::I64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::channel::Channel;
use crate::error::DecodeError;
use crate::message::Fixed;
use crate::message::field::{channel_order, zero};
use crate::message::selector::{AccountSelector, SelectorLayout};
use crate::text::OrderNumber;

/// Pays money in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopUp {
    /// Whose account.
    pub account: AccountSelector,
    /// The amount in fen. The ledger judges its range.
    pub amount_fen: i64,
    /// Where the money came from; one for which [`Channel::is_top_up`] holds.
    pub channel: Channel,
    /// The channel's own order number: one order is paid in once, however often it is sent.
    pub order: OrderNumber,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct TopUpLayout {
    account: SelectorLayout,
    amount_fen: I64,
    channel: u8,
    reserved: [u8; 7],
    order: [u8; 32],
}

impl Fixed for TopUp {
    type Layout = TopUpLayout;

    fn from_layout(layout: &TopUpLayout) -> Result<TopUp, DecodeError> {
        zero(&layout.reserved, 33)?;
        let (channel, order) = channel_order((layout.channel, 32), Channel::is_top_up, (layout.order, 40))?;
        Ok(TopUp { account: layout.account.read()?, amount_fen: layout.amount_fen.get(), channel, order })
    }

    fn to_layout(&self) -> TopUpLayout {
        TopUpLayout {
            account: SelectorLayout::write(&self.account),
            amount_fen: self.amount_fen.into(),
            channel: self.channel.number(),
            reserved: [0; 7],
            order: *self.order.as_bytes(),
        }
    }
}
