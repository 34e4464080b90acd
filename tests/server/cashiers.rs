//! A cashier's day at a till: signed on, shift totals, a batch that differs, its lines, its settling, the closing; after a restart
//! the same.

use protocol::answer::{Answer, BatchSettleAnswer, ShiftAnswer};
use protocol::ids::{AccountId, Epoch, SaleId, Sequence};
use protocol::request::{BatchLines, BatchSettle, CashierSign, Refund, Request, ShiftClose};
use protocol::result_code::ResultCode;
use protocol::till_totals::{LineResult, TillKind, TillLine, TillTotals};

use crate::campus::{Campus, DOOR, card, till};
use crate::wire_till::{Tap, WireTill};

const ACCOUNT: AccountId = AccountId(9);

fn sign(cashier: u32, unsent_records: u32) -> CashierSign {
    CashierSign { cashier, unsent_records, till_time_ns: 0 }
}

fn shift(till: &mut WireTill, request: &Request<'_>) -> ShiftAnswer {
    match Answer::decode(&till.call(0, request)).expect("an answer") {
        (_, Answer::Shift(answer)) => answer,
        (_, other) => panic!("{request:?} was answered with {other:?}"),
    }
}

fn settle(till: &mut WireTill, batch: &BatchSettle) -> BatchSettleAnswer {
    match Answer::decode(&till.call(0, &Request::BatchSettle(*batch))).expect("an answer") {
        (_, Answer::BatchSettle(answer)) => answer,
        (_, other) => panic!("{batch:?} was answered with {other:?}"),
    }
}

fn matched(
    till: &mut WireTill,
    (first, last): (u32, u32),
    lines: &[TillLine],
) -> (ResultCode, u32, Vec<TillLine>) {
    let request = BatchLines { first: Sequence(first), last: Sequence(last), lines };
    match Answer::decode(&till.call(0, &Request::BatchLines(request))).expect("an answer") {
        (_, Answer::BatchLines(answer)) => (answer.code, answer.equal, answer.lines.to_vec()),
        (_, other) => panic!("{other:?}"),
    }
}

fn line(sequence: u32, kind: TillKind, amount_fen: i64) -> TillLine {
    let (sequence, amount_fen) = (sequence.into(), amount_fen.into());
    TillLine { sequence, kind: kind.number(), amount_fen, ..TillLine::default() }
}

fn totals(of: &[(TillKind, i64)]) -> TillTotals {
    let mut totals = TillTotals::default();
    of.iter().for_each(|&(kind, amount_fen)| totals.add(kind, amount_fen));
    totals
}

fn tap(sequence: u32, amount_fen: i64) -> Tap {
    Tap { sequence, card: card(ACCOUNT.0), counter: sequence, amount_fen }
}

#[test]
fn a_shift_and_a_batch_are_held_against_the_books_and_closed_once() {
    let campus = Campus::new();
    let served = campus.serve();
    let mut first = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    assert_eq!(first.money(0, &Request::CashierOn(sign(5_001, 0))).code, ResultCode::Approved);
    assert!(first.money(0, &Request::CashierOn(sign(5_001, 0))).repeat);
    assert_eq!(first.money(0, &Request::CashierOn(sign(5_002, 0))).code, ResultCode::CashierAlreadyOn);
    assert!(first.tap(&tap(1, 700)).code.is_approved());
    let sold = first.tap(&tap(2, 300));
    let original = SaleId { terminal: till(0), epoch: Epoch(1), sequence: Sequence(1) };
    let refund = Refund { original, amount_fen: 150, till_time_ns: 0 };
    assert_eq!(first.money(3, &Request::Refund(refund)).code, ResultCode::Approved);

    let did = totals(&[(TillKind::Debit, 700), (TillKind::Debit, 300), (TillKind::Refund, 150)]);
    let open = shift(&mut first, &Request::ShiftTotals);
    assert_eq!((open.code, open.shift, open.cashier, open.totals), (ResultCode::Approved, 1, 5_001, did));

    // The till has forgotten a sale, and knows one that the books haven't.
    let mut batch = BatchSettle {
        batch: 1,
        first: Sequence(1),
        last: Sequence(3),
        as_it_stands: false,
        totals: totals(&[(TillKind::Debit, 700), (TillKind::Refund, 151)]),
        till_time_ns: 0,
    };
    let told = settle(&mut first, &batch);
    assert_eq!((told.code, told.record.0, told.totals), (ResultCode::BatchDiffers, 0, did));
    let theirs =
        [line(1, TillKind::Debit, 700), line(3, TillKind::Refund, 151), line(4, TillKind::Debit, 10)];
    let (code, equal, others) = matched(&mut first, (1, 4), &theirs);
    assert_eq!((code, equal), (ResultCode::Approved, 1));
    let results: Vec<_> =
        others.iter().map(|line| (line.sequence.get(), line.result, line.amount_fen.get())).collect();
    let [here, there, differs] = [LineResult::OnlyHere, LineResult::OnlyThere, LineResult::Differs];
    assert_eq!(results, [(2, here.number(), 300), (3, differs.number(), 150), (4, there.number(), 10)]);
    assert_eq!(others[0].record.get(), sold.record.0);

    // It corrects itself, and goes on selling meanwhile.
    assert!(first.tap(&tap(4, 50)).code.is_approved());
    batch.totals = did;
    let closed = settle(&mut first, &batch);
    assert_eq!((closed.code, closed.repeat, closed.totals), (ResultCode::Approved, false, did));
    assert_eq!(matched(&mut first, (1, 4), &[]).0, ResultCode::BatchOutOfOrder);

    // Not before what it has stored is sent.
    assert_eq!(first.money(0, &Request::CashierOff(sign(5_001, 2))).code, ResultCode::RecordsUnsent);
    let close =
        |shift, unsent_records| Request::ShiftClose(ShiftClose { shift, unsent_records, till_time_ns: 0 });
    assert_eq!(shift(&mut first, &close(1, 2)).code, ResultCode::RecordsUnsent);
    let z = shift(&mut first, &close(1, 0));
    let whole = totals(&[
        (TillKind::Debit, 700),
        (TillKind::Debit, 300),
        (TillKind::Refund, 150),
        (TillKind::Debit, 50),
    ]);
    assert_eq!((z.code, z.shift, z.cashier, z.totals), (ResultCode::Approved, 1, 5_001, whole));
    let off = first.money(0, &Request::CashierOff(sign(5_001, 0)));
    assert_eq!((off.code, off.repeat, off.record), (ResultCode::Approved, true, z.record), "by the closing");
    assert_eq!(first.money(0, &Request::CashierOff(sign(5_002, 0))).code, ResultCode::CashierNotOn);
    let mut door = WireTill::sign_in(served.address(), &served.keys.identity(DOOR));
    assert_eq!(door.refused(0, &Request::ShiftTotals).code, ResultCode::NotPermitted);
    drop((first, door));
    served.stop_unsealed();

    let served = campus.serve();
    let mut first = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let again = settle(&mut first, &batch);
    assert_eq!(
        (again.code, again.repeat, again.record, again.totals),
        (closed.code, true, closed.record, did)
    );
    batch.totals.add(TillKind::Debit, 1);
    // A till that has forgotten where it was is told.
    for (batch, code) in [
        (batch, ResultCode::BatchConflict),
        (BatchSettle { batch: 9, ..batch }, ResultCode::BatchOutOfOrder),
        (
            BatchSettle { batch: 2, first: Sequence(4), last: Sequence(5), ..batch },
            ResultCode::BatchOutOfOrder,
        ),
    ] {
        let told = settle(&mut first, &batch);
        assert_eq!((told.code, told.repeat, told.totals), (code, false, TillTotals::default()));
        assert_eq!(
            (told.batch, told.epoch, told.last, told.record),
            (1, Epoch(1), Sequence(3), closed.record)
        );
    }
    let again = shift(&mut first, &close(1, 0));
    assert_eq!((again.repeat, again.record, again.totals), (true, z.record, whole));
    assert_eq!(shift(&mut first, &close(3, 0)).code, ResultCode::ShiftNotOpen);
    let open = shift(&mut first, &Request::ShiftTotals);
    assert_eq!((open.shift, open.cashier, open.totals), (2, 0, TillTotals::default()));
    batch = BatchSettle {
        batch: 2,
        first: Sequence(4),
        last: Sequence(4),
        totals: totals(&[(TillKind::Debit, 40)]),
        ..batch
    };
    assert_eq!(settle(&mut first, &batch).code, ResultCode::BatchDiffers);
    let as_it_stands = settle(&mut first, &BatchSettle { as_it_stands: true, ..batch });
    assert_eq!(
        (as_it_stands.code, as_it_stands.totals),
        (ResultCode::Approved, totals(&[(TillKind::Debit, 50)]))
    );
    served.stop();
    let report = campus.expect_sound();
    assert_eq!((report.records_by_kind["duty"], report.records_by_kind["batch_settled"]), (2, 2));
}
