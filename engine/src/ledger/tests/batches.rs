use protocol::ids::{Epoch, Sequence};
use protocol::result_code::ResultCode;
use protocol::till_totals::{TillKind, TillTotals};

use super::bench::{Answer, Bench, MERCHANT, sale};
use crate::ledger::command::{
    BatchSettle, CashierSign, DutyQuery, RegisterTerminal, Request, ShiftClose, TerminalSlot,
};
use crate::ledger::record::{BatchSettledRecord, Record};
use crate::ledger::registry::TerminalKind;

const SLOT: u16 = 1;

fn debits(count: u32, amount_fen: i64) -> TillTotals {
    let mut totals = TillTotals::default();
    totals.counts[TillKind::Debit.place()] = count.into();
    totals.amounts_fen[TillKind::Debit.place()] = amount_fen.into();
    totals
}

/// A batch of these sequences of an epoch, with so many debits.
pub(super) fn settle(
    bench: &mut Bench,
    (batch, epoch, first, last): (u32, u16, u32, u32),
    totals: &TillTotals,
    as_it_stands: bool,
) -> Answer {
    bench.run(Request::BatchSettle(BatchSettle {
        slot: TerminalSlot(SLOT),
        terminal: sale(SLOT, 1, 1).terminal,
        epoch: Epoch(epoch),
        batch,
        first: Sequence(first),
        last: Sequence(last),
        as_it_stands,
        totals,
        till_time_ns: 7,
    }))
}

fn newest(bench: &Bench) -> BatchSettledRecord {
    let logged = bench.log.last().expect("a record");
    match Record::decode(logged.kind, logged.version, &logged.payload) {
        Ok(Record::BatchSettled(settled)) => settled,
        other => panic!("{other:?}"),
    }
}

#[test]
fn equal_totals_close_a_batch_while_selling_goes_on() {
    for shards in [1, 4] {
        let mut bench = Bench::new(shards, 1);
        for sequence in 1..=3 {
            bench.tap(sale(SLOT, 1, sequence), 0, sequence, 100);
        }
        // The till has sold on already: that is the next batch's.
        bench.tap(sale(SLOT, 1, 4), 0, 4, 70);
        let first = settle(&mut bench, (5, 1, 1, 3), &debits(3, 300), false);
        assert_eq!(first.short(), (ResultCode::Approved, 1));
        assert_eq!((newest(&bench).differs, newest(&bench).totals), (0, debits(3, 300)));
        // Settled twice it is answered the same; with another body it isn't.
        let again = settle(&mut bench, (5, 1, 1, 3), &debits(3, 300), false);
        assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::Approved, 0), true));
        assert_eq!(again.outcome.record, first.outcome.record);
        assert_eq!(
            settle(&mut bench, (5, 1, 1, 3), &debits(3, 301), true).short(),
            (ResultCode::BatchConflict, 0)
        );
        assert_eq!(
            settle(&mut bench, (5, 1, 1, 2), &debits(3, 300), true).short(),
            (ResultCode::BatchConflict, 0)
        );
        // What arrives late under a sequence of it changes nothing of the next.
        bench.tap(sale(SLOT, 1, 6), 0, 6, 30);
        assert_eq!(
            settle(&mut bench, (6, 1, 4, 6), &debits(2, 100), false).short(),
            (ResultCode::Approved, 1)
        );
        bench.tap(sale(SLOT, 1, 5), 0, 7, 10);
        assert_eq!(
            settle(&mut bench, (7, 1, 7, 6), &TillTotals::default(), false).short(),
            (ResultCode::Approved, 1)
        );
        bench.close();
    }
}

#[test]
fn other_totals_close_it_only_as_it_stands() {
    let mut bench = Bench::new(1, 1);
    bench.tap(sale(SLOT, 1, 1), 0, 1, 100);
    bench.tap(sale(SLOT, 1, 2), 0, 2, 100);
    for totals in [debits(1, 200), debits(2, 201), TillTotals::default()] {
        assert_eq!(settle(&mut bench, (1, 1, 1, 2), &totals, false).short(), (ResultCode::BatchDiffers, 0));
    }
    let closed = settle(&mut bench, (1, 1, 1, 2), &debits(2, 201), true);
    assert_eq!(closed.short(), (ResultCode::Approved, 1));
    let settled = newest(&bench);
    assert_eq!(
        (settled.differs, settled.totals, settled.totals_of_till),
        (1, debits(2, 200), debits(2, 201))
    );
    let again = settle(&mut bench, (1, 1, 1, 2), &debits(2, 201), false);
    assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::Approved, 0), true));
    bench.close();
}

#[test]
fn batches_follow_each_other() {
    let mut bench = Bench::new(1, 1);
    for sequence in 1..=4 {
        bench.tap(sale(SLOT, 1, sequence), 0, sequence, 100);
    }
    for (batch, code) in [
        ((0, 1, 1, 3), ResultCode::BatchConflict),
        ((3, 1, 1, 2), ResultCode::Approved),
        ((5, 1, 3, 4), ResultCode::BatchOutOfOrder),
        ((2, 1, 3, 4), ResultCode::BatchOutOfOrder),
        ((4, 1, 2, 3), ResultCode::BatchOutOfOrder),
        ((4, 1, 4, 4), ResultCode::BatchOutOfOrder),
        ((4, 0, 1, 2), ResultCode::BatchOutOfOrder),
        ((4, 1, 3, 1), ResultCode::BatchOutOfOrder),
        ((4, 1, 3, 4), ResultCode::Approved),
    ] {
        let code_told = settle(&mut bench, batch, &debits(2, 200), false).outcome.code;
        assert_eq!(code_told, code, "{batch:?}");
    }
    // A new epoch begins with 1; what was left of the old one is in no batch any more.
    bench.tap(sale(SLOT, 2, 1), 0, 9, 50);
    assert_eq!(
        settle(&mut bench, (5, 2, 5, 5), &debits(1, 50), false).short(),
        (ResultCode::BatchOutOfOrder, 0)
    );
    assert_eq!(settle(&mut bench, (5, 2, 1, 1), &debits(1, 50), false).short(), (ResultCode::Approved, 1));
    assert_eq!(
        settle(&mut bench, (6, 1, 5, 5), &debits(0, 0), false).short(),
        (ResultCode::BatchOutOfOrder, 0)
    );
    bench.close();
}

#[test]
fn a_batch_is_of_sequences_that_the_till_has_used() {
    let mut bench = Bench::new(1, 1);
    for sequence in 1..=3 {
        bench.tap(sale(SLOT, 1, sequence), 0, sequence, 100);
    }
    for (batch, code) in [
        ((1, 1, 1, 4), ResultCode::BatchOutOfOrder),
        ((1, 1, 1, u32::MAX), ResultCode::BatchOutOfOrder),
        ((1, 2, 1, 0), ResultCode::BatchOutOfOrder),
        ((1, u16::MAX, 1, 1), ResultCode::BatchOutOfOrder),
        // The first batch begins where the till says.
        ((u32::MAX, 1, 3, 3), ResultCode::Approved),
        ((1, 1, 4, 4), ResultCode::BatchOutOfOrder),
    ] {
        let told = settle(&mut bench, batch, &debits(1, 100), false).outcome.code;
        assert_eq!(told, code, "{batch:?}");
    }
    let view = super::cashiers::duty(&mut bench, SLOT);
    assert_eq!((view.batch, view.batch_epoch, view.batch_last), (u32::MAX, Epoch(1), Sequence(3)));
    assert_eq!(view.batch_record, bench.head());
    bench.close();

    // What an older epoch has used isn't known any more, and it ends where sequences end.
    let mut bench = Bench::new(1, 1);
    bench.tap(sale(SLOT, 1, 1), 0, 1, 100);
    bench.tap(sale(SLOT, 2, 1), 0, 2, 100);
    let whole = settle(&mut bench, (1, 1, 1, u32::MAX), &debits(1, 100), false);
    assert_eq!(whole.short(), (ResultCode::Approved, 1));
    let beyond = settle(&mut bench, (2, 1, u32::MAX, u32::MAX), &debits(0, 0), false);
    assert_eq!(beyond.short(), (ResultCode::BatchOutOfOrder, 0));
    assert_eq!(settle(&mut bench, (2, 2, 1, 1), &debits(1, 100), false).short(), (ResultCode::Approved, 1));
    bench.close();
}

#[test]
fn only_a_till_that_sells_closes_anything() {
    let mut bench = Bench::new(1, 1);
    let totals = debits(0, 0);
    let terminal = sale(SLOT, 1, 1).terminal;
    let of_kind = |kind, enabled| {
        Request::RegisterTerminal(RegisterTerminal {
            terminal,
            merchant: MERCHANT,
            kind,
            key_version: 1,
            enabled,
        })
    };
    for (slot, change, code) in [
        (9, None, ResultCode::UnknownTerminal),
        (SLOT, Some(of_kind(TerminalKind::Door, true)), ResultCode::NotPermitted),
        (SLOT, Some(of_kind(TerminalKind::PointOfSale, false)), ResultCode::UnknownTerminal),
    ] {
        change.map(|request| bench.run(request));
        let slot = TerminalSlot(slot);
        let batch = BatchSettle {
            slot,
            terminal,
            epoch: Epoch(1),
            batch: 1,
            first: Sequence(1),
            last: Sequence(0),
            as_it_stands: false,
            totals: &totals,
            till_time_ns: 7,
        };
        let close = ShiftClose { slot, terminal, shift: 1, unsent_records: 0, till_time_ns: 7 };
        let sign = CashierSign { slot, terminal, cashier: 7, on: true, unsent_records: 0, till_time_ns: 7 };
        for request in [
            Request::BatchSettle(batch),
            Request::ShiftClose(close),
            Request::CashierSign(sign),
            Request::DutyQuery(DutyQuery { slot, terminal }),
        ] {
            assert_eq!(bench.run(request).short(), (code, 0), "{request:?}");
        }
    }
}
