//! A sale's outcome: a question that leaves no record.
//!
//! It answers what the sale's retry would (`Reversed` for a reversed one), but never compares bodies.

use protocol::result_code::ResultCode;

use super::identity::{Standing, remembered_outcome};
use super::{Ask, Desk};
use crate::ledger::command::Sale;
use crate::ledger::decision::{Decision, Outcome};
use crate::ledger::shard::Parts;

/// Asks what became of a sale of this till. Leaves no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaleQuery<'a> {
    /// The identity of the sale asked about.
    pub sale: Sale<'a>,
}

impl<'a> Ask<'a> for SaleQuery<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let sale = &self.sale;
        let Some(till) = desk.till(sale) else { return desk.unknown_terminal(0) };
        let observed = till.entry.head().max(desk.registry.changed);
        if sale.sequence.0 == 0 {
            return Decision::NoRecord(Outcome::without_record(ResultCode::SequenceZero, 0, observed));
        }
        match desk.standing(till, sale.epoch, sale.sequence) {
            Standing::Remembered(outcome) => Decision::NoRecord(remembered_outcome(&outcome, till)),
            Standing::NeedsHistory => desk.needs_history(till, sale),
            Standing::Fresh | Standing::TooManyGaps | Standing::OlderUnknown => {
                Decision::SaleNotSeen { observed }
            }
        }
    }
}
