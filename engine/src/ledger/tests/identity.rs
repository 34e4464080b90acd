use protocol::ids::{BusinessDate, CardCounter, TerminalId};
use protocol::result_code::ResultCode;

use super::bench::{Bench, NOON_NS, sale, uid};
use crate::ledger::calendar::DAY_NS;
use crate::ledger::command::{Carried, CodeVerdict, CutOff, OfflineFact, Request, SaleQuery};
use crate::ledger::decision::Decision;
use crate::ledger::limits::{GAPS_MAX, SUSPENSE_PER_TERMINAL_DAY_MAX};
use crate::ledger::record::RecordKind;
use crate::ledger::state::terminal_entry;

#[test]
fn a_retry_is_answered_as_the_first_time() {
    let mut bench = Bench::new(2, 2);
    let first = bench.tap(sale(0, 1, 1), 0, 1, 500);
    bench.tap(sale(0, 1, 2), 0, 2, 500);
    let again = bench.tap(sale(0, 1, 1), 0, 1, 500);
    assert_eq!(again.records, 0);
    assert!(again.outcome.repeat);
    assert_eq!(again.outcome.code, ResultCode::Approved);
    assert_eq!(again.outcome.record, first.outcome.record);
    assert_eq!(again.outcome.balance_after_fen, first.outcome.balance_after_fen);
    assert_eq!(bench.wallets(0), [9_000, 0, 0]);
    bench.close();
}

#[test]
fn a_refusal_is_remembered_when_its_reason_is_gone() {
    let mut bench = Bench::new(1, 1);
    for sequence in 1..=3 {
        bench.tap(sale(0, 1, sequence), 0, sequence, 1_666);
    }
    assert_eq!(bench.tap(sale(0, 1, 4), 0, 4, 1_500).short(), (ResultCode::DayLimit, 1));
    bench.time_ns = NOON_NS + DAY_NS;
    assert_eq!(bench.tap(sale(0, 1, 4), 0, 4, 1_500).short(), (ResultCode::DayLimit, 0));
    assert_eq!(bench.tap(sale(0, 1, 5), 0, 4, 1_500).short(), (ResultCode::Approved, 1));
    bench.close();
}

#[test]
fn another_body_is_a_conflict_and_kept_once() {
    let mut bench = Bench::new(1, 2);
    bench.tap(sale(0, 1, 1), 0, 1, 500);
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 501).short(), (ResultCode::IdentityConflict, 1));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::Suspense));
    assert_eq!(bench.tap(sale(0, 1, 1), 1, 1, 500).short(), (ResultCode::IdentityConflict, 0));
    assert_eq!(bench.top_up(sale(0, 1, 1), 0, 500, "w").short(), (ResultCode::IdentityConflict, 0));
    // Even a body that no request may carry.
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, -1).short(), (ResultCode::IdentityConflict, 0));
    // The outcome itself stands.
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 500).short(), (ResultCode::Approved, 0));
    bench.close();
}

#[test]
fn the_suspense_list_is_bounded_by_till_and_date() {
    let mut bench = Bench::new(1, 1);
    let conflicts = u32::from(SUSPENSE_PER_TERMINAL_DAY_MAX) + 5;
    let mut kept = 0;
    for sequence in 1..=conflicts {
        bench.tap(sale(0, 1, sequence), 0, sequence, 2_001);
        kept += bench.tap(sale(0, 1, sequence), 0, sequence, 2_002).records;
    }
    assert_eq!(kept, usize::from(SUSPENSE_PER_TERMINAL_DAY_MAX));
    bench.done(Request::CutOff(CutOff { opened: BusinessDate(9_825) }));
    assert_eq!(bench.tap(sale(0, 1, conflicts), 0, conflicts, 3).short(), (ResultCode::IdentityConflict, 1));
    bench.close();
}

#[test]
fn the_latest_suspense_records_arent_repeated_on_the_next_date() {
    let mut bench = Bench::new(1, 1);
    let foreign = |bench: &mut Bench, sequence: u32| {
        let sale = sale(0, 1, sequence);
        let foreign = OfflineFact {
            sale,
            record_terminal: TerminalId(999),
            card_uid: uid(0),
            card_counter: CardCounter(1),
            amount_fen: 100,
            till_time_ns: bench.time_ns,
            list: None,
            authentic: true,
            carried: Carried::default(),
        };
        bench.fact(foreign).records
    };
    for sequence in 1..=6 {
        assert_eq!(foreign(&mut bench, sequence), 1);
    }
    bench.done(Request::CutOff(CutOff { opened: BusinessDate(9_825) }));
    assert_eq!(foreign(&mut bench, 7), 1);
    assert_eq!([4, 5, 6, 7].map(|sequence| foreign(&mut bench, sequence)), [0; 4]);
    assert_eq!(foreign(&mut bench, 3), 1);
    bench.close();
}

#[test]
fn gaps_are_counted_and_bounded() {
    let mut bench = Bench::new(1, 1);
    let gaps = u32::try_from(GAPS_MAX).unwrap();
    for i in 1..=gaps {
        bench.tap(sale(0, 1, 2 * i), 0, i, 1);
    }
    let entry = |bench: &Bench| *terminal_entry(&bench.state.shards, sale(0, 1, 1).slot).unwrap().gaps();
    assert_eq!(entry(&bench).missing().len(), GAPS_MAX);
    assert_eq!(entry(&bench).contiguous(), 0);
    assert_eq!(bench.tap(sale(0, 1, 2 * gaps + 2), 0, 900, 1).short(), (ResultCode::TooManyGaps, 0));
    assert_eq!(bench.tap(sale(0, 1, 2 * gaps + 1), 0, 900, 1).short(), (ResultCode::Approved, 1));
    // Closing a gap makes room for another, and the same request goes through.
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 901, 1).short(), (ResultCode::Approved, 1));
    assert_eq!(entry(&bench).contiguous(), 2);
    assert_eq!(bench.tap(sale(0, 1, 2 * gaps + 3), 0, 902, 1).short(), (ResultCode::Approved, 1));
    bench.close();
}

#[test]
fn what_left_the_ring_is_found_in_the_log() {
    let mut bench = Bench::new(2, 2);
    let first = bench.tap(sale(0, 1, 1), 0, 1, 100);
    for sequence in 2..=40 {
        bench.tap(sale(0, 1, sequence), 0, sequence, 1);
    }
    assert_eq!(bench.walks, 0);
    let again = bench.tap(sale(0, 1, 1), 0, 1, 100);
    assert_eq!(bench.walks, 1);
    assert_eq!(again.outcome.record, first.outcome.record);
    assert_eq!((again.outcome.code, again.outcome.repeat, again.records), (ResultCode::Approved, true, 0));
    // A conflict with it is kept once, too: the walk sees the suspense record.
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 101).short(), (ResultCode::IdentityConflict, 1));
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 102).short(), (ResultCode::IdentityConflict, 0));
    // Reversed by way of the log, and then known as reversed by way of the log.
    assert_eq!(bench.reverse(sale(0, 1, 41), (1, 1), 100).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.reverse(sale(0, 1, 42), (1, 1), 100).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::Repeat));
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 100).short(), (ResultCode::Reversed, 0));
    assert_eq!(bench.balance(0).system_fen, 10_000 - 39);
    bench.close();
}

#[test]
fn a_late_sequence_doesnt_displace_a_newer_outcome() {
    let mut bench = Bench::new(1, 1);
    bench.tap(sale(0, 1, 1), 0, 1, 1);
    for sequence in 3..=18 {
        bench.tap(sale(0, 1, sequence), 0, sequence, 1);
    }
    // 2 and 18 share a place in a ring of 16.
    assert_eq!(bench.upload(sale(0, 1, 2), 0, 2, 1).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.tap(sale(0, 1, 18), 0, 18, 1).short(), (ResultCode::Approved, 0));
    assert_eq!(bench.walks, 0);
    assert_eq!(bench.upload(sale(0, 1, 2), 0, 2, 1).short(), (ResultCode::Approved, 0));
    assert_eq!(bench.walks, 1);
    bench.close();
}

#[test]
fn a_new_epoch_opens_afresh_and_an_older_one_is_asked_for_in_the_log() {
    let mut bench = Bench::new(1, 1);
    bench.tap(sale(0, 1, 1), 0, 1, 100);
    bench.tap(sale(0, 1, 2), 0, 2, 100);
    assert_eq!(bench.tap(sale(0, 2, 1), 0, 3, 100).short(), (ResultCode::Approved, 1));
    // 1/2 is still in the ring, 1/1 was displaced by 2/1, 1/3 never came.
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 2, 100).short(), (ResultCode::Approved, 0));
    assert_eq!(bench.walks, 0);
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 100).short(), (ResultCode::Approved, 0));
    assert_eq!(bench.walks, 1);
    assert_eq!(bench.tap(sale(0, 1, 3), 0, 3, 100).short(), (ResultCode::StaleEpoch, 0));
    // An older fact is posted all the same, once.
    assert_eq!(bench.upload(sale(0, 1, 3), 0, 3, 100).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.upload(sale(0, 1, 3), 0, 3, 100).short(), (ResultCode::Approved, 0));
    assert_eq!(bench.upload(sale(0, 1, 3), 0, 3, 101).short(), (ResultCode::IdentityConflict, 1));
    assert_eq!(bench.balance(0).system_fen, 10_000 - 400);
    assert_eq!(terminal_entry(&bench.state.shards, sale(0, 1, 1).slot).unwrap().gaps().highest(), 1);
    bench.close();
}

#[test]
fn a_history_of_another_moment_isnt_trusted() {
    use crate::ledger::command::{CardDebit, Command, Stamp};
    use crate::ledger::history::History;
    use crate::ledger::{Known, Need};
    use protocol::ids::{CardCounter, RecordNumber};
    let mut bench = Bench::new(1, 1);
    bench.tap(sale(0, 2, 1), 0, 1, 100);
    let request = Request::CardDebit(CardDebit {
        sale: sale(0, 1, 1),
        card_uid: super::bench::uid(0),
        card_counter: CardCounter(9),
        amount_fen: 1,
    });
    let stamp = Stamp { number: RecordNumber(bench.head().0 + 1), time_ns: bench.time_ns };
    let decide = |sale| {
        let known = Known { sales: [None, sale], ..Known::default() };
        let command = Command { request, known: Some(&known) };
        let state = &bench.state;
        match crate::ledger::decide(&state.registry, &state.directory, &state.shards, &command, stamp) {
            Decision::Needs(need) => Err(need),
            decision => Ok(decision.outcome().map(|outcome| outcome.code)),
        }
    };
    let Err(Need::Sale { sale: asked, head }) = decide(None) else { panic!("no walk asked for") };
    let absent = History { sale: asked, head, found: None };
    assert_eq!(decide(Some(absent)), Ok(Some(ResultCode::StaleEpoch)));
    let older = History { head: RecordNumber(head.0 - 1), ..absent };
    assert_eq!(decide(Some(older)), Err(Need::Sale { sale: asked, head }));
    let other = History { sale: sale(0, 1, 2).id(), ..absent };
    assert_eq!(decide(Some(other)), Err(Need::Sale { sale: asked, head }));
}

#[test]
fn a_sale_query_answers_as_a_retry_would() {
    let mut bench = Bench::new(1, 1);
    let tap = bench.tap(sale(0, 1, 1), 0, 1, 100);
    bench.code(sale(0, 1, 2), CodeVerdict::Malformed, 100);
    let query = |bench: &mut Bench, epoch, sequence| match bench
        .decide(Request::SaleQuery(SaleQuery { sale: sale(0, epoch, sequence) }))
    {
        Decision::NoRecord(outcome) => Some(outcome),
        Decision::SaleNotSeen { .. } => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        query(&mut bench, 1, 1).map(|o| (o.code, o.record)),
        Some((ResultCode::Approved, tap.outcome.record))
    );
    assert_eq!(query(&mut bench, 1, 2).map(|o| o.code), Some(ResultCode::CodeMalformed));
    assert_eq!(query(&mut bench, 1, 3), None);
    assert_eq!(query(&mut bench, 0, 1), None);
    assert_eq!(query(&mut bench, 1, 0).map(|o| o.code), Some(ResultCode::SequenceZero));
    bench.reverse(sale(0, 1, 3), (1, 1), 100);
    assert_eq!(query(&mut bench, 1, 1).map(|o| o.code), Some(ResultCode::Reversed));
    bench.reverse(sale(0, 1, 4), (1, 9), 100);
    assert_eq!(query(&mut bench, 1, 9).map(|o| o.code), Some(ResultCode::Reversed));
}
