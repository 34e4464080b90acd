//! Cashiers at a till, and its shifts. Nothing of it uses a sequence up; what changes stands in the till's chain.
//!
//! | request | answer | record |
//! |---|---|---|
//! | sign on, nobody is | `Approved` | duty |
//! | the same cashier again | `Approved` (`repeat`) | |
//! | another is signed on | `CashierAlreadyOn` | |
//! | sign off | `Approved` | duty |
//! | nobody is signed on, and this cashier was the last | `Approved` (`repeat`) | |
//! | the till says that it has unsent records | `RecordsUnsent` | |
//! | this cashier isn't signed on | `CashierNotOn` | |
//! | close the open shift | `Approved`: signs off, and the next shift is open | duty, with the totals |
//! | the shift that was closed last | `Approved` (`repeat`) | |
//! | unsent records | `RecordsUnsent` | |
//! | any other shift | `ShiftNotOpen` | |
//!
//! `UnknownTerminal` and `NotPermitted` come first. A shift is what the till did between two closings; it is added up from the
//! till's chain ([`crate::ledger::till_totals`]), which is asked for ([`Need::Totals`]).

use protocol::ids::{Epoch, RecordNumber, Sequence, TerminalId};
use protocol::result_code::ResultCode;
use protocol::till_totals::TillTotals;
use zerocopy::little_endian::{U16, U32, U64};

use super::{Ask, Desk, Till};
use crate::ledger::apply::Posting;
use crate::ledger::command::{Sale, TerminalSlot};
use crate::ledger::decision::{Decision, DutyView, Group, Outcome};
use crate::ledger::error::LedgerError;
use crate::ledger::known::Need;
use crate::ledger::record::{DutyRecord, Record};
use crate::ledger::shard::{Layout, Parts, ShardSet};
use crate::ledger::terminal_entry::Duty;
use crate::ledger::till_totals::{TillSpan, TillSums};

/// A cashier signs on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CashierSign {
    /// The till's slot.
    pub slot: TerminalSlot,
    /// The till.
    pub terminal: TerminalId,
    /// The cashier; not 0.
    pub cashier: u32,
    /// On; off otherwise.
    pub on: bool,
    /// Records that the till has stored and not sent.
    pub unsent_records: u32,
    /// By the till's clock, nanoseconds since 1970-01-01 UTC.
    pub till_time_ns: u64,
}

/// A till's shift is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShiftClose {
    /// The till's slot.
    pub slot: TerminalSlot,
    /// The till.
    pub terminal: TerminalId,
    /// The shift, from 1.
    pub shift: u32,
    /// Records that the till has stored and not sent.
    pub unsent_records: u32,
    /// By the till's clock, nanoseconds since 1970-01-01 UTC.
    pub till_time_ns: u64,
}

/// Asks who is on duty at a till and where its open shift and batch begin. Leaves no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DutyQuery {
    /// The till's slot.
    pub slot: TerminalSlot,
    /// The till.
    pub terminal: TerminalId,
}

impl<'a> Ask<'a> for CashierSign {
    fn also_touches(&self, layout: Layout) -> ShardSet {
        ShardSet::one(layout.shard_of_terminal(self.slot))
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let till = match desk.seller(self.slot, self.terminal) {
            Ok(till) => till,
            Err(code) => return desk.not_selected(code),
        };
        let Duty { cashier: now, cashier_before, signed_by, .. } = till.entry.duty;
        let done_before = if self.on {
            now
        } else if now == 0 {
            cashier_before
        } else {
            0
        };
        if done_before == self.cashier {
            return desk.stands(till, ResultCode::Approved, RecordNumber(signed_by));
        }
        match (self.on, now == self.cashier) {
            (true, _) if now != 0 => return desk.told(till, ResultCode::CashierAlreadyOn),
            (false, _) if self.unsent_records > 0 => return desk.told(till, ResultCode::RecordsUnsent),
            (false, false) => return desk.told(till, ResultCode::CashierNotOn),
            _ => {}
        }
        let what = if self.on { DutyRecord::ON } else { DutyRecord::OFF };
        let record =
            DutyRecord { cashier: U32::new(self.cashier), ..desk.duty(till, what, self.till_time_ns) };
        desk.noted(till, Record::Duty(record))
    }
}

impl<'a> Ask<'a> for ShiftClose {
    fn also_touches(&self, layout: Layout) -> ShardSet {
        ShardSet::one(layout.shard_of_terminal(self.slot))
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let till = match desk.seller(self.slot, self.terminal) {
            Ok(till) => till,
            Err(code) => return desk.not_selected(code),
        };
        let duty = till.entry.duty;
        if self.shift != 0 && self.shift == duty.shifts_closed {
            return desk.stands(till, ResultCode::Approved, RecordNumber(duty.shift_above));
        }
        if self.unsent_records > 0 {
            return desk.told(till, ResultCode::RecordsUnsent);
        }
        if self.shift != duty.shifts_closed + 1 {
            return desk.told(till, ResultCode::ShiftNotOpen);
        }
        let span = TillSpan {
            terminal: self.terminal,
            head: till.entry.head(),
            above: RecordNumber(duty.shift_above),
            range: None,
        };
        let totals = match desk.sums(span) {
            Ok(sums) => sums.totals,
            Err(need) => return Decision::Needs(need),
        };
        let record = DutyRecord { totals, ..desk.duty(till, DutyRecord::SHIFT_CLOSED, self.till_time_ns) };
        desk.noted(till, Record::Duty(record))
    }
}

impl<'a> Ask<'a> for DutyQuery {
    fn also_touches(&self, layout: Layout) -> ShardSet {
        ShardSet::one(layout.shard_of_terminal(self.slot))
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        match desk.seller(self.slot, self.terminal) {
            Err(code) => desk.not_selected(code),
            Ok(Till { entry, .. }) => Decision::Duty(DutyView {
                head: entry.head(),
                cashier: entry.duty.cashier,
                shift: entry.duty.shifts_closed + 1,
                shift_above: RecordNumber(entry.duty.shift_above),
                batch: entry.duty.batch,
                batch_record: RecordNumber(entry.duty.batch_record),
                batch_epoch: Epoch(entry.duty.batch_epoch),
                batch_last: Sequence(entry.duty.batch_last),
                batch_above: RecordNumber(entry.duty.batch_above),
                observed: entry.head().max(desk.registry.changed),
            }),
        }
    }
}

impl<'s, P: Parts + ?Sized> Desk<'s, P> {
    /// A till that is registered, enabled, and sells.
    pub(super) fn seller(&self, slot: TerminalSlot, terminal: TerminalId) -> Result<Till<'s>, ResultCode> {
        let sale = Sale { slot, terminal, ..Sale::default() };
        let till = self.till(&sale).ok_or(ResultCode::UnknownTerminal)?;
        if till.config.sells() { Ok(till) } else { Err(ResultCode::NotPermitted) }
    }

    /// What a till asked for, without a record.
    pub(super) fn told<'a>(&self, till: Till<'_>, code: ResultCode) -> Decision<'a> {
        let observed = till.entry.head().max(self.registry.changed);
        Decision::NoRecord(Outcome::without_record(code, 0, observed))
    }

    /// What stands already, by this record.
    pub(super) fn stands<'a>(&self, till: Till<'_>, code: ResultCode, record: RecordNumber) -> Decision<'a> {
        let observed = till.entry.head().max(self.registry.changed);
        Decision::NoRecord(Outcome { record, repeat: true, ..Outcome::without_record(code, 0, observed) })
    }

    /// What is written down of a till, and changes nothing but that.
    pub(super) fn noted<'a>(&self, till: Till<'_>, record: Record<'a>) -> Decision<'a> {
        debug_assert_eq!(record.previous_of_terminal(), Some(till.entry.head()));
        let number = self.stamp.number;
        let done = Outcome::without_record(ResultCode::Approved, 0, number);
        Decision::Done { outcome: Outcome { record: number, ..done }, group: Group::one(record) }
    }

    /// What a span adds up to, unless that must be asked for.
    pub(super) fn sums(&self, span: TillSpan) -> Result<TillSums, Need> {
        let known = self.known.and_then(|known| known.totals);
        known.filter(|sums| sums.span == span).ok_or(Need::Totals(span))
    }

    fn duty(&self, till: Till<'_>, what: u8, till_time_ns: u64) -> DutyRecord {
        DutyRecord {
            terminal: U32::new(till.config.terminal.0),
            cashier: U32::new(till.entry.duty.cashier),
            slot: U16::new(till.config.slot.0),
            business_date: U16::new(self.date().0),
            shift: U32::new(till.entry.duty.shifts_closed + 1),
            previous_terminal: U64::new(till.entry.head),
            till_time_ns: U64::new(till_time_ns),
            what,
            reserved: [0; 7],
            totals: TillTotals::default(),
        }
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn duty(&mut self, record: &DutyRecord) -> Result<(), LedgerError> {
        let (terminal, slot) = (TerminalId(record.terminal.get()), TerminalSlot(record.slot.get()));
        let number = self.number;
        let entry = self.entry(terminal, slot, record.previous_terminal.get())?;
        let duty = &mut entry.duty;
        match record.what {
            DutyRecord::ON => duty.cashier = record.cashier.get(),
            DutyRecord::OFF => duty.sign_off(),
            DutyRecord::SHIFT_CLOSED if record.shift.get() == duty.shifts_closed + 1 => {
                duty.sign_off();
                duty.shifts_closed += 1;
                duty.shift_above = number.0;
            }
            _ => return Err(self.bad("what")),
        }
        duty.signed_by = number.0;
        Ok(())
    }
}
