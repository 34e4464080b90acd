//! A look at the newest lines of the bill.

use protocol::answer::Answer;
use protocol::ids::{AccountId, RecordNumber};
use protocol::request::{AccountSelector, BillQuery, Request};

use super::{Begun, Deed, Errand, Place};
use crate::world::World;

/// Lines that a phone shows at first.
const LINES: u16 = 20;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Bill {
    account: AccountId,
}

impl Deed for Bill {
    fn begin(errand: &Errand, _: &mut Place<'_>, world: &mut World) -> Option<Begun<Bill>> {
        let account = world.people.account(errand.holder);
        let request = Request::Bill(BillQuery {
            account: AccountSelector::Account(account),
            before: RecordNumber(0),
            lines_max: LINES,
        });
        Some(Begun { doing: Bill { account }, request, entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        let Answer::Bill(bill) = answer else { return false };
        bill.account == Some(self.account)
            && bill.lines.len() <= usize::from(LINES)
            && bill.lines.is_sorted_by(|newer, older| newer.record.get() >= older.record.get())
    }
}
