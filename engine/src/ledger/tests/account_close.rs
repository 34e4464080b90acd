//! An account that is closed: paid out, its card taken back, and what comes late.

use protocol::card::{ChipWrite, PayoutWay};
use protocol::ids::{AccountId, CardUid};
use protocol::result_code::ResultCode;

use super::bench::{Answer, Bench, MERCHANT, register_till, sale, text, uid};
use super::taps;
use crate::ledger::account::AccountStatus;
use crate::ledger::command::{
    AccountClose, AccountSelector, BindCard, CodeVerdict, OpenAccount, RegisterTerminal, Request, Sale,
    SetAccountTerms, SetPolicy,
};
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::record::RecordKind;
use crate::ledger::registry::{Policy, TerminalKind};
use crate::ledger::state::{account, total_fen};

/// The slot of the counter.
const COUNTER: u16 = 4;

pub(super) fn bench(accounts: u32) -> Bench {
    let mut bench = Bench::new(4, accounts);
    open_counter(&mut bench);
    bench
}

/// Registers the counter.
pub(super) fn open_counter(bench: &mut Bench) {
    let Request::RegisterTerminal(gateway) = register_till(COUNTER) else { unreachable!("it registers") };
    bench.done(Request::RegisterTerminal(RegisterTerminal {
        merchant: MERCHANT,
        kind: TerminalKind::Counter,
        ..gateway
    }));
}

pub(super) fn close_of(sale: Sale<'_>, id: u32, card_uid: CardUid) -> AccountClose<'_> {
    let account = AccountSelector::Account(AccountId(id));
    AccountClose { sale, account, card_uid, way: PayoutWay::Cash }
}

fn close(bench: &mut Bench, sequence: u32, id: u32, card_uid: CardUid) -> Answer {
    bench.run(Request::AccountClose(close_of(sale(COUNTER, 1, sequence), id, card_uid)))
}

fn clearing_fen(bench: &Bench, clearing: Clearing) -> i64 {
    total_fen(&bench.state.shards, LedgerAccount::clearing(clearing))
}

#[test]
fn the_three_wallets_are_paid_out_less_what_is_the_schools() {
    let mut bench = bench(1);
    bench.give_subsidy(0, 1_000);
    bench.top_up(sale(1, 1, 1), 0, 5_000, "w");
    let verdict = CodeVerdict::Authentic { account: AccountId(0), step: 9, nonce: 0 };
    bench.code(sale(1, 1, 2), verdict, 700);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([11_000, -700, 5_000], 1_000));
    // 700 of the school's 1,000 were spent by phone; 300 go back, the rest is her own.
    let closed = close(&mut bench, 1, 0, uid(0));
    assert_eq!(closed.short(), (ResultCode::Approved, 3));
    let told = (closed.outcome.account, closed.outcome.amount_fen, closed.outcome.balance_after_fen);
    assert_eq!(told, (Some(AccountId(0)), 15_000, 0));
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([0, 0, 0], 0));
    assert_eq!(clearing_fen(&bench, Clearing::Payable), 15_000);
    assert_eq!(clearing_fen(&bench, Clearing::Subsidy), -700);
    let holder = account(&bench.state.shards, AccountId(0)).unwrap();
    assert_eq!((holder.status(), holder.card_uid()), (AccountStatus::Closed, CardUid(0)));
    assert!(bench.state.registry.block_list().blocked(uid(0)).is_some());
    // Once: again it is told again, and another time there is no account to be closed.
    let again = close(&mut bench, 1, 0, uid(0));
    assert!(again.outcome.repeat && again.outcome.amount_fen == 15_000 && again.records == 0);
    assert_eq!(close(&mut bench, 2, 0, CardUid(0)).short(), (ResultCode::AccountClosed, 1));
    // Nothing more is paid in or out, and a question for its balance is answered.
    assert_eq!(bench.tap(sale(1, 1, 3), 0, 5, 1).outcome.code, ResultCode::CardNotCurrent);
    assert_eq!(bench.top_up(sale(1, 1, 4), 0, 1, "x").outcome.code, ResultCode::AccountClosed);
    assert_eq!(bench.balance(0).status, AccountStatus::Closed);
    bench.close();
}

#[test]
fn a_late_offline_sale_of_the_old_card_is_a_receivable_and_flagged() {
    let mut bench = bench(1);
    assert_eq!(close(&mut bench, 1, 0, uid(0)).short(), (ResultCode::Approved, 2));
    assert_eq!(bench.upload(sale(1, 1, 1), 0, 9, 800).short(), (ResultCode::ApprovedFlagged, 1));
    assert_eq!(bench.wallets(0), [-800, 0, 0]);
    assert_eq!(bench.held_back(), 800);
    bench.close();
}

#[test]
fn what_is_in_the_wallets_is_made_up_among_them() {
    let mut bench = bench(4);
    // Nothing but the school's: it goes back, and nothing is paid out.
    bench.done(Request::OpenAccount(OpenAccount { student_number: text("180009"), class: 0 }));
    bench.give_subsidy(4, 500);
    let closed = close(&mut bench, 1, 4, CardUid(0));
    assert_eq!((closed.short(), closed.outcome.amount_fen), ((ResultCode::Approved, 2), 0));
    assert_eq!(clearing_fen(&bench, Clearing::Subsidy), 0);
    // Nothing at all.
    bench.done(Request::OpenAccount(OpenAccount { student_number: text("180010"), class: 0 }));
    assert_eq!(close(&mut bench, 2, 5, CardUid(0)).short(), (ResultCode::Approved, 1));
    // A debt on the card out of the electronic wallet, and so is phone spending that the card doesn't cover.
    let policy = Policy { debit_max_fen: 20_000, day_max_fen: 60_000, ..Policy::DEFAULT };
    bench.done(Request::SetPolicy(SetPolicy { class: 0, policy }));
    bench.upload(sale(1, 1, 1), 0, 9, 10_100);
    bench.top_up(sale(1, 1, 2), 0, 150, "a");
    assert_eq!(bench.wallets(0), [-100, 0, 150]);
    assert_eq!(close(&mut bench, 3, 0, uid(0)).outcome.amount_fen, 50);
    bench.give_subsidy(1, 50);
    bench.top_up(sale(1, 1, 3), 1, 5_000, "b");
    let verdict = CodeVerdict::Authentic { account: AccountId(1), step: 9, nonce: 0 };
    bench.code(sale(1, 1, 4), verdict, 12_000);
    assert_eq!(bench.wallets(1), [10_050, -12_000, 5_000]);
    let closed = close(&mut bench, 4, 1, uid(1));
    assert_eq!((closed.short(), closed.outcome.amount_fen), ((ResultCode::Approved, 2), 3_050));
    assert_eq!((bench.wallets(1), bench.subsidy_fen(1)), ([0, 0, 0], 0));
    assert_eq!(clearing_fen(&bench, Clearing::Subsidy), -50);
    bench.close();
}

/// Each refusal by name; where several apply, the lowest is the answer.
#[test]
fn what_cant_be_closed() {
    let mut bench = bench(5);
    let unknown = CardUid(4_711);
    for (sequence, id, card_uid, code) in [
        (1, 0, unknown, ResultCode::UnknownCard),
        (2, 0, uid(1), ResultCode::CardNotCurrent),
        (3, 99, CardUid(0), ResultCode::UnknownAccount),
        (4, 0, CardUid(0), ResultCode::CardNotBack),
    ] {
        assert_eq!(close(&mut bench, sequence, id, card_uid).short(), (code, 1), "{sequence}");
    }
    // More was spent than there is.
    bench.upload(sale(1, 1, 1), 0, 9, 10_001);
    assert_eq!(close(&mut bench, 5, 0, uid(0)).short(), (ResultCode::BalanceNegative, 1));
    // Nobody knows what became of a chip; then it is known.
    taps::card_tap(&mut bench, sale(1, 1, 2), 1, 1, 100);
    assert_eq!(close(&mut bench, 6, 1, uid(1)).short(), (ResultCode::TapOpen, 1));
    taps::confirm(&mut bench, sale(1, 1, 3), (1, 2), 100, ChipWrite::Written);
    assert_eq!(close(&mut bench, 7, 1, uid(1)).outcome.amount_fen, 9_900);
    // Somebody holds a part of it: no request does that yet.
    let held = bench.state.shards[2].accounts.first_mut().unwrap();
    held.held_fen = 1;
    assert_eq!(close(&mut bench, 8, 2, uid(2)).short(), (ResultCode::HoldOpen, 1));
    bench.state.shards[2].accounts.first_mut().unwrap().held_fen = 0;
    // Frozen; and a lost card needn't come back, but may.
    let terms = |status, card_lost| {
        Request::SetAccountTerms(SetAccountTerms {
            account: AccountId(2),
            status,
            card_lost,
            class: 0,
            debit_max_fen: 0,
            day_max_fen: 0,
        })
    };
    bench.done(terms(AccountStatus::Frozen, true));
    assert_eq!(close(&mut bench, 9, 2, CardUid(0)).short(), (ResultCode::AccountFrozen, 1));
    bench.done(terms(AccountStatus::Open, true));
    assert_eq!(close(&mut bench, 10, 2, CardUid(0)).short(), (ResultCode::Approved, 2));
    // Its number leads to the account still, by which it can be named no more.
    let by_card = AccountClose {
        account: AccountSelector::Card(uid(2)),
        ..close_of(sale(COUNTER, 1, 11), 2, CardUid(0))
    };
    assert_eq!(bench.run(Request::AccountClose(by_card)).short(), (ResultCode::CardNotCurrent, 1));
    // A card that was given to two comes back to neither.
    bench.run(Request::BindCard(BindCard { account: AccountId(3), card_uid: uid(4) }));
    assert_eq!(close(&mut bench, 12, 4, uid(4)).short(), (ResultCode::UnknownCard, 1));
    assert_eq!(close(&mut bench, 13, 4, CardUid(0)).short(), (ResultCode::Approved, 2));
    // Without a sequence, and where no cards are handed out.
    assert_eq!(close(&mut bench, 0, 3, uid(3)).short(), (ResultCode::SequenceZero, 0));
    let elsewhere = close_of(sale(1, 1, 9), 3, uid(3));
    assert_eq!(bench.run(Request::AccountClose(elsewhere)).short(), (ResultCode::NotPermitted, 0));
    assert_eq!(bench.kinds().iter().filter(|kind| **kind == RecordKind::AccountClosed).count(), 3);
    // Another body under the same identity.
    let otherwise =
        AccountClose { way: PayoutWay::Transfer, ..close_of(sale(COUNTER, 1, 10), 2, CardUid(0)) };
    assert_eq!(bench.run(Request::AccountClose(otherwise)).short(), (ResultCode::IdentityConflict, 1));
    bench.close();
}

#[test]
fn what_comes_back_to_a_closed_account_is_paid_out_as_well() {
    let mut bench = bench(1);
    bench.tap(sale(1, 1, 1), 0, 1, 700);
    assert_eq!(close(&mut bench, 1, 0, uid(0)).outcome.amount_fen, 9_300);
    assert_eq!(close(&mut bench, 2, 0, CardUid(0)).outcome.code, ResultCode::AccountClosed);
    // The till never heard that the tap was approved.
    assert_eq!(bench.reverse(sale(1, 1, 2), (1, 1), 700).outcome.code, ResultCode::Approved);
    let closed = close(&mut bench, 3, 0, CardUid(0));
    assert_eq!((closed.outcome.code, closed.outcome.amount_fen), (ResultCode::Approved, 700));
    assert_eq!(bench.wallets(0), [0, 0, 0]);
    assert_eq!(close(&mut bench, 4, 0, CardUid(0)).outcome.code, ResultCode::AccountClosed);
    bench.close();
}
