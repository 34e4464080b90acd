//! A payment through another channel.

use zerocopy::little_endian::{I64, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::channel::Channel;
use crate::error::DecodeError;
use crate::message::Fixed;
use crate::message::field::{channel_order, zero};
use crate::text::OrderNumber;

/// Records what a customer paid at this till through WeChat Pay or Alipay. Consumes a sequence of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tender {
    /// The amount in fen. The ledger judges its range.
    pub amount_fen: i64,
    /// Which channel brought it; one for which [`Channel::is_tender`] holds.
    pub channel: Channel,
    /// The channel's own order number: one order is recorded once, however often it is sent.
    pub order: OrderNumber,
    /// The till's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct TenderLayout {
    amount_fen: I64,
    channel: u8,
    reserved: [u8; 7],
    order: [u8; 32],
    till_time_ns: U64,
}

impl Fixed for Tender {
    type Layout = TenderLayout;

    fn from_layout(layout: &TenderLayout) -> Result<Tender, DecodeError> {
        zero(&layout.reserved, 9)?;
        let (channel, order) = channel_order((layout.channel, 8), Channel::is_tender, (layout.order, 16))?;
        Ok(Tender {
            amount_fen: layout.amount_fen.get(),
            channel,
            order,
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> TenderLayout {
        TenderLayout {
            amount_fen: self.amount_fen.into(),
            channel: self.channel.number(),
            reserved: [0; 7],
            order: *self.order.as_bytes(),
            till_time_ns: self.till_time_ns.into(),
        }
    }
}
