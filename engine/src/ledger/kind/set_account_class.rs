//! Sets an account's class, and leaves its other terms as they are.

use protocol::ids::AccountId;
use protocol::result_code::ResultCode;

use super::set_account_terms::SetAccountTerms;
use super::{Ask, Desk};
use crate::ledger::decision::Decision;
use crate::ledger::limits::CLASSES_MAX;
use crate::ledger::shard::Parts;

/// Sets an account's class, and leaves its other terms as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetAccountClass {
    /// The account.
    pub account: AccountId,
    /// Its class from now on, below [`CLASSES_MAX`].
    pub class: u8,
}

impl<'a> Ask<'a> for SetAccountClass {
    const CONFIGURES: bool = true;

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        if usize::from(self.class) >= CLASSES_MAX {
            return desk.unchanged(ResultCode::NotPermitted, None);
        }
        let Some(person) = desk.person(self.account) else {
            return desk.unchanged(ResultCode::UnknownAccount, None);
        };
        let account = person.account;
        let terms = SetAccountTerms {
            account: self.account,
            status: account.status,
            card_lost: account.card_lost,
            class: self.class,
            debit_max_fen: account.debit_max_fen,
            day_max_fen: account.day_max_fen,
        };
        terms.decide(desk)
    }
}
