use protocol::ids::{AccountId, CardCounter, MerchantId, SaleId, TerminalId};
use protocol::result_code::ResultCode;

use super::bench::{Bench, MERCHANT, sale, uid};
use crate::ledger::account::AccountStatus;
use crate::ledger::calendar::DAY_NS;
use crate::ledger::command::{
    Carried, CodeVerdict, OfflineFact, Refund, RegisterMerchant, RegisterTerminal, Request, Sale,
    SetAccountTerms, SetPolicy, TerminalSlot, TillList,
};
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::record::RecordKind;
use crate::ledger::registry::{Policy, TerminalKind};
use crate::ledger::state::total_fen;

pub(super) fn close_account(bench: &mut Bench, account: u32) {
    bench.done(Request::SetAccountTerms(SetAccountTerms {
        account: AccountId(account),
        status: AccountStatus::Closed,
        card_lost: false,
        class: 0,
        debit_max_fen: 0,
        day_max_fen: 0,
    }));
}

fn payable_fen(bench: &Bench) -> i64 {
    total_fen(&bench.state.shards, LedgerAccount::clearing(Clearing::Payable))
}

#[test]
fn parts_add_up_to_the_original_and_no_further() {
    for shards in [1, 4] {
        let mut bench = Bench::new(shards, 2);
        bench.tap(sale(0, 1, 1), 1, 1, 1_500);
        let first = bench.refund(sale(0, 1, 2), sale(0, 1, 1), 400);
        assert_eq!(first.short(), (ResultCode::Approved, 1));
        assert_eq!((first.outcome.account, first.outcome.balance_after_fen), (Some(AccountId(1)), 8_900));
        // Another till of the same merchant.
        assert_eq!(bench.refund(sale(1, 1, 1), sale(0, 1, 1), 1_000).short(), (ResultCode::Approved, 1));
        assert_eq!((bench.wallets(1), bench.owed_to_merchant()), ([9_900, 0, 0], 100));
        let refused = bench.refund(sale(1, 1, 2), sale(0, 1, 1), 101);
        assert_eq!(refused.short(), (ResultCode::RefundAboveOriginal, 1));
        assert_eq!(bench.refund(sale(0, 1, 3), sale(0, 1, 1), 100).short(), (ResultCode::Approved, 1));
        assert_eq!(
            bench.refund(sale(0, 1, 4), sale(0, 1, 1), 1).outcome.code,
            ResultCode::RefundAboveOriginal
        );
        assert_eq!((bench.wallets(1), bench.owed_to_merchant()), ([10_000, 0, 0], 0));
        // A retry is answered the same, whatever was given back since; another body is a conflict.
        let again = bench.refund(sale(0, 1, 2), sale(0, 1, 1), 400);
        assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::Approved, 0), true));
        assert_eq!((again.outcome.record, again.outcome.balance_after_fen), (first.outcome.record, 8_900));
        assert_eq!(
            bench.refund(sale(0, 1, 2), sale(0, 1, 1), 401).outcome.code,
            ResultCode::IdentityConflict
        );
        assert_eq!(
            bench.refund(sale(1, 1, 1), sale(1, 1, 9), 1_000).outcome.code,
            ResultCode::IdentityConflict
        );
        // The sale itself stands.
        assert_eq!(bench.tap(sale(0, 1, 1), 1, 1, 1_500).short(), (ResultCode::Approved, 0));
        bench.close();
    }
}

#[test]
fn more_than_the_original_at_once_needs_no_look_at_the_log() {
    let mut bench = Bench::new(1, 1);
    bench.tap(sale(0, 1, 1), 0, 1, 1_500);
    assert_eq!(
        bench.refund(sale(0, 1, 2), sale(0, 1, 1), 1_501).outcome.code,
        ResultCode::RefundAboveOriginal
    );
    assert_eq!(bench.refund(sale(0, 1, 3), sale(0, 1, 1), 1_500).outcome.code, ResultCode::Approved);
    assert_eq!(bench.walks, 0);
    bench.close();
}

#[test]
fn what_isnt_a_debit_of_this_merchant_isnt_given_back() {
    let mut bench = Bench::new(2, 3);
    bench.done(Request::RegisterMerchant(RegisterMerchant {
        merchant: MerchantId(4),
        name: "二食堂",
        enabled: true,
    }));
    let elsewhere = Sale { slot: TerminalSlot(4), terminal: TerminalId(900), ..sale(0, 1, 1) };
    bench.done(Request::RegisterTerminal(RegisterTerminal {
        terminal: elsewhere.terminal,
        merchant: MerchantId(4),
        kind: TerminalKind::PointOfSale,
        key_version: 1,
        enabled: true,
    }));
    bench.tap(elsewhere, 0, 1, 500);
    bench.tap(sale(0, 1, 1), 0, 2, 500);
    bench.reverse(sale(0, 1, 2), (1, 1), 500);
    bench.tap(sale(0, 1, 3), 0, 3, 500);
    bench.void(sale(0, 1, 4), (1, 3), 500);
    bench.tap(sale(0, 1, 5), 0, 4, 500);
    bench.refund(sale(0, 1, 6), sale(0, 1, 5), 200);
    bench.tap(sale(0, 1, 7), 0, 5, 9_999);
    bench.top_up(sale(0, 1, 8), 0, 900, "w-1");
    bench.reverse(sale(0, 1, 9), (1, 30), 700);
    for (sequence, original, code) in [
        (10, elsewhere, ResultCode::OtherMerchant),
        (11, sale(0, 1, 1), ResultCode::RefundAfterReversal),
        (12, sale(0, 1, 2), ResultCode::RefundOfReversal),
        (13, sale(0, 1, 3), ResultCode::RefundAfterVoid),
        (14, sale(0, 1, 4), ResultCode::RefundOfReversal),
        (15, sale(0, 1, 6), ResultCode::RefundOfRefund),
        (16, sale(0, 1, 7), ResultCode::NothingToRefund),
        (17, sale(0, 1, 8), ResultCode::NothingToRefund),
        // Reversed before it came; its reversal; itself; one that never came; of no till.
        (18, sale(0, 1, 30), ResultCode::RefundAfterReversal),
        (19, sale(0, 1, 9), ResultCode::RefundOfReversal),
        (20, sale(0, 1, 20), ResultCode::NothingToRefund),
        (21, sale(1, 1, 5), ResultCode::NothingToRefund),
        (22, sale(3, 2, 5), ResultCode::NothingToRefund),
        (23, Sale { slot: TerminalSlot(9), ..sale(0, 1, 5) }, ResultCode::NothingToRefund),
        (24, Sale { terminal: TerminalId(555), ..sale(0, 1, 5) }, ResultCode::NothingToRefund),
    ] {
        assert_eq!(bench.refund(sale(0, 1, sequence), original, 100).short(), (code, 1), "{sequence}");
    }
    // What no refund may carry leaves no trace.
    for (own, original, amount_fen, code) in [
        (sale(0, 1, 25), sale(0, 1, 5), 0, ResultCode::AmountNotPositive),
        (sale(0, 1, 25), sale(0, 1, 5), 1_000_000_001, ResultCode::AmountTooLarge),
        (sale(0, 1, 0), sale(0, 1, 5), 100, ResultCode::SequenceZero),
        (sale(0, 1, 25), sale(0, 1, 0), 100, ResultCode::SequenceZero),
    ] {
        assert_eq!(bench.refund(own, original, amount_fen).short(), (code, 0));
    }
    let original = SaleId { terminal: TerminalId(101), ..elsewhere.id() };
    let unnamed = Refund { sale: sale(0, 1, 25), original, original_slot: None, amount_fen: 100 };
    assert_eq!(bench.run(Request::Refund(unnamed)).short(), (ResultCode::NothingToRefund, 1));
    assert_eq!(bench.wallets(0), [10_000 - 500 - 500 + 200, 0, 900]);
    bench.close();
}

#[test]
fn an_offline_debit_is_given_back_unless_it_is_held_for_review() {
    let mut bench = Bench::new(1, 1);
    bench.give_subsidy(0, 300);
    bench.upload(sale(0, 1, 1), 0, 1, 800);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([9_500, 0, 0], 0));
    bench.upload(sale(0, 1, 2), 0, 2, 2_001);
    assert_eq!(bench.held_back(), 2_001);
    let flagged = bench.refund(sale(0, 1, 3), sale(0, 1, 2), 100);
    assert_eq!(flagged.short(), (ResultCode::RefundUnderReview, 1));
    assert_eq!(bench.reverse(sale(0, 1, 4), (1, 1), 800).outcome.code, ResultCode::ReversalOfOfflineFact);
    assert_eq!(bench.refund(sale(0, 1, 5), sale(0, 1, 1), 800).short(), (ResultCode::Approved, 1));
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([8_299, 0, 0], 300));
    // A card that nobody has was paid by nobody.
    let unknown = OfflineFact {
        sale: sale(0, 1, 6),
        record_terminal: sale(0, 1, 6).terminal,
        card_uid: uid(99),
        card_counter: CardCounter(1),
        amount_fen: 100,
        till_time_ns: bench.time_ns,
        list: None,
        authentic: true,
        carried: Carried::default(),
    };
    bench.fact(unknown);
    assert_eq!(bench.refund(sale(0, 1, 7), sale(0, 1, 6), 100).outcome.code, ResultCode::RefundUnderReview);
    // The school bears what a lost card paid at a till whose list was fresh and didn't have it yet.
    for card_lost in [true, false, true] {
        bench.done(Request::SetAccountTerms(SetAccountTerms {
            account: AccountId(0),
            status: AccountStatus::Open,
            card_lost,
            class: 0,
            debit_max_fen: 0,
            day_max_fen: 0,
        }));
    }
    let (till_time_ns, list) = (bench.time_ns + 1, Some(TillList { version: 2, age_s: 60 }));
    let borne = sale(0, 1, 8);
    let school = OfflineFact { sale: borne, card_uid: uid(0), till_time_ns, list, ..unknown };
    assert_eq!(
        (bench.fact(school).outcome.code, borne.terminal),
        (ResultCode::Approved, unknown.record_terminal)
    );
    assert_eq!(bench.refund(sale(0, 1, 9), borne, 100).outcome.code, ResultCode::NothingToRefund);
    bench.close();
}

#[test]
fn subsidy_comes_back_last() {
    let mut bench = Bench::new(1, 1);
    bench.give_subsidy(0, 600);
    bench.tap(sale(0, 1, 1), 0, 1, 1_000);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([9_600, 0, 0], 0));
    for (sequence, amount_fen, subsidy_fen) in [(2, 399, 0), (3, 1, 0), (4, 1, 1), (5, 599, 600)] {
        bench.refund(sale(0, 1, sequence), sale(0, 1, 1), amount_fen);
        assert_eq!(bench.subsidy_fen(0), subsidy_fen, "after {amount_fen}");
    }
    assert_eq!(bench.wallets(0), [10_600, 0, 0]);
    bench.close();
}

#[test]
fn it_goes_to_the_wallet_that_was_debited_as_far_as_that_isnt_settled() {
    let mut bench = Bench::new(1, 1);
    let verdict = |nonce| CodeVerdict::Authentic { account: AccountId(0), step: 9, nonce };
    bench.code(sale(0, 1, 1), verdict(0), 700);
    assert_eq!(bench.wallets(0), [10_000, -700, 0]);
    bench.refund(sale(0, 1, 2), sale(0, 1, 1), 300);
    assert_eq!(bench.wallets(0), [10_000, -400, 0]);
    // A tap settles what is left; what comes back of it comes on the card.
    bench.tap(sale(0, 1, 3), 0, 1, 100);
    assert_eq!(bench.wallets(0), [9_500, 0, 0]);
    bench.refund(sale(0, 1, 4), sale(0, 1, 1), 400);
    assert_eq!(bench.wallets(0), [9_900, 0, 0]);
    bench.close();
}

#[test]
fn it_raises_the_limit_of_the_day_of_the_debit_alone() {
    let mut bench = Bench::new(1, 1);
    for sequence in 1..=3 {
        bench.tap(sale(0, 1, sequence), 0, sequence, 1_600);
    }
    assert_eq!(bench.tap(sale(0, 1, 4), 0, 4, 201).outcome.code, ResultCode::DayLimit);
    bench.refund(sale(0, 1, 5), sale(0, 1, 1), 1);
    assert_eq!(bench.tap(sale(0, 1, 6), 0, 5, 201).outcome.code, ResultCode::Approved);
    bench.time_ns += DAY_NS;
    for sequence in 7..=9 {
        bench.tap(sale(0, 1, sequence), 0, sequence, 1_600);
    }
    // What is given back of yesterday's leaves today's total as it is.
    bench.refund(sale(0, 1, 10), sale(0, 1, 2), 1_600);
    assert_eq!(bench.tap(sale(0, 1, 11), 0, 11, 201).outcome.code, ResultCode::DayLimit);
    bench.close();
}

#[test]
fn after_a_refund_neither_a_reversal_nor_a_void_is_left() {
    let mut bench = Bench::new(2, 1);
    bench.tap(sale(0, 1, 1), 0, 1, 1_500);
    // Refunded at another till: the till's own chain doesn't know.
    bench.refund(sale(1, 1, 1), sale(0, 1, 1), 1);
    assert_eq!(bench.reverse(sale(0, 1, 2), (1, 1), 1_500).short(), (ResultCode::ReversalAfterRefund, 1));
    assert_eq!(bench.void(sale(0, 1, 3), (1, 1), 1_500).short(), (ResultCode::VoidAfterRefund, 1));
    // Out of the ring the same.
    for sequence in 4..=40 {
        bench.reverse(sale(0, 1, sequence), (1, 99), 1);
    }
    assert_eq!(bench.reverse(sale(0, 1, 41), (1, 1), 1_500).short(), (ResultCode::ReversalAfterRefund, 1));
    assert_eq!(bench.void(sale(0, 1, 42), (1, 1), 1_500).short(), (ResultCode::VoidAfterRefund, 1));
    assert_eq!(bench.refund(sale(1, 1, 2), sale(0, 1, 1), 1_499).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.refund(sale(1, 1, 3), sale(0, 1, 1), 1).outcome.code, ResultCode::RefundAboveOriginal);
    assert_eq!(bench.wallets(0), [10_000, 0, 0]);
    bench.close();
}

#[test]
fn an_old_debit_of_an_older_epoch_is_found_in_the_log() {
    let mut bench = Bench::new(1, 1);
    bench.tap(sale(0, 1, 1), 0, 1, 700);
    bench.tap(sale(0, 2, 1), 0, 2, 100);
    bench.time_ns += 400 * DAY_NS;
    let walks = bench.walks;
    assert_eq!(bench.refund(sale(1, 1, 1), sale(0, 1, 1), 300).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.walks, walks + 2, "the till's chain, and the payer's");
    assert_eq!(bench.refund(sale(1, 1, 2), sale(0, 1, 1), 401).outcome.code, ResultCode::RefundAboveOriginal);
    assert_eq!(bench.refund(sale(1, 1, 3), sale(0, 1, 1), 400).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.refund(sale(1, 1, 4), sale(0, 1, 7), 400).outcome.code, ResultCode::NothingToRefund);
    assert_eq!(bench.wallets(0), [9_900, 0, 0]);
    bench.close();
}

#[test]
fn a_disabled_till_and_a_closed_merchant_owe_what_they_took() {
    let mut bench = Bench::new(1, 1);
    bench.tap(sale(0, 1, 1), 0, 1, 700);
    bench.done(Request::RegisterTerminal(RegisterTerminal {
        terminal: sale(0, 1, 1).terminal,
        merchant: MERCHANT,
        kind: TerminalKind::PhoneGateway,
        key_version: 1,
        enabled: false,
    }));
    bench.done(Request::RegisterMerchant(RegisterMerchant {
        merchant: MERCHANT,
        name: "一食堂",
        enabled: false,
    }));
    assert_eq!(bench.refund(sale(1, 1, 1), sale(0, 1, 1), 700).short(), (ResultCode::Approved, 1));
    assert_eq!((bench.wallets(0), bench.owed_to_merchant()), ([10_000, 0, 0], 0));
    bench.close();
}

#[test]
fn of_a_closed_account_it_becomes_payable_but_for_subsidy_and_debts() {
    for shards in [1, 4] {
        let mut bench = Bench::new(shards, 2);
        bench.give_subsidy(1, 300);
        bench.tap(sale(0, 1, 1), 1, 1, 1_000);
        close_account(&mut bench, 1);
        // 700 were the holder's own.
        let first = bench.refund(sale(0, 1, 2), sale(0, 1, 1), 600);
        assert_eq!(first.short(), (ResultCode::Approved, 2));
        assert_eq!(first.outcome.balance_after_fen, 9_900);
        assert_eq!((bench.wallets(1), payable_fen(&bench)), ([9_300, 0, 0], 600));
        bench.refund(sale(0, 1, 3), sale(0, 1, 1), 400);
        assert_eq!((bench.wallets(1), bench.subsidy_fen(1), payable_fen(&bench)), ([9_600, 0, 0], 300, 700));
        bench.close();
    }
    // What is below zero is filled first.
    let mut bench = Bench::new(1, 1);
    let policy = Policy { floor_fen: -5_000, debit_max_fen: 20_000, day_max_fen: 20_000, ..Policy::DEFAULT };
    bench.done(Request::SetPolicy(SetPolicy { class: 0, policy }));
    bench.tap(sale(0, 1, 1), 0, 1, 10_400);
    close_account(&mut bench, 0);
    assert_eq!(bench.refund(sale(0, 1, 2), sale(0, 1, 1), 300).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.refund(sale(0, 1, 3), sale(0, 1, 1), 300).short(), (ResultCode::Approved, 2));
    assert_eq!((bench.wallets(0), payable_fen(&bench)), ([0, 0, 0], 200));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::Payable));
    // The refund's retry, and a query's answer, are the refund.
    let again = bench.refund(sale(0, 1, 3), sale(0, 1, 1), 300);
    assert_eq!((again.short(), again.outcome.balance_after_fen), ((ResultCode::Approved, 0), 200));
    for sequence in 4..=40 {
        bench.reverse(sale(0, 1, sequence), (1, 99), 1);
    }
    let again = bench.refund(sale(0, 1, 3), sale(0, 1, 1), 300);
    assert_eq!((again.short(), again.outcome.amount_fen), ((ResultCode::Approved, 0), 300));
    bench.close();
}
