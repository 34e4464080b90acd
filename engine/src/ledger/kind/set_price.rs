//! Sets what accounts of a class pay beside the price in a meal period, or outside of every one.

use protocol::result_code::ResultCode;
use zerocopy::little_endian::I16;

use super::{Ask, Desk};
use crate::ledger::apply::Setting;
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::limits::{CLASSES_MAX, RATE_MAX};
use crate::ledger::prices::OTHER_TIME;
use crate::ledger::record::{PriceSetRecord, Record};
use crate::ledger::shard::Parts;

/// Sets a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetPrice {
    /// The class of accounts.
    pub class: u8,
    /// The meal period's number, set or not; [`OTHER_TIME`] for the time outside of every one.
    pub period: u8,
    /// What is paid on top of the price, in hundredths of a percent of it, ± [`RATE_MAX`]: a discount is below zero.
    pub rate: i16,
}

impl<'a> Ask<'a> for SetPrice {
    const CONFIGURES: bool = true;

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let SetPrice { class, period, rate } = *self;
        let in_range =
            usize::from(class) < CLASSES_MAX && period <= OTHER_TIME && rate.unsigned_abs() <= RATE_MAX;
        if !in_range {
            return desk.unchanged(ResultCode::NotPermitted, None);
        }
        if desk.registry.prices.rate(class, period) == rate {
            return desk.unchanged(ResultCode::Approved, None);
        }
        let record = PriceSetRecord { rate: I16::new(rate), class, period, reserved: [0; 4] };
        desk.changed(ResultCode::Approved, None, Record::PriceSet(record))
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn price_set(&mut self, r: &PriceSetRecord) -> Result<(), LedgerError> {
        if self.registry.prices.set(r.class, r.period, r.rate.get()) {
            Ok(())
        } else {
            Err(self.bad("class, period or rate"))
        }
    }
}
