//! Cashiers, shifts and batches, from records alone: what was closed is what the till did.

use std::collections::HashMap;

use protocol::ids::{Epoch, RecordNumber, Sequence, TerminalId};
use protocol::till_totals::{TillKind, TillTotals};

use crate::ledger::record::{BatchSettledRecord, DutyRecord};
use crate::ledger::till_totals::{TillRange, TillSpan, TillSums};

/// How far each till is, by slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Duties {
    of: HashMap<u16, Duty>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Duty {
    cashier: u32,
    shifts_closed: u32,
    /// What the till did in the open shift.
    shift: TillTotals,
    batch: u32,
    batch_epoch: u16,
    batch_last: u32,
    /// Whatever stands under later sequences is above this record.
    behind: u64,
}

impl Duties {
    /// A till did something that counts.
    pub(super) fn did(&mut self, slot: u16, kind: TillKind, amount_fen: i64) {
        self.of.entry(slot).or_default().shift.add(kind, amount_fen);
    }

    /// A cashier signed on or off, or a shift was closed.
    pub(super) fn duty(&mut self, r: &DutyRecord) -> Result<(), String> {
        let duty = self.of.entry(r.slot.get()).or_default();
        let (cashier, shift) = (r.cashier.get(), r.shift.get());
        let (now, open) = (duty.cashier, duty.shifts_closed + 1);
        if shift != open {
            return Err(format!("shift {shift}, open is {open}"));
        }
        match r.what {
            DutyRecord::ON if now == 0 && cashier != 0 => duty.cashier = cashier,
            DutyRecord::OFF if now == cashier && cashier != 0 => duty.cashier = 0,
            DutyRecord::SHIFT_CLOSED if now == cashier => {
                duty.cashier = 0;
                duty.shifts_closed = open;
                let did = core::mem::take(&mut duty.shift);
                if r.totals != did {
                    return Err(format!("shift {shift} is closed with {:?}, the till did {did:?}", r.totals));
                }
            }
            what => return Err(format!("cashier {cashier}, {what}: signed on is {now}")),
        }
        Ok(())
    }

    /// What a batch adds up, if it follows the one before.
    pub(super) fn span_of(&self, r: &BatchSettledRecord) -> Result<TillSpan, String> {
        let before = self.of.get(&r.slot.get()).copied().unwrap_or_default();
        let (batch, epoch, first, last) = (r.batch.get(), r.epoch.get(), r.first.get(), r.last.get());
        let begins = match (before.batch, epoch == before.batch_epoch) {
            (0, _) => true,
            (number, true) => {
                number.checked_add(1) == Some(batch) && before.batch_last.checked_add(1) == Some(first)
            }
            (number, false) => {
                number.checked_add(1) == Some(batch) && epoch > before.batch_epoch && first == 1
            }
        };
        if batch == 0 || first == 0 || !begins || last < first - 1 {
            let Duty { batch: number, batch_epoch, batch_last, .. } = before;
            return Err(format!(
                "batch {batch} of {epoch}/{first} to {last} comes behind {number}, to {batch_epoch}/{batch_last}"
            ));
        }
        Ok(TillSpan {
            terminal: TerminalId(r.terminal.get()),
            head: RecordNumber(r.previous_terminal.get()),
            above: RecordNumber(before.behind),
            range: Some(TillRange { epoch: Epoch(epoch), first: Sequence(first), last: Sequence(last) }),
        })
    }

    /// A batch was settled that adds up to `sums`.
    pub(super) fn settled(&mut self, r: &BatchSettledRecord, sums: &TillSums) -> Result<(), String> {
        let duty = self.of.entry(r.slot.get()).or_default();
        duty.batch = r.batch.get();
        duty.batch_epoch = r.epoch.get();
        duty.batch_last = r.last.get();
        duty.behind = sums.behind.0;
        let batch = r.batch.get();
        if r.totals != sums.totals {
            return Err(format!(
                "batch {batch} is closed with {:?}, the till did {:?}",
                r.totals, sums.totals
            ));
        }
        if r.behind.get() != sums.behind.0 {
            let (says, is) = (r.behind.get(), sums.behind.0);
            return Err(format!("batch {batch}: later sequences are above record {says}, it is {is}"));
        }
        let differs = r.totals != r.totals_of_till;
        if (r.differs != 0) != differs {
            return Err(format!(
                "batch {batch}: differs {}, the till's totals are {:?}",
                r.differs, r.totals_of_till
            ));
        }
        Ok(())
    }
}
