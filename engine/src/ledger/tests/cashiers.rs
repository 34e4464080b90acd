use protocol::result_code::ResultCode;
use protocol::till_totals::{TillKind, TillTotals};

use super::bench::{Answer, Bench, sale};
use super::tenders::tender;
use crate::ledger::command::{CashierSign, Channel, DutyQuery, Request, ShiftClose, TerminalSlot};
use crate::ledger::decision::{Decision, DutyView};
use crate::ledger::record::{DutyRecord, Record};

pub(super) fn sign(bench: &mut Bench, slot: u16, cashier: u32, on: bool, unsent_records: u32) -> Answer {
    let terminal = sale(slot, 1, 1).terminal;
    let slot = TerminalSlot(slot);
    bench.run(Request::CashierSign(CashierSign {
        slot,
        terminal,
        cashier,
        on,
        unsent_records,
        till_time_ns: 7,
    }))
}

pub(super) fn close_shift(bench: &mut Bench, slot: u16, shift: u32, unsent_records: u32) -> Answer {
    let terminal = sale(slot, 1, 1).terminal;
    let slot = TerminalSlot(slot);
    bench.run(Request::ShiftClose(ShiftClose { slot, terminal, shift, unsent_records, till_time_ns: 7 }))
}

pub(super) fn duty(bench: &mut Bench, slot: u16) -> DutyView {
    let terminal = sale(slot, 1, 1).terminal;
    match bench.decide(Request::DutyQuery(DutyQuery { slot: TerminalSlot(slot), terminal })) {
        Decision::Duty(view) => view,
        other => panic!("{other:?}"),
    }
}

/// The totals that the newest record, a closing, tells.
fn closing(bench: &Bench) -> TillTotals {
    let logged = bench.log.last().expect("a record");
    match Record::decode(logged.kind, logged.version, &logged.payload) {
        Ok(Record::Duty(DutyRecord { what: DutyRecord::SHIFT_CLOSED, totals, .. })) => totals,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_cashier_at_a_time_signs_on_and_off() {
    for shards in [1, 4] {
        let mut bench = Bench::new(shards, 1);
        for (cashier, on, unsent, short, now) in [
            (7, false, 0, (ResultCode::CashierNotOn, 0), 0),
            (7, true, 0, (ResultCode::Approved, 1), 7),
            (7, true, 0, (ResultCode::Approved, 0), 7),
            (8, true, 0, (ResultCode::CashierAlreadyOn, 0), 7),
            (8, false, 0, (ResultCode::CashierNotOn, 0), 7),
            (7, false, 2, (ResultCode::RecordsUnsent, 0), 7),
            (7, false, 0, (ResultCode::Approved, 1), 0),
            (7, false, 2, (ResultCode::Approved, 0), 0),
            (8, false, 0, (ResultCode::CashierNotOn, 0), 0),
            (8, true, 5, (ResultCode::Approved, 1), 8),
        ] {
            assert_eq!(sign(&mut bench, 1, cashier, on, unsent).short(), short, "{cashier} {on} {unsent}");
            assert_eq!(duty(&mut bench, 1).cashier, now);
        }
        assert_eq!(duty(&mut bench, 2).cashier, 0, "each till has its own");
        let again = sign(&mut bench, 1, 8, true, 0);
        assert!(again.outcome.repeat);
        assert_eq!(again.outcome.record, bench.head(), "told by what signed it on");
        assert_eq!(sign(&mut bench, 9, 7, true, 0).short(), (ResultCode::UnknownTerminal, 0));
        // No sequence is used up by it.
        assert_eq!(bench.tap(sale(1, 1, 1), 0, 1, 100).short(), (ResultCode::Approved, 1));
        bench.close();
    }
}

#[test]
fn a_shift_is_what_the_till_did_between_two_closings() {
    for shards in [1, 4] {
        let mut bench = Bench::new(shards, 2);
        sign(&mut bench, 1, 7, true, 0);
        bench.give_subsidy(0, 100);
        bench.tap(sale(1, 1, 1), 0, 1, 300);
        bench.tap(sale(1, 1, 2), 0, 2, 9_999);
        bench.reverse(sale(1, 1, 3), (1, 1), 300);
        bench.tap(sale(1, 1, 4), 0, 3, 200);
        bench.void(sale(1, 1, 5), (1, 4), 200);
        bench.upload(sale(1, 1, 6), 1, 1, 400);
        bench.tap(sale(2, 1, 1), 1, 1, 50);
        bench.refund(sale(1, 1, 7), sale(2, 1, 1), 20);
        bench.top_up(sale(1, 1, 8), 0, 700, "w-1");
        tender(&mut bench, sale(1, 1, 9), Channel::WeChat, "w-2", 80);
        assert_eq!(close_shift(&mut bench, 1, 1, 3).short(), (ResultCode::RecordsUnsent, 0));
        assert_eq!(close_shift(&mut bench, 1, 2, 0).short(), (ResultCode::ShiftNotOpen, 0));
        assert_eq!(close_shift(&mut bench, 1, 0, 0).short(), (ResultCode::ShiftNotOpen, 0));
        let closed = close_shift(&mut bench, 1, 1, 0);
        assert_eq!(closed.short(), (ResultCode::Approved, 1));
        let totals = closing(&bench);
        for (kind, expected) in [
            (TillKind::Debit, (2, 500)),
            (TillKind::Offline, (1, 400)),
            (TillKind::Reversal, (1, 300)),
            (TillKind::Void, (1, 200)),
            (TillKind::Refund, (1, 20)),
            (TillKind::TopUp, (1, 700)),
            (TillKind::TopUpUndone, (0, 0)),
            (TillKind::Tender, (1, 80)),
        ] {
            assert_eq!(totals.of(kind), expected, "{kind:?}");
        }
        // It is signed off with it, and told again by the same record, whatever has happened since.
        assert_eq!((duty(&mut bench, 1).cashier, duty(&mut bench, 1).shift), (0, 2));
        bench.tap(sale(1, 1, 10), 1, 2, 60);
        let again = close_shift(&mut bench, 1, 1, 9);
        assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::Approved, 0), true));
        assert_eq!(again.outcome.record, closed.outcome.record);
        assert_eq!(close_shift(&mut bench, 1, 2, 0).short(), (ResultCode::Approved, 1));
        assert_eq!(closing(&bench).of(TillKind::Debit), (1, 60));
        assert_eq!(close_shift(&mut bench, 1, 1, 0).short(), (ResultCode::ShiftNotOpen, 0));
        // An empty one is closed, too.
        assert_eq!(close_shift(&mut bench, 1, 3, 0).short(), (ResultCode::Approved, 1));
        assert_eq!(closing(&bench), TillTotals::default());
        bench.close();
    }
}
