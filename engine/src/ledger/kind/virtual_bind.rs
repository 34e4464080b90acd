//! Binds a virtual card to the account of a student number, under the query password, in the place of the one that it has.
//!
//! A change of phone is a binding from the new one: what the old one showed is void at once,
//! and its number is forgotten. `VirtualTaken` for a virtual card
//! of another account, `VirtualAlreadyBound` for this account's own; `AccountClosed`, `AccountFrozen`; `Busy` when the
//! directory has no place, without a record. What else: see [`super::password`].

use protocol::ids::{AccountId, VirtualId};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U32, U64};

use super::card_state::closed_or_frozen;
use super::password::{Wanted, digest_of};
use super::virtual_card::void_to_step;
use super::{Ask, Desk};
use crate::ledger::account::Marks;
use crate::ledger::apply::Setting;
use crate::ledger::command::{AccountSelector, Sale};
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::record::{Record, RecordKind, VirtualBoundRecord};
use crate::ledger::registry::Terminal;
use crate::ledger::shard::Parts;

/// Binds a virtual card to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualBind<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// The student or staff number, UTF-8, padded with zeros.
    pub student_number: [u8; 16],
    /// The virtual card; not 0.
    pub virtual_id: VirtualId,
    /// Whether what came along is a password at all.
    pub well_formed: bool,
    /// The time step of payment codes when it came, by the clock that they are judged by.
    pub intake_step: u32,
}

impl<'a> Ask<'a> for VirtualBind<'a> {
    const CONFIGURES: bool = true;

    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let VirtualBind { student_number, virtual_id, well_formed, intake_step, .. } = *self;
        let account = AccountSelector::StudentNumber(student_number);
        let digest = account.fold(digest_of(2).word(virtual_id.0)).finish();
        let owner = desk.directory.virtual_card(virtual_id);
        let old = |id: AccountId| desk.layout.holder(desk.parts, id).virtual_id;
        desk.by_password(
            &self.sale,
            &Wanted { account, well_formed, digest },
            Terminal::binds_phones,
            |person, _| match owner {
                Some(owner) if owner != person.id => Some(ResultCode::VirtualTaken),
                Some(_) => Some(ResultCode::VirtualAlreadyBound),
                None if !desk.directory.has_room_for_virtual_card(virtual_id) => Some(ResultCode::Busy),
                None => closed_or_frozen(person.account),
            },
            |person, money| {
                let old = old(person.id);
                let void_to = if old == 0 { 0 } else { void_to_step(desk.stamp.time_ns, intake_step) };
                Record::VirtualBound(VirtualBoundRecord {
                    money,
                    virtual_id: U64::new(virtual_id.0),
                    old: U64::new(old),
                    void_to_step: U32::new(void_to),
                    reserved: U32::ZERO,
                })
            },
        )
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn virtual_bound(&mut self, r: &VirtualBoundRecord) -> Result<(), LedgerError> {
        let (virtual_id, old) = (r.virtual_id.get(), r.old.get());
        let mut had = 0;
        let person = self.change_holder(
            RecordKind::VirtualBound,
            &r.money,
            |account| {
                account.marks = account.marks.with(Marks::BOUND).without(Marks::UNBOUND);
                if r.void_to_step.get() != 0 {
                    account.revoke_codes(r.void_to_step.get());
                }
            },
            |holder| {
                had = holder.virtual_id;
                holder.virtual_id = virtual_id;
                holder.phone = 0;
                holder.forget_failures();
            },
        )?;
        if had != old || virtual_id == 0 {
            return Err(self.bad("virtual_id"));
        }
        self.directory.remove_virtual_card(VirtualId(old));
        if self.directory.virtual_card(VirtualId(virtual_id)).is_some() {
            return Err(self.bad("virtual_id"));
        }
        if !self.directory.insert_virtual_card(VirtualId(virtual_id), person) {
            return Err(LedgerError::TableFull { table: "virtual cards" });
        }
        Ok(())
    }
}
