//! A person wants the last sale's slip again.

use protocol::answer::{Answer, ReceiptKind};
use protocol::request::{Request, SaleQuery as Body};

use super::{Begun, Deed, Done, Errand, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Reprint {
    sale: Done,
}

impl Deed for Reprint {
    fn begin(_: &Errand, place: &mut Place<'_>, _: &mut World) -> Option<Begun<Reprint>> {
        let sale = place.recent.sale?;
        let request = Request::Reprint(Body { epoch: sale.sale.epoch, sequence: sale.sale.sequence });
        Some(Begun { doing: Reprint { sale }, request, entry: None })
    }

    /// The same account, amount and record as when it was approved.
    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        let Answer::Reprint(receipt) = answer else { return false };
        receipt.kind == ReceiptKind::Debit
            && receipt.account == Some(self.sale.account)
            && receipt.amount_fen == self.sale.amount_fen
            && receipt.record.0 == world.log.entry(self.sale.entry).record
    }
}
