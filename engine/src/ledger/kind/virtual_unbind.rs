//! Unbinds a virtual card: the account's payment codes are refused from here on, those already shown too. The
//! number of its phone is forgotten.
//!
//! See [`super::virtual_card`].

use protocol::ids::VirtualId;
use zerocopy::little_endian::{U32, U64};

use super::password::digest_of;
use super::virtual_card::void_to_step;
use super::{Ask, Desk};
use crate::ledger::account::Marks;
use crate::ledger::apply::Setting;
use crate::ledger::command::Sale;
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::record::{Record, RecordKind, VirtualUnboundRecord};
use crate::ledger::shard::Parts;

/// Unbinds a virtual card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualUnbind<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// The virtual card; not 0.
    pub virtual_id: VirtualId,
    /// The time step of payment codes when it came, by the clock that they are judged by.
    pub intake_step: u32,
}

impl<'a> Ask<'a> for VirtualUnbind<'a> {
    const CONFIGURES: bool = true;

    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let VirtualUnbind { virtual_id, intake_step, .. } = *self;
        let digest = digest_of(3).word(virtual_id.0).finish();
        desk.by_virtual_card(
            &self.sale,
            virtual_id,
            digest,
            |_| None,
            |_, money| {
                Record::VirtualUnbound(VirtualUnboundRecord {
                    money,
                    virtual_id: U64::new(virtual_id.0),
                    void_to_step: U32::new(void_to_step(desk.stamp.time_ns, intake_step)),
                    reserved: U32::ZERO,
                })
            },
        )
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn virtual_unbound(&mut self, r: &VirtualUnboundRecord) -> Result<(), LedgerError> {
        let virtual_id = r.virtual_id.get();
        let mut had = 0;
        self.change_holder(
            RecordKind::VirtualUnbound,
            &r.money,
            |account| {
                account.marks = account.marks.with(Marks::UNBOUND).without(Marks::BOUND);
                account.revoke_codes(r.void_to_step.get());
            },
            |holder| {
                had = core::mem::take(&mut holder.virtual_id);
                holder.phone = 0;
            },
        )?;
        if had != virtual_id || virtual_id == 0 {
            return Err(self.bad("virtual_id"));
        }
        self.directory.remove_virtual_card(VirtualId(virtual_id));
        Ok(())
    }
}
