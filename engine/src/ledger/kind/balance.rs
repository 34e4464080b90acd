//! An account's balances: a question that leaves no record.
//!
//! The account is named by number, student number or current card; refused with `UnknownAccount`, `UnknownCard`,
//! `CardLost` or `CardNotCurrent`. One that isn't open may still be asked about.

use super::{Ask, Desk, Person};
use crate::ledger::command::AccountSelector;
use crate::ledger::decision::{BalanceView, Decision};
use crate::ledger::directory::Directory;
use crate::ledger::lead::Lead;
use crate::ledger::shard::Parts;
use crate::ledger::touch::touch_selector;

/// Asks for an account's balances. Leaves no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Whose.
    pub account: AccountSelector,
}

impl<'a> Ask<'a> for Balance {
    fn lead(&self, directory: &Directory) -> Lead {
        Lead::of_selector(directory, &self.account)
    }

    fn prefetch_route(&self, directory: &Directory) {
        touch_selector(directory, &self.account);
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        match desk.select(&self.account) {
            Err(code) => desk.not_selected(code),
            Ok(Person { id, account }) => Decision::Balance(BalanceView {
                account: id,
                card_fen: account.card_fen,
                transition_fen: account.transition_fen,
                electronic_fen: account.electronic_fen,
                held_fen: account.held_fen,
                system_fen: account.system_fen(),
                status: account.status,
                card_lost: account.card_lost,
                observed: account.head(),
            }),
        }
    }
}
