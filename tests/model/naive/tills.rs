//! What a till says of itself.

use engine::ledger::TerminalSlot;
use engine::ledger::command::{BatchSettle, BlockListActive, CashierSign, DutyQuery, Sale, ShiftClose};
use protocol::ids::TerminalId;
use protocol::result_code::ResultCode;
use protocol::till_totals::{TillKind, TillTotals};

use super::debits::sells;
use super::{Answer, Batch, Duty, Model, Said, answer};

impl Model {
    pub(super) fn block_list_active(&mut self, r: &BlockListActive) -> Answer {
        let till = match self.seller(r.slot, r.terminal) {
            Ok(till) => till,
            Err(code) => return answer(code, 0),
        };
        if !r.is_right {
            return answer(ResultCode::BlockListDiffers, 0);
        }
        let repeat = self.tills[till].block_list == Some(r.version);
        self.tills[till].block_list = Some(r.version);
        let record = if repeat { 0 } else { self.next_record() };
        noted(record, repeat)
    }

    fn seller(&self, slot: TerminalSlot, terminal: TerminalId) -> Result<usize, ResultCode> {
        let sale = Sale { slot, terminal, ..Sale::default() };
        let till = self.till(&sale).ok_or(ResultCode::UnknownTerminal)?;
        if sells(self.tills[till].kind) { Ok(till) } else { Err(ResultCode::NotPermitted) }
    }

    pub(super) fn cashier_sign(&mut self, r: &CashierSign) -> Answer {
        let till = match self.seller(r.slot, r.terminal) {
            Ok(till) => till,
            Err(code) => return answer(code, 0),
        };
        let now = self.tills[till].duty.cashier;
        let before = self.tills[till].duty.cashier_before;
        if (r.on && now == r.cashier) || (!r.on && now == 0 && before == r.cashier) {
            return noted(self.tills[till].duty.signed_by, true);
        }
        if r.on && now != 0 {
            return answer(ResultCode::CashierAlreadyOn, 0);
        }
        if !r.on && r.unsent_records > 0 {
            return answer(ResultCode::RecordsUnsent, 0);
        }
        if !r.on && now != r.cashier {
            return answer(ResultCode::CashierNotOn, 0);
        }
        let record = self.next_record();
        self.tills[till].duty.sign(if r.on { r.cashier } else { 0 }, record);
        noted(record, false)
    }

    pub(super) fn duty_query(&self, r: &DutyQuery) -> Answer {
        match self.seller(r.slot, r.terminal) {
            Ok(till) => {
                let duty = &self.tills[till].duty;
                let batch = duty.batch.map(|batch| (batch.number, batch.epoch, batch.last, batch.record));
                Answer::Duty {
                    cashier: duty.cashier,
                    shift: duty.shifts_closed + 1,
                    shift_record: duty.shift_record,
                    batch: batch.unwrap_or_default(),
                }
            }
            Err(code) => answer(code, 0),
        }
    }

    pub(super) fn shift_close(&mut self, r: &ShiftClose) -> Answer {
        let till = match self.seller(r.slot, r.terminal) {
            Ok(till) => till,
            Err(code) => return answer(code, 0),
        };
        let duty = &self.tills[till].duty;
        if r.shift != 0 && r.shift == duty.shifts_closed {
            return noted(duty.shift_record, true);
        }
        if r.unsent_records > 0 {
            return answer(ResultCode::RecordsUnsent, 0);
        }
        if r.shift != duty.shifts_closed + 1 {
            return answer(ResultCode::ShiftNotOpen, 0);
        }
        let totals = added_up(&duty.did[duty.did_before_shift..]);
        self.closed_with = Some(totals);
        let record = self.next_record();
        let duty = &mut self.tills[till].duty;
        duty.sign(0, record);
        duty.shifts_closed += 1;
        duty.shift_record = record;
        duty.did_before_shift = duty.did.len();
        noted(record, false)
    }

    pub(super) fn batch_settle(&mut self, r: &BatchSettle<'_>) -> Answer {
        let till = match self.seller(r.slot, r.terminal) {
            Ok(till) => till,
            Err(code) => return answer(code, 0),
        };
        let duty = &self.tills[till].duty;
        let (epoch, first, last) = (r.epoch.0, r.first.0, r.last.0);
        if let Some(batch) = duty.batch.filter(|batch| batch.number == r.batch) {
            let same =
                (batch.epoch, batch.first, batch.last, batch.totals) == (epoch, first, last, *r.totals);
            return if same { noted(batch.record, true) } else { answer(ResultCode::BatchConflict, 0) };
        }
        let (first_of_all, end) = (u64::from(first), u64::from(last) + 1);
        let in_order = match duty.batch {
            None => true,
            Some(batch) if epoch == batch.epoch => {
                r.batch == batch.number + 1 && first_of_all == u64::from(batch.last) + 1
            }
            Some(batch) => r.batch == batch.number + 1 && epoch > batch.epoch && first == 1,
        };
        let highest = self.tills[till].received.last().copied().unwrap_or(0);
        let used = epoch < self.tills[till].epoch || (epoch == self.tills[till].epoch && last <= highest);
        if !in_order || !used || end < first_of_all {
            return answer(ResultCode::BatchOutOfOrder, 0);
        }
        let of_batch = |&&(e, s, ..): &&(u16, u32, TillKind, i64)| e == epoch && (first..=last).contains(&s);
        let did: Vec<_> = duty.did.iter().filter(of_batch).copied().collect();
        let totals = added_up(&did);
        if totals != *r.totals && !r.as_it_stands {
            return answer(ResultCode::BatchDiffers, 0);
        }
        self.closed_with = Some(totals);
        let record = self.next_record();
        let number = r.batch;
        self.tills[till].duty.batch = Some(Batch { number, epoch, first, last, totals: *r.totals, record });
        noted(record, false)
    }
}

impl Duty {
    /// Who is signed on from now on, by which record.
    fn sign(&mut self, cashier: u32, record: u64) {
        if cashier == 0 && self.cashier != 0 {
            self.cashier_before = self.cashier;
        }
        self.cashier = cashier;
        self.signed_by = record;
    }
}

pub fn added_up(did: &[(u16, u32, TillKind, i64)]) -> TillTotals {
    let mut totals = TillTotals::default();
    did.iter().for_each(|&(_, _, kind, amount_fen)| totals.add(kind, amount_fen));
    totals
}

fn noted(record: u64, repeat: bool) -> Answer {
    let code = ResultCode::Approved;
    Answer::Outcome(Said { code, account: None, amount_fen: 0, balance_after_fen: 0, record, repeat })
}
