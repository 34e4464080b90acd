use protocol::ids::{CardCounter, Epoch, Sequence, TerminalId};
use protocol::result_code::ResultCode;

use super::bench::{Bench, SECOND_NS, register_till, sale, text, uid};
use super::codes::with_counter;
use crate::ledger::command::{
    Carried, GapClose, OfflineFact, Previous, RegisterTerminal, Request, Sale, TerminalSlot, TillList,
};
use crate::ledger::gaps::Gap;
use crate::ledger::limits::{BLOCK_LIST_AGE_MAX_S, GAPS_MAX, OFFLINE_DAYS_MAX};
use crate::ledger::record::{MoneyFlags, OfflineReview, Record, RecordKind};
use crate::ledger::registry::TerminalKind;
use crate::ledger::state::terminal_entry;

/// Counter 0 closes a hole of till 1.
fn closing(own: u32, first: u32, last: u32) -> GapClose<'static> {
    GapClose {
        sale: sale(0, 1, own),
        till: sale(1, 1, 1).terminal,
        till_slot: TerminalSlot(1),
        epoch: Epoch(1),
        first: Sequence(first),
        last: Sequence(last),
        reason: text("the till burnt"),
    }
}

fn close(bench: &mut Bench, closing: GapClose<'_>) -> (ResultCode, usize) {
    bench.run(Request::GapClose(closing)).short()
}

fn open(bench: &Bench, slot: u16) -> Vec<Gap> {
    terminal_entry(&bench.state.shards, TerminalSlot(slot)).unwrap().gaps().open().collect()
}

/// A sale that came to nothing, or to something: it has come.
fn came(bench: &mut Bench, sale: Sale<'_>) {
    bench.tap(sale, 1, sale.sequence.0, 1);
}

fn seconds(bench: &Bench) -> u32 {
    u32::try_from(bench.time_ns / SECOND_NS).unwrap()
}

/// Sequences 5 to 9 of till 1 are missing.
pub(super) fn with_hole(shards: usize) -> Bench {
    let mut bench = with_counter(shards);
    for sequence in [1, 2, 3, 4, 10] {
        came(&mut bench, sale(1, 1, sequence));
    }
    bench
}

/// Closes a part of it.
pub(super) fn close_one(bench: &mut Bench) {
    close(bench, closing(1, 6, 7));
}

#[test]
fn a_hole_is_as_old_as_when_it_was_noticed_and_keeps_its_age() {
    let mut bench = with_hole(2);
    let since_s = seconds(&bench);
    assert_eq!(open(&bench, 1), [Gap { first: 5, last: 9, since_s }]);
    bench.time_ns += 3_600 * SECOND_NS;
    // What comes late closes its part, and the rest is as old as before.
    assert_eq!(bench.upload(sale(1, 1, 7), 1, 50, 1).outcome.code, ResultCode::Approved);
    assert_eq!(open(&bench, 1), [Gap { first: 5, last: 6, since_s }, Gap { first: 8, last: 9, since_s }]);
    came(&mut bench, sale(1, 1, 13));
    let later = seconds(&bench);
    assert_eq!(open(&bench, 1)[2], Gap { first: 11, last: 12, since_s: later });
    // A till that was reset begins anew.
    came(&mut bench, sale(1, 2, 2));
    assert_eq!(open(&bench, 1), [Gap { first: 1, last: 1, since_s: later }]);
    bench.close();
}

#[test]
fn a_counter_closes_a_hole_whole_or_in_part_and_says_why() {
    let mut bench = with_hole(2);
    let since_s = seconds(&bench);
    assert_eq!(close(&mut bench, closing(1, 6, 7)), (ResultCode::Approved, 1));
    let logged = bench.log.last().unwrap();
    let Ok(Record::GapClosed(record)) = Record::decode(logged.kind, logged.version, &logged.payload) else {
        panic!("no gap was closed");
    };
    assert_eq!((record.first.get(), record.last.get(), record.since_s.get()), (6, 7, since_s));
    assert_eq!((record.money.terminal.get(), &record.reason[..14]), (101, &b"the till burnt"[..]));
    assert_eq!(open(&bench, 1), [Gap { first: 5, last: 5, since_s }, Gap { first: 8, last: 9, since_s }]);
    assert_eq!(close(&mut bench, closing(2, 5, 5)), (ResultCode::Approved, 1));
    assert_eq!(close(&mut bench, closing(3, 8, 9)), (ResultCode::Approved, 1));
    assert_eq!(open(&bench, 1), []);
    let again = bench.run(Request::GapClose(closing(1, 6, 7)));
    assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::Approved, 0), true));
    assert_eq!(close(&mut bench, closing(1, 6, 8)), (ResultCode::IdentityConflict, 1));

    // Nothing is sold under what was closed; a record that comes after all is a fact.
    assert_eq!(bench.tap(sale(1, 1, 6), 1, 60, 1).short(), (ResultCode::StaleEpoch, 0));
    assert_eq!(bench.upload(sale(1, 1, 6), 1, 60, 1).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.upload(sale(1, 1, 6), 1, 60, 1).short(), (ResultCode::Approved, 0));
    bench.close();
}

#[test]
fn what_isnt_a_hole_isnt_closed() {
    let mut bench = with_hole(2);
    let good = closing(1, 5, 9);
    let other = |bench: &Bench, wrong: GapClose<'static>| GapClose {
        sale: sale(0, 1, 100 + u32::try_from(bench.log.len()).unwrap()),
        ..wrong
    };
    for (first, last) in [(4, 5), (9, 10), (5, 10), (11, 11), (11, 12), (3, 3), (6, 5)] {
        let wrong = other(&bench, GapClose { first: Sequence(first), last: Sequence(last), ..good });
        assert_eq!(close(&mut bench, wrong), (ResultCode::GapNotOpen, 1), "{first} to {last}");
    }
    for epoch in [0, 2] {
        let wrong = other(&bench, GapClose { epoch: Epoch(epoch), ..good });
        assert_eq!(close(&mut bench, wrong), (ResultCode::GapNotOpen, 1));
    }
    for (till, slot) in [(999, 1), (102, 9), (102, 2)] {
        let (till, till_slot) = (TerminalId(till), TerminalSlot(slot));
        let wrong = other(&bench, GapClose { till, till_slot, ..good });
        assert_eq!(close(&mut bench, wrong), (ResultCode::GapTillUnknown, 1));
    }
    assert_eq!(close(&mut bench, GapClose { sale: sale(0, 1, 0), ..good }), (ResultCode::SequenceZero, 0));
    // A gateway closes nothing; a till that is disabled has its holes closed all the same.
    let by_gateway = GapClose { sale: sale(2, 1, 1), ..good };
    assert_eq!(close(&mut bench, by_gateway), (ResultCode::NotPermitted, 0));
    assert_eq!(close(&mut bench, GapClose { sale: sale(9, 1, 1), ..good }), (ResultCode::UnknownTerminal, 0));
    let Request::RegisterTerminal(till) = register_till(1) else { unreachable!("it registers") };
    let kind = TerminalKind::PointOfSale;
    bench.done(Request::RegisterTerminal(RegisterTerminal { enabled: false, kind, ..till }));
    assert_eq!(close(&mut bench, good), (ResultCode::Approved, 1));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::GapClosed));
    bench.close();
}

#[test]
fn a_hole_isnt_split_where_there_is_room_for_no_more_and_a_counter_may_have_its_own() {
    let mut bench = with_counter(2);
    for gap in 1..=GAPS_MAX as u32 {
        came(&mut bench, sale(1, 1, 4 * gap));
    }
    assert_eq!(close(&mut bench, closing(1, 2, 2)), (ResultCode::TooManyGaps, 0));
    assert_eq!(close(&mut bench, closing(1, 1, 2)), (ResultCode::Approved, 1));
    assert_eq!(close(&mut bench, closing(2, 3, 3)), (ResultCode::Approved, 1));
    assert_eq!(close(&mut bench, closing(3, 6, 6)), (ResultCode::Approved, 1));

    // The counter's own sequence comes first, then the hole that it leaves.
    let own = GapClose { till: sale(0, 1, 1).terminal, till_slot: TerminalSlot(0), ..closing(9, 4, 8) };
    assert_eq!(close(&mut bench, own), (ResultCode::Approved, 1));
    let itself = GapClose { sale: sale(0, 1, 12), first: Sequence(10), last: Sequence(12), ..own };
    assert_eq!(close(&mut bench, itself), (ResultCode::GapNotOpen, 1));
    assert_eq!(open(&bench, 0).iter().map(|gap| (gap.first, gap.last)).collect::<Vec<_>>(), [(10, 11)]);
    // It begins a new epoch with that: the old one's holes are gone.
    let anew = GapClose { sale: sale(0, 2, 1), first: Sequence(10), last: Sequence(11), ..own };
    assert_eq!(close(&mut bench, anew), (ResultCode::GapNotOpen, 1));
    bench.close();
}

fn carried(
    bench: &mut Bench,
    sequence: u32,
    (list_age_s, carried): (u32, Carried),
) -> (ResultCode, OfflineReview, MoneyFlags) {
    let answer = bench.fact(OfflineFact {
        sale: sale(0, 1, sequence),
        record_terminal: sale(0, 1, 1).terminal,
        card_uid: uid(0),
        card_counter: CardCounter(sequence),
        amount_fen: 100,
        till_time_ns: bench.time_ns,
        list: Some(TillList { version: 1, age_s: list_age_s }),
        authentic: true,
        carried,
    });
    let logged = bench.log.last().unwrap();
    match Record::decode(logged.kind, logged.version, &logged.payload) {
        Ok(Record::OfflineDebit(r)) => (answer.outcome.code, r.offline_review(), r.money.money_flags()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_till_that_sold_offline_for_too_long_or_by_an_old_list_is_reviewed() {
    let mut bench = Bench::new(1, 1);
    let days_ns = u64::from(OFFLINE_DAYS_MAX) * 86_400 * SECOND_NS;
    let (now_ns, none) = (bench.time_ns, OfflineReview::default());
    let list = |list_age_s| (list_age_s, Carried::default());
    let since = |offline_since_ns| (0, Carried { offline_since_ns, ..Carried::default() });
    for (sequence, told, expected) in [
        (1, list(BLOCK_LIST_AGE_MAX_S), none),
        (2, list(BLOCK_LIST_AGE_MAX_S + 1), OfflineReview::LIST_AGE),
        (3, since(now_ns - days_ns), none),
        (4, since(now_ns - days_ns - 1), OfflineReview::DAYS_OFFLINE),
        // A till that says it was offline from tomorrow on, or nothing.
        (5, since(now_ns + 1), none),
        (6, since(0), none),
    ] {
        let held_back = bench.held_back();
        let code = if expected == none { ResultCode::Approved } else { ResultCode::ApprovedFlagged };
        assert_eq!(
            carried(&mut bench, sequence, told),
            (code, expected, MoneyFlags::default()),
            "{sequence}"
        );
        assert_eq!(bench.held_back() - held_back, if expected == none { 0 } else { 100 });
    }
    bench.close();
}

#[test]
fn what_the_chip_tells_of_its_transaction_before_is_kept() {
    let mut bench = Bench::new(1, 1);
    let previous = Previous {
        terminal: TerminalId(88),
        epoch: Epoch(2),
        sequence: Sequence(4_411),
        card_counter: CardCounter(6),
        amount_fen: 650,
    };
    carried(&mut bench, 7, (0, Carried { previous, ..Carried::default() }));
    let version_of = |bench: &Bench| bench.log.last().unwrap().version;
    assert_eq!(version_of(&bench), 2);
    let logged = bench.log.last().unwrap();
    let Ok(Record::OfflineDebit(r)) = Record::decode(logged.kind, logged.version, &logged.payload) else {
        panic!("no offline sale");
    };
    assert_eq!(r.previous(), Some(previous));
    // What tells of nothing is written as it always was.
    carried(&mut bench, 8, (0, Carried::default()));
    assert_eq!((version_of(&bench), bench.log.last().unwrap().payload.len()), (1, 96));
    bench.close();
}
