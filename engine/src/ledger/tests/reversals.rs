use protocol::result_code::ResultCode;

use super::bench::{Bench, SECOND_NS, sale, uid};
use crate::ledger::command::{Carried, CodeVerdict, OfflineFact};
use crate::ledger::limits::{GAPS_MAX, REVERSAL_WINDOW_NS};
use crate::ledger::record::RecordKind;
use protocol::ids::{AccountId, CardCounter};

#[test]
fn after_its_original_it_gives_back_the_money_and_the_days_total() {
    let mut bench = Bench::new(2, 1);
    bench.tap(sale(0, 1, 1), 0, 1, 2_000);
    bench.tap(sale(0, 1, 2), 0, 2, 2_000);
    let answer = bench.reverse(sale(0, 1, 3), (1, 1), 2_000);
    assert_eq!(answer.short(), (ResultCode::Approved, 1));
    assert_eq!((answer.outcome.account, answer.outcome.balance_after_fen), (Some(AccountId(0)), 8_000));
    assert_eq!(bench.owed_to_merchant(), 2_000);
    // The retry of the reversal, another reversal of the same sale, the retry of the sale.
    assert_eq!(bench.reverse(sale(0, 1, 3), (1, 1), 2_000).short(), (ResultCode::Approved, 0));
    let another = bench.reverse(sale(0, 1, 4), (1, 1), 2_000);
    assert_eq!((another.short(), another.outcome.repeat), ((ResultCode::Approved, 1), true));
    assert_eq!(another.outcome.balance_after_fen, 8_000);
    assert_eq!(bench.kinds().last(), Some(&RecordKind::Repeat));
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 2_000).short(), (ResultCode::Reversed, 0));
    assert_eq!(bench.wallets(0), [8_000, 0, 0]);
    // The day's total is back at 2,000.
    assert_eq!(bench.tap(sale(0, 1, 5), 0, 3, 2_000).outcome.code, ResultCode::Approved);
    assert_eq!(bench.tap(sale(0, 1, 6), 0, 4, 1_001).outcome.code, ResultCode::DayLimit);
    bench.close();
}

#[test]
fn before_its_original_it_refuses_the_original() {
    let mut bench = Bench::new(1, 1);
    bench.tap(sale(0, 1, 1), 0, 1, 100);
    assert_eq!(bench.reverse(sale(0, 1, 3), (1, 2), 500).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::ReversalBeforeOriginal));
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 2, 500).short(), (ResultCode::Reversed, 0));
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 2, 600).short(), (ResultCode::Reversed, 0));
    // Again: the same; under another sequence: the same; with another amount: a conflict.
    assert_eq!(bench.reverse(sale(0, 1, 3), (1, 2), 500).short(), (ResultCode::Approved, 0));
    assert_eq!(bench.reverse(sale(0, 1, 4), (1, 2), 500).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.reverse(sale(0, 1, 5), (1, 2), 501).short(), (ResultCode::IdentityConflict, 1));
    // A fact of the same identity contradicts the reversal: kept out, once.
    assert_eq!(bench.upload(sale(0, 1, 2), 0, 2, 500).short(), (ResultCode::Reversed, 1));
    assert_eq!(bench.upload(sale(0, 1, 2), 0, 2, 500).short(), (ResultCode::Reversed, 0));
    assert_eq!(bench.wallets(0), [9_900, 0, 0]);
    bench.close();
}

#[test]
fn it_goes_back_to_the_wallet_that_was_debited() {
    let mut bench = Bench::new(1, 1);
    let verdict = CodeVerdict::Authentic { account: AccountId(0), step: 9, nonce: 0 };
    bench.code(sale(0, 1, 1), verdict, 700);
    bench.reverse(sale(0, 1, 2), (1, 1), 700);
    assert_eq!(bench.wallets(0), [10_000, 0, 0]);
    // The code stays used up.
    assert_eq!(bench.code(sale(0, 1, 3), verdict, 700).outcome.code, ResultCode::CodeUsed);
    // A load stays: the money comes back onto the card.
    bench.top_up(sale(1, 1, 1), 0, 1_000, "w");
    for sequence in 4..=8 {
        bench.tap(sale(0, 1, sequence), 0, sequence, 1_000);
    }
    bench.time_ns += crate::ledger::calendar::DAY_NS;
    for sequence in 9..=13 {
        bench.tap(sale(0, 1, sequence), 0, sequence, 1_000);
    }
    bench.time_ns += crate::ledger::calendar::DAY_NS;
    assert_eq!(bench.tap(sale(0, 1, 14), 0, 14, 600).short(), (ResultCode::Approved, 2));
    assert_eq!(bench.wallets(0), [0, 0, 400]);
    bench.reverse(sale(0, 1, 15), (1, 14), 600);
    assert_eq!(bench.wallets(0), [600, 0, 400]);
    bench.close();
}

#[test]
fn what_cant_be_reversed() {
    let mut bench = Bench::new(1, 1);
    bench.upload(sale(0, 1, 1), 0, 1, 100);
    bench.tap(sale(0, 1, 2), 0, 2, 2_001);
    bench.top_up(sale(0, 1, 3), 0, 100, "w");
    bench.tap(sale(0, 1, 4), 0, 3, 100);
    bench.reverse(sale(0, 1, 5), (1, 4), 100);
    for (sequence, original, amount_fen, code, records) in [
        (6, (1, 1), 100, ResultCode::ReversalOfOfflineFact, 1),
        (7, (1, 2), 2_001, ResultCode::NothingToReverse, 1),
        (8, (1, 3), 100, ResultCode::NothingToReverse, 1),
        (9, (1, 5), 100, ResultCode::NothingToReverse, 1),
        (10, (1, 10), 100, ResultCode::NothingToReverse, 1),
        (11, (2, 1), 100, ResultCode::NothingToReverse, 1),
        (12, (1, 4), 99, ResultCode::IdentityConflict, 1),
        (13, (1, 0), 100, ResultCode::SequenceZero, 0),
    ] {
        let answer = bench.reverse(sale(0, 1, sequence), original, amount_fen);
        assert_eq!(answer.short(), (code, records), "{sequence}");
        let again = bench.reverse(sale(0, 1, sequence), original, amount_fen);
        assert_eq!(again.short(), (code, 0), "{sequence} again");
    }
    // Only the fact is left: 10,000 - 100 + 100 topped up.
    assert_eq!(bench.balance(0).system_fen, 10_000);
    bench.close();
}

#[test]
fn the_window_is_three_days() {
    let mut bench = Bench::new(1, 1);
    let begin = bench.time_ns;
    bench.tap(sale(0, 1, 1), 0, 1, 100);
    bench.tap(sale(0, 1, 2), 0, 2, 100);
    bench.tap(sale(0, 1, 3), 0, 3, 2_001);
    bench.time_ns = begin + REVERSAL_WINDOW_NS;
    assert_eq!(bench.reverse(sale(0, 1, 4), (1, 1), 100).outcome.code, ResultCode::Approved);
    bench.time_ns += SECOND_NS;
    assert_eq!(bench.reverse(sale(0, 1, 5), (1, 2), 100).outcome.code, ResultCode::ReversalTooLate);
    assert_eq!(bench.reverse(sale(0, 1, 6), (1, 3), 2_001).outcome.code, ResultCode::ReversalTooLate);
    // What was reversed in time is answered the same for ever.
    assert_eq!(bench.reverse(sale(0, 1, 7), (1, 1), 100).outcome.code, ResultCode::Approved);
    bench.close();
}

#[test]
fn an_original_of_an_older_epoch_is_looked_up() {
    let mut bench = Bench::new(2, 1);
    bench.tap(sale(0, 1, 1), 0, 1, 100);
    assert_eq!(bench.reverse(sale(0, 2, 1), (1, 1), 100).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::Reversal));
    assert_eq!(bench.reverse(sale(0, 2, 2), (1, 1), 100).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::Repeat));
    // One that never came: neither a request nor a fact happens after that.
    assert_eq!(bench.reverse(sale(0, 2, 3), (1, 7), 100).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::ReversalBeforeOriginal));
    assert_eq!(bench.reverse(sale(0, 2, 4), (1, 7), 100).outcome.code, ResultCode::Approved);
    assert_eq!(bench.tap(sale(0, 1, 7), 0, 7, 100).short(), (ResultCode::Reversed, 0));
    let fact = OfflineFact {
        sale: sale(0, 1, 7),
        record_terminal: sale(0, 1, 7).terminal,
        card_uid: uid(0),
        card_counter: CardCounter(7),
        amount_fen: 100,
        till_time_ns: bench.time_ns,
        list: None,
        authentic: true,
        carried: Carried::default(),
    };
    assert_eq!(bench.fact(fact).short(), (ResultCode::Reversed, 1));
    assert_eq!(bench.fact(fact).short(), (ResultCode::Reversed, 0));
    assert_eq!(bench.wallets(0), [10_000, 0, 0]);
    bench.close();
}

#[test]
fn a_reversal_needs_room_for_the_gap_it_may_open() {
    let mut bench = Bench::new(1, 1);
    let gaps = u32::try_from(GAPS_MAX).unwrap();
    for i in 1..gaps {
        bench.tap(sale(0, 1, 2 * i), 0, i, 1);
    }
    let last = 2 * (gaps - 1);
    // Original and reversal next to each other, far from the rest, open one gap; far from each other, two.
    assert_eq!(bench.reverse(sale(0, 1, last + 9), (1, last + 5), 1).short(), (ResultCode::TooManyGaps, 0));
    assert_eq!(bench.reverse(sale(0, 1, last + 6), (1, last + 5), 1).short(), (ResultCode::Approved, 1));
    bench.close();
}

#[test]
fn a_reversal_finds_its_original_whatever_shard_the_account_is_in() {
    for shards in [1, 2, 4, 16] {
        let mut bench = Bench::new(shards, 20);
        for account in 0..20 {
            bench.tap(sale(0, 1, 2 * account + 1), account, 1, 100);
            bench.reverse(sale(0, 1, 2 * account + 2), (1, 2 * account + 1), 100);
            assert_eq!(bench.wallets(account), [10_000, 0, 0]);
        }
        assert_eq!(bench.owed_to_merchant(), 0);
        bench.close();
    }
}
