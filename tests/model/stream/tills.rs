//! What a till asks about itself.

use engine::ledger::TerminalSlot;
use engine::ledger::command::{BatchSettle, CashierSign, DutyQuery, Request, Sale, ShiftClose};
use protocol::ids::{Epoch, Sequence, TerminalId};
use protocol::till_totals::TillKind;

use super::super::naive::tills::added_up;
use super::super::naive::{Model, Till};
use super::Stream;

impl Stream {
    /// A cashier, a shift, a batch: mostly the next one.
    pub(super) fn about_the_till(&mut self, model: &Model) -> Request<'static> {
        let slot = self.slot();
        let Sale { slot, terminal, .. } = self.sale(model, slot);
        let Some(till) = model.tills.get(usize::from(slot.0)) else {
            return Request::DutyQuery(DutyQuery { slot, terminal });
        };
        let till_time_ns = self.time_ns;
        let unsent_records = u32::from(self.random.chance(10));
        match self.random.below(10) {
            0..3 => {
                let (cashier, on) = (1 + self.random.below(2) as u32, self.random.chance(50));
                Request::CashierSign(CashierSign {
                    slot,
                    terminal,
                    cashier,
                    on,
                    unsent_records,
                    till_time_ns,
                })
            }
            3..6 => {
                let shift = (till.duty.shifts_closed + 1).saturating_sub(self.random.of(&[0, 0, 0, 1, 2]));
                Request::ShiftClose(ShiftClose { slot, terminal, shift, unsent_records, till_time_ns })
            }
            6 => Request::DutyQuery(DutyQuery { slot, terminal }),
            _ => self.settle_batch(till, slot, terminal),
        }
    }

    fn settle_batch(&mut self, till: &Till, slot: TerminalSlot, terminal: TerminalId) -> Request<'static> {
        let highest = till.received.last().copied().unwrap_or(0);
        let (batch, epoch, first, last) = match till.duty.batch {
            Some(batch) if self.random.chance(15) => (batch.number, batch.epoch, batch.first, batch.last),
            Some(batch) if batch.epoch == till.epoch => {
                (batch.number + 1, till.epoch, batch.last + 1, highest)
            }
            Some(batch) => (batch.number + 1, till.epoch, 1, highest),
            None => (7, till.epoch, 1, highest),
        };
        let last = last.max(first - 1).saturating_sub(self.random.of(&[0, 0, 1]));
        let first = if self.random.chance(95) { first } else { first + 1 };
        let in_it = |&&(e, s, ..): &&(u16, u32, TillKind, i64)| e == epoch && (first..=last).contains(&s);
        let did: Vec<_> = till.duty.did.iter().filter(in_it).copied().collect();
        let mut totals = added_up(&did);
        if self.random.chance(25) {
            totals.add(TillKind::Debit, 1);
        }
        Request::BatchSettle(BatchSettle {
            slot,
            terminal,
            epoch: Epoch(epoch),
            batch,
            first: Sequence(first),
            last: Sequence(last),
            as_it_stands: self.random.chance(30),
            // A request of a stream lives as long as the test.
            totals: Box::leak(Box::new(totals)),
            till_time_ns: self.time_ns,
        })
    }
}
