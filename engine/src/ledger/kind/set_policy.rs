//! Sets the rules of an account class.

use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U32};

use super::{Ask, Desk};
use crate::ledger::apply::{Setting, flag};
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::limits::{BALANCE_FEN_MAX, CLASSES_MAX};
use crate::ledger::record::{PolicySetRecord, Record};
use crate::ledger::registry::{AuthoriseRule, Policy};
use crate::ledger::shard::Parts;

/// Sets the rules of an account class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetPolicy {
    /// The class.
    pub class: u8,
    /// Its rules.
    pub policy: Policy,
}

impl<'a> Ask<'a> for SetPolicy {
    const CONFIGURES: bool = true;

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let SetPolicy { class, policy } = *self;
        let in_range = (-BALANCE_FEN_MAX..=BALANCE_FEN_MAX).contains(&policy.floor_fen);
        if usize::from(class) >= CLASSES_MAX || !in_range {
            return desk.unchanged(ResultCode::NotPermitted, None);
        }
        if *desk.registry.policy(class) == policy {
            return desk.unchanged(ResultCode::Approved, None);
        }
        let record = PolicySetRecord {
            floor_fen: I64::new(policy.floor_fen),
            debit_max_fen: U32::new(policy.debit_max_fen),
            day_max_fen: U32::new(policy.day_max_fen),
            offline_debit_max_fen: U32::new(policy.offline_debit_max_fen),
            offline_day_max_fen: U32::new(policy.offline_day_max_fen),
            class,
            rule: policy.rule as u8,
            codes_need_phone: policy.codes_need_phone.into(),
            reserved: [0; 5],
            code_max_fen: U32::new(policy.code_max_fen),
            meal_max_fen: U32::new(policy.meal_max_fen),
        };
        desk.changed(ResultCode::Approved, None, Record::PolicySet(record))
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn policy_set(&mut self, r: &PolicySetRecord) -> Result<(), LedgerError> {
        let rule = AuthoriseRule::from_number(r.rule).ok_or_else(|| self.bad("rule"))?;
        let number = self.number;
        let codes_need_phone = flag(number, "codes_need_phone", r.codes_need_phone)?;
        let policy = self
            .registry
            .policies
            .get_mut(usize::from(r.class))
            .ok_or(LedgerError::BadField { number, field: "class" })?;
        *policy = Policy {
            floor_fen: r.floor_fen.get(),
            debit_max_fen: r.debit_max_fen.get(),
            day_max_fen: r.day_max_fen.get(),
            offline_debit_max_fen: r.offline_debit_max_fen.get(),
            offline_day_max_fen: r.offline_day_max_fen.get(),
            rule,
            code_max_fen: r.code_max_fen.get(),
            meal_max_fen: r.meal_max_fen.get(),
            codes_need_phone,
        };
        self.registry.prices.set_limited(r.class, r.meal_max_fen.get() != 0);
        Ok(())
    }
}
