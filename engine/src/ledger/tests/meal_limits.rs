//! Limits of meals: what an account may pay in one meal period of a day without its password.

use protocol::ids::AccountId;
use protocol::result_code::ResultCode::*;

use super::bench::{Bench, NOON_NS, sale};
use super::password_debits;
use super::prices::{chip_tap, code};
use crate::ledger::command::{Request, SetAccountClass, SetMealPeriod, SetPolicy, SetPrice};
use crate::ledger::record::Record;
use crate::ledger::registry::Policy;

const HOUR_NS: u64 = 3_600_000_000_000;
/// Lunch, in which the tests' noon is.
const LUNCH: u8 = 2;
/// The class that has a limit of a meal.
const PUPILS: u8 = 1;
const LIMIT_FEN: i64 = 1_500;

/// Account 0, who may pay so much at lunch, and account 2; account 1, who has no such limit.
fn campus(shards: usize) -> Bench {
    let mut bench = with_limit(Bench::new(shards, 3));
    bench.done(Request::SetAccountClass(SetAccountClass { account: AccountId(2), class: PUPILS }));
    bench
}

fn with_limit(mut bench: Bench) -> Bench {
    let lunch = SetMealPeriod { period: LUNCH, name: "午餐", start_minute: 660, end_minute: 780 };
    bench.done(Request::SetMealPeriod(lunch));
    bench.done(Request::SetAccountClass(SetAccountClass { account: AccountId(0), class: PUPILS }));
    limit(&mut bench, LIMIT_FEN as u32);
    bench
}

fn limit(bench: &mut Bench, meal_max_fen: u32) {
    let policy = Policy { meal_max_fen, day_max_fen: 9_000, ..Policy::DEFAULT };
    bench.done(Request::SetPolicy(SetPolicy { class: PUPILS, policy }));
}

#[test]
fn a_meal_takes_so_much_by_card_and_by_code_and_the_next_one_begins_anew() {
    for shards in [1, 4] {
        let mut bench = campus(shards);
        assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, LIMIT_FEN + 1).outcome.code, MealLimit);
        assert_eq!(bench.tap(sale(0, 1, 2), 0, 2, 1_000).short(), (Approved, 1));
        assert!(matches!(bench.newest(), Record::FullDebit(r) if r.window.get() == u32::from(LUNCH) + 1));
        assert_eq!(bench.code(sale(0, 1, 3), code(0, 100), 501).outcome.code, MealLimit);
        assert_eq!(bench.code(sale(0, 1, 4), code(0, 101), 500).short(), (Approved, 1));
        assert_eq!(bench.tap(sale(0, 1, 5), 0, 3, 1).outcome.code, MealLimit);
        // Nobody else's, and of no other class.
        assert_eq!(bench.tap(sale(0, 1, 6), 2, 1, LIMIT_FEN).outcome.code, Approved);
        assert_eq!(bench.tap(sale(0, 1, 7), 1, 1, 2_000).outcome.code, Approved);
        // Lunch is over; then it is lunch again, on the next day.
        bench.time_ns = NOON_NS + HOUR_NS;
        assert_eq!(bench.tap(sale(0, 1, 8), 0, 4, 2_000).outcome.code, Approved);
        bench.time_ns = NOON_NS + 24 * HOUR_NS;
        assert_eq!(bench.tap(sale(0, 1, 9), 0, 5, LIMIT_FEN).outcome.code, Approved);
        assert_eq!(bench.tap(sale(0, 1, 10), 0, 6, 1).outcome.code, MealLimit);
        bench.close();
    }
}

#[test]
fn what_comes_back_may_be_paid_again() {
    let mut bench = campus(2);
    let full = |bench: &mut Bench, sequence, counter| {
        assert_eq!(bench.tap(sale(0, 1, sequence), 0, counter, 1).outcome.code, MealLimit);
    };
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 900).outcome.code, Approved);
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 2, 600).outcome.code, Approved);
    full(&mut bench, 3, 3);
    assert_eq!(bench.reverse(sale(0, 1, 4), (1, 1), 900).outcome.code, Approved);
    assert_eq!(bench.tap(sale(0, 1, 5), 0, 3, 900).outcome.code, Approved);
    full(&mut bench, 6, 4);
    assert_eq!(bench.void(sale(0, 1, 7), (1, 5), 900).outcome.code, Approved);
    assert_eq!(bench.refund(sale(0, 1, 8), sale(0, 1, 2), 200).outcome.code, Approved);
    assert_eq!(bench.tap(sale(0, 1, 9), 0, 4, 1_101).outcome.code, MealLimit);
    assert_eq!(bench.tap(sale(0, 1, 10), 0, 4, 1_100).outcome.code, Approved);
    full(&mut bench, 11, 5);
    // On another day a refund takes off none, and a reversal none of that day's meal.
    bench.time_ns = NOON_NS + 24 * HOUR_NS;
    assert_eq!(bench.tap(sale(0, 1, 12), 0, 5, LIMIT_FEN).outcome.code, Approved);
    assert_eq!(bench.refund(sale(0, 1, 13), sale(0, 1, 2), 100).outcome.code, Approved);
    assert_eq!(bench.reverse(sale(0, 1, 14), (1, 10), 1_100).outcome.code, Approved);
    full(&mut bench, 15, 6);
    bench.close();
}

#[test]
fn a_tap_that_is_undone_leaves_room_for_the_one_that_finds_it_so() {
    let mut bench = campus(2);
    assert_eq!(chip_tap(&mut bench, sale(0, 1, 1), 1, 1_000).outcome.code, Approved);
    assert_eq!(chip_tap(&mut bench, sale(0, 1, 2), 2, 501).outcome.code, MealLimit);
    // The chip has the counter before still: the first wasn't written.
    assert_eq!(chip_tap(&mut bench, sale(0, 1, 3), 1, LIMIT_FEN + 1).short(), (MealLimit, 2));
    assert_eq!(chip_tap(&mut bench, sale(0, 1, 4), 1, LIMIT_FEN).outcome.code, Approved);
    assert_eq!(chip_tap(&mut bench, sale(0, 1, 5), 1, LIMIT_FEN).short(), (Approved, 2));
    assert_eq!(chip_tap(&mut bench, sale(0, 1, 6), 2, 1).outcome.code, MealLimit);
    bench.close();
}

#[test]
fn what_is_paid_with_the_password_counts_and_is_not_limited() {
    let mut bench = with_limit(password_debits::campus(2, 1));
    let paid = password_debits::pay(&mut bench, sale(0, 1, 1), 0, 1, LIMIT_FEN + 1);
    assert_eq!(paid.outcome.code, Approved);
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 2, 1).outcome.code, MealLimit);
    bench.close();
}

#[test]
fn only_what_is_paid_while_there_is_a_limit_counts_and_it_is_of_the_whole() {
    let mut bench = campus(2);
    limit(&mut bench, 0);
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 1_400).outcome.code, Approved);
    limit(&mut bench, LIMIT_FEN as u32);
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 2, 1_000).outcome.code, Approved);
    // What didn't count isn't taken off.
    assert_eq!(bench.reverse(sale(0, 1, 3), (1, 1), 1_400).outcome.code, Approved);
    bench.done(Request::SetPrice(SetPrice { class: PUPILS, period: LUNCH, rate: 1_000 }));
    assert_eq!(bench.tap(sale(0, 1, 4), 0, 3, 455).outcome.code, MealLimit);
    let paid = bench.tap(sale(0, 1, 5), 0, 3, 454);
    assert_eq!((paid.outcome.code, paid.outcome.amount_fen), (Approved, 499));
    // The log says what counted, long after.
    for sequence in 6..40 {
        bench.reverse(sale(0, 1, sequence), (1, 900), 5);
    }
    assert_eq!(bench.reverse(sale(0, 1, 40), (1, 2), 1_000).outcome.code, Approved);
    assert_eq!(bench.tap(sale(0, 1, 41), 0, 4, 910).outcome.amount_fen, 1_001);
    assert_eq!(bench.tap(sale(0, 1, 42), 0, 5, 1).outcome.code, MealLimit);
    bench.close();
}
