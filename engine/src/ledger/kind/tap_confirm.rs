//! A till says what became of the chip after its tap. It has an identity of its own, and names the tap like a reversal.
//!
//! | original | answer | records |
//! |---|---|---|
//! | open tap of this till, chip written | `Approved` | confirmation: the tap stands, its counter is the card's |
//! | the same, not written | `Approved` | undoing as at a [presentation](super::presentation), confirmation |
//! | the same, unknown | `Approved` | confirmation: the tap stays open, the card's next presentation resolves it |
//! | confirmed as written or not written before | `TapConfirmedBefore` | refusal |
//! | undone by the card's next presentation | `TapUndone` | refusal |
//! | reversed, since or before it came | `Reversed` | refusal |
//! | none of these, but not open: the card was presented again, or changed | `TapStands` | refusal |
//! | no two-phase tap: a debit in one phase, a refusal, anything else; not come; itself, or of a greater epoch | `NothingToConfirm` | refusal |
//! | with another amount | `IdentityConflict` | refusal |
//! | another till's, whatever it is | `TapOfAnotherTill` | refusal |
//! | of an older epoch, or out of the ring | the log is asked first | |
//!
//! Whose the tap is, only the tap tells: the account's shard is asked for then ([`Need::Account`]).
//!
//! A tap that was confirmed as written and reversed since is `Reversed`. Sequence 0 of either is `SequenceZero`; the status of
//! account and merchant doesn't matter. It is never too late for a confirmation.

use protocol::card::ChipWrite;
use protocol::ids::{AccountId, Epoch, SaleId, Sequence, TerminalId};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U16, U32, U64};

use super::original::{Original, digest_of};
use super::{Ask, Case, Desk, Person};
use crate::ledger::account::Marks;
use crate::ledger::apply::Posting;
use crate::ledger::command::{Channel, Sale};
use crate::ledger::decision::{Decision, Group};
use crate::ledger::error::LedgerError;
use crate::ledger::fold::Fold;
use crate::ledger::known::Need;
use crate::ledger::outcome_ring::{OutcomeMarks, RememberedOutcome};
use crate::ledger::record::{Record, TapConfirmedRecord};
use crate::ledger::shard::Parts;

/// What became of the chip after a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapConfirm<'a> {
    /// Its own identity.
    pub sale: Sale<'a>,
    /// The tap's till: the same one.
    pub original_terminal: TerminalId,
    /// The tap's epoch.
    pub original_epoch: Epoch,
    /// The tap's sequence.
    pub original_sequence: Sequence,
    /// The tap's amount.
    pub amount_fen: i64,
    /// Whether the chip was written.
    pub write: ChipWrite,
}

impl<'a> Ask<'a> for TapConfirm<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
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
        let own = self.original_terminal == self.sale.terminal;
        let original = match own.then(|| desk.original(&case, self.original())).transpose() {
            Ok(original) => original,
            Err(obstacle) => return desk.obstructed(&case, obstacle),
        };
        if let Some(code) = desk.bad_field(&case, till.config.sells()) {
            return desk.transient(&case, code);
        }
        match original {
            None => desk.refuse(&case, ResultCode::TapOfAnotherTill, None),
            Some(Original::Unnamed) => desk.transient(&case, ResultCode::SequenceZero),
            Some(Original::Impossible | Original::NotCome) => {
                desk.refuse(&case, ResultCode::NothingToConfirm, None)
            }
            Some(Original::Came(outcome)) => desk.confirm(&case, self, &outcome),
        }
    }
}

/// Domain of the digests of bodies: it stands in records and never changes.
const DOMAIN_TAP_CONFIRM: u64 = 11;

impl TapConfirm<'_> {
    const fn original(&self) -> SaleId {
        SaleId { terminal: self.sale.terminal, epoch: self.original_epoch, sequence: self.original_sequence }
    }

    fn digest(&self) -> u64 {
        let body = digest_of(DOMAIN_TAP_CONFIRM, self.original(), self.amount_fen);
        let more = u64::from(self.original_terminal.0) << 8 | u64::from(self.write.number());
        Fold::new(DOMAIN_TAP_CONFIRM).word(body).word(more).finish()
    }
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    fn confirm<'a>(
        &self,
        case: &Case<'_, 'a>,
        confirm: &TapConfirm<'_>,
        outcome: &RememberedOutcome,
    ) -> Decision<'a> {
        let payer = outcome.debit.as_person();
        if let Some(id) = payer.filter(|id| !self.holds_account(case, *id)) {
            return Decision::Needs(Need::Account(id));
        }
        let person = payer.and_then(|id| self.person(id));
        let tap = person
            .and_then(|person| Some((person, self.open_tap(person)?)))
            .filter(|(_, tap)| tap.record == outcome.record);
        let (person, tap) = match (closed(outcome), tap) {
            (Some(code), _) => return self.refuse(case, code, person),
            (None, None) => return self.refuse(case, ResultCode::TapStands, person),
            (None, Some(open)) => open,
        };
        if confirm.write != ChipWrite::NotWritten {
            return self.confirmed(case, person, confirm, outcome);
        }
        let Some(undone) = self.undo_tap(person, tap) else {
            return self.refuse(case, ResultCode::BalanceOverflow, Some(person));
        };
        let person = Person { id: person.id, account: &undone.account };
        self.then(undone.record, |desk| desk.confirmed(case, person, confirm, outcome))
    }

    /// Whether an account's shard is the till's that asks, or what was asked for.
    fn holds_account(&self, case: &Case<'_, '_>, id: AccountId) -> bool {
        self.layout.shard_of_account(id) == self.layout.shard_of_terminal(case.sale.slot)
            || self.known.is_some_and(|known| known.account == Some(id))
    }

    fn confirmed<'a>(
        &self,
        case: &Case<'_, 'a>,
        person: Person<'_>,
        confirm: &TapConfirm<'_>,
        tap: &RememberedOutcome,
    ) -> Decision<'a> {
        let money = self.memo(case, ResultCode::Approved, Some(person));
        let record = Record::TapConfirmed(TapConfirmedRecord {
            money,
            original_record: U64::new(tap.record),
            original_sequence: U32::new(confirm.original_sequence.0),
            original_epoch: U16::new(confirm.original_epoch.0),
            write: confirm.write.number(),
            reserved: 0,
        });
        let outcome = self.outcome(&money, ResultCode::Approved, self.stamp.number);
        Decision::Done { outcome, group: Group::one(record) }
    }
}

/// Why what is remembered can't be confirmed, unless it can.
fn closed(outcome: &RememberedOutcome) -> Option<ResultCode> {
    let marks = outcome.marks;
    if outcome.is_tombstone() {
        Some(ResultCode::Reversed)
    } else if !marks.has(OutcomeMarks::TWO_PHASE) {
        Some(ResultCode::NothingToConfirm)
    } else if marks.has(OutcomeMarks::REVERSED) && !marks.has(OutcomeMarks::UNWRITTEN) {
        Some(ResultCode::Reversed)
    } else if marks.has(OutcomeMarks::CONFIRMED) {
        Some(ResultCode::TapConfirmedBefore)
    } else if marks.has(OutcomeMarks::UNWRITTEN) {
        Some(ResultCode::TapUndone)
    } else {
        None
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn tap_confirmed(&mut self, r: &TapConfirmedRecord) -> Result<(), LedgerError> {
        let write = ChipWrite::from_number(r.write).ok_or_else(|| self.bad("write"))?;
        let money = &r.money;
        let person = self.person(money.debit_account())?;
        let shard = self.parts.shard_mut(self.layout.shard_of_account(person));
        let tap = match write {
            ChipWrite::Written => {
                Some(shard.take_tap(person).filter(|tap| tap.record == r.original_record.get()))
            }
            ChipWrite::NotWritten | ChipWrite::Unknown => None,
        };
        if tap == Some(None) {
            return Err(self.bad("original_record"));
        }
        self.post_person(person, money, |account| {
            if let Some(tap) = tap.flatten() {
                account.take_counter(&tap);
                account.marks = account.marks.without(Marks::OPEN_TAP);
            }
        })?;
        let entry = self.post_till(money)?;
        let original = r.original();
        if write != ChipWrite::Unknown
            && let Some(outcome) = entry.ring.get_mut(original.epoch, original.sequence)
        {
            outcome.marks = outcome.marks.with(OutcomeMarks::CONFIRMED);
        }
        Ok(())
    }
}
