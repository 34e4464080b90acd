//! The tables that tills sell by, as the registry has them.

use protocol::ids::RecordNumber;
use protocol::tables::{ClassRulesLine, MealPeriodLine, PriceLine};

use crate::ledger::limits::{CLASSES_MAX, MEAL_PERIODS_MAX, NAME_BYTES_MAX};
use crate::runtime::engine::{Configuration, Engine};

const _: () = assert!(CLASSES_MAX == protocol::command_table::CLASS_RULES_MAX);
const _: () = assert!(MEAL_PERIODS_MAX == protocol::command_table::MEAL_PERIODS_MAX);

/// A whole table, and what it is of.
pub(super) struct Table<L> {
    /// The version of the parameters.
    pub(super) version: u32,
    /// Its lines.
    pub(super) lines: Vec<L>,
}

/// A table of the open configuration, and the newest record that it depends on.
fn table<L>(engine: &Engine, lines: impl FnOnce(&Configuration) -> Vec<L>) -> (Table<L>, RecordNumber) {
    let routes = engine.routes();
    let configuration = routes.configuration();
    // Tills compare versions for equality alone.
    let version = configuration.parameter_version().0 as u32;
    (Table { version, lines: lines(configuration) }, configuration.registry.changed())
}

/// The rules of every class.
pub(super) fn class_rules(engine: &Engine) -> (Table<ClassRulesLine>, RecordNumber) {
    table(engine, |configuration| {
        // A class's number fits.
        let classes = (0..CLASSES_MAX).map(|class| (class as u8, configuration.registry.policy(class as u8)));
        let line = |(class, policy): (u8, &crate::ledger::registry::Policy)| ClassRulesLine {
            floor_fen: policy.floor_fen.into(),
            debit_max_fen: policy.debit_max_fen.into(),
            day_max_fen: policy.day_max_fen.into(),
            offline_debit_max_fen: policy.offline_debit_max_fen.into(),
            offline_day_max_fen: policy.offline_day_max_fen.into(),
            class,
            rule: policy.rule as u8,
            reserved: [0; 2],
            code_max_fen: policy.code_limit_fen().into(),
            meal_max_fen: policy.meal_max_fen.into(),
        };
        classes.map(line).collect()
    })
}

/// Every rate that isn't 0.
pub(super) fn prices(engine: &Engine) -> (Table<PriceLine>, RecordNumber) {
    table(engine, |configuration| {
        let line = |(class, period, rate): (u8, u8, i16)| PriceLine {
            rate: rate.into(),
            class,
            period,
            reserved: [0; 4],
        };
        configuration.registry.prices().lines().map(line).collect()
    })
}

/// Every meal period that is set.
pub(super) fn meal_periods(engine: &Engine) -> (Table<MealPeriodLine>, RecordNumber) {
    table(engine, |configuration| {
        let line = |(period, meal): (u8, &crate::ledger::registry::MealPeriod)| {
            let mut name = [0; NAME_BYTES_MAX];
            name[..meal.name.as_bytes().len()].copy_from_slice(meal.name.as_bytes());
            MealPeriodLine {
                start_minute: meal.start_minute.into(),
                end_minute: meal.end_minute.into(),
                period,
                reserved: [0; 3],
                name,
            }
        };
        configuration.registry.meal_periods().map(line).collect()
    })
}
