//! What must be known again after a restart, and what has left memory and is found in the log.

use protocol::bill::{BILL_FLAG_REVERSED, BillLine, BillLineKind};
use protocol::channel::ReversalReason;
use protocol::ids::{AccountId, Epoch, Sequence};
use protocol::payment_code;
use protocol::request::{CodeDebit, Request, Reversal};
use protocol::result_code::ResultCode;

use crate::campus::{Campus, OPENING_FEN, Served, card, till};
use crate::wire_till::{Tap, WireTill, offline_record};

fn a_tap(sequence: u32) -> Tap {
    Tap { sequence, card: card(0), counter: sequence, amount_fen: 10 }
}

fn sign_in(served: &Served) -> WireTill {
    WireTill::sign_in(served.address(), &served.keys.identity(till(0)))
}

fn reversal(tap: &Tap) -> Request<'static> {
    Request::Reversal(Reversal {
        original_epoch: Epoch(1),
        original_sequence: Sequence(tap.sequence),
        amount_fen: tap.amount_fen,
        reason: ReversalReason::NoAnswer,
        till_time_ns: 0,
    })
}

#[test]
fn a_payment_code_pays_once_also_after_a_restart() {
    for sealed in [true, false] {
        let campus = Campus::new();
        let served = campus.serve();
        let step = payment_code::step_at(wal::Clock::wall_ns(&wal::SystemClock));
        let code = payment_code::issue(&served.keys.code_key(), 0, AccountId(3), step, 0).expect("it fits");
        let debit = Request::CodeDebit(CodeDebit { code, amount_fen: 25, till_time_ns: 0 });
        let sold = sign_in(&served).money(1, &debit);
        assert_eq!((sold.code, sold.account), (ResultCode::Approved, Some(AccountId(3))));
        if sealed {
            served.stop();
        } else {
            served.stop_unsealed();
        }

        let served = campus.serve();
        assert_eq!(served.report.recovery.records_replayed == 0, sealed, "{:?}", served.report);
        let mut peer = sign_in(&served);
        assert_eq!(peer.money(2, &debit).code, ResultCode::CodeUsed);
        let again = peer.money(1, &debit);
        assert_eq!((again.code, again.repeat, again.record), (ResultCode::Approved, true, sold.record));
        assert_eq!(peer.balance(3).system_fen, OPENING_FEN - 25);
        served.stop();
        campus.expect_sound();
    }
}

#[test]
fn an_outcome_that_has_left_memory_is_found_in_the_log() {
    let mut campus = Campus::new();
    campus.sizes.outcomes_per_terminal = 8;
    let served = campus.serve();
    let mut peer = sign_in(&served);
    let sold: Vec<_> = (1..=40).map(|sequence| peer.tap(&a_tap(sequence))).collect();
    let undone = a_tap(2);
    assert!(peer.money(41, &reversal(&undone)).code.is_approved());
    let records: Vec<_> =
        (100..200).map(|sequence| offline_record(&served.keys, till(0), &a_tap(sequence), 1)).collect();
    let uploaded = peer.upload(1, &records);
    assert!(uploaded.iter().all(|line| line.result().is_some_and(ResultCode::is_approved)));
    let balance_fen = peer.balance(0).system_fen;
    assert_eq!(balance_fen, OPENING_FEN - 39 * 10 - 100 * 10);

    let expect_all = |served: &Served| {
        let mut peer = sign_in(served);
        for first in sold.iter().filter(|first| first.record != sold[1].record) {
            let sequence = 1 + sold.iter().position(|other| other == first).expect("it's one of them") as u32;
            let retried = peer.tap(&a_tap(sequence));
            assert_eq!((retried.code, retried.record, retried.repeat), (first.code, first.record, true));
            let asked = peer.ask(sequence);
            assert_eq!((asked.code, asked.record), (first.code, first.record));
        }
        // An old sale that was reversed, and a reversal that is itself old, answer as reversed and as done.
        assert_eq!(peer.tap(&undone).code, ResultCode::Reversed);
        assert_eq!(peer.ask(undone.sequence).code, ResultCode::Reversed);
        assert!(peer.money(41, &reversal(&undone)).code.is_approved());
        // The same identity with another amount, long ago or not, is a conflict.
        let other = peer.tap(&Tap { amount_fen: 11, ..a_tap(1) });
        assert_eq!(other.code, ResultCode::IdentityConflict);
        assert_eq!(peer.upload(2, &records), uploaded, "a batch sent again is answered the same");
        assert_eq!(peer.ask(60).code, ResultCode::UnknownSale, "a hole is no sale");
        assert_eq!(peer.balance(0).system_fen, balance_fen);
    };
    expect_all(&served);
    served.stop_unsealed();
    let served = campus.serve();
    expect_all(&served);
    served.stop();
    let served = campus.serve();
    assert_eq!(served.report.recovery.records_replayed, 0);
    expect_all(&served);
    served.stop();
    campus.expect_sound();
}

#[test]
fn a_bill_is_paged_newest_first_and_says_what_was_reversed() {
    const TAPS: u32 = 120;
    let campus = Campus::new();
    let served = campus.serve();
    let mut peer = sign_in(&served);
    let sold: Vec<_> = (1..=TAPS).map(|sequence| peer.tap(&a_tap(sequence))).collect();
    let undone = a_tap(7);
    let reversed = peer.money(TAPS + 1, &reversal(&undone));
    assert!(reversed.code.is_approved());
    let pages = peer.bill(AccountId(0));
    assert!(pages.len() > 2 && pages[..pages.len() - 1].iter().all(|page| page.len() == 50));
    let lines: Vec<BillLine> = pages.into_iter().flatten().collect();
    assert!(lines.is_sorted_by(|newer, older| newer.record.get() > older.record.get()));
    let of_kind = |kind: BillLineKind| lines.iter().filter(move |line| line.kind == kind.number());
    let debits: Vec<_> = of_kind(BillLineKind::Debit).collect();
    assert_eq!(debits.len(), TAPS as usize);
    for (line, (sequence, sale)) in debits.iter().rev().zip((1..).zip(&sold)) {
        assert_eq!((line.record.get(), line.sequence.get()), (sale.record.0, sequence));
        assert_eq!(line.amount_fen.get(), -10);
        assert_eq!(line.balance_after_fen.get(), sale.balance_after_fen);
        let flagged = line.flags & BILL_FLAG_REVERSED != 0;
        assert_eq!(flagged, sequence == undone.sequence, "sequence {sequence}");
    }
    let undoing: Vec<_> = of_kind(BillLineKind::Reversal).collect();
    assert_eq!(undoing.len(), 1);
    assert_eq!((undoing[0].record.get(), undoing[0].amount_fen.get()), (reversed.record.0, 10));
    assert_eq!(undoing[0].related_record.get(), sold[6].record.0);
    assert_eq!(of_kind(BillLineKind::Opening).count(), 1);
    let moved_fen: i64 = [BillLineKind::Debit, BillLineKind::Reversal, BillLineKind::Opening]
        .into_iter()
        .flat_map(of_kind)
        .map(|line| line.amount_fen.get())
        .sum();
    assert_eq!(moved_fen, peer.balance(0).system_fen, "the bill adds up to the balance");

    served.stop();
    let served = campus.serve();
    let again: Vec<BillLine> = sign_in(&served).bill(AccountId(0)).into_iter().flatten().collect();
    assert_eq!(again, lines, "the bill is the same after a restart");
    served.stop();
}
