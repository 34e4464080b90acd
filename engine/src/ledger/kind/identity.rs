//! Has this identity (terminal, epoch, sequence) come before?
//!
//! - In the ring of the till's last outcomes, or in what the caller found in the log: **remembered**. With
//!   the same digest it is answered as the first time (`repeat`), whatever has happened since; a sale reversed
//!   meanwhile is `Reversed`. With another digest it is `IdentityConflict`, and kept in suspense once. A sale whose
//!   reversal came first is `Reversed`, whatever its body.
//! - Not yet received in the till's epoch, or in a greater epoch (which opens with this record): **fresh**, unless
//!   it would open more gaps than are remembered: `TooManyGaps`, no record.
//! - Received, but not in the ring any more; or of an older epoch: the log must be asked.
//! - Of an older epoch, and the log doesn't know it: `StaleEpoch`, no record. An offline fact is posted all the
//!   same.

use protocol::ids::{Epoch, RecordNumber, SaleId, Sequence};
use protocol::result_code::ResultCode;

use super::{Case, Desk, Till};
use crate::ledger::command::Sale;
use crate::ledger::decision::{Decision, Outcome};
use crate::ledger::gaps::Gaps;
use crate::ledger::known::Need;
use crate::ledger::ledger_account::LedgerAccount;
use crate::ledger::limits::GAPS_MAX;
use crate::ledger::outcome_ring::{OutcomeMarks, RememberedOutcome};
use crate::ledger::record::SuspenseReason;
use crate::ledger::shard::Parts;

/// What is known of an identity.
pub(super) enum Standing {
    Fresh,
    Remembered(RememberedOutcome),
    /// Of an older epoch, and the log doesn't know it.
    OlderUnknown,
    NeedsHistory,
    TooManyGaps,
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// What is known of an identity of this till. The sequence isn't 0.
    #[inline]
    pub(super) fn standing(&self, till: Till<'_>, epoch: Epoch, sequence: Sequence) -> Standing {
        let entry = till.entry;
        if epoch == entry.epoch && sequence.0 > entry.gaps.highest() {
            // Everything that the ring knows of this epoch is at most the highest sequence: its line isn't read.
            debug_assert!(entry.ring.get(epoch, sequence).is_none(), "an outcome above the watermark");
            return if entry.gaps.has_room_for(sequence.0) { Standing::Fresh } else { Standing::TooManyGaps };
        }
        if let Some(outcome) = entry.ring.get(epoch, sequence) {
            return Standing::Remembered(*outcome);
        }
        if epoch > entry.epoch {
            return Standing::Fresh;
        }
        let received = epoch < entry.epoch || entry.gaps.contains(sequence.0);
        if !received {
            return if entry.gaps.has_room_for(sequence.0) { Standing::Fresh } else { Standing::TooManyGaps };
        }
        let sale = SaleId { terminal: entry.terminal, epoch, sequence };
        match self.known.and_then(|known| known.sale(sale)) {
            Some(history) if history.head == entry.head() => {
                history.found.map_or(Standing::OlderUnknown, Standing::Remembered)
            }
            _ => Standing::NeedsHistory,
        }
    }

    /// What is asked for where [`Standing::NeedsHistory`] stands.
    pub(super) fn needs_history<'a>(&self, till: Till<'_>, sale: &Sale<'_>) -> Decision<'a> {
        Decision::Needs(Need::Sale { sale: sale.id(), head: till.entry.head() })
    }

    /// Answers everything that isn't fresh; none when it is, or when its sequence is 0.
    #[inline(always)]
    pub(super) fn known<'a>(&self, case: &Case<'_, 'a>) -> Option<Decision<'a>> {
        let (entry, sequence) = (case.till.entry, case.sale.sequence);
        // The next in order, or no identity at all: nothing is known of it.
        if sequence.0 == 0 || (case.sale.epoch == entry.epoch && entry.gaps.is_next(sequence.0)) {
            return None;
        }
        self.known_out_of_order(case)
    }

    #[inline(never)]
    fn known_out_of_order<'a>(&self, case: &Case<'_, 'a>) -> Option<Decision<'a>> {
        match self.standing(case.till, case.sale.epoch, case.sale.sequence) {
            Standing::Fresh => None,
            Standing::Remembered(outcome) => Some(self.again(case, &outcome)),
            Standing::OlderUnknown => Some(self.transient(case, ResultCode::StaleEpoch)),
            Standing::NeedsHistory => Some(self.needs_history(case.till, case.sale)),
            Standing::TooManyGaps => Some(self.transient(case, ResultCode::TooManyGaps)),
        }
    }

    fn again<'a>(&self, case: &Case<'_, 'a>, outcome: &RememberedOutcome) -> Decision<'a> {
        if !outcome.is_tombstone() && outcome.digest != case.digest {
            return self.conflict(case, outcome);
        }
        Decision::NoRecord(remembered_outcome(outcome, case.till))
    }

    /// The same identity with another body.
    pub(super) fn conflict<'a>(&self, case: &Case<'_, 'a>, outcome: &RememberedOutcome) -> Decision<'a> {
        self.suspend(
            case,
            ResultCode::IdentityConflict,
            SuspenseReason::IdentityConflict,
            RecordNumber(outcome.record),
            !outcome.marks.has(OutcomeMarks::SUSPENDED),
        )
    }

    /// Whether a reversal and its original, neither of which has come, both fit below the bound of gaps.
    pub(super) fn has_room_for_both(
        &self,
        till: Till<'_>,
        case: &Case<'_, '_>,
        original: (Epoch, Sequence),
    ) -> bool {
        if till.entry.gaps.missing().len() + 2 <= GAPS_MAX {
            return true;
        }
        let mut gaps = if case.sale.epoch > till.entry.epoch { Gaps::EMPTY } else { till.entry.gaps };
        (original.0 != case.sale.epoch || gaps.insert(original.1.0, 0))
            && gaps.insert(case.sale.sequence.0, 0)
    }
}

/// The answer that a remembered outcome gives now.
pub(super) fn remembered_outcome(outcome: &RememberedOutcome, till: Till<'_>) -> Outcome {
    let gone = outcome.is_gone();
    // A code that this version doesn't know can't have been written: records are decoded before they are applied.
    let code = ResultCode::from_number(outcome.code).unwrap_or(ResultCode::IdentityConflict);
    let person = LedgerAccount::as_person(outcome.debit).or_else(|| outcome.credit.as_person());
    Outcome {
        code: if gone { ResultCode::Reversed } else { code },
        account: person,
        amount_fen: outcome.total_fen(),
        balance_after_fen: outcome.balance_after_fen,
        record: RecordNumber(outcome.record),
        observed: till.entry.head(),
        repeat: !gone,
    }
}
