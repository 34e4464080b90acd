//! Which meal a sale belongs to, by the table in force at its record.

use crate::ledger::limits::MEAL_PERIODS_MAX;
use crate::ledger::record::MealPeriodSetRecord;

use super::calendar::LocalTime;

/// The name of what lies outside of every period.
pub(super) const OTHER: &str = "other";

#[derive(Clone, Debug, PartialEq, Eq)]
struct Period {
    name: String,
    start_minute: u16,
    end_minute: u16,
}

impl Period {
    /// Start inclusive, end exclusive; a period may run over midnight.
    fn covers(&self, minute: u16) -> bool {
        if self.start_minute <= self.end_minute {
            (self.start_minute..self.end_minute).contains(&minute)
        } else {
            minute >= self.start_minute || minute < self.end_minute
        }
    }
}

type Table = [Option<Period>; MEAL_PERIODS_MAX];

/// Every table of periods there was, with the record that it is in force from.
#[derive(Debug, Default)]
pub(super) struct MealPeriods {
    tables: Vec<(u64, Table)>,
}

impl MealPeriods {
    /// Takes the setting of a period, in record `number`. False when the period's number is out of range.
    pub(super) fn set(&mut self, number: u64, r: &MealPeriodSetRecord, name: &str) -> bool {
        let mut table = self.tables.last().map(|(_, table)| table.clone()).unwrap_or_default();
        let Some(place) = table.get_mut(usize::from(r.period)) else { return false };
        let (start_minute, end_minute) = (r.start_minute.get(), r.end_minute.get());
        *place =
            (start_minute != end_minute).then(|| Period { name: name.to_owned(), start_minute, end_minute });
        self.tables.push((number, table));
        true
    }

    /// The place in the order of reports and the name of the period that a moment falls into, by the table that
    /// was in force at record `number`. Of overlapping periods the lowest number speaks.
    pub(super) fn at(&self, number: u64, time: LocalTime) -> (usize, &str) {
        let tables = self.tables.partition_point(|&(from, _)| from <= number);
        let minute = time.minute_of_day();
        tables
            .checked_sub(1)
            .and_then(|last| {
                let periods = self.tables[last].1.iter().enumerate();
                periods.filter_map(|(i, period)| Some((i, period.as_ref()?))).find(|(_, p)| p.covers(minute))
            })
            .map_or((MEAL_PERIODS_MAX, OTHER), |(i, period)| (i, &period.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(period: u8, start: u16, end: u16) -> MealPeriodSetRecord {
        MealPeriodSetRecord {
            start_minute: start.into(),
            end_minute: end.into(),
            period,
            name_bytes: 0,
            reserved: 0.into(),
        }
    }

    fn minute(minute: u64) -> LocalTime {
        // Local midnight of 1970-01-02 is 16 hours after the epoch.
        LocalTime((16 * 60 + minute) * 60_000_000_000)
    }

    #[test]
    fn start_is_in_end_is_out_and_the_table_is_the_records_own() {
        let mut periods = MealPeriods::default();
        assert_eq!(periods.at(9, minute(700)).1, "other");
        assert!(periods.set(10, &record(1, 660, 780), "lunch"));
        assert!(periods.set(11, &record(3, 1_320, 60), "night"));
        assert!(periods.set(20, &record(1, 0, 0), "lunch"));
        for (number, at, name) in [
            (10, 659, "other"),
            (10, 660, "lunch"),
            (19, 779, "lunch"),
            (19, 780, "other"),
            (19, 1_320, "night"),
            (19, 59, "night"),
            (19, 60, "other"),
            (20, 700, "other"),
            (9, 700, "other"),
        ] {
            assert_eq!(periods.at(number, minute(at)).1, name, "record {number}, minute {at}");
        }
        assert!(!periods.set(21, &record(200, 0, 1), "none"));
    }
}
