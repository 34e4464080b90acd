//! Where a bill begins: a question that leaves no record.
//!
//! The account is named by number, student number or current card; refused with `UnknownAccount`, `UnknownCard`,
//! `CardLost` or `CardNotCurrent`. One that isn't open may still be asked about.

use super::{Ask, Desk, Person};
use crate::ledger::command::AccountSelector;
use crate::ledger::decision::{BillHeadView, Decision};
use crate::ledger::directory::Directory;
use crate::ledger::lead::Lead;
use crate::ledger::shard::Parts;
use crate::ledger::touch::touch_selector;

/// Asks where an account's chain begins. Leaves no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillHead {
    /// Whose.
    pub account: AccountSelector,
}

impl<'a> Ask<'a> for BillHead {
    fn lead(&self, directory: &Directory) -> Lead {
        Lead::of_selector(directory, &self.account)
    }

    fn prefetch_route(&self, directory: &Directory) {
        touch_selector(directory, &self.account);
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        match desk.select(&self.account) {
            Err(code) => desk.not_selected(code),
            Ok(Person { id, account }) => Decision::BillHead(BillHeadView {
                account: id,
                head: account.head(),
                month_start: account.month_start(),
                card_uid: account.card_uid(),
                student_number: *account.student_number(),
                observed: account.head(),
            }),
        }
    }
}
