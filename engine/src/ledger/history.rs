//! Looking a sale up in the log, when memory has let it go: a walk back along the till's chain.
//!
//! The walk happens on the slow lane, outside every lock. What it found is valid for the chain's head that it
//! began at; the ledger checks that, and asks again when the till has gone on meanwhile. The second walk is short:
//! it ends where the first began.

use protocol::card::ChipWrite;
use protocol::ids::{RecordNumber, SaleId};

use super::kind::is_debit;
use super::ledger_account::LedgerAccount;
use super::outcome_ring::{OutcomeMarks, RememberedOutcome};
use super::record::{MoneyRecord, Record, RecordKind};

/// What the log says about one sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// The sale that was looked for.
    pub sale: SaleId,
    /// The head of the till's chain that the walk began at.
    pub head: RecordNumber,
    /// The sale's outcome, or its tombstone; none when the chain doesn't know it.
    pub found: Option<RememberedOutcome>,
}

/// What the walk wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read this record and visit it.
    Read(RecordNumber),
    /// The walk is over.
    Done(History),
}

/// A walk back along a till's chain.
#[derive(Clone, Copy, Debug)]
pub struct HistorySearch {
    sale: SaleId,
    head: RecordNumber,
    until: RecordNumber,
    known: Option<RememberedOutcome>,
    reversed: bool,
    voided: bool,
    suspended: bool,
    confirmed: bool,
    unwritten: bool,
}

impl HistorySearch {
    /// Begins a walk for `sale` at the head that [`super::known::Need::Sale`] gave. `earlier` is
    /// what an earlier walk for the same sale found, if there was one.
    pub fn begin(sale: SaleId, head: RecordNumber, earlier: Option<History>) -> (HistorySearch, Step) {
        let earlier = earlier.filter(|history| history.sale == sale);
        let search = HistorySearch {
            sale,
            head,
            until: earlier.map_or(RecordNumber(0), |history| history.head),
            known: earlier.and_then(|history| history.found),
            reversed: false,
            voided: false,
            suspended: false,
            confirmed: false,
            unwritten: false,
        };
        (search, search.next(head))
    }

    /// Visits the record that was asked for. A record that isn't of the till's chain ends the walk.
    pub fn visit(&mut self, number: RecordNumber, time_ns: u64, record: &Record<'_>) -> Step {
        match record {
            Record::Suspense(r, _) if r.sale() == self.sale && r.is_of_sale() => self.suspended = true,
            Record::Reversal(r) | Record::TopUpUndo(r) if r.original() == self.sale => self.reversed = true,
            Record::FullReversal(r) if r.original() == self.sale => self.reversed = true,
            Record::Void(r) if r.original() == self.sale => self.voided = true,
            Record::TapUndone(r) if r.original() == self.sale => {
                (self.reversed, self.unwritten) = (true, true);
            }
            Record::TapConfirmed(r) if r.original() == self.sale && r.write != ChipWrite::Unknown as u8 => {
                self.confirmed = true;
            }
            Record::ReversalBeforeOriginal(r) if r.original() == self.sale => {
                return self.done(Some(RememberedOutcome {
                    marks: OutcomeMarks::TOMBSTONE,
                    epoch: self.sale.epoch.0,
                    sequence: self.sale.sequence.0,
                    ..remember(number, time_ns, &r.money, record.kind(), 0)
                }));
            }
            _ => {
                if record.sale() == Some(self.sale)
                    && !record.kind().is_companion()
                    && let Some(money) = record.money()
                {
                    let kind = record.kind();
                    return self.done(Some(RememberedOutcome {
                        marks: record.outcome_marks(),
                        ..remember(number, time_ns, money, kind, record.subsidy_used_fen())
                            .with_terms(record.pricing_fen(), record.is_counted())
                    }));
                }
            }
        }
        match record.previous_of_terminal() {
            Some(previous) if previous < number => self.next(previous),
            _ => self.done(self.known),
        }
    }

    fn next(&self, number: RecordNumber) -> Step {
        if number <= self.until { self.done(self.known) } else { Step::Read(number) }
    }

    fn done(&self, found: Option<RememberedOutcome>) -> Step {
        let found = found.map(|outcome| RememberedOutcome {
            marks: outcome
                .marks
                .with_if(self.reversed || self.voided, OutcomeMarks::REVERSED)
                .with_if(self.voided, OutcomeMarks::VOIDED)
                .with_if(outcome.kind.is_some_and(is_debit), OutcomeMarks::REFUNDED)
                .with_if(self.suspended, OutcomeMarks::SUSPENDED)
                .with_if(self.confirmed, OutcomeMarks::CONFIRMED)
                .with_if(self.unwritten, OutcomeMarks::UNWRITTEN),
            ..outcome
        });
        Step::Done(History { sale: self.sale, head: self.head, found })
    }
}

/// What is remembered of a money record that used so much subsidy.
pub(super) fn remember(
    number: RecordNumber,
    time_ns: u64,
    money: &MoneyRecord,
    kind: RecordKind,
    subsidy_used_fen: u32,
) -> RememberedOutcome {
    let [low, middle, high, _] = subsidy_used_fen.to_le_bytes();
    RememberedOutcome {
        record: number.0,
        time_ns,
        digest: money.digest.get(),
        balance_after_fen: money.balance_after_fen.get(),
        sequence: money.sequence.get(),
        amounts: money.amount_fen.get(),
        debit: LedgerAccount::from_bits(money.debit.get()),
        credit: LedgerAccount::from_bits(money.credit.get()),
        epoch: money.epoch.get(),
        code: money.code.get(),
        limit_day: money.limit_day.get(),
        channel_wallet: money.channel_wallet,
        kind: Some(kind),
        marks: OutcomeMarks::default(),
        subsidy: [low, middle, high],
    }
}
