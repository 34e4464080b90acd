//! What each till has done since its last batch, as it knows it by itself: what its cashiers close and settle by.

use std::collections::HashMap;

use protocol::answer::BatchSettleAnswer;
use protocol::ids::{Epoch, Sequence, TerminalId};
use protocol::request::BatchSettle;
use protocol::result_code::ResultCode;
use protocol::till_totals::{TillKind, TillLine, TillTotals};

use crate::deed::DeedKind;
use crate::outcome_log::{OutcomeEntry, OutcomeKind, SaleState};

/// How many lines of its batch a till keeps.
pub(crate) const LINES_KEPT: usize = 50;

/// The books of one till.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TillBook {
    totals: TillTotals,
    /// The newest of what counts in it, in order of sequence.
    lines: Vec<TillLine>,
    /// Its open shift, as the server told last.
    pub(crate) shift: Option<u32>,
    /// The batch that was closed last, and where it ended.
    settled: Option<(u32, Epoch, u32)>,
    /// The server has other totals: the next time the batch is closed as it stands.
    differs: bool,
}

impl TillBook {
    /// The next batch: everything up to this sequence.
    pub fn batch(&self, epoch: Epoch, last: Sequence, till_time_ns: u64) -> BatchSettle {
        let (batch, first) = (self.settled.map_or(0, |(batch, ..)| batch) + 1, self.first_of_batch(epoch));
        BatchSettle {
            batch,
            first: Sequence(first),
            last: Sequence(last.0.max(first - 1)),
            as_it_stands: self.differs,
            totals: self.totals,
            till_time_ns,
        }
    }

    /// The first sequence of the next batch.
    pub fn first_of_batch(&self, epoch: Epoch) -> u32 {
        self.settled.filter(|(_, of, _)| *of == epoch).map_or(1, |(_, _, last)| last + 1)
    }

    /// The lines that it has kept, from a sequence on.
    pub fn lines_from(&self, first: u32) -> Vec<TillLine> {
        self.lines.iter().filter(|line| line.sequence.get() >= first).copied().collect()
    }

    fn add(&mut self, kind: TillKind, entry: &OutcomeEntry) {
        self.totals.add(kind, entry.amount_fen);
        let sequence = entry.sale.sequence.0;
        let line = TillLine {
            sequence: sequence.into(),
            kind: kind.number(),
            amount_fen: entry.amount_fen.into(),
            ..TillLine::default()
        };
        // What was stored is counted late.
        let place = self.lines.partition_point(|before| before.sequence.get() < sequence);
        self.lines.insert(place, line);
        if self.lines.len() > LINES_KEPT {
            self.lines.remove(0);
        }
    }

    /// Whether an earlier try to close the batch is to be followed by another.
    pub const fn is_to_be_settled_again(&self) -> bool {
        self.differs
    }

    /// Takes the answer to the settling of its batch.
    pub fn settled(&mut self, answer: &BatchSettleAnswer) {
        match answer.code {
            ResultCode::Approved => {
                *self = TillBook {
                    shift: self.shift,
                    settled: Some((answer.batch, answer.epoch, answer.last.0)),
                    ..TillBook::default()
                };
            }
            // Another run has closed batches of this till: it goes on behind them.
            ResultCode::BatchOutOfOrder | ResultCode::BatchConflict => {
                let known = answer.batch != 0;
                self.settled = known.then_some((answer.batch, answer.epoch, answer.last.0));
                self.differs = true;
            }
            ResultCode::BatchDiffers => self.differs = true,
            _ => {}
        }
    }
}

/// The books of every till.
#[derive(Clone, Debug, Default)]
pub struct TillBooks {
    tills: HashMap<TerminalId, TillBook>,
}

impl TillBooks {
    /// A till's own.
    pub fn of(&mut self, terminal: TerminalId) -> &mut TillBook {
        self.tills.entry(terminal).or_default()
    }

    /// Counts what an answer has settled for the first time.
    pub fn count(&mut self, entry: &OutcomeEntry) {
        if !matches!(entry.state, SaleState::Approved | SaleState::Uploaded) {
            return;
        }
        if let Some(kind) = kind_of(entry.kind) {
            self.of(entry.sale.terminal).add(kind, entry);
        }
    }
}

/// What an approved entry counts as in a batch; `None` for what counts in none.
fn kind_of(kind: OutcomeKind) -> Option<TillKind> {
    Some(match kind {
        OutcomeKind::CardDebit | OutcomeKind::CodeDebit | OutcomeKind::ScanTold => TillKind::Debit,
        OutcomeKind::OfflineDebit => TillKind::Offline,
        OutcomeKind::Reversal => TillKind::Reversal,
        OutcomeKind::Deed(deed) => match deed {
            DeedKind::ChipTap | DeedKind::PasswordDebit => TillKind::Debit,
            DeedKind::TopUp | DeedKind::CashTopUp => TillKind::TopUp,
            DeedKind::TopUpUndo => TillKind::TopUpUndone,
            DeedKind::Void => TillKind::Void,
            DeedKind::Refund => TillKind::Refund,
            DeedKind::Tender => TillKind::Tender,
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use protocol::ids::{RecordNumber, SaleId};

    use super::*;
    use crate::outcome_log::OutcomeLog;

    const TILL: TerminalId = TerminalId(101);
    const EPOCH: Epoch = Epoch(2);

    fn answer(code: ResultCode, batch: u32, last: u32) -> BatchSettleAnswer {
        BatchSettleAnswer {
            code,
            repeat: false,
            epoch: EPOCH,
            batch,
            last: Sequence(last),
            record: RecordNumber(9),
            totals: TillTotals::default(),
        }
    }

    fn books_of(kinds: &[(OutcomeKind, SaleState, i64)]) -> TillBooks {
        let (mut log, mut books) = (OutcomeLog::new(), TillBooks::default());
        for (sequence, &(kind, state, amount_fen)) in (1..).zip(kinds) {
            let sale = SaleId { terminal: TILL, epoch: EPOCH, sequence: Sequence(sequence) };
            let entry = log.open(sale, kind, state, 7, amount_fen, 0);
            books.count(log.entry(entry));
        }
        books
    }

    #[test]
    fn what_was_approved_counts_by_its_kind() {
        let mut books = books_of(&[
            (OutcomeKind::CardDebit, SaleState::Approved, 500),
            (OutcomeKind::CardDebit, SaleState::Refused, 900),
            (OutcomeKind::CodeDebit, SaleState::Approved, 300),
            (OutcomeKind::OfflineDebit, SaleState::Uploaded, 200),
            (OutcomeKind::Deed(DeedKind::Refund), SaleState::Approved, 100),
            (OutcomeKind::Deed(DeedKind::TopUpAgain), SaleState::Approved, 5_000),
        ]);
        let totals = books.of(TILL).batch(EPOCH, Sequence(6), 0).totals;
        assert_eq!(totals.of(TillKind::Debit), (2, 800));
        assert_eq!(totals.of(TillKind::Offline), (1, 200));
        assert_eq!(totals.of(TillKind::Refund), (1, 100));
        assert_eq!(totals.of(TillKind::TopUp), (0, 0), "the order had counted before");
    }

    #[test]
    fn the_newest_lines_are_kept_in_order_of_sequence() {
        let sales = vec![(OutcomeKind::CardDebit, SaleState::Approved, 500); LINES_KEPT + 5];
        let mut books = books_of(&sales);
        let late = books_of(&[(OutcomeKind::OfflineDebit, SaleState::Uploaded, 200)]);
        assert_eq!(late.tills[&TILL].lines[0].kind, TillKind::Offline.number());
        let sequences =
            |lines: Vec<TillLine>| lines.iter().map(|line| line.sequence.get()).collect::<Vec<u32>>();
        let book = books.of(TILL);
        assert_eq!(sequences(book.lines_from(1)), (6..=LINES_KEPT as u32 + 5).collect::<Vec<u32>>());
        assert_eq!(sequences(book.lines_from(54)), [54, 55]);
        book.settled(&answer(ResultCode::Approved, 1, 55));
        assert_eq!((book.lines_from(1), book.first_of_batch(EPOCH)), (vec![], 56));
    }

    #[test]
    fn a_batch_goes_on_behind_the_one_before() {
        let mut books = books_of(&[(OutcomeKind::CardDebit, SaleState::Approved, 500)]);
        let book = books.of(TILL);
        let first = book.batch(EPOCH, Sequence(4), 0);
        assert_eq!(
            (first.batch, first.first, first.last, first.as_it_stands),
            (1, Sequence(1), Sequence(4), false)
        );
        book.settled(&answer(ResultCode::BatchDiffers, 1, 4));
        assert!(book.batch(EPOCH, Sequence(4), 0).as_it_stands);
        book.settled(&answer(ResultCode::Approved, 1, 4));
        let next = book.batch(EPOCH, Sequence(4), 0);
        assert_eq!(
            (next.batch, next.first, next.last, next.as_it_stands),
            (2, Sequence(5), Sequence(4), false)
        );
        assert_eq!(next.totals, TillTotals::default(), "what was settled counts no more");
        let anew = book.batch(Epoch(3), Sequence(2), 0);
        assert_eq!((anew.batch, anew.first), (2, Sequence(1)), "another epoch begins anew");
    }

    #[test]
    fn it_goes_on_behind_what_another_run_has_settled() {
        // What the other run has closed may have the number that this one began with.
        for (code, batch) in [(ResultCode::BatchOutOfOrder, 6), (ResultCode::BatchConflict, 1)] {
            let mut books = TillBooks::default();
            let book = books.of(TILL);
            book.settled(&answer(code, batch, 40));
            let next = book.batch(EPOCH, Sequence(50), 0);
            assert_eq!((next.batch, next.first, next.as_it_stands), (batch + 1, Sequence(41), true));
        }
    }
}
