//! Questions that leave no record: balances, a sale's outcome, where a bill begins.
//!
//! A balance or a bill names its account by number, student number or current card; refused with `UnknownAccount`,
//! `UnknownCard`, `CardLost` or `CardNotCurrent`. An account that isn't open may still be asked about.
//!
//! A sale query answers what the sale's retry would (`Reversed` for a reversed one), but never compares bodies.

use protocol::result_code::ResultCode;

use super::identity::{Standing, remembered_outcome};
use super::{Desk, Person};
use crate::ledger::command::{AccountSelector, Sale};
use crate::ledger::decision::{BalanceView, BillHeadView, Decision, Outcome};
use crate::ledger::shard::Parts;

impl<P: Parts + ?Sized> Desk<'_, P> {
    fn not_selected<'a>(&self, code: ResultCode) -> Decision<'a> {
        Decision::NoRecord(Outcome::without_record(code, 0, self.registry.changed))
    }

    pub(super) fn balance<'a>(&self, selector: &AccountSelector) -> Decision<'a> {
        match self.select(selector) {
            Err(code) => self.not_selected(code),
            Ok(Person { id, account }) => Decision::Balance(BalanceView {
                account: id,
                card_fen: account.card_fen,
                transition_fen: account.transition_fen,
                electronic_fen: account.electronic_fen,
                held_fen: account.held_fen,
                system_fen: account.system_fen(),
                status: account.status,
                card_lost: account.card_lost,
                observed: account.head(),
            }),
        }
    }

    pub(super) fn bill_head<'a>(&self, selector: &AccountSelector) -> Decision<'a> {
        match self.select(selector) {
            Err(code) => self.not_selected(code),
            Ok(Person { id, account }) => Decision::BillHead(BillHeadView {
                account: id,
                head: account.head(),
                month_start: account.month_start(),
                observed: account.head(),
            }),
        }
    }

    pub(super) fn sale_query<'a>(&self, sale: &Sale<'_>) -> Decision<'a> {
        let Some(till) = self.till(sale) else { return self.unknown_terminal(0) };
        let observed = till.entry.head().max(self.registry.changed);
        if sale.sequence.0 == 0 {
            return Decision::NoRecord(Outcome::without_record(ResultCode::SequenceZero, 0, observed));
        }
        match self.standing(till, sale.epoch, sale.sequence) {
            Standing::Remembered(outcome) => Decision::NoRecord(remembered_outcome(&outcome, till)),
            Standing::NeedsHistory => self.needs_history(till, sale),
            Standing::Fresh | Standing::TooManyGaps | Standing::OlderUnknown => {
                Decision::SaleNotSeen { observed }
            }
        }
    }
}
