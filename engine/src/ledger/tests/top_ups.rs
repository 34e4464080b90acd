use protocol::ids::{AccountId, RecordNumber};
use protocol::result_code::ResultCode;

use super::bench::{Bench, sale, small_sizes, text, uid};
use crate::ledger::account::AccountStatus;
use crate::ledger::command::{AccountSelector, Channel, Command, Request, SetAccountTerms, Stamp, TopUp};
use crate::ledger::decision::Decision;
use crate::ledger::known::{Known, KnownOrder, Need};
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::orders::OrderKey;
use crate::ledger::record::RecordKind;
use crate::ledger::state::{Sizes, total_fen};

#[test]
fn it_lands_in_the_electronic_wallet() {
    let mut bench = Bench::new(4, 3);
    let answer = bench.top_up(sale(0, 1, 1), 2, 5_000, "wx-1");
    assert_eq!(answer.short(), (ResultCode::Approved, 1));
    assert_eq!(answer.outcome.balance_after_fen, 15_000);
    assert_eq!(bench.wallets(2), [10_000, 0, 5_000]);
    let clearing = LedgerAccount::clearing(Clearing::TopUp);
    assert_eq!(total_fen(&bench.state.shards, clearing), -5_000);
    bench.close();
}

#[test]
fn an_order_is_credited_once_whoever_brings_it_again() {
    let mut bench = Bench::new(4, 3);
    bench.top_up(sale(0, 1, 1), 2, 5_000, "wx-1");
    assert_eq!(bench.top_up(sale(0, 1, 1), 2, 5_000, "wx-1").short(), (ResultCode::Approved, 0));
    let other_till = bench.top_up(sale(1, 1, 1), 2, 5_000, "wx-1");
    assert_eq!((other_till.short(), other_till.outcome.repeat), ((ResultCode::Approved, 1), true));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::Repeat));
    let retried = bench.top_up(sale(1, 1, 1), 2, 5_000, "wx-1");
    assert_eq!(retried.records, 0);
    assert_eq!(retried.outcome.balance_after_fen, other_till.outcome.balance_after_fen);
    assert_eq!(retried.outcome.record, other_till.outcome.record);
    // Another amount, another account, an account that isn't there, an amount that none may have.
    assert_eq!(bench.top_up(sale(1, 1, 2), 2, 5_001, "wx-1").short(), (ResultCode::OrderConflict, 1));
    assert_eq!(bench.top_up(sale(1, 1, 2), 2, 5_001, "wx-1").short(), (ResultCode::OrderConflict, 0));
    assert_eq!(bench.top_up(sale(1, 1, 3), 1, 5_000, "wx-1").short(), (ResultCode::OrderConflict, 1));
    assert_eq!(bench.top_up(sale(1, 1, 4), 99, 5_000, "wx-1").short(), (ResultCode::OrderConflict, 1));
    assert_eq!(bench.top_up(sale(1, 1, 5), 2, -5_000, "wx-1").short(), (ResultCode::OrderConflict, 1));
    assert_eq!(bench.top_up(sale(1, 1, 0), 2, -5_000, "wx-1").short(), (ResultCode::AmountNotPositive, 0));
    assert_eq!(bench.wallets(2), [10_000, 0, 5_000]);
    bench.close();
}

#[test]
fn an_order_that_memory_has_forgotten_is_credited_no_second_time() {
    let mut bench = Bench::empty(Sizes { orders_max: 4, ..small_sizes(1) });
    bench.open_campus(3);
    for i in 1..=40 {
        bench.top_up(sale(0, 1, i), i % 2, 5_000, &format!("wx-{i}"));
        bench.index_orders();
    }
    assert!(bench.state.shards[0].orders_forgotten().0 > 0);
    for i in 1..=40 {
        let again = bench.top_up(sale(1, 1, 2 * i), i % 2, 5_000, &format!("wx-{i}"));
        assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::Approved, 1), true), "order {i}");
        assert_eq!(bench.kinds().last(), Some(&RecordKind::Repeat));
        let other = bench.top_up(sale(1, 1, 2 * i + 1), 2, 5_000, &format!("wx-{i}"));
        assert_eq!(other.short(), (ResultCode::OrderConflict, 1), "order {i}");
        let other = bench.top_up(sale(2, 1, i), i % 2, 4_999, &format!("wx-{i}"));
        assert_eq!(other.short(), (ResultCode::OrderConflict, 1), "order {i}");
    }
    assert_eq!([0, 1, 2].map(|account| bench.wallets(account)[2]), [100_000, 100_000, 0]);
    bench.close();
}

#[test]
fn nothing_is_forgotten_before_the_index_has_it() {
    let mut bench = Bench::empty(Sizes { orders_max: 4, ..small_sizes(1) });
    bench.open_campus(1);
    for i in 1..=4 {
        assert_eq!(
            bench.top_up(sale(0, 1, i), 0, 100, &format!("wx-{i}")).short(),
            (ResultCode::Approved, 1)
        );
    }
    // No record, and nothing is used up: the same request is taken once the index has the oldest order.
    assert_eq!(bench.top_up(sale(0, 1, 5), 0, 100, "wx-5").short(), (ResultCode::Busy, 0));
    // What is in memory, or refused for another reason, needs no place.
    assert_eq!(bench.top_up(sale(1, 1, 1), 0, 100, "wx-1").short(), (ResultCode::Approved, 1));
    bench.index_orders();
    assert_eq!(bench.top_up(sale(0, 1, 5), 0, 100, "wx-5").short(), (ResultCode::Approved, 1));
    assert_eq!(bench.top_up(sale(1, 1, 2), 0, 100, "wx-1").short(), (ResultCode::Approved, 1));
    assert_eq!(bench.wallets(0)[2], 500);
    bench.close();
}

#[test]
fn what_the_index_said_at_another_moment_isnt_trusted() {
    let mut bench = Bench::empty(Sizes { orders_max: 4, ..small_sizes(1) });
    bench.open_campus(1);
    for i in 1..=6 {
        bench.top_up(sale(0, 1, i), 0, 100, &format!("wx-{i}"));
        bench.index_orders();
    }
    let request = Request::TopUp(TopUp {
        sale: sale(1, 1, 1),
        account: AccountSelector::Account(AccountId(0)),
        amount_fen: 100,
        channel: Channel::WeChat,
        order_number: text("wx-1"),
    });
    let stamp = Stamp { number: RecordNumber(bench.head().0 + 1), time_ns: bench.time_ns };
    let decide = |order| {
        let known = Known { order, ..Known::default() };
        let command = Command { request, known: Some(&known) };
        let state = &bench.state;
        match crate::ledger::decide(&state.registry, &state.directory, &state.shards, &command, stamp) {
            Decision::Needs(need) => Err(need),
            decision => Ok(decision.outcome().map(|outcome| (outcome.code, outcome.repeat))),
        }
    };
    let Err(needed @ Need::Order { key, forgotten }) = decide(None) else { panic!("the index isn't asked") };
    assert_eq!(key, OrderKey::new(Channel::WeChat as u8, &text("wx-1")));
    let absent = KnownOrder { key, up_to: forgotten, found: None };
    assert_eq!(decide(Some(absent)), Ok(Some((ResultCode::Approved, false))), "it is taken at its word");
    let before = KnownOrder { up_to: RecordNumber(forgotten.0 - 1), ..absent };
    assert_eq!(decide(Some(before)), Err(needed));
    let other = KnownOrder { key: OrderKey::new(Channel::Alipay as u8, &text("wx-1")), ..absent };
    assert_eq!(decide(Some(other)), Err(needed));
    let found = KnownOrder { found: Some(RecordNumber(9)), ..absent };
    assert_eq!(decide(Some(found)), Err(Need::Record(RecordNumber(9))));
}

#[test]
fn another_channel_has_its_own_order_numbers() {
    let mut bench = Bench::new(1, 1);
    let top_up = |sequence, channel| {
        Request::TopUp(TopUp {
            sale: sale(0, 1, sequence),
            account: AccountSelector::StudentNumber(text("180000")),
            amount_fen: 100,
            channel,
            order_number: text("1"),
        })
    };
    bench.done(top_up(1, Channel::WeChat));
    bench.done(top_up(2, Channel::Alipay));
    assert_eq!(bench.run(top_up(3, Channel::Card)).short(), (ResultCode::NotPermitted, 0));
    assert_eq!(bench.wallets(0), [10_000, 0, 200]);
    bench.close();
}

#[test]
fn the_account_may_be_named_three_ways() {
    let mut bench = Bench::new(2, 2);
    let top_up = |sequence, account| {
        Request::TopUp(TopUp {
            sale: sale(0, 1, sequence),
            account,
            amount_fen: 100,
            channel: Channel::Counter,
            order_number: text(&format!("{sequence}")),
        })
    };
    bench.done(top_up(1, AccountSelector::Account(AccountId(1))));
    bench.done(top_up(2, AccountSelector::StudentNumber(text("180001"))));
    bench.done(top_up(3, AccountSelector::Card(uid(1))));
    assert_eq!(bench.wallets(1), [10_000, 0, 300]);
    for (sequence, account, code) in [
        (4, AccountSelector::Account(AccountId(2)), ResultCode::UnknownAccount),
        (5, AccountSelector::StudentNumber(text("180002")), ResultCode::UnknownAccount),
        (6, AccountSelector::Card(uid(2)), ResultCode::UnknownCard),
    ] {
        assert_eq!(bench.run(top_up(sequence, account)).short(), (code, 1));
    }
    bench.close();
}

#[test]
fn a_closed_or_frozen_account_takes_none() {
    let mut bench = Bench::new(1, 1);
    for (sequence, status, code) in [
        (1, AccountStatus::Closed, ResultCode::AccountClosed),
        (2, AccountStatus::Frozen, ResultCode::AccountFrozen),
    ] {
        let account = AccountId(0);
        bench.done(Request::SetAccountTerms(SetAccountTerms {
            account,
            status,
            card_lost: false,
            class: 0,
            debit_max_fen: 0,
            day_max_fen: 0,
        }));
        assert_eq!(bench.top_up(sale(0, 1, sequence), 0, 100, "w").short(), (code, 1));
    }
    // A refused order isn't credited: it may come again once the account is open.
    let account = AccountId(0);
    bench.done(Request::SetAccountTerms(SetAccountTerms {
        account,
        status: AccountStatus::Open,
        card_lost: false,
        class: 0,
        debit_max_fen: 0,
        day_max_fen: 0,
    }));
    assert_eq!(bench.top_up(sale(0, 1, 3), 0, 100, "w").short(), (ResultCode::Approved, 1));
    bench.close();
}

#[test]
fn a_top_up_clears_a_negative_balance() {
    let mut bench = Bench::new(1, 1);
    bench.upload(sale(0, 1, 1), 0, 1, 10_600);
    assert_eq!(bench.balance(0).system_fen, -600);
    assert_eq!(bench.top_up(sale(0, 1, 2), 0, 1_000, "w").outcome.balance_after_fen, 400);
    assert_eq!(bench.tap(sale(0, 1, 3), 0, 2, 401).outcome.code, ResultCode::DayLimit);
    bench.time_ns += crate::ledger::calendar::DAY_NS;
    assert_eq!(bench.tap(sale(0, 1, 4), 0, 2, 401).outcome.code, ResultCode::InsufficientFunds);
    // The load takes the card out of the red: 600 owed and 400 for the meal.
    assert_eq!(bench.tap(sale(0, 1, 5), 0, 2, 400).short(), (ResultCode::Approved, 2));
    assert_eq!(bench.wallets(0), [0, 0, 0]);
    bench.close();
}
