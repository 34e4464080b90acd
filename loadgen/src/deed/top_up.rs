//! Money paid in through WeChat Pay or Alipay, told by the phone gateway.

use protocol::answer::Answer;
use protocol::channel::Channel;
use protocol::ids::SaleId;
use protocol::request::{AccountSelector, Request, TopUp as Body};
use protocol::text::OrderNumber;

use super::{Begun, Deed, Entry, Errand, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct TopUp {
    entry: Entry,
}

impl Deed for TopUp {
    fn begin(errand: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<TopUp>> {
        let entry = Entry::new(world.people.account(errand.holder), errand.amount_fen);
        let request = request(channel(&entry), place.sale, &entry, world)?;
        Some(Begun { doing: TopUp { entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        self.entry.is_said_by(answer)
    }
}

/// Three of four people pay in through WeChat, whose app the phone card lives in.
pub(super) fn channel(entry: &Entry) -> Channel {
    if entry.account.0 % 4 == 3 { Channel::Alipay } else { Channel::WeChatPay }
}

/// Tells the order that was made under this identity.
pub(super) fn request(
    channel: Channel,
    ordered_as: SaleId,
    entry: &Entry,
    world: &World,
) -> Option<Request<'static>> {
    Some(Request::TopUp(Body {
        account: AccountSelector::Account(entry.account),
        amount_fen: entry.amount_fen,
        channel,
        order: order(ordered_as, world)?,
    }))
}

/// The order number that is made up for this identity.
pub(super) fn order(ordered_as: SaleId, world: &World) -> Option<OrderNumber> {
    let order = format!("{}-{}-{}", world.stamp, ordered_as.terminal, ordered_as.sequence);
    OrderNumber::new(&order).ok()
}
