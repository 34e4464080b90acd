//! Sets what one operator may do alone, and which cards counters give out.

use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U32};

use super::{Ask, Desk};
use crate::ledger::apply::{Setting, flag};
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::limits::AMOUNT_FEN_MAX;
use crate::ledger::record::{OfficeRulesSetRecord, Record};
use crate::ledger::registry::OfficeRules;
use crate::ledger::shard::Parts;

/// Sets what one operator may do alone. `NotPermitted` for an amount below zero or above that of one request, and for
/// proposals that don't wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetOfficeRules {
    /// The rules.
    pub rules: OfficeRules,
}

impl<'a> Ask<'a> for SetOfficeRules {
    const CONFIGURES: bool = true;

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let OfficeRules { adjust_alone_max_fen, adjust_alone_day_max_fen, proposal_s, cards_from_stock } =
            self.rules;
        if !(0..=AMOUNT_FEN_MAX).contains(&adjust_alone_max_fen) || proposal_s == 0 {
            return desk.unchanged(ResultCode::NotPermitted, None);
        }
        if *desk.registry.office() == self.rules {
            return desk.unchanged(ResultCode::Approved, None);
        }
        let record = OfficeRulesSetRecord {
            adjust_alone_max_fen: I64::new(adjust_alone_max_fen),
            proposal_s: U32::new(proposal_s),
            adjust_alone_day_max_fen: U32::new(adjust_alone_day_max_fen),
            cards_from_stock: cards_from_stock.into(),
            reserved: [0; 7],
        };
        desk.changed(ResultCode::Approved, None, Record::OfficeRulesSet(record))
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn office_rules_set(
        &mut self,
        r: &OfficeRulesSetRecord,
    ) -> Result<(), LedgerError> {
        self.registry.office = OfficeRules {
            adjust_alone_max_fen: r.adjust_alone_max_fen.get(),
            adjust_alone_day_max_fen: r.adjust_alone_day_max_fen.get(),
            proposal_s: r.proposal_s.get(),
            cards_from_stock: flag(self.number, "cards_from_stock", r.cards_from_stock)?,
        };
        Ok(())
    }
}
