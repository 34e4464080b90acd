//! Offline sales that come later: facts, taken once, whatever they do to the balance.

use std::sync::atomic::{AtomicBool, Ordering};

use engine::ledger::Record;
use protocol::ids::CardUid;
use protocol::result_code::ResultCode;
use wal::{Clock, LogReader, SystemClock};

use crate::bystander::Bystander;
use crate::campus::{Campus, OPENING_FEN, card, till};
use crate::wire_till::{Tap, WireTill, offline_record};

fn a_sale(sequence: u32) -> Tap {
    Tap { sequence, card: card(sequence % 50), counter: sequence, amount_fen: 10 }
}

#[test]
fn a_thousand_records_come_in_while_another_till_sells() {
    let campus = Campus::new();
    let served = campus.serve();
    let bystander = Bystander::start(&served);
    let mut peer = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let now_ns = SystemClock.wall_ns();
    let records: Vec<_> = (1..=1_000)
        .map(|sequence| offline_record(&served.keys, till(0), &a_sale(sequence), now_ns))
        .collect();
    let done = AtomicBool::new(false);
    let first = std::thread::scope(|scope| {
        let uploading = scope.spawn(|| {
            let lines = peer.upload(1, &records);
            done.store(true, Ordering::Release);
            lines
        });
        while !done.load(Ordering::Acquire) {
            bystander.wait_for_sales(1);
        }
        uploading.join().expect("no panic")
    });
    for (line, sequence) in first.iter().zip(1..) {
        assert_eq!((line.sequence.get(), line.epoch.get()), (sequence, 1));
        assert_eq!(line.result(), Some(ResultCode::Approved), "sequence {sequence}");
        assert_ne!(line.record.get(), 0);
    }
    assert_eq!(peer.upload(2, &records), first, "the same upload again: the same codes and records");
    assert_eq!(peer.balance(1).system_fen, OPENING_FEN - 20 * 10);

    // A retry of one of them online is a repeat; with another amount it is a conflict.
    let online = peer.tap(&a_sale(1));
    assert_eq!((online.code, online.repeat), (ResultCode::Approved, true));
    let conflict = peer.tap(&Tap { amount_fen: 11, ..a_sale(1) });
    assert_eq!(conflict.code, ResultCode::IdentityConflict);
    bystander.finish();
    served.stop();
    campus.expect_sound();
}

#[test]
fn a_record_that_is_forged_or_another_s_is_kept_out_with_its_bytes() {
    let campus = Campus::new();
    let served = campus.serve();
    let mut peer = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let now_ns = SystemClock.wall_ns();
    let good = |sequence| offline_record(&served.keys, till(0), &a_sale(sequence), now_ns);
    let mut forged = good(2);
    forged.tac[7] ^= 1;
    let mut altered = good(3);
    altered.amount_fen = 9.into();
    let mut unknown_key = good(4);
    unknown_key.tac_key = 9;
    let foreign = offline_record(&served.keys, till(1), &a_sale(5), now_ns);
    let zero = offline_record(&served.keys, till(0), &Tap { amount_fen: 0, ..a_sale(6) }, now_ns);
    let records = [good(1), forged, altered, unknown_key, foreign, zero, good(7)];
    let codes = |lines: &[protocol::answer::BatchLine]| -> Vec<ResultCode> {
        lines.iter().map(|line| line.result().expect("a known code")).collect()
    };
    let expected = [
        ResultCode::Approved,
        ResultCode::NotAuthentic,
        ResultCode::NotAuthentic,
        ResultCode::NotAuthentic,
        ResultCode::WrongTerminal,
        ResultCode::AmountNotPositive,
        ResultCode::Approved,
    ];
    let lines = peer.upload(1, &records);
    assert_eq!(codes(&lines), expected, "one bad record doesn't touch the others");
    assert_eq!(codes(&peer.upload(2, &records)), expected);
    for sequence in [2, 3, 4, 5, 6] {
        assert_eq!(peer.ask(sequence).code, ResultCode::UnknownSale, "sequence {sequence} isn't used up");
        assert_eq!(peer.balance(sequence).system_fen, OPENING_FEN);
    }
    // The right record under the same sequence is taken.
    assert_eq!(codes(&peer.upload(3, &[good(2)])), [ResultCode::Approved]);
    served.stop();
    campus.expect_sound();

    let reader = LogReader::open_offline(&campus.data_dir()).expect("a sound log");
    let mut suspended = Vec::new();
    for found in reader.scan(1) {
        let found = found.expect("readable");
        if let Ok(Record::Suspense(suspense, bytes)) =
            Record::decode(found.kind, found.version, found.payload)
        {
            suspended.push((suspense.sequence.get(), bytes.to_vec()));
        }
    }
    for (sequence, record) in [(2, &forged), (3, &altered), (4, &unknown_key), (5, &foreign)] {
        let kept: Vec<_> = suspended.iter().filter(|(kept, _)| *kept == sequence).collect();
        assert_eq!(kept.len(), 1, "sequence {sequence} is kept once, however often it comes");
        assert_eq!(kept[0].1, zerocopy_bytes(record), "with its bytes");
    }
}

/// The record's bytes as they came.
fn zerocopy_bytes(record: &protocol::offline_record::OfflineRecord) -> Vec<u8> {
    let ids = protocol::request::RequestIds {
        terminal: till(0),
        epoch: protocol::ids::Epoch(1),
        sequence: protocol::ids::Sequence(0),
        request_id: protocol::ids::RequestId(1),
    };
    let mut frame = Vec::new();
    let upload = protocol::request::Upload { batch: 1, records: std::slice::from_ref(record) };
    protocol::request::Request::Upload(upload).append(&ids, &mut frame).expect("one record fits");
    let begin = protocol::frame::HEADER_BYTES + 8;
    frame[begin..begin + protocol::offline_record::OFFLINE_RECORD_BYTES].to_vec()
}

#[test]
fn what_is_beyond_the_rules_is_taken_and_flagged() {
    let campus = Campus::new();
    let served = campus.serve();
    let mut peer = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let now_ns = SystemClock.wall_ns();
    let sale = |tap: Tap, at_ns| offline_record(&served.keys, till(0), &tap, at_ns);
    let records = [
        sale(a_sale(1), now_ns),
        // A card that nobody has.
        sale(Tap { card: CardUid(1), ..a_sale(2) }, now_ns),
        // More than there is: below zero, and taken.
        sale(Tap { amount_fen: OPENING_FEN, ..a_sale(3) }, now_ns),
        sale(Tap { amount_fen: 500, ..a_sale(53) }, now_ns),
        // A till's clock an hour ahead.
        sale(a_sale(5), now_ns + 3_600_000_000_000),
    ];
    let lines = peer.upload(1, &records);
    let codes: Vec<_> = lines.iter().map(|line| line.result().expect("a known code")).collect();
    use ResultCode::{Approved, ApprovedFlagged};
    assert_eq!(codes, [Approved, ApprovedFlagged, ApprovedFlagged, ApprovedFlagged, ApprovedFlagged]);
    assert_eq!(peer.balance(3).system_fen, -500);
    // Below zero, an online debit is refused; what happened offline stays.
    let refused = peer.tap(&Tap { counter: 900, sequence: 60, ..a_sale(3) });
    assert!(!refused.code.is_approved(), "{refused:?}");
    served.stop();
    let report = campus.expect_sound();
    assert_eq!(report.totals.offline_unknown_card_fen, 10);
    assert_eq!(report.accounts_below_floor, 1);
}
