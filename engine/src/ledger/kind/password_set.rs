//! Gives an account a query password, in the place of the one that it has, at a counter; and by an import, to accounts that
//! have none.
//!
//! The hash is in the vault, durable, before the record is made ([`Need::NewPassword`]): what the log says is set can be
//! compared, whenever the process ends. A hash whose record was never made is one that no account names.
//!
//! `PasswordMalformed`, `UnknownAccount`, `AccountClosed`; what leaves no trace: see [`super::password`]. The wrong passwords
//! counted before are forgotten, and a lock ends.

use protocol::ids::AccountId;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U32, U64};

use super::password::{Wanted, digest_of};
use super::{Ask, Desk};
use crate::ledger::account::AccountStatus;
use crate::ledger::apply::Setting;
use crate::ledger::command::{AccountSelector, Channel, Sale};
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::holder::PasswordRef;
use crate::ledger::known::Need;
use crate::ledger::ledger_account::LedgerAccount;
use crate::ledger::record::{MoneyRecord, PasswordSetRecord, Record, RecordKind, Wallet};
use crate::ledger::registry::Terminal;
use crate::ledger::shard::Parts;

/// Gives an account a query password, at a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordSet<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// Whose account.
    pub account: AccountSelector,
    /// Whether what came along is a password at all.
    pub well_formed: bool,
}

impl<'a> Ask<'a> for PasswordSet<'a> {
    const CONFIGURES: bool = true;

    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let PasswordSet { account, well_formed, .. } = *self;
        let wanted = Wanted { account, well_formed, digest: account.fold(digest_of(1)).finish() };
        let case = match desk.holder_case(&self.sale, wanted.digest, Terminal::sets_passwords) {
            Ok(case) => case,
            Err(decision) => return decision,
        };
        let person = match desk.select_for(&case, &wanted) {
            Ok(person) => person,
            Err(decision) => return decision,
        };
        if person.account.status == AccountStatus::Closed {
            return desk.refuse(&case, ResultCode::AccountClosed, Some(person));
        }
        let Some(password) = desk.known.and_then(|known| known.stored) else {
            return Decision::Needs(Need::NewPassword);
        };
        desk.close_case(&case, person, None, |_, money| {
            Record::PasswordSet(PasswordSetRecord { money, password: U64::new(password.0) })
        })
    }
}

/// Gives an account that has no query password one, by an import. One that has one keeps it: its holder may have another by
/// now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordImport {
    /// The account.
    pub account: AccountId,
    /// The number under which the vault has its hash; not [`PasswordRef::NONE`].
    pub password: PasswordRef,
}

impl<'a> Ask<'a> for PasswordImport {
    const CONFIGURES: bool = true;

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let PasswordImport { account: id, password } = *self;
        if password == PasswordRef::NONE {
            return desk.unchanged(ResultCode::NotPermitted, None);
        }
        let Some(person) = desk.person(id) else { return desk.unchanged(ResultCode::UnknownAccount, None) };
        if desk.layout.holder(desk.parts, id).password != PasswordRef::NONE {
            return desk.unchanged(ResultCode::Approved, Some(id));
        }
        let money = MoneyRecord {
            debit: U32::new(LedgerAccount::person(id).bits()),
            balance_after_fen: person.account.system_fen().into(),
            previous_account: U64::new(person.account.head),
            channel_wallet: Channel::Operator as u8,
            ..MoneyRecord::of_no_till(desk.date(), 0, Wallet::Card)
        };
        let record = PasswordSetRecord { money, password: U64::new(password.0) };
        desk.changed(ResultCode::Approved, Some(id), Record::PasswordSet(record))
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn password_set(&mut self, r: &PasswordSetRecord) -> Result<(), LedgerError> {
        let password = PasswordRef(r.password.get());
        if password == PasswordRef::NONE {
            return Err(self.bad("password"));
        }
        self.change_holder(
            RecordKind::PasswordSet,
            &r.money,
            |_| {},
            |holder| {
                holder.password = password;
                holder.forget_failures();
            },
        )?;
        Ok(())
    }
}
