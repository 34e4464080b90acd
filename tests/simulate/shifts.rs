//! What each till did, kept as a plain list, and held against what shifts and batches are closed with.

use std::collections::BTreeMap;

use engine::ledger::Record;
use engine::ledger::record::DutyRecord;
use protocol::till_totals::{TillKind, TillTotals};

/// By the till's slot.
#[derive(Debug, Default)]
pub struct Shifts {
    of: BTreeMap<u16, Shift>,
    /// Shifts closed.
    pub closed: u64,
    /// Batches settled.
    pub batches: u64,
}

#[derive(Debug, Default)]
struct Shift {
    /// Epoch, sequence, what, and how much.
    did: Vec<(u16, u32, TillKind, i64)>,
    /// How much of it was before the open shift.
    before: usize,
}

impl Shifts {
    /// Takes the next record.
    ///
    /// # Errors
    /// Something was closed with what the till didn't do.
    pub fn take(&mut self, record: &Record<'_>) -> Result<(), String> {
        let kind = match record {
            Record::Debit(_) | Record::FullDebit(_) | Record::ScanPaid(_) => TillKind::Debit,
            Record::OfflineDebit(_) => TillKind::Offline,
            Record::Reversal(_) | Record::FullReversal(_) | Record::TapUndone(_) => TillKind::Reversal,
            Record::Void(_) => TillKind::Void,
            Record::Refund(_) => TillKind::Refund,
            Record::TopUp(_) => TillKind::TopUp,
            Record::TopUpUndo(_) => TillKind::TopUpUndone,
            Record::Tender(_) => TillKind::Tender,
            Record::Duty(duty) if duty.what == DutyRecord::SHIFT_CLOSED => {
                let shift = self.of.entry(duty.slot.get()).or_default();
                let did = added_up(shift.did[shift.before..].iter());
                shift.before = shift.did.len();
                self.closed += 1;
                return same("shift", duty.shift.get(), &duty.totals, &did);
            }
            Record::BatchSettled(batch) => {
                let shift = self.of.entry(batch.slot.get()).or_default();
                let (epoch, sequences) = (batch.epoch.get(), batch.first.get()..=batch.last.get());
                let of_batch = shift.did.iter().filter(|did| did.0 == epoch && sequences.contains(&did.1));
                let did = added_up(of_batch);
                self.batches += 1;
                return same("batch", batch.batch.get(), &batch.totals, &did);
            }
            _ => return Ok(()),
        };
        if let Some(money) = record.money() {
            let did = (money.epoch.get(), money.sequence.get(), kind, money.amount_fen.get());
            self.of.entry(money.slot.get()).or_default().did.push(did);
        }
        Ok(())
    }
}

fn added_up<'d>(did: impl Iterator<Item = &'d (u16, u32, TillKind, i64)>) -> TillTotals {
    let mut totals = TillTotals::default();
    did.for_each(|&(_, _, kind, amount_fen)| totals.add(kind, amount_fen));
    totals
}

fn same(what: &str, number: u32, told: &TillTotals, did: &TillTotals) -> Result<(), String> {
    if told == did {
        Ok(())
    } else {
        Err(format!("{what} {number} is closed with {told:?}, the till did {did:?}"))
    }
}
