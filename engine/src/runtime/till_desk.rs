//! What a till asks about itself, on the slow lane: its cashiers, its shifts, its batches.
//!
//! The ledger decides what changes; how a shift or a batch adds up is read off the till's chain in the log
//! ([`crate::ledger::till_totals`]), and a closing is told by the record that it left, so that it is told the same again.

use std::collections::BTreeMap;

use protocol::answer::{BatchSettleAnswer, ShiftAnswer};
use protocol::ids::{Epoch, RecordNumber, Sequence, TerminalId};
use protocol::request::{BatchSettle, CashierSign, ShiftClose};
use protocol::result_code::ResultCode;
use protocol::till_totals::{LineResult, TillKind, TillLine};

use super::engine::{EngineError, Reply};
use super::look_up;
use super::slow_lane::Worker;
use crate::ledger::command::{self, DutyQuery};
use crate::ledger::decision::DutyView;
use crate::ledger::till_totals::{TillRange, TillSpan, sum, walk};
use crate::ledger::{Outcome, Record, Request, TerminalSlot};

/// What is asked.
pub enum TillAsk {
    /// A cashier signs on, or off.
    Cashier {
        /// Who.
        sign: CashierSign,
        /// On; off otherwise.
        on: bool,
    },
    /// The totals of the open shift.
    ShiftTotals,
    /// The shift is closed.
    ShiftClose(ShiftClose),
    /// A batch is settled.
    BatchSettle(BatchSettle),
    /// Lines are held against the books.
    BatchLines {
        /// The first sequence that they are about.
        first: Sequence,
        /// The last.
        last: Sequence,
        /// The till's lines, in rising order of sequence.
        lines: Vec<TillLine>,
    },
}

/// Who asks, and who is told.
pub struct TillJob {
    /// The session's till.
    pub slot: TerminalSlot,
    /// The session's till.
    pub terminal: TerminalId,
    /// The epoch that the request names.
    pub epoch: Epoch,
    /// What is asked.
    pub ask: TillAsk,
    /// Called with what there is to tell, and the record that must be durable before.
    pub done: Box<dyn FnOnce(TillTold, RecordNumber) + Send>,
}

/// What there is to tell.
#[derive(Clone, Debug, PartialEq)]
pub enum TillTold {
    /// As for any request.
    Reply(Reply),
    /// A shift, open or closed.
    Shift(ShiftAnswer),
    /// A batch, settled or not.
    Batch(BatchSettleAnswer),
    /// What came of lines.
    Lines {
        /// How many are equal.
        equal: u32,
        /// The others.
        lines: Vec<TillLine>,
    },
}

/// Answers a job.
pub(super) fn answer(worker: &Worker, job: TillJob) {
    let TillJob { slot, terminal, epoch, ask, done } = job;
    let desk = Desk { worker, slot, terminal, epoch };
    let told = match ask {
        TillAsk::Cashier { sign, on } => Ok(desk.cashier(&sign, on)),
        TillAsk::ShiftTotals => desk.shift_totals(),
        TillAsk::ShiftClose(close) => desk.shift_close(&close),
        TillAsk::BatchSettle(batch) => desk.batch_settle(&batch),
        TillAsk::BatchLines { first, last, lines } => desk.batch_lines(first, last, &lines),
    };
    let (told, observed) = told.unwrap_or_else(|error| {
        tracing::error!(%terminal, %error, "a till's own records can't be read");
        of_reply(Reply::Refused(ResultCode::Busy))
    });
    done(told, observed);
}

type Told = (TillTold, RecordNumber);

fn of_reply(reply: Reply) -> Told {
    let observed = reply.observed();
    (TillTold::Reply(reply), observed)
}

struct Desk<'w> {
    worker: &'w Worker,
    slot: TerminalSlot,
    terminal: TerminalId,
    epoch: Epoch,
}

impl Desk<'_> {
    fn cashier(&self, sign: &CashierSign, on: bool) -> Told {
        let CashierSign { cashier, unsent_records, till_time_ns } = *sign;
        let Desk { slot, terminal, .. } = *self;
        let sign = command::CashierSign { slot, terminal, cashier, on, unsent_records, till_time_ns };
        of_reply(self.worker.with_look_ups(&Request::CashierSign(sign)))
    }

    /// Who is on duty, with every record of the till durable; or what is told instead.
    fn duty(&self) -> Result<DutyView, Told> {
        let Desk { slot, terminal, .. } = *self;
        match self.worker.with_look_ups(&Request::DutyQuery(DutyQuery { slot, terminal })) {
            Reply::Duty(view) if self.worker.wait_until_durable(view.head) => Ok(view),
            Reply::Duty(_) => Err(of_reply(Reply::Refused(ResultCode::Stopping))),
            reply => Err(of_reply(reply)),
        }
    }

    fn shift_totals(&self) -> Result<Told, EngineError> {
        let view = match self.duty() {
            Ok(view) => view,
            Err(told) => return Ok(told),
        };
        let span =
            TillSpan { terminal: self.terminal, head: view.head, above: view.shift_above, range: None };
        let reader = self.worker.engine().log().reader();
        let sums = sum(span, |number| look_up::till_link(&reader, number))?;
        let answer = ShiftAnswer {
            code: ResultCode::Approved,
            repeat: false,
            shift: view.shift,
            cashier: view.cashier,
            record: RecordNumber(0),
            totals: sums.totals,
        };
        Ok((TillTold::Shift(answer), view.observed))
    }

    fn shift_close(&self, close: &ShiftClose) -> Result<Told, EngineError> {
        let ShiftClose { shift, unsent_records, till_time_ns } = *close;
        let Desk { slot, terminal, .. } = *self;
        let close = command::ShiftClose { slot, terminal, shift, unsent_records, till_time_ns };
        let reply = self.worker.with_look_ups(&Request::ShiftClose(close));
        self.told_by_record(reply, |record, outcome| match record {
            Record::Duty(closed) => Some(TillTold::Shift(ShiftAnswer {
                code: outcome.code,
                repeat: outcome.repeat,
                shift: closed.shift.get(),
                cashier: closed.cashier.get(),
                record: outcome.record,
                totals: closed.totals,
            })),
            _ => None,
        })
    }

    fn batch_settle(&self, batch: &BatchSettle) -> Result<Told, EngineError> {
        let settle = command::BatchSettle {
            slot: self.slot,
            terminal: self.terminal,
            epoch: self.epoch,
            batch: batch.batch,
            first: batch.first,
            last: batch.last,
            as_it_stands: batch.as_it_stands,
            totals: &batch.totals,
            till_time_ns: batch.till_time_ns,
        };
        let (reply, known) = self.worker.with_look_ups_known(&Request::BatchSettle(settle));
        if let (Reply::Outcome(outcome), Some(sums)) = (&reply, known.totals)
            && outcome.code == ResultCode::BatchDiffers
        {
            let answer = BatchSettleAnswer {
                code: outcome.code,
                repeat: false,
                batch: batch.batch,
                record: RecordNumber(0),
                totals: sums.totals,
            };
            return Ok((TillTold::Batch(answer), outcome.observed));
        }
        self.told_by_record(reply, |record, outcome| match record {
            Record::BatchSettled(settled) => Some(TillTold::Batch(BatchSettleAnswer {
                code: outcome.code,
                repeat: outcome.repeat,
                batch: settled.batch.get(),
                record: outcome.record,
                totals: settled.totals,
            })),
            _ => None,
        })
    }

    /// What an approval is told by: the record that it stands on.
    fn told_by_record(
        &self,
        reply: Reply,
        tell: impl FnOnce(&Record<'_>, &Outcome) -> Option<TillTold>,
    ) -> Result<Told, EngineError> {
        let Reply::Outcome(outcome) = &reply else { return Ok(of_reply(reply)) };
        if !outcome.code.is_approved() {
            return Ok(of_reply(reply));
        }
        if !self.worker.wait_until_durable(outcome.record) {
            return Ok(of_reply(Reply::Refused(ResultCode::Stopping)));
        }
        let found = look_up::record(&self.worker.engine().log().reader(), outcome.record)?;
        let told = tell(&found.record(), outcome).expect("what it stands on is its own record");
        Ok((told, outcome.observed))
    }

    fn batch_lines(&self, first: Sequence, last: Sequence, lines: &[TillLine]) -> Result<Told, EngineError> {
        let view = match self.duty() {
            Ok(view) => view,
            Err(told) => return Ok(told),
        };
        if (self.epoch, first) <= (view.batch_epoch, view.batch_last) {
            let outcome = Outcome { code: ResultCode::BatchOutOfOrder, ..view.told_nothing() };
            return Ok(of_reply(Reply::Outcome(outcome)));
        }
        let range = TillRange { epoch: self.epoch, first, last };
        let span = TillSpan {
            terminal: self.terminal,
            head: view.head,
            above: view.batch_above,
            range: Some(range),
        };
        let reader = self.worker.engine().log().reader();
        let mut own: BTreeMap<u32, TillLine> = BTreeMap::new();
        let read = |number| look_up::till_link(&reader, number);
        walk(&span, read, |number, link| {
            let (Some((epoch, sequence)), Some((kind, amount_fen))) = (link.sale, link.deed) else { return };
            if range.has(epoch, sequence) {
                own.insert(sequence.0, line(sequence, kind, amount_fen, number));
            }
        })?;
        let (equal, lines) = matched(own, lines);
        Ok((TillTold::Lines { equal, lines }, view.observed))
    }
}

fn line(sequence: Sequence, kind: TillKind, amount_fen: i64, record: RecordNumber) -> TillLine {
    TillLine {
        sequence: sequence.0.into(),
        kind: kind.number(),
        result: LineResult::OnlyHere.number(),
        reserved: 0.into(),
        amount_fen: amount_fen.into(),
        record: record.0.into(),
    }
}

/// How many lines are equal, and what is to be told of the others, in rising order of sequence.
fn matched(mut own: BTreeMap<u32, TillLine>, theirs: &[TillLine]) -> (u32, Vec<TillLine>) {
    let mut equal = 0;
    for their in theirs {
        let sequence = their.sequence.get();
        match own.get_mut(&sequence) {
            Some(ours) if (ours.kind, ours.amount_fen) == (their.kind, their.amount_fen) => {
                equal += 1;
                own.remove(&sequence);
            }
            Some(ours) => ours.result = LineResult::Differs.number(),
            None => {
                own.insert(sequence, TillLine { result: LineResult::OnlyThere.number(), ..*their });
            }
        }
    }
    (equal, own.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_equal_or_told_with_what_the_books_have() {
        let books = [(1, TillKind::Debit, 100), (2, TillKind::Debit, 200), (4, TillKind::Refund, 50)];
        let ours =
            |sequence, kind, fen| line(Sequence(sequence), kind, fen, RecordNumber(u64::from(sequence)));
        let own = books.map(|(sequence, kind, fen)| (sequence, ours(sequence, kind, fen))).into();
        let till =
            |sequence, kind, fen| TillLine { result: 0, record: 0.into(), ..ours(sequence, kind, fen) };
        let theirs =
            [till(1, TillKind::Debit, 100), till(2, TillKind::Debit, 201), till(3, TillKind::Tender, 70)];
        let (equal, others) = matched(own, &theirs);
        assert_eq!(equal, 1);
        let told =
            |line: &TillLine| (line.sequence.get(), line.result, line.amount_fen.get(), line.record.get());
        let [here, there, differs] = [LineResult::OnlyHere, LineResult::OnlyThere, LineResult::Differs];
        let expected = [(2, differs.number(), 200, 2), (3, there.number(), 70, 0), (4, here.number(), 50, 4)];
        assert_eq!(others.iter().map(told).collect::<Vec<_>>(), expected);
    }
}
