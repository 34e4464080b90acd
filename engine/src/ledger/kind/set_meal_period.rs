//! Sets a meal period. Periods don't overlap.

use protocol::result_code::ResultCode;
use zerocopy::little_endian::U16;

use super::{Ask, Desk};
use crate::ledger::apply::Setting;
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::limits::MEAL_PERIODS_MAX;
use crate::ledger::record::{MealPeriodSetRecord, Record};
use crate::ledger::registry::{MealPeriod, Name};
use crate::ledger::shard::Parts;

const MINUTES_OF_DAY: u16 = 1_440;

/// Sets a meal period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetMealPeriod<'a> {
    /// Its number, below [`crate::ledger::limits::MEAL_PERIODS_MAX`].
    pub period: u8,
    /// Its name.
    pub name: &'a str,
    /// First minute of the day (+08:00) that belongs to it.
    pub start_minute: u16,
    /// First minute that doesn't any more, 1,440 at most. Start = end takes the period away.
    pub end_minute: u16,
}

impl<'a> Ask<'a> for SetMealPeriod<'a> {
    const CONFIGURES: bool = true;

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let SetMealPeriod { period, name, start_minute, end_minute } = *self;
        let Some(checked) = Name::new(name) else { return desk.unchanged(ResultCode::NotPermitted, None) };
        let overlaps = desk.registry.meal_periods().any(|(number, other)| {
            number != period && start_minute < other.end_minute && other.start_minute < end_minute
        });
        let in_range = usize::from(period) < MEAL_PERIODS_MAX
            && start_minute <= end_minute
            && end_minute <= MINUTES_OF_DAY
            && (start_minute == end_minute || !overlaps);
        if !in_range {
            return desk.unchanged(ResultCode::NotPermitted, None);
        }
        let standing = desk.registry.meal_periods[usize::from(period)];
        let same = match standing {
            None => start_minute == end_minute,
            Some(known) => {
                known.name == checked && known.start_minute == start_minute && known.end_minute == end_minute
            }
        };
        if same {
            return desk.unchanged(ResultCode::Approved, None);
        }
        let record = MealPeriodSetRecord {
            start_minute: U16::new(start_minute),
            end_minute: U16::new(end_minute),
            period,
            // At most NAME_BYTES_MAX, which fits.
            name_bytes: name.len() as u8,
            reserved: U16::ZERO,
        };
        desk.changed(ResultCode::Approved, None, Record::MealPeriodSet(record, name.as_bytes()))
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn meal_period_set(
        &mut self,
        r: &MealPeriodSetRecord,
        name: &[u8],
    ) -> Result<(), LedgerError> {
        let name = self.name(name)?;
        let (start_minute, end_minute) = (r.start_minute.get(), r.end_minute.get());
        let number = self.number;
        let place = self
            .registry
            .meal_periods
            .get_mut(usize::from(r.period))
            .ok_or(LedgerError::BadField { number, field: "period" })?;
        *place = (start_minute < end_minute).then_some(MealPeriod { name, start_minute, end_minute });
        self.registry.prices.set_times(usize::from(r.period), start_minute, end_minute);
        Ok(())
    }
}
