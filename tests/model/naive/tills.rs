//! What a till says of itself.

use engine::ledger::TerminalSlot;
use engine::ledger::command::{BatchSettle, BlockListActive, CashierSign, DutyQuery, Sale, ShiftClose};
use protocol::ids::TerminalId;
use protocol::result_code::ResultCode;
use protocol::till_totals::{TillKind, TillTotals};

use super::debits::sells;
use super::{Answer, Batch, Model, Said, answer};

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
        if r.on && now == r.cashier {
            return noted(0, true);
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
        self.tills[till].duty.cashier = if r.on { r.cashier } else { 0 };
        noted(self.next_record(), false)
    }

    pub(super) fn duty_query(&self, r: &DutyQuery) -> Answer {
        match self.seller(r.slot, r.terminal) {
            Ok(till) => {
                let duty = &self.tills[till].duty;
                Answer::Duty { cashier: duty.cashier, shift: duty.shifts_closed + 1 }
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
        duty.cashier = 0;
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
        let in_order = match duty.batch {
            None => first == 1,
            Some(batch) if epoch == batch.epoch => r.batch == batch.number + 1 && first == batch.last + 1,
            Some(batch) => r.batch == batch.number + 1 && epoch > batch.epoch && first == 1,
        };
        if !in_order || last + 1 < first {
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

pub fn added_up(did: &[(u16, u32, TillKind, i64)]) -> TillTotals {
    let mut totals = TillTotals::default();
    did.iter().for_each(|&(_, _, kind, amount_fen)| totals.add(kind, amount_fen));
    totals
}

fn noted(record: u64, repeat: bool) -> Answer {
    let code = ResultCode::Approved;
    Answer::Outcome(Said { code, account: None, amount_fen: 0, balance_after_fen: 0, record, repeat })
}
