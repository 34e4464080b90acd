//! An operator sets an account's class and its holder's own limits, all of them. What stands already is set again: it is on
//! record who said so.
//!
//! `NotPermitted` (no record) for a class that isn't one. `WrongRole` (no record) for a class whose floor is lower than that of
//! the account's present one, which is credit: that takes an administrator. Of the account: what names it may be refused, `AccountClosed`. What
//! else: see [`super::office`].

use protocol::command_table::Kind;
use protocol::result_code::ResultCode;
use protocol::terminal_kind::TerminalKind;

use super::office::{case_of, digest_of};
use super::{Ask, Desk};
use crate::ledger::account::Account;
use crate::ledger::command::{AccountSelector, Sale};
use crate::ledger::decision::Decision;
use crate::ledger::directory::Directory;
use crate::ledger::lead::Lead;
use crate::ledger::limits::CLASSES_MAX;
use crate::ledger::shard::Parts;

/// Sets an account's class and the holder's own limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLimits<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// Whose account.
    pub account: AccountSelector,
    /// The holder's own limit for one debit; 0 = the class's.
    pub debit_max_fen: u32,
    /// The holder's own limit for a day; 0 = the class's.
    pub day_max_fen: u32,
    /// The account's class.
    pub class: u8,
    /// Why, UTF-8.
    pub reason: &'a [u8],
}

impl<'a> Ask<'a> for AccountLimits<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn lead(&self, directory: &Directory) -> Lead {
        Lead::of_selector(directory, &self.account)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(0) };
        let AccountLimits { debit_max_fen, day_max_fen, class, .. } = *self;
        let fold = digest_of(Kind::AccountLimits, self.reason)
            .word(u64::from(debit_max_fen) << 32 | u64::from(day_max_fen))
            .word(u64::from(class));
        let case = case_of(till, &self.sale, self.account.fold(fold).finish(), 0);
        if let Some(decision) = desk.office_refusal(&case, Kind::AccountLimits, Some(self.reason), None) {
            return decision;
        }
        if usize::from(class) >= CLASSES_MAX {
            return desk.transient(&case, ResultCode::NotPermitted);
        }
        match desk.office_account(&self.account) {
            Ok(person) => {
                let floor_fen = |class| desk.registry.policy(class).floor_fen;
                let gives_credit = floor_fen(class) < floor_fen(person.account.class);
                if gives_credit && till.config.kind != TerminalKind::Administrator {
                    return desk.transient(&case, ResultCode::WrongRole);
                }
                let wanted = Account { debit_max_fen, day_max_fen, class, ..*person.account };
                desk.change_account(&case, person, &wanted, self.reason)
            }
            Err((code, person)) => desk.refuse(&case, code, person),
        }
    }
}
