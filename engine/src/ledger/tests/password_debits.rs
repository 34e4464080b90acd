//! Taps above the limits, with the holder's query password; and the limit that payment codes have of their own.

use protocol::ids::{AccountId, CardCounter};
use protocol::result_code::ResultCode::{self, *};

use super::bench::{Answer, Bench, MERCHANT, NOON_NS, register_till, sale, uid};
use crate::ledger::account::AccountStatus;
use crate::ledger::calendar::DAY_NS;
use crate::ledger::command::{
    AccountSelector, CardTap, CodeVerdict, LossReport, PasswordDebit, PasswordSet, RegisterTerminal, Request,
    Sale, SetAccountTerms, SetPolicy,
};
use crate::ledger::limits::{PASSWORD_FAILURES_MAX, PASSWORD_LOCK_NS};
use crate::ledger::record::{Record, RecordKind};
use crate::ledger::registry::{Policy, TerminalKind};
use crate::ledger::state;

const COUNTER: u16 = 4;
const WATER_TAP: u16 = 5;
const RIGHT: u32 = 123_456;
const WRONG: u32 = 123_457;

/// People with passwords, and 10,000 fen each; a counter, and a tap of water that has no keys.
pub(super) fn campus(shards: usize, accounts: u32) -> Bench {
    let mut bench = Bench::new(shards, accounts);
    for (slot, kind) in [(COUNTER, TerminalKind::Counter), (WATER_TAP, TerminalKind::Water)] {
        let Request::RegisterTerminal(till) = register_till(slot) else { unreachable!("it registers") };
        bench.done(Request::RegisterTerminal(RegisterTerminal { merchant: MERCHANT, kind, ..till }));
    }
    bench.typed = RIGHT;
    for account in 0..accounts {
        let sale = sale(COUNTER, 1, account + 1);
        let account = AccountSelector::Account(AccountId(account));
        bench.done(Request::PasswordSet(PasswordSet { sale, account, well_formed: true }));
    }
    bench
}

pub(super) fn pay(bench: &mut Bench, sale: Sale<'_>, account: u32, counter: u32, amount_fen: i64) -> Answer {
    let (card_uid, card_counter) = (uid(account), CardCounter(counter));
    let debit = PasswordDebit { sale, card_uid, card_counter, amount_fen, well_formed: true };
    bench.run(Request::PasswordDebit(debit))
}

fn typed(bench: &mut Bench, typed: u32, sale: Sale<'_>, counter: u32, amount_fen: i64) -> ResultCode {
    bench.typed = typed;
    pay(bench, sale, 0, counter, amount_fen).outcome.code
}

fn terms(bench: &mut Bench, status: AccountStatus, card_lost: bool, own_fen: u32) {
    bench.done(Request::SetAccountTerms(SetAccountTerms {
        account: AccountId(0),
        status,
        card_lost,
        class: 0,
        debit_max_fen: own_fen,
        day_max_fen: own_fen,
    }));
}

#[test]
fn the_password_lifts_the_limits_and_nothing_else() {
    for shards in [1, 4] {
        let mut bench = campus(shards, 1);
        terms(&mut bench, AccountStatus::Open, false, 300);
        assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 301).outcome.code, DebitLimit);
        let paid = pay(&mut bench, sale(0, 1, 2), 0, 1, 6_000);
        assert_eq!(paid.short(), (Approved, 1));
        assert_eq!(bench.wallets(0), [4_000, 0, 0]);
        assert_eq!(bench.owed_to_merchant(), 6_000);
        assert!(matches!(bench.newest(), Record::Debit(money) if money.is_by_password()));
        // It counts in the day's total, and the chip's counter is used up.
        assert_eq!(bench.tap(sale(0, 1, 3), 0, 2, 1).outcome.code, DayLimit);
        assert_eq!(bench.tap(sale(0, 1, 4), 0, 1, 1).outcome.code, CardCounterReplayed);
        assert_eq!(pay(&mut bench, sale(0, 1, 5), 0, 2, 4_001).outcome.code, InsufficientFunds);
        assert_eq!(pay(&mut bench, sale(0, 1, 6), 0, 2, 4_000).outcome.code, Approved);
        bench.time_ns += DAY_NS;
        bench.top_up(sale(1, 1, 1), 0, 500, "w1");
        assert_eq!(bench.tap(sale(0, 1, 7), 0, 3, 300).outcome.code, Approved);
        bench.close();
    }
}

#[test]
fn it_loads_settles_and_uses_subsidy_as_a_tap_does() {
    let mut bench = campus(2, 1);
    bench.give_subsidy(0, 700);
    bench.code(sale(0, 1, 1), CodeVerdict::Authentic { account: AccountId(0), step: 100, nonce: 1 }, 900);
    let settled = pay(&mut bench, sale(0, 1, 2), 0, 1, 5_100);
    assert_eq!(settled.short(), (Approved, 2));
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([4_700, 0, 0], 0));
    bench.top_up(sale(1, 1, 1), 0, 3_000, "w1");
    bench.give_subsidy(0, 300);
    assert_eq!(pay(&mut bench, sale(0, 1, 3), 0, 2, 7_000).short(), (Approved, 2));
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([0, 0, 1_000], 0));
    let kinds = bench.kinds();
    let settled_and_loaded = [RecordKind::Settle, RecordKind::Debit];
    assert!(kinds.windows(2).any(|pair| pair == settled_and_loaded), "{kinds:?}");
    assert_eq!(kinds[kinds.len() - 2..], [RecordKind::Load, RecordKind::FullDebit]);
    assert!(matches!(bench.newest(), Record::FullDebit(r) if r.money.is_by_password()));
    // Given back, wholly and in parts, as any other.
    assert_eq!(bench.void(sale(0, 1, 4), (1, 3), 7_000).outcome.code, Approved);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([7_000, 0, 1_000], 300));
    assert_eq!(bench.refund(sale(1, 1, 2), sale(0, 1, 2), 5_000).outcome.code, Approved);
    assert_eq!(bench.refund(sale(1, 1, 3), sale(0, 1, 2), 101).outcome.code, RefundAboveOriginal);
    bench.close();
}

#[test]
fn it_is_repeated_reversed_and_asked_for_under_its_identity() {
    let mut bench = campus(2, 2);
    let first = pay(&mut bench, sale(0, 1, 1), 0, 1, 6_000);
    // Whatever is typed the second time: it isn't part of the body.
    bench.typed = WRONG;
    let again = pay(&mut bench, sale(0, 1, 1), 0, 1, 6_000);
    assert_eq!((again.short(), again.outcome.record), ((Approved, 0), first.outcome.record));
    assert!(again.outcome.repeat);
    bench.typed = RIGHT;
    // Another body, and the same in two phases, are conflicts; without the password, or uploaded, it is the same sale.
    assert_eq!(pay(&mut bench, sale(0, 1, 1), 0, 1, 6_001).outcome.code, IdentityConflict);
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 6_000).short(), (Approved, 0));
    let uploaded = bench.upload(sale(0, 1, 1), 0, 1, 6_000);
    assert_eq!((uploaded.short(), uploaded.outcome.record), ((Approved, 0), first.outcome.record));
    let (card_uid, card_counter) = (uid(0), CardCounter(1));
    let in_two = CardTap { sale: sale(0, 1, 1), card_uid, card_counter, amount_fen: 6_000 };
    assert_eq!(bench.run(Request::CardTap(in_two)).outcome.code, IdentityConflict);
    assert_eq!(bench.reverse(sale(0, 1, 2), (1, 1), 6_000).outcome.code, Approved);
    assert_eq!(bench.wallets(0), [10_000, 0, 0]);
    assert_eq!(pay(&mut bench, sale(0, 1, 1), 0, 1, 6_000).short(), (Reversed, 0));
    // Above the limit without it, the sequence is used up.
    assert_eq!(bench.tap(sale(0, 1, 9), 0, 2, 6_000).outcome.code, DebitLimit);
    assert_eq!(pay(&mut bench, sale(0, 1, 9), 0, 2, 6_000).short(), (DebitLimit, 0));
    // Off the day's total with it; and reversed before it came.
    assert_eq!(bench.tap(sale(0, 1, 3), 0, 2, 2_000).outcome.code, Approved);
    assert_eq!(bench.reverse(sale(0, 1, 5), (1, 4), 6_000).outcome.code, Approved);
    assert_eq!(pay(&mut bench, sale(0, 1, 4), 1, 1, 6_000).short(), (Reversed, 0));
    bench.close();
}

#[test]
fn every_wrong_state_has_its_code_and_the_lowest_is_the_answer() {
    let mut bench = campus(1, 2);
    bench.typed = WRONG;
    // No record, whatever else is wrong.
    for (amount_fen, sequence, slot, code) in [
        (0, 1, 0, AmountNotPositive),
        (1_000_000_001, 1, 0, AmountTooLarge),
        (100, 0, 0, SequenceZero),
        (100, 1, WATER_TAP, NotPermitted),
    ] {
        assert_eq!(pay(&mut bench, sale(slot, 1, sequence), 0, 1, amount_fen).short(), (code, 0));
    }
    // The card first: nobody tries passwords with one that doesn't pay.
    let malformed = |sale, account, counter| {
        let (card_uid, card_counter) = (uid(account), CardCounter(counter));
        let (amount_fen, well_formed) = (6_000, false);
        Request::PasswordDebit(PasswordDebit { sale, card_uid, card_counter, amount_fen, well_formed })
    };
    assert_eq!(bench.run(malformed(sale(0, 1, 1), 99, 1)).outcome.code, UnknownCard);
    assert_eq!(bench.run(malformed(sale(0, 1, 2), 0, 0)).outcome.code, CardCounterReplayed);
    terms(&mut bench, AccountStatus::Open, true, 0);
    assert_eq!(bench.run(malformed(sale(0, 1, 3), 0, 1)).outcome.code, CardLost);
    // Then the password, before anything of the account.
    terms(&mut bench, AccountStatus::Frozen, false, 0);
    assert_eq!(bench.run(malformed(sale(0, 1, 4), 0, 1)).outcome.code, PasswordMalformed);
    assert_eq!(typed(&mut bench, WRONG, sale(0, 1, 5), 1, 6_000), PasswordWrong);
    assert_eq!(typed(&mut bench, RIGHT, sale(0, 1, 6), 1, 6_000), AccountFrozen);
    terms(&mut bench, AccountStatus::Open, false, 0);
    assert_eq!(typed(&mut bench, RIGHT, sale(0, 1, 7), 1, 10_001), InsufficientFunds);
    bench.close();

    let mut bench = Bench::new(1, 1);
    assert_eq!(pay(&mut bench, sale(0, 1, 1), 0, 1, 6_000).outcome.code, PasswordNotSet);
    bench.close();
}

#[test]
fn wrong_ones_lock_everywhere_and_an_approved_debit_forgets_them() {
    let mut bench = campus(2, 1);
    let mut sequence = 0;
    let mut ask = |bench: &mut Bench, typed_now, amount_fen| {
        sequence += 1;
        typed(bench, typed_now, sale(0, 1, sequence), sequence, amount_fen)
    };
    for _ in 1..PASSWORD_FAILURES_MAX {
        assert_eq!(ask(&mut bench, WRONG, 2_500), PasswordWrong);
    }
    // Right, and refused for want of money: the count stays. Approved: it begins anew.
    assert_eq!(ask(&mut bench, RIGHT, 90_000), InsufficientFunds);
    assert_eq!(ask(&mut bench, RIGHT, 2_500), Approved);
    assert_eq!(state::holder(&bench.state.shards, AccountId(0)).failures, 0);
    for _ in 0..PASSWORD_FAILURES_MAX {
        assert_eq!(ask(&mut bench, WRONG, 2_500), PasswordWrong);
    }
    assert_eq!(ask(&mut bench, RIGHT, 2_500), PasswordLocked);
    // Below the limit the card needs no password, and the phone is locked, too.
    assert_eq!(bench.tap(sale(2, 1, 1), 0, 90, 100).outcome.code, Approved);
    let account = AccountSelector::Account(AccountId(0));
    let report = LossReport { sale: sale(1, 1, 1), account, well_formed: true };
    assert_eq!(bench.run(Request::LossReport(report)).outcome.code, PasswordLocked);
    bench.close();
    bench.time_ns += PASSWORD_LOCK_NS;
    let (card_uid, card_counter) = (uid(0), CardCounter(91));
    let sale = sale(0, 1, 40);
    let debit = PasswordDebit { sale, card_uid, card_counter, amount_fen: 2_500, well_formed: true };
    assert_eq!(bench.run(Request::PasswordDebit(debit)).outcome.code, Approved);
    bench.close();
}

#[test]
fn an_open_tap_is_resolved_before_the_password_is_looked_at() {
    for shards in [1, 4] {
        let mut bench = campus(shards, 1);
        let (card_uid, card_counter) = (uid(0), CardCounter(5));
        let tap = |sale| Request::CardTap(CardTap { sale, card_uid, card_counter, amount_fen: 2_000 });
        bench.done(tap(sale(3, 1, 1)));
        // The chip wasn't written: undone, whether the password is right or not.
        assert_eq!(typed(&mut bench, WRONG, sale(0, 1, 1), 5, 9_000), PasswordWrong);
        assert_eq!(bench.wallets(0), [10_000, 0, 0]);
        let kinds = bench.kinds();
        assert_eq!(kinds[kinds.len() - 2..], [RecordKind::TapUndone, RecordKind::Refusal]);
        bench.done(tap(sale(3, 1, 2)));
        bench.typed = RIGHT;
        assert_eq!(pay(&mut bench, sale(0, 1, 2), 0, 5, 9_000).short(), (Approved, 2));
        assert_eq!(bench.wallets(0), [1_000, 0, 0]);
        bench.close();
    }
}

#[test]
fn payment_codes_have_a_limit_of_their_own() {
    let mut bench = Bench::new(2, 1);
    let mut next = 0;
    let mut code = |bench: &mut Bench, amount_fen| {
        next += 1;
        let verdict = CodeVerdict::Authentic { account: AccountId(0), step: 100 + next, nonce: 1 };
        bench.code(sale(0, 1, next), verdict, amount_fen).outcome.code
    };
    let set = |bench: &mut Bench, code_max_fen| {
        let policy = Policy { code_max_fen, ..Policy::DEFAULT };
        bench.done(Request::SetPolicy(SetPolicy { class: 0, policy }));
    };
    // As of one debit, unless the class says otherwise: less or more.
    assert_eq!([2_001, 2_000].map(|fen| code(&mut bench, fen)), [CodeLimit, Approved]);
    set(&mut bench, 500);
    assert_eq!([501, 500].map(|fen| code(&mut bench, fen)), [CodeLimit, Approved]);
    assert_eq!(bench.tap(sale(1, 1, 1), 0, 1, 1_500).outcome.code, Approved, "it is no limit of cards");
    bench.time_ns = NOON_NS + DAY_NS;
    set(&mut bench, 3_000);
    assert_eq!([3_001, 3_000].map(|fen| code(&mut bench, fen)), [CodeLimit, Approved]);
    // The day's total is the same for all, and the holder's own limit counts where it is lower.
    assert_eq!(code(&mut bench, 2_001), DayLimit);
    terms(&mut bench, AccountStatus::Open, false, 200);
    assert_eq!(code(&mut bench, 201), CodeLimit);
    set(&mut bench, 0);
    bench.close();
}
