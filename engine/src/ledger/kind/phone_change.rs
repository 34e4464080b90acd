//! Says which phone number the holder of a virtual card has now: its digest alone is kept. The virtual card stays bound.
//!
//! `PhoneUnchanged` for the number that is known already. What else: see [`super::virtual_card`].

use protocol::ids::{PhoneDigest, VirtualId};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::U64;

use super::password::digest_of;
use super::{Ask, Desk};
use crate::ledger::apply::Setting;
use crate::ledger::command::Sale;
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::record::{PhoneSetRecord, Record, RecordKind};
use crate::ledger::shard::Parts;

/// Says which phone number the holder of a virtual card has now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhoneChange<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// The virtual card; not 0.
    pub virtual_id: VirtualId,
    /// The digest of the phone number; not 0.
    pub phone: PhoneDigest,
}

impl<'a> Ask<'a> for PhoneChange<'a> {
    const CONFIGURES: bool = true;

    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let PhoneChange { virtual_id, phone, .. } = *self;
        let digest = digest_of(4).word(virtual_id.0).word(phone.0).finish();
        desk.by_virtual_card(
            &self.sale,
            virtual_id,
            digest,
            |holder| (holder.phone == phone.0).then_some(ResultCode::PhoneUnchanged),
            |_, money| {
                Record::PhoneSet(PhoneSetRecord {
                    money,
                    virtual_id: U64::new(virtual_id.0),
                    phone: U64::new(phone.0),
                })
            },
        )
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn phone_set(&mut self, r: &PhoneSetRecord) -> Result<(), LedgerError> {
        let mut has = 0;
        self.change_holder(
            RecordKind::PhoneSet,
            &r.money,
            |_| {},
            |holder| {
                has = holder.virtual_id;
                holder.phone = r.phone.get();
            },
        )?;
        if has == r.virtual_id.get() && has != 0 { Ok(()) } else { Err(self.bad("virtual_id")) }
    }
}
