//! What a till asks about itself, on the slow lane: its cashiers, its shifts, its batches.
//!
//! The ledger decides what changes; how a shift or a batch adds up is read off the till's chain in the log
//! ([`crate::ledger::till_totals`]) in portions, one till's after the other's, and a closing is told by the record that it left,
//! so that it is told the same again.

use std::collections::BTreeMap;

use protocol::answer::{BatchSettleAnswer, ReprintAnswer, ShiftAnswer};
use protocol::ids::{Epoch, RecordNumber, Sequence, TerminalId};
use protocol::request::{BatchSettle, CashierSign, SaleQuery, ShiftClose};
use protocol::result_code::ResultCode;
use protocol::till_totals::{LineResult, TillKind, TillLine, TillTotals};

use super::engine::{EngineError, Reply};
use super::look_up;
use super::reprint;
use super::slow_lane::Worker;
use crate::ledger::command::{self, DutyQuery, Sale};
use crate::ledger::decision::DutyView;
use crate::ledger::till_totals::{Adding, Steps, TillRange, TillSpan, TillSums};
use crate::ledger::{Command, Known, Need, Outcome, Record, Request, TerminalSlot};

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
    /// What the receipt of something that it did says.
    Reprint(SaleQuery),
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
    /// What a receipt says, or that there is none.
    Receipt(ReprintAnswer),
    /// What came of lines.
    Lines {
        /// How many are equal.
        equal: u32,
        /// The others.
        lines: Vec<TillLine>,
    },
}

/// Records of a till's chain that are read before the next job's turn: a till that never closed anything has many.
const PORTION_RECORDS: usize = 2_000;

/// A job being worked on.
pub(super) struct TillWork {
    job: TillJob,
    /// What was added up for it last.
    known: Known,
    /// How often something was added up for it.
    sums: usize,
    stage: Stage,
}

enum Stage {
    /// The ledger is to be asked.
    Ask,
    /// A span is being added up; where the till asks for no more than that, with who is on duty.
    Adding(Box<Adding>, Option<DutyView>),
    /// Lines are being held against the books.
    Matching { steps: Steps, range: TillRange, own: BTreeMap<u32, TillLine>, observed: RecordNumber },
}

pub(super) type Told = (TillTold, RecordNumber);

pub(super) fn of_reply(reply: Reply) -> Told {
    let observed = reply.observed();
    (TillTold::Reply(reply), observed)
}

impl TillWork {
    pub(super) fn new(job: TillJob) -> TillWork {
        TillWork { job, known: Known::default(), sums: 0, stage: Stage::Ask }
    }

    /// Works on it for a while. Gives it back unless it was answered.
    pub(super) fn portion(mut self, worker: &Worker) -> Option<TillWork> {
        let (told, observed) = match self.go_on(worker) {
            Ok(None) => return Some(self),
            Ok(Some(told)) => told,
            Err(error) => {
                tracing::error!(terminal = %self.job.terminal, %error, "a till's own records can't be read");
                of_reply(Reply::Refused(ResultCode::Busy))
            }
        };
        (self.job.done)(told, observed);
        None
    }

    /// None when there is more to do.
    fn go_on(&mut self, worker: &Worker) -> Result<Option<Told>, EngineError> {
        let reader = worker.engine().log().reader();
        let read = |number| look_up::till_link(&reader, number);
        match &mut self.stage {
            Stage::Ask => self.ask(worker),
            Stage::Adding(adding, view) => {
                for _ in 0..PORTION_RECORDS {
                    if adding.step(read)? {
                        continue;
                    }
                    let sums = adding.finish();
                    if let Some(view) = view {
                        return Ok(Some(open_shift(view, &sums)));
                    }
                    self.known.totals = Some(sums);
                    self.stage = Stage::Ask;
                    return self.ask(worker);
                }
                Ok(None)
            }
            Stage::Matching { steps, range, own, observed } => {
                for _ in 0..PORTION_RECORDS {
                    let Some((number, link)) = steps.step(read)? else {
                        let TillAsk::BatchLines { lines, .. } = &self.job.ask else {
                            unreachable!("lines came along")
                        };
                        let (equal, lines) = matched(core::mem::take(own), lines);
                        return Ok(Some((TillTold::Lines { equal, lines }, *observed)));
                    };
                    if let (Some((epoch, sequence)), Some((kind, amount_fen))) = (link.sale, link.deed)
                        && range.has(epoch, sequence)
                    {
                        // The newest counts: a tap that was undone has two records.
                        own.entry(sequence.0).or_insert_with(|| line(sequence, kind, amount_fen, number));
                    }
                }
                Ok(None)
            }
        }
    }

    fn ask(&mut self, worker: &Worker) -> Result<Option<Told>, EngineError> {
        let TillJob { slot, terminal, epoch, .. } = self.job;
        match self.job.ask {
            TillAsk::Cashier { sign: CashierSign { cashier, unsent_records, till_time_ns }, on } => {
                let sign = command::CashierSign { slot, terminal, cashier, on, unsent_records, till_time_ns };
                Ok(Some(of_reply(worker.with_look_ups(&Request::CashierSign(sign)))))
            }
            TillAsk::ShiftTotals => match self.duty(worker) {
                Ok(view) => {
                    let span = TillSpan { terminal, head: view.head, above: view.shift_above, range: None };
                    self.stage = Stage::Adding(Box::new(Adding::new(span, None)), Some(view));
                    Ok(None)
                }
                Err(reply) => Ok(Some(of_reply(reply))),
            },
            TillAsk::ShiftClose(ShiftClose { shift, unsent_records, till_time_ns }) => {
                let close = command::ShiftClose { slot, terminal, shift, unsent_records, till_time_ns };
                let Some(reply) = self.execute(worker, &Request::ShiftClose(close)) else { return Ok(None) };
                told_by_record(worker, reply, closed_shift).map(Some)
            }
            TillAsk::BatchSettle(batch) => self.settle(worker, &batch),
            TillAsk::Reprint(SaleQuery { epoch, sequence }) => {
                let sale = Sale { slot, terminal, epoch, sequence, raw: &[] };
                reprint::tell(worker, sale).map(Some)
            }
            TillAsk::BatchLines { first, last, .. } => match self.duty(worker) {
                Ok(view) if (epoch, first) <= (view.batch_epoch, view.batch_last) => {
                    let outcome = Outcome { code: ResultCode::BatchOutOfOrder, ..view.told_nothing() };
                    Ok(Some(of_reply(Reply::Outcome(outcome))))
                }
                Ok(view) => {
                    let steps = Steps::new(view.head, view.batch_above);
                    let range = TillRange { epoch, first, last };
                    let observed = view.observed;
                    self.stage = Stage::Matching { steps, range, own: BTreeMap::new(), observed };
                    Ok(None)
                }
                Err(reply) => Ok(Some(of_reply(reply))),
            },
        }
    }

    /// Who is on duty, with every record of the till durable; or what is told instead.
    fn duty(&self, worker: &Worker) -> Result<DutyView, Reply> {
        let TillJob { slot, terminal, .. } = self.job;
        match worker.with_look_ups(&Request::DutyQuery(DutyQuery { slot, terminal })) {
            Reply::Duty(view) if worker.wait_until_durable(view.head) => Ok(view),
            Reply::Duty(_) => Err(Reply::Refused(ResultCode::Stopping)),
            reply => Err(reply),
        }
    }

    /// Asks the ledger. None when something must be added up first, which only what came meanwhile makes necessary again.
    fn execute(&mut self, worker: &Worker, request: &Request<'_>) -> Option<Reply> {
        let engine = worker.engine();
        let reply = engine.execute(&Command { request: *request, known: Some(&self.known) });
        engine.log().kick();
        let span = match reply {
            Reply::Needs(Need::Totals(span)) => span,
            Reply::Needs(need) => unreachable!("a till's closing needs totals alone: {need:?}"),
            reply => return Some(reply),
        };
        self.sums += 1;
        if self.sums > look_up::LOOK_UPS_MAX {
            return Some(Reply::Refused(ResultCode::Busy));
        }
        if !worker.wait_until_durable(span.head) {
            return Some(Reply::Refused(ResultCode::Stopping));
        }
        self.stage = Stage::Adding(Box::new(Adding::new(span, self.known.totals)), None);
        None
    }

    fn settle(&mut self, worker: &Worker, batch: &BatchSettle) -> Result<Option<Told>, EngineError> {
        let settle = command::BatchSettle {
            slot: self.job.slot,
            terminal: self.job.terminal,
            epoch: self.job.epoch,
            batch: batch.batch,
            first: batch.first,
            last: batch.last,
            as_it_stands: batch.as_it_stands,
            totals: &batch.totals,
            till_time_ns: batch.till_time_ns,
        };
        let Some(reply) = self.execute(worker, &Request::BatchSettle(settle)) else { return Ok(None) };
        let Reply::Outcome(outcome) = &reply else { return Ok(Some(of_reply(reply))) };
        let answer = match (outcome.code, self.known.totals) {
            (ResultCode::BatchDiffers, Some(sums)) => BatchSettleAnswer {
                code: outcome.code,
                repeat: false,
                epoch: self.job.epoch,
                batch: batch.batch,
                last: batch.last,
                record: RecordNumber(0),
                totals: sums.totals,
            },
            // So that a till that has forgotten where it is can go on.
            (ResultCode::BatchOutOfOrder | ResultCode::BatchConflict, _) => match self.duty(worker) {
                Ok(view) => {
                    let answer = BatchSettleAnswer {
                        code: outcome.code,
                        repeat: false,
                        epoch: view.batch_epoch,
                        batch: view.batch,
                        last: view.batch_last,
                        record: view.batch_record,
                        totals: TillTotals::default(),
                    };
                    return Ok(Some((TillTold::Batch(answer), view.observed.max(outcome.observed))));
                }
                Err(reply) => return Ok(Some(of_reply(reply))),
            },
            _ => return told_by_record(worker, reply, settled_batch).map(Some),
        };
        Ok(Some((TillTold::Batch(answer), outcome.observed)))
    }
}

fn open_shift(view: &DutyView, sums: &TillSums) -> Told {
    let answer = ShiftAnswer {
        code: ResultCode::Approved,
        repeat: false,
        shift: view.shift,
        cashier: view.cashier,
        record: RecordNumber(0),
        totals: sums.totals,
    };
    (TillTold::Shift(answer), view.observed)
}

fn closed_shift(record: &Record<'_>, outcome: &Outcome) -> Option<TillTold> {
    let Record::Duty(closed) = record else { return None };
    Some(TillTold::Shift(ShiftAnswer {
        code: outcome.code,
        repeat: outcome.repeat,
        shift: closed.shift.get(),
        cashier: closed.cashier.get(),
        record: outcome.record,
        totals: closed.totals,
    }))
}

fn settled_batch(record: &Record<'_>, outcome: &Outcome) -> Option<TillTold> {
    let Record::BatchSettled(settled) = record else { return None };
    Some(TillTold::Batch(BatchSettleAnswer {
        code: outcome.code,
        repeat: outcome.repeat,
        epoch: Epoch(settled.epoch.get()),
        batch: settled.batch.get(),
        last: Sequence(settled.last.get()),
        record: outcome.record,
        totals: settled.totals,
    }))
}

/// What an approval is told by: the record that it stands on.
fn told_by_record(
    worker: &Worker,
    reply: Reply,
    tell: impl FnOnce(&Record<'_>, &Outcome) -> Option<TillTold>,
) -> Result<Told, EngineError> {
    let Reply::Outcome(outcome) = &reply else { return Ok(of_reply(reply)) };
    if !outcome.code.is_approved() {
        return Ok(of_reply(reply));
    }
    if !worker.wait_until_durable(outcome.record) {
        return Ok(of_reply(Reply::Refused(ResultCode::Stopping)));
    }
    let found = look_up::record(&worker.engine().log().reader(), outcome.record)?;
    let told = tell(&found.record(), outcome).expect("what it stands on is its own record");
    Ok((told, outcome.observed))
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
