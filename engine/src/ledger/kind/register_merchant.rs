//! Registers a merchant, or changes its name or whether it trades.

use protocol::ids::MerchantId;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U16, U32};

use super::{Ask, Desk};
use crate::ledger::apply::{Setting, flag};
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::record::{MerchantRegisteredRecord, Record};
use crate::ledger::registry::{Merchant, Name};
use crate::ledger::shard::Parts;

/// Registers a merchant, or changes its name or whether it trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterMerchant<'a> {
    /// The merchant: below the number of merchants given at start.
    pub merchant: MerchantId,
    /// Its name, 1 to [`crate::ledger::limits::NAME_BYTES_MAX`] bytes.
    pub name: &'a str,
    /// Whether it trades.
    pub enabled: bool,
}

impl<'a> Ask<'a> for RegisterMerchant<'a> {
    const CONFIGURES: bool = true;

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let RegisterMerchant { merchant, name, enabled } = *self;
        let Some(checked) = Name::new(name) else { return desk.unchanged(ResultCode::NotPermitted, None) };
        if merchant.0 as usize >= desk.registry.merchants.len() {
            return desk.unchanged(ResultCode::Busy, None);
        }
        if desk
            .registry
            .merchant(merchant)
            .is_some_and(|known| known.name == checked && known.enabled == enabled)
        {
            return desk.unchanged(ResultCode::Approved, None);
        }
        let record = MerchantRegisteredRecord {
            merchant: U32::new(merchant.0),
            enabled: u8::from(enabled),
            // At most NAME_BYTES_MAX, which fits.
            name_bytes: name.len() as u8,
            reserved: U16::ZERO,
        };
        desk.changed(ResultCode::Approved, None, Record::MerchantRegistered(record, name.as_bytes()))
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn merchant_registered(
        &mut self,
        r: &MerchantRegisteredRecord,
        name: &[u8],
    ) -> Result<(), LedgerError> {
        let number = self.number;
        let merchant = MerchantId(r.merchant.get());
        let name = self.name(name)?;
        let place = self
            .registry
            .merchants
            .get_mut(merchant.0 as usize)
            .ok_or(LedgerError::TableFull { table: "merchants" })?;
        let enabled = flag(number, "enabled", r.enabled)?;
        *place = Some(Merchant { merchant, name, enabled });
        Ok(())
    }
}
