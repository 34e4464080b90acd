//! A guest without an account pays at the till through WeChat Pay or Alipay: it is recorded, and no account is touched.

use protocol::answer::Answer;
use protocol::channel::Channel;
use protocol::request::{Request, Tender as Body};

use super::{Begun, Deed, Entry, Errand, NOBODY, Place, top_up};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Tender {
    entry: Entry,
}

impl Deed for Tender {
    fn begin(errand: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<Tender>> {
        let entry = Entry::new(NOBODY, errand.amount_fen);
        let request = Request::Tender(Body {
            amount_fen: errand.amount_fen,
            channel: if errand.holder.is_multiple_of(3) { Channel::Alipay } else { Channel::WeChatPay },
            order: top_up::order(place.sale, world)?,
            till_time_ns: place.unix_ns,
        });
        Some(Begun { doing: Tender { entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        self.entry.is_said_by(answer)
    }
}
