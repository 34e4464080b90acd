use protocol::ids::{AccountId, CardCounter, CardUid};
use protocol::result_code::ResultCode;

use super::bench::{Bench, MERCHANT, NOON_NS, SECOND_NS, sale, uid};
use crate::ledger::account::AccountStatus;
use crate::ledger::calendar::DAY_NS;
use crate::ledger::command::{
    BindCard, CardDebit, CodeVerdict, Opening, RegisterMerchant, RegisterTerminal, Request, SetAccountTerms,
    SetPolicy,
};
use crate::ledger::limits::{AMOUNT_FEN_MAX, BAD_CODES_MAX, CODE_WINDOW_NS};
use crate::ledger::record::{RecordKind, Wallet};
use crate::ledger::registry::{AuthoriseRule, Policy, TerminalKind};

fn terms(account: u32, status: AccountStatus, card_lost: bool) -> Request<'static> {
    let account = AccountId(account);
    Request::SetAccountTerms(SetAccountTerms {
        account,
        status,
        card_lost,
        class: 0,
        debit_max_fen: 0,
        day_max_fen: 0,
    })
}

fn policy(policy: Policy) -> Request<'static> {
    Request::SetPolicy(SetPolicy { class: 0, policy })
}

#[test]
fn a_tap_moves_money_from_the_card_to_the_merchant() {
    let mut bench = Bench::new(2, 2);
    let answer = bench.tap(sale(0, 1, 1), 1, 1, 1_250);
    assert_eq!(answer.short(), (ResultCode::Approved, 1));
    assert_eq!(answer.outcome.account, Some(AccountId(1)));
    assert_eq!(answer.outcome.balance_after_fen, 8_750);
    assert_eq!(answer.outcome.record, bench.head());
    assert_eq!(bench.wallets(1), [8_750, 0, 0]);
    assert_eq!(bench.owed_to_merchant(), 1_250);
    bench.close();
}

#[test]
fn limits_are_inclusive_and_by_the_day_of_the_campus() {
    let mut bench = Bench::new(1, 1);
    let mut sequence = 0;
    let mut tap = |bench: &mut Bench, amount_fen| {
        sequence += 1;
        bench.tap(sale(0, 1, sequence), 0, sequence, amount_fen).outcome.code
    };
    assert_eq!(tap(&mut bench, 2_001), ResultCode::DebitLimit);
    assert_eq!(tap(&mut bench, 2_000), ResultCode::Approved);
    assert_eq!(tap(&mut bench, 2_000), ResultCode::Approved);
    assert_eq!(tap(&mut bench, 1_001), ResultCode::DayLimit);
    assert_eq!(tap(&mut bench, 1_000), ResultCode::Approved);
    assert_eq!(tap(&mut bench, 1), ResultCode::DayLimit);
    // 23:59:59 is still today, a second later it is tomorrow.
    bench.time_ns = NOON_NS + DAY_NS / 2 - SECOND_NS;
    assert_eq!(tap(&mut bench, 1), ResultCode::DayLimit);
    bench.time_ns += SECOND_NS;
    assert_eq!(tap(&mut bench, 1), ResultCode::Approved);
    bench.close();
}

#[test]
fn holders_lower_their_limits_and_never_raise_them() {
    let mut bench = Bench::new(1, 1);
    let own = |debit_max_fen, day_max_fen| {
        Request::SetAccountTerms(SetAccountTerms {
            account: AccountId(0),
            status: AccountStatus::Open,
            card_lost: false,
            class: 0,
            debit_max_fen,
            day_max_fen,
        })
    };
    bench.done(own(300, 400));
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 301).outcome.code, ResultCode::DebitLimit);
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 2, 300).outcome.code, ResultCode::Approved);
    assert_eq!(bench.tap(sale(0, 1, 3), 0, 3, 101).outcome.code, ResultCode::DayLimit);
    bench.done(own(100_000, 100_000));
    assert_eq!(bench.tap(sale(0, 1, 4), 0, 4, 2_001).outcome.code, ResultCode::DebitLimit);
    bench.close();
}

#[test]
fn a_tap_loads_exactly_what_is_missing_in_its_own_group() {
    let mut bench = Bench::new(4, 1);
    bench.done(policy(Policy { debit_max_fen: 20_000, day_max_fen: 90_000, ..Policy::DEFAULT }));
    bench.top_up(sale(1, 1, 1), 0, 3_000, "w1");
    let answer = bench.tap(sale(0, 1, 1), 0, 1, 10_500);
    assert_eq!(answer.short(), (ResultCode::Approved, 2));
    assert_eq!(answer.outcome.record, bench.head());
    assert_eq!(bench.wallets(0), [0, 0, 2_500]);
    let kinds = bench.kinds();
    assert_eq!(kinds[kinds.len() - 2..], [RecordKind::Load, RecordKind::Debit]);
    // The retry finds the debit, not the load.
    let again = bench.tap(sale(0, 1, 1), 0, 1, 10_500);
    assert_eq!((again.outcome.record, again.outcome.repeat), (answer.outcome.record, true));
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 2, 2_501).outcome.code, ResultCode::InsufficientFunds);
    assert_eq!(bench.tap(sale(0, 1, 3), 0, 3, 2_500).short(), (ResultCode::Approved, 2));
    assert_eq!(bench.wallets(0), [0, 0, 0]);
    bench.close();
}

#[test]
fn a_load_may_be_more_than_any_request() {
    let mut bench = Bench::new(2, 1);
    for sequence in 1..=2 {
        bench.upload(sale(0, 1, sequence), 0, sequence, AMOUNT_FEN_MAX);
        bench.top_up(sale(1, 1, sequence), 0, AMOUNT_FEN_MAX, &format!("W{sequence}"));
    }
    bench.time_ns += DAY_NS;
    // What the card wallet lacks is what offline facts took, less the 10,000 it began with, and the tap.
    assert_eq!(bench.tap(sale(0, 1, 3), 0, 1, 700).short(), (ResultCode::Approved, 2));
    assert_eq!(bench.wallets(0), [0, 0, 9_300]);
    bench.close();
}

#[test]
fn rules_and_floors_of_a_class() {
    for (rule, floor_fen, balance_fen, amount_fen, code) in [
        (AuthoriseRule::Covers, 0, 100, 100, ResultCode::Approved),
        (AuthoriseRule::Covers, 0, 100, 101, ResultCode::InsufficientFunds),
        (AuthoriseRule::Covers, 10, 100, 91, ResultCode::InsufficientFunds),
        (AuthoriseRule::Covers, 10, 100, 90, ResultCode::Approved),
        (AuthoriseRule::Covers, -50, 100, 150, ResultCode::Approved),
        (AuthoriseRule::Covers, -50, 100, 151, ResultCode::InsufficientFunds),
        (AuthoriseRule::AboveZero, -500, 1, 501, ResultCode::Approved),
        (AuthoriseRule::AboveZero, -500, 1, 502, ResultCode::InsufficientFunds),
    ] {
        let mut bench = Bench::new(1, 1);
        bench.done(policy(Policy {
            floor_fen,
            rule,
            debit_max_fen: 20_000,
            day_max_fen: 90_000,
            ..Policy::DEFAULT
        }));
        bench.tap(sale(0, 1, 1), 0, 1, 10_000 - balance_fen.max(floor_fen));
        let left = bench.balance(0).system_fen;
        assert_eq!(left, balance_fen);
        let answer = bench.tap(sale(0, 1, 2), 0, 2, amount_fen);
        assert_eq!(answer.outcome.code, code, "{rule:?} {floor_fen} {balance_fen} {amount_fen}");
        bench.close();
    }
    // At zero, "above zero" lets nothing through whatever the floor.
    let mut bench = Bench::new(1, 1);
    let above_zero = AuthoriseRule::AboveZero;
    let wide = Policy { floor_fen: -500, debit_max_fen: 20_000, day_max_fen: 90_000, ..Policy::DEFAULT };
    bench.done(policy(Policy { rule: above_zero, ..wide }));
    bench.tap(sale(0, 1, 1), 0, 1, 10_000);
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 2, 1).outcome.code, ResultCode::InsufficientFunds);
    bench.done(policy(wide));
    assert_eq!(bench.tap(sale(0, 1, 3), 0, 3, 500).outcome.code, ResultCode::Approved);
    assert_eq!(bench.wallets(0), [-500, 0, 0]);
    bench.close();
}

#[test]
fn the_account_decides_which_card_is_current() {
    let mut bench = Bench::new(2, 2);
    let stranger = Request::CardDebit(CardDebit {
        sale: sale(0, 1, 1),
        card_uid: CardUid(77),
        card_counter: CardCounter(1),
        amount_fen: 100,
    });
    assert_eq!(bench.run(stranger).short(), (ResultCode::UnknownCard, 1));
    bench.done(terms(0, AccountStatus::Open, true));
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 1, 100).outcome.code, ResultCode::CardLost);
    bench.done(Request::BindCard(BindCard { account: AccountId(0), card_uid: CardUid(55) }));
    assert_eq!(bench.tap(sale(0, 1, 3), 0, 1, 100).outcome.code, ResultCode::CardNotCurrent);
    let new_card = |sequence, counter| {
        Request::CardDebit(CardDebit {
            sale: sale(0, 1, sequence),
            card_uid: CardUid(55),
            card_counter: CardCounter(counter),
            amount_fen: 100,
        })
    };
    assert_eq!(bench.run(new_card(4, 7)).outcome.code, ResultCode::Approved);
    assert_eq!(bench.run(new_card(5, 7)).outcome.code, ResultCode::CardCounterReplayed);
    assert_eq!(bench.run(new_card(6, 6)).outcome.code, ResultCode::CardCounterReplayed);
    assert_eq!(bench.run(new_card(7, 8)).outcome.code, ResultCode::Approved);
    bench.close();
}

#[test]
fn a_refused_tap_doesnt_raise_the_card_counter() {
    let mut bench = Bench::new(1, 1);
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 5, 2_001).outcome.code, ResultCode::DebitLimit);
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 5, 2_000).outcome.code, ResultCode::Approved);
    bench.close();
}

#[test]
fn frozen_closed_and_no_merchant() {
    let mut bench = Bench::new(1, 1);
    bench.done(terms(0, AccountStatus::Frozen, false));
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 100).outcome.code, ResultCode::AccountFrozen);
    bench.done(terms(0, AccountStatus::Closed, false));
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 1, 100).outcome.code, ResultCode::AccountClosed);
    bench.done(terms(0, AccountStatus::Open, false));
    bench.done(Request::RegisterMerchant(RegisterMerchant {
        merchant: MERCHANT,
        name: "一食堂",
        enabled: false,
    }));
    assert_eq!(bench.tap(sale(0, 1, 3), 0, 1, 9_999).outcome.code, ResultCode::UnknownMerchant);
    bench.close();
}

#[test]
fn fields_are_refused_without_a_trace() {
    let mut bench = Bench::new(1, 1);
    for (amount_fen, sequence, code) in [
        (0, 1, ResultCode::AmountNotPositive),
        (-1, 1, ResultCode::AmountNotPositive),
        (i64::MIN, 0, ResultCode::AmountNotPositive),
        (AMOUNT_FEN_MAX + 1, 0, ResultCode::AmountTooLarge),
        (i64::MAX, 1, ResultCode::AmountTooLarge),
        (1, 0, ResultCode::SequenceZero),
    ] {
        assert_eq!(bench.tap(sale(0, 1, sequence), 0, 1, amount_fen).short(), (code, 0));
        assert_eq!(bench.upload(sale(0, 1, sequence), 0, 1, amount_fen).short(), (code, 0));
        assert_eq!(bench.top_up(sale(0, 1, sequence), 0, amount_fen, "w").short(), (code, 0));
        assert_eq!(bench.reverse(sale(0, 1, sequence), (1, 9), amount_fen).short(), (code, 0));
        assert_eq!(bench.code(sale(0, 1, sequence), CodeVerdict::Malformed, amount_fen).short(), (code, 0));
    }
    // The identity is still free.
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 100).short(), (ResultCode::Approved, 1));
    // The largest amount is a question of limits, not of fields.
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 2, AMOUNT_FEN_MAX).outcome.code, ResultCode::DebitLimit);
    bench.close();
}

#[test]
fn a_terminal_sends_what_its_kind_may() {
    let mut bench = Bench::new(1, 1);
    let kind = |slot, kind, enabled| {
        Request::RegisterTerminal(RegisterTerminal {
            terminal: sale(slot, 1, 1).terminal,
            merchant: MERCHANT,
            kind,
            key_version: 1,
            enabled,
        })
    };
    bench.done(kind(0, TerminalKind::Door, true));
    bench.done(kind(1, TerminalKind::PointOfSale, true));
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 100).short(), (ResultCode::NotPermitted, 0));
    assert_eq!(bench.top_up(sale(1, 1, 1), 0, 100, "a").short(), (ResultCode::NotPermitted, 0));
    bench.done(kind(0, TerminalKind::Counter, true));
    assert_eq!(bench.top_up(sale(0, 1, 1), 0, 100, "a").short(), (ResultCode::Approved, 1));
    assert_eq!(bench.tap(sale(1, 1, 1), 0, 1, 100).short(), (ResultCode::Approved, 1));
    bench.done(kind(1, TerminalKind::PointOfSale, false));
    assert_eq!(bench.tap(sale(1, 1, 1), 0, 1, 100).short(), (ResultCode::UnknownTerminal, 0));
    // A slot that another terminal has, and one that none has.
    let foreign = crate::ledger::command::Sale { slot: sale(2, 1, 1).slot, ..sale(0, 1, 1) };
    assert_eq!(bench.tap(foreign, 0, 1, 100).short(), (ResultCode::UnknownTerminal, 0));
    assert_eq!(bench.tap(sale(9, 1, 1), 0, 1, 100).short(), (ResultCode::UnknownTerminal, 0));
    bench.close();
}

fn code(account: u32, step: u32, nonce: u8) -> CodeVerdict {
    CodeVerdict::Authentic { account: AccountId(account), step, nonce }
}

#[test]
fn a_code_is_used_once_and_pays_from_the_transition_wallet() {
    let mut bench = Bench::new(2, 2);
    assert_eq!(bench.code(sale(0, 1, 1), code(1, 1_000, 3), 700).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.wallets(1), [10_000, -700, 0]);
    assert_eq!(bench.code(sale(1, 1, 1), code(1, 1_000, 3), 700).short(), (ResultCode::CodeUsed, 1));
    // Another nonce of the same step, the steps beside it: two meals a minute.
    assert_eq!(bench.code(sale(0, 1, 2), code(1, 1_000, 4), 700).outcome.code, ResultCode::Approved);
    assert_eq!(bench.code(sale(0, 1, 3), code(1, 1_001, 3), 700).outcome.code, ResultCode::Approved);
    assert_eq!(bench.code(sale(0, 1, 4), code(1, 999, 3), 700).outcome.code, ResultCode::Approved);
    assert_eq!(bench.code(sale(0, 1, 5), code(1, 998, 3), 700).outcome.code, ResultCode::CodeExpired);
    assert_eq!(bench.code(sale(0, 1, 6), code(0, 1_000, 3), 700).outcome.code, ResultCode::Approved);
    assert_eq!(bench.code(sale(0, 1, 7), code(99, 1_000, 3), 700).outcome.code, ResultCode::UnknownAccount);
    // The retry answers as before, though the code has expired meanwhile.
    let again = bench.code(sale(0, 1, 1), CodeVerdict::Expired, 700);
    assert_eq!((again.outcome.code, again.outcome.repeat), (ResultCode::Approved, true));
    bench.close();
}

#[test]
fn a_refused_debit_uses_its_code_up() {
    let mut bench = Bench::new(1, 1);
    assert_eq!(bench.code(sale(0, 1, 1), code(0, 50, 1), 2_001).outcome.code, ResultCode::CodeLimit);
    assert_eq!(bench.code(sale(0, 1, 2), code(0, 50, 1), 2_000).outcome.code, ResultCode::CodeUsed);
    bench.close();
}

#[test]
fn guessing_codes_locks_the_terminal_for_a_while() {
    let mut bench = Bench::new(1, 1);
    let mut sequence = 0;
    let mut guess = |bench: &mut Bench, verdict| {
        sequence += 1;
        bench.code(sale(0, 1, sequence), verdict, 100).outcome.code
    };
    for _ in 0..BAD_CODES_MAX {
        assert_eq!(guess(&mut bench, CodeVerdict::Expired), ResultCode::CodeExpired);
        assert_eq!(guess(&mut bench, CodeVerdict::Malformed), ResultCode::CodeMalformed);
        assert_eq!(guess(&mut bench, CodeVerdict::NotAuthentic), ResultCode::CodeNotAuthentic);
    }
    assert_eq!(guess(&mut bench, CodeVerdict::Malformed), ResultCode::CodeMalformed);
    assert_eq!(guess(&mut bench, CodeVerdict::NotAuthentic), ResultCode::CodeLocked);
    assert_eq!(guess(&mut bench, code(0, 50, 1)), ResultCode::CodeLocked);
    // Another terminal isn't disturbed, and the code that was refused unseen isn't used up.
    assert_eq!(bench.code(sale(1, 1, 1), code(0, 50, 1), 100).outcome.code, ResultCode::Approved);
    bench.time_ns += CODE_WINDOW_NS;
    assert_eq!(guess(&mut bench, code(0, 50, 2)), ResultCode::Approved);
    assert_eq!(guess(&mut bench, CodeVerdict::NotAuthentic), ResultCode::CodeNotAuthentic);
    assert_eq!(guess(&mut bench, code(0, 50, 3)), ResultCode::Approved);
    bench.close();
}

#[test]
fn the_card_of_an_unbound_number_pays_nothing() {
    let mut bench = Bench::new(1, 2);
    let conflict = bench.run(Request::BindCard(BindCard { account: AccountId(1), card_uid: uid(0) }));
    assert_eq!(conflict.short(), (ResultCode::IdentityConflict, 1));
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 100).outcome.code, ResultCode::UnknownCard);
    assert_eq!(bench.tap(sale(0, 1, 2), 1, 1, 100).outcome.code, ResultCode::Approved);
    bench.close();
}

#[test]
fn an_opening_balance_is_taken_over_once() {
    let mut bench = Bench::new(1, 1);
    let again = bench.run(Request::Opening(Opening {
        account: AccountId(0),
        wallet: Wallet::Electronic,
        amount_fen: 5,
    }));
    assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::Approved, 0), true));
    assert_eq!(bench.wallets(0), [10_000, 0, 0]);
    bench.close();
}
