//! What is paid beside prices: by class and time of day, from whatever wallet, and given back with its price.

use protocol::card::ChipWrite;
use protocol::ids::{AccountId, CardCounter, Epoch, Sequence};
use protocol::result_code::ResultCode::*;

use super::bench::{Answer, Bench, NOON_NS, sale, uid};
use super::refunds::close_account;
use crate::ledger::calendar::DAY_NS;
use crate::ledger::command::{
    CardTap, CodeVerdict, Request, Sale, SetAccountClass, SetMealPeriod, SetPolicy, SetPrice, TapConfirm,
};
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::limits::AMOUNT_FEN_MAX;
use crate::ledger::prices::OTHER_TIME;
use crate::ledger::record::{Record, RecordKind};
use crate::ledger::registry::Policy;
use crate::ledger::state::total_fen;

/// Lunch, in which the tests' noon is.
const LUNCH: u8 = 2;
/// The class of teachers.
const TEACHERS: u8 = 1;

fn set(bench: &mut Bench, class: u8, period: u8, rate: i16) -> Answer {
    bench.run(Request::SetPrice(SetPrice { class, period, rate }))
}

/// Students, account 0 and those behind it, who pay `rate` at lunch; teachers, account 1, who don't.
fn campus(shards: usize, rate: i16) -> Bench {
    let mut bench = Bench::new(shards, 4);
    let lunch = SetMealPeriod { period: LUNCH, name: "午餐", start_minute: 660, end_minute: 780 };
    bench.done(Request::SetMealPeriod(lunch));
    bench.done(Request::SetAccountClass(SetAccountClass { account: AccountId(1), class: TEACHERS }));
    assert_eq!(set(&mut bench, 0, LUNCH, rate).short(), (Approved, 1));
    bench
}

fn pricing_fen(bench: &Bench) -> i64 {
    total_fen(&bench.state.shards, LedgerAccount::clearing(Clearing::Pricing))
}

pub(super) fn chip_tap(bench: &mut Bench, sale: Sale<'_>, counter: u32, amount_fen: i64) -> Answer {
    let (card_uid, card_counter) = (uid(0), CardCounter(counter));
    bench.run(Request::CardTap(CardTap { sale, card_uid, card_counter, amount_fen }))
}

pub(super) fn code(account: u32, step: u32) -> CodeVerdict {
    CodeVerdict::Authentic { account: AccountId(account), step, nonce: 1 }
}

#[test]
fn the_merchant_gets_the_price_and_the_answer_says_what_was_paid() {
    for shards in [1, 4] {
        let mut bench = campus(shards, 500);
        let paid = bench.tap(sale(0, 1, 1), 0, 1, 1_010);
        assert_eq!(paid.short(), (Approved, 1));
        assert_eq!((paid.outcome.amount_fen, paid.outcome.balance_after_fen), (1_061, 8_939));
        assert_eq!(
            (bench.wallets(0), bench.owed_to_merchant(), pricing_fen(&bench)),
            ([8_939, 0, 0], 1_010, 51)
        );
        assert!(matches!(bench.newest(), Record::FullDebit(r) if r.pricing_fen.get() == 51));
        // A retry is told the same, another body is one still.
        let again = bench.tap(sale(0, 1, 1), 0, 1, 1_010);
        assert_eq!((again.outcome.amount_fen, again.outcome.repeat), (1_061, true));
        assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 1_061).outcome.code, IdentityConflict);
        // Long after, the log says it.
        for sequence in 2..40 {
            bench.reverse(sale(0, 1, sequence), (1, 900), 5);
        }
        let again = bench.tap(sale(0, 1, 1), 0, 1, 1_010);
        assert_eq!((again.outcome.amount_fen, again.outcome.repeat), (1_061, true));
        // Another class pays the price, in a plain debit, and so does everybody when lunch is over.
        assert_eq!(bench.tap(sale(1, 1, 1), 1, 1, 1_010).outcome.amount_fen, 1_010);
        assert_eq!(bench.kinds().last(), Some(&RecordKind::Debit));
        bench.time_ns = NOON_NS + 3_600_000_000_000;
        assert_eq!(bench.tap(sale(1, 1, 2), 0, 2, 1_000).outcome.amount_fen, 1_000);
        assert_eq!(set(&mut bench, 0, OTHER_TIME, -250).short(), (Approved, 1));
        assert_eq!(bench.tap(sale(1, 1, 3), 0, 3, 1_000).outcome.amount_fen, 975);
        assert_eq!(pricing_fen(&bench), 51 - 25);
        bench.close();
    }
}

#[test]
fn a_code_pays_all_of_it_from_the_transition_wallet() {
    let mut bench = campus(2, -1_000);
    let paid = bench.code(sale(0, 1, 1), code(0, 100), 905);
    assert_eq!((paid.short(), paid.outcome.amount_fen), ((Approved, 1), 814));
    assert_eq!(
        (bench.wallets(0), bench.owed_to_merchant(), pricing_fen(&bench)),
        ([10_000, -814, 0], 905, -91)
    );
    // Settled by the next tap, it comes back onto the card.
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 1, 100).short(), (Approved, 2));
    assert_eq!(bench.wallets(0), [9_096, 0, 0]);
    let back = bench.reverse(sale(0, 1, 3), (1, 1), 905);
    assert_eq!((back.short(), back.outcome.amount_fen), ((Approved, 1), 814));
    assert_eq!((bench.wallets(0), pricing_fen(&bench)), ([9_910, 0, 0], -10));
    bench.close();
}

#[test]
fn limits_funds_and_subsidy_are_of_the_whole() {
    let mut bench = campus(2, 1_000);
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 1_819).outcome.code, DebitLimit);
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 1, 1_818).outcome.amount_fen, 2_000);
    assert_eq!(bench.tap(sale(0, 1, 3), 0, 2, 1_818).outcome.code, Approved);
    // 1,000 are left of the day.
    assert_eq!(bench.tap(sale(0, 1, 4), 0, 3, 910).outcome.code, DayLimit);
    assert_eq!(bench.tap(sale(0, 1, 5), 0, 3, 909).outcome.code, Approved);
    let policy = Policy { debit_max_fen: 20_000, day_max_fen: 90_000, code_max_fen: 999, ..Policy::DEFAULT };
    bench.done(Request::SetPolicy(SetPolicy { class: 0, policy }));
    assert_eq!(bench.code(sale(0, 1, 6), code(0, 100), 909).outcome.code, CodeLimit);
    assert_eq!(bench.tap(sale(0, 1, 7), 0, 4, 4_546).outcome.code, InsufficientFunds);
    // What is missing is loaded for all of it, and the school's money is used first.
    bench.give_subsidy(0, 2_000);
    bench.top_up(sale(1, 1, 1), 0, 3_000, "w1");
    let paid = bench.tap(sale(0, 1, 8), 0, 4, 7_000);
    assert_eq!((paid.short(), paid.outcome.amount_fen), ((Approved, 2), 7_700));
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([0, 0, 2_300], 0));
    assert_eq!(bench.void(sale(0, 1, 9), (1, 8), 7_000).outcome.amount_fen, 7_700);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([7_700, 0, 2_300], 2_000));
    bench.close();
}

#[test]
fn it_is_given_back_whole_and_in_parts_that_add_up() {
    for (rate, all_fen) in [(333, 33), (-333, -33), (10_000, 1_000), (-10_000, -1_000)] {
        let mut bench = campus(4, rate);
        bench.give_subsidy(0, 300);
        let whole = 1_000 + all_fen;
        let price = |bench: &mut Bench, slot, sequence, counter| {
            assert_eq!(bench.tap(sale(slot, 1, sequence), 0, counter, 1_000).outcome.amount_fen, whole);
        };
        price(&mut bench, 0, 1, 1);
        // What the reversal names is the price: nothing else is an amount of that sale.
        let other = if all_fen == 1_000 { 999 } else { whole };
        assert_eq!(bench.reverse(sale(0, 1, 2), (1, 1), other).outcome.code, IdentityConflict);
        let back = bench.reverse(sale(0, 1, 3), (1, 1), 1_000);
        assert_eq!((back.short(), back.outcome.amount_fen), ((Approved, 1), whole));
        let again = bench.reverse(sale(0, 1, 3), (1, 1), 1_000);
        assert_eq!((again.outcome.amount_fen, again.outcome.repeat), (whole, true));
        assert_eq!((bench.wallets(0), bench.subsidy_fen(0), pricing_fen(&bench)), ([10_300, 0, 0], 300, 0));
        price(&mut bench, 0, 4, 2);
        let mut back_fen = 0;
        for (at, part_fen) in (0..).zip([1, 332, 333, 1, 333]) {
            let refund = bench.refund(sale(1, 1, at + 1), sale(0, 1, 4), part_fen);
            assert_eq!(refund.outcome.code, Approved);
            back_fen += refund.outcome.amount_fen;
            assert!((refund.outcome.amount_fen - part_fen).signum() * all_fen.signum() >= 0);
            let retold = bench.refund(sale(1, 1, at + 1), sale(0, 1, 4), part_fen);
            assert_eq!((retold.outcome.amount_fen, retold.outcome.repeat), (refund.outcome.amount_fen, true));
        }
        assert_eq!(back_fen, whole);
        assert_eq!(bench.refund(sale(1, 1, 9), sale(0, 1, 4), 1).outcome.code, RefundAboveOriginal);
        assert_eq!((bench.wallets(0), bench.subsidy_fen(0), pricing_fen(&bench)), ([10_300, 0, 0], 300, 0));
        assert_eq!(bench.owed_to_merchant(), 0);
        // Long after, and into a closed account: what isn't the school's is owed to the holder.
        price(&mut bench, 0, 5, 3);
        for sequence in 6..40 {
            bench.reverse(sale(0, 1, sequence), (1, 900), 5);
        }
        close_account(&mut bench, 0);
        let refund = bench.refund(sale(1, 1, 10), sale(0, 1, 5), 1_000);
        assert_eq!((refund.outcome.code, refund.outcome.amount_fen), (Approved, whole));
        assert_eq!(pricing_fen(&bench), 0);
        bench.close();
    }
}

#[test]
fn a_tap_in_two_phases_writes_what_is_left_and_is_undone_with_all_of_it() {
    let mut bench = campus(4, 1_000);
    assert_eq!(chip_tap(&mut bench, sale(3, 1, 1), 1, 1_000).outcome.amount_fen, 1_100);
    assert_eq!(super::taps::chip(&bench, 0).0, 0);
    // The chip wasn't written: undone in the group of the next tap, and what each says of the pricing's chain goes on.
    let next = bench.tap(sale(0, 1, 1), 0, 1, 500);
    assert_eq!((next.short(), next.outcome.amount_fen), ((Approved, 2), 550));
    assert_eq!((bench.wallets(0), pricing_fen(&bench)), ([9_450, 0, 0], 50));
    assert_eq!(chip_tap(&mut bench, sale(3, 1, 1), 1, 1_000).short(), (Reversed, 0));
    chip_tap(&mut bench, sale(3, 1, 2), 2, 1_000);
    let confirm = Request::TapConfirm(TapConfirm {
        sale: sale(3, 1, 3),
        original_terminal: sale(3, 1, 3).terminal,
        original_epoch: Epoch(1),
        original_sequence: Sequence(2),
        amount_fen: 1_000,
        write: ChipWrite::NotWritten,
    });
    assert_eq!(bench.run(confirm).short(), (Approved, 2));
    assert_eq!((bench.wallets(0), pricing_fen(&bench), bench.owed_to_merchant()), ([9_450, 0, 0], 50, 500));
    // The day's total is as if neither had been.
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 2, 1_818).outcome.code, Approved);
    bench.close();
}

#[test]
fn rates_have_a_range_and_what_stands_isnt_said_again() {
    let mut bench = campus(1, 500);
    let before = bench.head();
    for (class, period, rate, code) in [
        (0, LUNCH, 500, Approved),
        (5, LUNCH, 0, Approved),
        (64, LUNCH, 1, NotPermitted),
        (0, OTHER_TIME + 1, 1, NotPermitted),
        (0, LUNCH, 10_001, NotPermitted),
        (0, LUNCH, -10_001, NotPermitted),
    ] {
        assert_eq!(set(&mut bench, class, period, rate).short(), (code, 0), "{class} {period} {rate}");
    }
    assert_eq!(bench.head(), before);
    assert_eq!(bench.state.registry.prices().lines().collect::<Vec<_>>(), [(0, LUNCH, 500)]);
    // A meal period that moves takes its rates along; one that is gone has none.
    let moved = SetMealPeriod { period: LUNCH, name: "午餐", start_minute: 0, end_minute: 720 };
    bench.done(Request::SetMealPeriod(moved));
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 1_000).outcome.amount_fen, 1_000);
    bench.time_ns += DAY_NS - 1;
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 2, 1_000).outcome.amount_fen, 1_050);
    bench.done(Request::SetMealPeriod(SetMealPeriod { end_minute: 0, ..moved }));
    assert_eq!(bench.tap(sale(0, 1, 3), 0, 3, 1_000).outcome.amount_fen, 1_000);
    bench.close();
}

#[test]
fn the_largest_amounts_have_room() {
    let mut bench = campus(1, 10_000);
    let policy = Policy { debit_max_fen: u32::MAX, day_max_fen: u32::MAX, ..Policy::DEFAULT };
    bench.done(Request::SetPolicy(SetPolicy { class: 0, policy }));
    for order in ["w1", "w2", "w3"] {
        bench.top_up(sale(1, 1, order.as_bytes()[1].into()), 0, AMOUNT_FEN_MAX, order);
    }
    let paid = bench.tap(sale(0, 1, 1), 0, 1, AMOUNT_FEN_MAX);
    assert_eq!((paid.outcome.code, paid.outcome.amount_fen), (Approved, 2 * AMOUNT_FEN_MAX));
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, AMOUNT_FEN_MAX).outcome.amount_fen, 2 * AMOUNT_FEN_MAX);
    assert_eq!(bench.reverse(sale(0, 1, 2), (1, 1), AMOUNT_FEN_MAX).outcome.amount_fen, 2 * AMOUNT_FEN_MAX);
    assert_eq!(pricing_fen(&bench), 0);
    bench.close();
}
