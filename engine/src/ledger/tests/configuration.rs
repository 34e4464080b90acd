use protocol::ids::{AccountId, BusinessDate, CardUid, MerchantId, TerminalId};
use protocol::result_code::ResultCode;

use super::bench::{Bench, MERCHANT, sale, small_sizes, text, uid};
use crate::ledger::calendar::{DAY_NS, month_of};
use crate::ledger::command::{
    AccountSelector, BillHead, BindCard, CutOff, OpenAccount, RegisterMerchant, RegisterTerminal, Request,
    SetMealPeriod,
};
use crate::ledger::decision::Decision;
use crate::ledger::directory::CardRoute;
use crate::ledger::error::LedgerError;
use crate::ledger::record::{Record, RecordKind};
use crate::ledger::registry::TerminalKind;
use crate::ledger::snapshot;
use crate::ledger::state::{Sizes, State};

#[test]
fn what_already_stands_changes_nothing() {
    let mut bench = Bench::new(1, 1);
    let before = bench.log.len();
    for request in [
        Request::RegisterMerchant(RegisterMerchant { merchant: MERCHANT, name: "一食堂", enabled: true }),
        Request::RegisterTerminal(RegisterTerminal {
            terminal: sale(0, 1, 1).terminal,
            merchant: MERCHANT,
            kind: TerminalKind::PhoneGateway,
            key_version: 1,
            enabled: true,
        }),
        Request::CutOff(CutOff { opened: BusinessDate(9_824) }),
        Request::OpenAccount(OpenAccount { student_number: text("180000"), class: 0 }),
        Request::BindCard(BindCard { account: AccountId(0), card_uid: uid(0) }),
    ] {
        let answer = bench.run(request);
        assert_eq!((answer.outcome.code, answer.outcome.repeat), (ResultCode::Approved, true), "{request:?}");
    }
    assert_eq!(bench.log.len(), before);
    bench.close();
}

#[test]
fn a_card_number_given_twice_belongs_to_neither() {
    let mut bench = Bench::new(2, 3);
    let bind = |account, card_uid| Request::BindCard(BindCard { account: AccountId(account), card_uid });
    let conflict = bench.run(bind(1, uid(0)));
    assert_eq!(conflict.short(), (ResultCode::IdentityConflict, 1));
    assert_eq!(conflict.outcome.account, Some(AccountId(0)));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::CardConflict));
    assert_eq!(bench.state.directory.card(uid(0)), CardRoute::Conflicted);
    // The import again: no changes; a third account fares no better.
    for account in 0..3 {
        assert_eq!(bench.run(bind(account, uid(0))).short(), (ResultCode::IdentityConflict, 0));
    }
    // The second account's own card stays; the first gets a new one.
    assert_eq!(bench.tap(sale(0, 1, 1), 1, 1, 100).outcome.code, ResultCode::Approved);
    bench.done(bind(0, CardUid(4_711)));
    assert_eq!(bench.run(bind(1, uid(1))).outcome.code, ResultCode::Approved);
    bench.close();
}

#[test]
fn an_old_card_doesnt_come_back() {
    let mut bench = Bench::new(1, 1);
    let bind = |card_uid| Request::BindCard(BindCard { account: AccountId(0), card_uid });
    bench.done(bind(CardUid(4_711)));
    assert_eq!(bench.run(bind(uid(0))).short(), (ResultCode::CardNotCurrent, 0));
    assert_eq!(bench.run(bind(CardUid(0))).short(), (ResultCode::NotPermitted, 0));
    bench.close();
}

#[test]
fn full_tables_say_busy() {
    let mut bench = Bench::empty(Sizes {
        accounts_max: 3,
        cards_max: 5,
        terminals_max: 1,
        merchants_max: 2,
        ..small_sizes(1)
    });
    let merchant = |merchant| {
        Request::RegisterMerchant(RegisterMerchant {
            merchant: MerchantId(merchant),
            name: "m",
            enabled: true,
        })
    };
    bench.done(merchant(1));
    assert_eq!(bench.run(merchant(2)).short(), (ResultCode::Busy, 0));
    let terminal = |terminal| {
        Request::RegisterTerminal(RegisterTerminal {
            terminal: TerminalId(terminal),
            merchant: MerchantId(1),
            kind: TerminalKind::PointOfSale,
            key_version: 1,
            enabled: true,
        })
    };
    bench.done(terminal(5));
    assert_eq!(bench.run(terminal(6)).short(), (ResultCode::Busy, 0));
    for account in 0..3 {
        bench.done(Request::OpenAccount(OpenAccount {
            student_number: text(&format!("{account}")),
            class: 0,
        }));
    }
    let full = bench.run(Request::OpenAccount(OpenAccount { student_number: text("3"), class: 0 }));
    assert_eq!(full.short(), (ResultCode::Busy, 0));
    let mut bound = 0;
    for card in 1..40 {
        let answer =
            bench.run(Request::BindCard(BindCard { account: AccountId(0), card_uid: CardUid(card) }));
        if answer.outcome.code == ResultCode::Busy {
            break;
        }
        bound += 1;
    }
    assert!((5..40).contains(&bound));
    bench.close();
}

#[test]
fn a_directory_as_large_as_its_size_finds_every_card() {
    let accounts_max = 20_000;
    let sizes = Sizes { accounts_max, cards_max: accounts_max, ..small_sizes(4) };
    let mut bench = Bench::empty(sizes);
    for account in 0..accounts_max {
        bench.done(Request::OpenAccount(OpenAccount {
            student_number: text(&format!("{account:07}")),
            class: 0,
        }));
        bench.done(Request::BindCard(BindCard { account: AccountId(account), card_uid: uid(account) }));
    }
    let directory = &bench.state.directory;
    assert_eq!(directory.cards(), accounts_max as usize);
    for account in 0..accounts_max {
        assert_eq!(directory.card(uid(account)), CardRoute::Account(AccountId(account)));
    }
}

#[test]
fn a_cut_off_is_never_taken_back() {
    let mut bench = Bench::new(1, 1);
    bench.tap(sale(0, 1, 1), 0, 1, 100);
    bench.done(Request::CutOff(CutOff { opened: BusinessDate(9_825) }));
    bench.tap(sale(0, 1, 2), 0, 2, 100);
    assert_eq!(
        bench.run(Request::CutOff(CutOff { opened: BusinessDate(9_824) })).short(),
        (ResultCode::NotPermitted, 0)
    );
    let dates: Vec<u16> = bench
        .log
        .iter()
        .filter_map(|logged| match Record::decode(logged.kind, logged.version, &logged.payload) {
            Ok(Record::Debit(money)) => Some(money.date().0),
            _ => None,
        })
        .collect();
    assert_eq!(dates, [9_824, 9_825]);
    bench.close();
}

#[test]
fn meal_periods_dont_overlap() {
    let mut bench = Bench::new(1, 0);
    let set = |period, start_minute, end_minute| {
        Request::SetMealPeriod(SetMealPeriod { period, name: "午餐", start_minute, end_minute })
    };
    bench.done(set(0, 360, 540));
    bench.done(set(1, 540, 840));
    for (period, start_minute, end_minute) in [(2, 539, 541), (2, 0, 1_441), (2, 900, 899), (16, 0, 1)] {
        let answer = bench.run(set(period, start_minute, end_minute));
        assert_eq!(answer.short(), (ResultCode::NotPermitted, 0));
    }
    bench.done(set(1, 600, 840));
    bench.done(set(1, 0, 0));
    assert_eq!(bench.run(set(1, 0, 0)).records, 0);
    assert_eq!(bench.state.registry.meal_periods().count(), 1);
    bench.close();
}

#[test]
fn a_bill_is_a_walk_back_from_the_head() {
    let mut bench = Bench::new(2, 2);
    for sequence in 1..=4 {
        bench.tap(sale(0, 1, sequence), 0, sequence, 100);
        bench.tap(sale(1, 1, sequence), 1, sequence, 100);
    }
    let before = bench.balance(0);
    bench.time_ns += 31 * DAY_NS;
    bench.top_up(sale(0, 1, 5), 0, 4_000, "w");
    bench.run(Request::BindCard(BindCard { account: AccountId(1), card_uid: uid(0) }));
    let selector = AccountSelector::StudentNumber(text("180000"));
    let Decision::BillHead(view) = bench.decide(Request::BillHead(BillHead { account: selector })) else {
        panic!("no head")
    };
    assert_eq!((view.account, view.head), (AccountId(0), bench.head()));
    assert_eq!(view.month_start, before.observed);
    let mut kinds = Vec::new();
    let mut number = view.head;
    while number.0 != 0 {
        let logged = &bench.log[number.0 as usize - 1];
        let record = Record::decode(logged.kind, logged.version, &logged.payload).unwrap();
        kinds.push(record.kind());
        number = record.previous_of(AccountId(0)).unwrap();
    }
    let debits = [RecordKind::Debit; 4];
    let expected = [
        &[RecordKind::CardConflict, RecordKind::TopUp],
        debits.as_slice(),
        &[RecordKind::Opening, RecordKind::CardBound, RecordKind::AccountOpened],
    ];
    assert_eq!(kinds, expected.concat());
    assert!(month_of(9_824) < month_of(9_824 + 31));
}

#[test]
fn records_that_dont_belong_here_are_refused() {
    let mut bench = Bench::new(1, 1);
    bench.tap(sale(0, 1, 1), 0, 1, 100);
    let last = bench.log.pop().unwrap();
    let number = protocol::ids::RecordNumber(bench.log.len() as u64 + 1);
    let apply = |bench: &Bench, change: &dyn Fn(&mut Vec<u8>)| {
        let mut payload = last.payload.clone();
        change(&mut payload);
        let record = Record::decode(last.kind, last.version, &payload)?;
        let State { mut registry, mut directory, mut shards } = bench.replayed(&bench.sizes);
        crate::ledger::apply(&mut registry, &mut directory, &mut shards, number, last.time_ns, &record)
    };
    assert_eq!(apply(&bench, &|_| {}), Ok(()));
    assert!(matches!(apply(&bench, &|p| p[24] ^= 1), Err(LedgerError::BalanceMismatch { .. })));
    assert!(matches!(apply(&bench, &|p| p[32] ^= 1), Err(LedgerError::BalanceMismatch { .. })));
    assert!(matches!(apply(&bench, &|p| p[40] ^= 1), Err(LedgerError::BrokenChain { chain: "account", .. })));
    assert!(matches!(
        apply(&bench, &|p| p[56] ^= 1),
        Err(LedgerError::BrokenChain { chain: "terminal", .. })
    ));
    assert!(matches!(apply(&bench, &|p| p[0] ^= 1), Err(LedgerError::NotKnown { what: "the terminal", .. })));
    assert!(matches!(apply(&bench, &|p| p[16] = 9), Err(LedgerError::NotKnown { what: "the account", .. })));
    assert!(matches!(
        apply(&bench, &|p| p[31] = 0x80),
        Err(LedgerError::BadField { field: "amount_fen", .. })
    ));
    assert!(matches!(apply(&bench, &|p| p.truncate(79)), Err(LedgerError::WrongLength { .. })));
    assert_eq!(Record::decode(0, 1, &[]), Err(LedgerError::UnknownKind { kind: 0 }));
    assert!(matches!(
        Record::decode(1, 2, &last.payload),
        Err(LedgerError::UnknownVersion { version: 2, .. })
    ));
    // Doubled: the chain has gone on.
    bench.log.push(last);
    let state = bench.replayed(&bench.sizes);
    let logged = &bench.log[bench.log.len() - 1];
    let record = Record::decode(logged.kind, logged.version, &logged.payload).unwrap();
    let State { mut registry, mut directory, mut shards } = state;
    let number = protocol::ids::RecordNumber(bench.log.len() as u64 + 1);
    let doubled =
        crate::ledger::apply(&mut registry, &mut directory, &mut shards, number, logged.time_ns, &record);
    assert!(matches!(doubled, Err(LedgerError::BrokenChain { .. })));
}

#[test]
fn a_damaged_or_foreign_snapshot_is_refused() {
    let mut bench = Bench::new(2, 2);
    bench.tap(sale(0, 1, 1), 0, 1, 100);
    bench.top_up(sale(0, 1, 2), 1, 100, "w");
    let mut bytes = Vec::new();
    snapshot::write(&bench.state.registry, &bench.state.directory, &bench.state.shards, &mut bytes).unwrap();
    for at in 0..bytes.len() {
        bytes[at] ^= 0x10;
        assert!(snapshot::read(&mut bytes.as_slice(), &bench.sizes).is_err(), "byte {at}");
        bytes[at] ^= 0x10;
    }
    for end in (0..bytes.len()).step_by(61) {
        assert!(snapshot::read(&mut &bytes[..end], &bench.sizes).is_err(), "cut at {end}");
    }
    let small = Sizes { accounts_max: 1, ..bench.sizes.clone() };
    let error = snapshot::read(&mut bytes.as_slice(), &small).unwrap_err();
    assert_eq!(error, LedgerError::TableFull { table: "accounts" });
    bench.close();
}

#[test]
fn sizes_are_checked() {
    for sizes in [
        Sizes { shards: 3, ..Sizes::default() },
        Sizes { shards: 128, ..Sizes::default() },
        Sizes { shards: 0, ..Sizes::default() },
        Sizes { outcomes_per_terminal: 1_000, ..Sizes::default() },
        Sizes { accounts_max: 0, ..Sizes::default() },
        Sizes { accounts_max: u32::MAX, ..Sizes::default() },
    ] {
        assert!(matches!(State::new(&sizes), Err(LedgerError::BadSize { .. })));
    }
}
