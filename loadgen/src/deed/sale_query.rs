//! A cashier asks what became of the last sale: the slip didn't print, or the person doubts it.

use protocol::answer::Answer;
use protocol::request::{Request, SaleQuery as Body};

use super::{Begun, Deed, Done, Entry, Errand, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct SaleQuery {
    sale: Done,
}

impl Deed for SaleQuery {
    fn begin(_: &Errand, place: &mut Place<'_>, _: &mut World) -> Option<Begun<SaleQuery>> {
        let sale = place.recent.sale?;
        let request = Request::SaleQuery(Body { epoch: sale.sale.epoch, sequence: sale.sale.sequence });
        Some(Begun { doing: SaleQuery { sale }, request, entry: None })
    }

    /// The same account, amount and record as when it was approved.
    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        let told = world.log.entry(self.sale.entry).record;
        Entry::new(self.sale.account, self.sale.amount_fen).is_said_by(answer)
            && super::money(answer).is_some_and(|money| money.record.0 == told)
    }
}
