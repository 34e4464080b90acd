//! Opens an account. A student number that has one answers with that account.

use protocol::ids::AccountId;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::U32;

use super::{Ask, Desk};
use crate::ledger::account::Account;
use crate::ledger::apply::Setting;
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::limits::CLASSES_MAX;
use crate::ledger::record::{AccountOpenedRecord, Record};
use crate::ledger::shard::Parts;

/// Opens an account. A student number that has one answers with it, and nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenAccount {
    /// The student or staff number, UTF-8, padded with zeros; not empty.
    pub student_number: [u8; 16],
    /// The account's class, below [`crate::ledger::limits::CLASSES_MAX`].
    pub class: u8,
}

impl<'a> Ask<'a> for OpenAccount {
    const CONFIGURES: bool = true;

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let OpenAccount { student_number, class } = *self;
        if student_number[0] == 0 || usize::from(class) >= CLASSES_MAX {
            return desk.unchanged(ResultCode::NotPermitted, None);
        }
        if let Some(id) = desk.directory.student_number_candidate(&student_number) {
            let same = desk.person(id).is_some_and(|person| person.account.student_number == student_number);
            // Two numbers with one digest can't both be routed: the directory has no place for the second.
            return if same {
                desk.unchanged(ResultCode::Approved, Some(id))
            } else {
                desk.unchanged(ResultCode::Busy, None)
            };
        }
        let account = AccountId(desk.registry.accounts);
        if account.0 >= desk.registry.accounts_max
            || !desk.directory.has_room_for_student_number(&student_number)
        {
            return desk.unchanged(ResultCode::Busy, None);
        }
        let record =
            AccountOpenedRecord { student_number, account: U32::new(account.0), class, reserved: [0; 3] };
        desk.changed(ResultCode::Approved, Some(account), Record::AccountOpened(record))
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn account_opened(&mut self, r: &AccountOpenedRecord) -> Result<(), LedgerError> {
        let account = r.account.get();
        if account != self.registry.accounts {
            return Err(self.bad("account"));
        }
        if account >= self.registry.accounts_max {
            return Err(LedgerError::TableFull { table: "accounts" });
        }
        let id = AccountId(account);
        if !self.directory.insert_student_number(&r.student_number, id) {
            return Err(LedgerError::TableFull { table: "student numbers" });
        }
        let mut opened = Account::new(r.student_number, r.class);
        opened.link(self.number.0, self.time_ns);
        self.parts.shard_mut(self.layout.shard_of_account(id)).accounts.push(opened);
        self.registry.accounts += 1;
        Ok(())
    }
}
