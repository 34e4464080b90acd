//! Reversals: a till undoes a debit whose answer it never saw. A reversal has an identity of its own, and names
//! its original by epoch and sequence on the same till.
//!
//! | original | answer | record |
//! |---|---|---|
//! | approved online debit, or what was paid by self-scan | `Approved` | reversal: back to the wallet debited, off the day's total |
//! | the same, already reversed or voided, however long ago | `Approved` (`repeat`), no second posting | repeat |
//! | approved online debit, refunded since, wholly or in part | `ReversalAfterRefund` | refusal |
//! | not come yet, or told as paid by self-scan and not paid | `Approved`; the original is `Reversed` when it comes | reversal before original |
//! | the same, reversed before it came already | `Approved` (`repeat`) | repeat |
//! | older than three days by logged time, not reversed | `ReversalTooLate` | refusal |
//! | offline fact | `ReversalOfOfflineFact` | refusal |
//! | anything else (a refusal, a top-up, another reversal), itself, or of a greater epoch | `NothingToReverse` | refusal |
//! | with another amount | `IdentityConflict` | refusal |
//! | of an older epoch, or out of the ring | the log is asked first | |
//!
//! Its own identity comes first: known, stale or beyond the gaps, it is answered before the original is looked at.
//! The amount is compared with whatever is remembered of the original (with the first reversal's amount if the
//! original hasn't come). Sequence 0 of either is `SequenceZero`. The status of account and merchant doesn't
//! matter. A load or a settling that was made for the original stays.
//!
//! A tap that is open is closed by it, whether the chip was written or not.
//!
//! To which wallets the money goes back: see [`super::give_back`].

use protocol::ids::{Epoch, SaleId, Sequence};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U16, U32, U64};

use super::give_back::given_back;
use super::original::{Original, digest_of};
use super::{Ask, Case, Desk};
use crate::ledger::apply::{Posting, seconds_of};
use crate::ledger::command::{Channel, Sale};
use crate::ledger::decision::{Decision, Group, Outcome};
use crate::ledger::error::LedgerError;
use crate::ledger::history::remember;
use crate::ledger::limits::{BALANCE_FEN_MAX, REVERSAL_WINDOW_NS};
use crate::ledger::outcome_ring::{OutcomeMarks, RememberedOutcome};
use crate::ledger::record::{FullReversalRecord, MoneyRecord, Record, RecordKind, ReversalRecord, Wallet};
use crate::ledger::shard::{Layout, Parts, ShardSet};

/// A till undoes a debit whose answer it never saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reversal<'a> {
    /// Its own identity.
    pub sale: Sale<'a>,
    /// The original's epoch, on the same till.
    pub original_epoch: Epoch,
    /// The original's sequence.
    pub original_sequence: Sequence,
    /// The original's amount.
    pub amount_fen: i64,
}

impl<'a> Ask<'a> for Reversal<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    /// Its account is known only from its original.
    fn also_touches(&self, layout: Layout) -> ShardSet {
        ShardSet::all(layout.shard_count())
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(self.amount_fen) };
        let case = Case {
            till,
            sale: &self.sale,
            digest: self.digest(),
            channel: Channel::Till,
            amount_fen: self.amount_fen,
        };
        if let Some(decision) = desk.known(&case) {
            return decision;
        }
        let named = self.original();
        let original = match desk.original(&case, named) {
            Ok(original) => original,
            Err(obstacle) => return desk.obstructed(&case, obstacle),
        };
        if let Original::NotCome = original
            && !desk.has_room_for_both(till, &case, (named.epoch, named.sequence))
        {
            return desk.transient(&case, ResultCode::TooManyGaps);
        }
        if let Some(code) = desk.bad_field(&case, till.config.sells()) {
            return desk.transient(&case, code);
        }
        match original {
            Original::Unnamed => desk.transient(&case, ResultCode::SequenceZero),
            Original::Impossible => desk.refuse(&case, ResultCode::NothingToReverse, None),
            Original::NotCome => {
                let money = desk.memo(&case, ResultCode::Approved, None);
                desk.done(self, money, 0, Record::ReversalBeforeOriginal)
            }
            Original::Came(outcome) => desk.reverse(&case, self, &outcome),
        }
    }
}

/// Domain of the digests of bodies: it stands in records and never changes.
const DOMAIN_REVERSAL: u64 = 4;

impl Reversal<'_> {
    const fn original(&self) -> SaleId {
        SaleId { terminal: self.sale.terminal, epoch: self.original_epoch, sequence: self.original_sequence }
    }

    fn digest(&self) -> u64 {
        digest_of(DOMAIN_REVERSAL, self.original(), self.amount_fen)
    }
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    fn reverse<'a>(
        &self,
        case: &Case<'_, 'a>,
        r: &Reversal<'a>,
        outcome: &RememberedOutcome,
    ) -> Decision<'a> {
        let person = outcome.debit.as_person().and_then(|id| self.person(id));
        // A top-up was undone by its counter, not reversed: there is nothing to reverse.
        if outcome.is_tombstone() || outcome.is_gone() && outcome.kind != Some(RecordKind::TopUp) {
            let money = self.memo(case, ResultCode::Approved, person);
            return self.done(r, money, outcome.record, Record::Repeat);
        }
        if outcome.kind == Some(RecordKind::ScanPending) {
            let money = self.memo(case, ResultCode::Approved, None);
            return self.done(r, money, 0, Record::ReversalBeforeOriginal);
        }
        if self.stamp.time_ns.saturating_sub(outcome.time_ns) > REVERSAL_WINDOW_NS {
            return self.refuse(case, ResultCode::ReversalTooLate, person);
        }
        let wallet = Wallet::from_number(outcome.channel_wallet >> 4);
        match (outcome.kind, person, wallet) {
            (Some(RecordKind::OfflineDebit), _, _) => {
                self.refuse(case, ResultCode::ReversalOfOfflineFact, person)
            }
            (
                Some(kind @ (RecordKind::Debit | RecordKind::FullDebit | RecordKind::ScanPaid)),
                Some(person),
                Some(wallet),
            ) => {
                match self.refunded_fen(person, outcome) {
                    Err(need) => return Decision::Needs(need),
                    Ok(0) => {}
                    Ok(_) => return self.refuse(case, ResultCode::ReversalAfterRefund, Some(person)),
                }
                let account = person.account;
                let wallets = given_back(account, wallet, outcome.total_fen(), outcome.subsidy_fen());
                if account.card_fen + wallets.card_fen.get() > BALANCE_FEN_MAX {
                    return self.refuse(case, ResultCode::BalanceOverflow, Some(person));
                }
                let money = self.money_back(case, person, wallet, outcome, outcome.pricing_fen());
                let one_wallet = wallet == Wallet::Card || wallets.card_fen.get() == 0;
                if kind != RecordKind::FullDebit && one_wallet {
                    return self.done(r, money, outcome.record, Record::Reversal);
                }
                self.whole_back(person, money, wallets, outcome, Record::FullReversal)
            }
            _ => self.refuse(case, ResultCode::NothingToReverse, person),
        }
    }

    fn done<'a>(
        &self,
        r: &Reversal<'_>,
        money: MoneyRecord,
        original_record: u64,
        kind: fn(ReversalRecord) -> Record<'a>,
    ) -> Decision<'a> {
        let record = ReversalRecord {
            money,
            original_record: U64::new(original_record),
            original_sequence: U32::new(r.original_sequence.0),
            original_epoch: U16::new(r.original_epoch.0),
            reserved: U16::ZERO,
        };
        let record = kind(record);
        let outcome = Outcome {
            repeat: record.kind() == RecordKind::Repeat,
            ..self.outcome(&money, ResultCode::Approved, self.stamp.number)
        };
        Decision::Done { outcome, group: Group::one(record) }
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn full_reversal(
        &mut self,
        reversal: &FullReversalRecord,
    ) -> Result<(), LedgerError> {
        let terms = self.terms_of(&reversal.back)?;
        self.post_back(&reversal.back.money, &reversal.back.wallets, terms)?;
        self.close_tap_of(&reversal.back.money, reversal.original_record.get())?;
        self.mark_undone(&reversal.back.money, reversal.original(), OutcomeMarks::REVERSED)?;
        self.remember_terms(&reversal.back.money, terms.pricing_fen, false)
    }

    /// Remembers what undoes a request of the same till, and of that request what became of it.
    pub(super) fn mark_undone(
        &mut self,
        money: &MoneyRecord,
        original: SaleId,
        marks: OutcomeMarks,
    ) -> Result<(), LedgerError> {
        let entry = self.post_till(money)?;
        if let Some(outcome) = entry.ring.get_mut(original.epoch, original.sequence) {
            outcome.marks = outcome.marks.with(marks);
        }
        Ok(())
    }

    pub(in crate::ledger) fn reversal(&mut self, reversal: &ReversalRecord) -> Result<(), LedgerError> {
        let money = &reversal.money;
        let amount_fen = self.amount_fen(money)?;
        let person = self.person(money.credit_account())?;
        let wallet = self.wallet(money)?;
        self.post_person(person, money, |account| {
            *account.wallet_fen_mut(wallet) += amount_fen;
            account.add_spent(money.limit_day.get(), -amount_fen);
        })?;
        self.post_hot(self.layout.shard_of_account(person), money.debit_account(), -amount_fen)?;
        self.mark_undone(money, reversal.original(), OutcomeMarks::REVERSED)
    }

    pub(in crate::ledger) fn reversal_before_original(
        &mut self,
        reversal: &ReversalRecord,
    ) -> Result<(), LedgerError> {
        let (number, time_ns, kind) = (self.number, self.time_ns, self.kind);
        let money = &reversal.money;
        let original = reversal.original();
        let now_s = seconds_of(time_ns);
        let entry = self.till(money)?;
        // The original first: a reversal sent next after it then opens no gap.
        if original.epoch == entry.epoch && !entry.gaps.insert(original.sequence.0, now_s) {
            return Err(LedgerError::BadField { number, field: "original_sequence" });
        }
        if !entry.gaps.insert(money.sequence.get(), now_s) {
            return Err(LedgerError::BadField { number, field: "sequence" });
        }
        let own = remember(number, time_ns, money, kind, 0);
        entry.ring.put(&RememberedOutcome {
            epoch: original.epoch.0,
            sequence: original.sequence.0,
            marks: OutcomeMarks::TOMBSTONE,
            ..own
        });
        entry.ring.put(&own);
        Ok(())
    }

    pub(in crate::ledger) fn repeat(&mut self, repeat: &ReversalRecord) -> Result<(), LedgerError> {
        self.memo(&repeat.money)
    }
}
