use protocol::ids::{AccountId, CardCounter, CardUid, TerminalId};
use protocol::result_code::ResultCode;

use super::bench::{Bench, MERCHANT, sale, uid};
use crate::ledger::account::AccountStatus;
use crate::ledger::calendar::DAY_NS;
use crate::ledger::command::{
    BindCard, Carried, OfflineFact, RegisterMerchant, Request, SetAccountTerms, SetPolicy, TillList,
};
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::limits::{BLOCK_LIST_AGE_MAX_S, CLOCK_DRIFT_MAX_NS};
use crate::ledger::record::{MoneyFlags, Record, RecordKind};
use crate::ledger::registry::Policy;
use crate::ledger::state::total_fen;

fn fact(bench: &Bench, sequence: u32, account: u32, amount_fen: i64) -> OfflineFact<'static> {
    OfflineFact {
        sale: sale(0, 1, sequence),
        record_terminal: sale(0, 1, 1).terminal,
        card_uid: uid(account),
        card_counter: CardCounter(sequence),
        amount_fen,
        till_time_ns: bench.time_ns,
        list: None,
        authentic: true,
        carried: Carried::default(),
    }
}

fn last_flags(bench: &Bench) -> MoneyFlags {
    let logged = bench.log.last().unwrap();
    match Record::decode(logged.kind, logged.version, &logged.payload) {
        Ok(Record::OfflineDebit(record)) => record.money.money_flags(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn within_the_rules_it_is_a_debit_like_another() {
    let mut bench = Bench::new(2, 1);
    let answer = bench.upload(sale(0, 1, 1), 0, 1, 2_000);
    assert_eq!(answer.short(), (ResultCode::Approved, 1));
    assert_eq!(bench.wallets(0), [8_000, 0, 0]);
    assert_eq!((bench.owed_to_merchant(), bench.held_back()), (2_000, 0));
    assert_eq!(bench.upload(sale(0, 1, 1), 0, 1, 2_000).short(), (ResultCode::Approved, 0));
    assert_eq!(bench.upload(sale(0, 1, 1), 0, 1, 1_999).short(), (ResultCode::IdentityConflict, 1));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::Suspense));
    bench.close();
}

#[test]
fn beyond_a_rule_it_is_posted_flagged_and_held_back() {
    let day = DAY_NS;
    let wide = Policy { offline_debit_max_fen: 90_000, offline_day_max_fen: 90_000, ..Policy::DEFAULT };
    for (policy, amount_fen, ahead_ns, status, flag) in [
        (Policy::DEFAULT, 2_001, 0, AccountStatus::Open, MoneyFlags::OVER_SALE_LIMIT),
        (
            Policy { offline_day_max_fen: 500, ..Policy::DEFAULT },
            501,
            0,
            AccountStatus::Open,
            MoneyFlags::OVER_DAY_LIMIT,
        ),
        (wide, 10_001, 0, AccountStatus::Open, MoneyFlags::BELOW_FLOOR),
        (Policy::DEFAULT, 100, CLOCK_DRIFT_MAX_NS + 1, AccountStatus::Open, MoneyFlags::CLOCK),
        (Policy::DEFAULT, 100, 400 * day, AccountStatus::Open, MoneyFlags::CLOCK),
        (Policy::DEFAULT, 100, 0, AccountStatus::Closed, MoneyFlags::NOT_OPEN),
        (Policy::DEFAULT, 100, 0, AccountStatus::Frozen, MoneyFlags::NOT_OPEN),
    ] {
        let mut bench = Bench::new(1, 1);
        if policy != Policy::DEFAULT {
            bench.done(Request::SetPolicy(SetPolicy { class: 0, policy }));
        }
        if status != AccountStatus::Open {
            let account = AccountId(0);
            bench.done(Request::SetAccountTerms(SetAccountTerms {
                account,
                status,
                card_lost: false,
                class: 0,
                debit_max_fen: 0,
                day_max_fen: 0,
            }));
        }
        let mut record = fact(&bench, 1, 0, amount_fen);
        record.till_time_ns += ahead_ns;
        assert_eq!(bench.fact(record).short(), (ResultCode::ApprovedFlagged, 1), "{flag:?}");
        assert_eq!(last_flags(&bench), flag);
        assert_eq!(bench.wallets(0), [10_000 - amount_fen, 0, 0]);
        assert_eq!((bench.owed_to_merchant(), bench.held_back()), (0, amount_fen));
        assert_eq!(bench.fact(record).short(), (ResultCode::ApprovedFlagged, 0));
        bench.close();
    }
}

#[test]
fn at_each_rule_it_isnt_flagged() {
    let mut bench = Bench::new(1, 1);
    let policy = Policy { offline_debit_max_fen: 10_000, offline_day_max_fen: 10_000, ..Policy::DEFAULT };
    bench.done(Request::SetPolicy(SetPolicy { class: 0, policy }));
    let mut record = fact(&bench, 1, 0, 10_000);
    record.till_time_ns += CLOCK_DRIFT_MAX_NS;
    assert_eq!(bench.fact(record).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.wallets(0), [0, 0, 0]);
    bench.close();
}

#[test]
fn it_counts_on_its_own_day() {
    let mut bench = Bench::new(1, 1);
    let mut yesterday = fact(&bench, 1, 0, 2_000);
    yesterday.till_time_ns -= DAY_NS;
    bench.fact(yesterday);
    // Today's limit is untouched by yesterday's fact.
    for sequence in 2..=3 {
        assert_eq!(bench.tap(sale(0, 1, sequence), 0, sequence, 2_000).outcome.code, ResultCode::Approved);
    }
    let today = fact(&bench, 4, 0, 900);
    assert_eq!(bench.fact(today).outcome.code, ResultCode::Approved);
    assert_eq!(bench.tap(sale(0, 1, 5), 0, 5, 101).outcome.code, ResultCode::DayLimit);
    assert_eq!(bench.tap(sale(0, 1, 6), 0, 5, 100).outcome.code, ResultCode::Approved);
    bench.close();
}

#[test]
fn an_online_tap_and_its_upload_are_one_sale() {
    let mut bench = Bench::new(1, 1);
    let tap = bench.tap(sale(0, 1, 77), 0, 1, 1_500);
    let upload = bench.upload(sale(0, 1, 77), 0, 1, 1_500);
    assert_eq!(upload.short(), (ResultCode::Approved, 0));
    assert_eq!(upload.outcome.record, tap.outcome.record);
    assert_eq!(bench.upload(sale(0, 1, 77), 0, 1, 1_600).short(), (ResultCode::IdentityConflict, 1));
    assert_eq!(bench.balance(0).system_fen, 8_500);
    assert_eq!(bench.owed_to_merchant(), 1_500);
    // The other way round.
    bench.upload(sale(0, 1, 78), 0, 2, 100);
    assert_eq!(bench.tap(sale(0, 1, 78), 0, 2, 100).short(), (ResultCode::Approved, 0));
    bench.close();
}

#[test]
fn a_fact_against_a_refusal_or_a_reversal_is_kept_out() {
    let mut bench = Bench::new(1, 1);
    bench.tap(sale(0, 1, 1), 0, 1, 2_001);
    assert_eq!(bench.upload(sale(0, 1, 1), 0, 1, 2_001).short(), (ResultCode::IdentityConflict, 1));
    bench.tap(sale(0, 1, 2), 0, 2, 100);
    bench.reverse(sale(0, 1, 3), (1, 2), 100);
    assert_eq!(bench.upload(sale(0, 1, 2), 0, 2, 100).short(), (ResultCode::Reversed, 1));
    assert_eq!(bench.balance(0).system_fen, 10_000);
    bench.close();
}

#[test]
fn an_old_card_finds_its_account_and_a_strangers_waits_in_clearing() {
    let mut bench = Bench::new(2, 2);
    bench.done(Request::BindCard(BindCard { account: AccountId(0), card_uid: CardUid(55) }));
    assert_eq!(bench.upload(sale(0, 1, 1), 0, 1, 500).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.wallets(0), [9_500, 0, 0]);
    let stranger = OfflineFact { card_uid: CardUid(999), ..fact(&bench, 2, 0, 300) };
    let answer = bench.fact(stranger);
    assert_eq!(answer.short(), (ResultCode::ApprovedFlagged, 1));
    assert_eq!(answer.outcome.account, None);
    let unknown = LedgerAccount::clearing(Clearing::UnknownCard);
    assert_eq!(total_fen(&bench.state.shards, unknown), -300);
    assert_eq!(bench.held_back(), 300);
    assert_eq!(bench.fact(stranger).short(), (ResultCode::ApprovedFlagged, 0));
    // A number given twice belongs to neither.
    bench.run(Request::BindCard(BindCard { account: AccountId(0), card_uid: uid(1) }));
    assert_eq!(bench.upload(sale(0, 1, 3), 1, 1, 50).outcome.account, None);
    assert_eq!(bench.wallets(1), [10_000, 0, 0]);
    bench.close();
}

#[test]
fn what_isnt_authentic_uses_nothing_up() {
    let mut bench = Bench::new(1, 1);
    let forged = OfflineFact { authentic: false, ..fact(&bench, 1, 0, 100) };
    assert_eq!(bench.fact(forged).short(), (ResultCode::NotAuthentic, 1));
    assert_eq!(bench.fact(forged).short(), (ResultCode::NotAuthentic, 0));
    let foreign = OfflineFact { record_terminal: TerminalId(999), ..fact(&bench, 1, 0, 100) };
    assert_eq!(bench.fact(foreign).short(), (ResultCode::WrongTerminal, 0));
    let foreign = OfflineFact { record_terminal: TerminalId(999), ..fact(&bench, 2, 0, 100) };
    assert_eq!(bench.fact(foreign).short(), (ResultCode::WrongTerminal, 1));
    let good = fact(&bench, 1, 0, 100);
    assert_eq!(bench.fact(good).short(), (ResultCode::Approved, 1));
    // Once known, a forged copy of it is the same sale; a forged other body is a conflict.
    assert_eq!(bench.fact(forged).short(), (ResultCode::Approved, 0));
    bench.close();
}

#[test]
fn a_record_of_another_terminal_says_nothing_about_the_sale_of_its_sequence() {
    let mut bench = Bench::new(1, 2);
    bench.tap(sale(0, 1, 1), 0, 1, 100);
    let foreign = OfflineFact { record_terminal: TerminalId(999), ..fact(&bench, 1, 1, 300) };
    assert_eq!(bench.fact(foreign).short(), (ResultCode::WrongTerminal, 1));
    // The conflict that follows is kept with its bytes all the same.
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 200).short(), (ResultCode::IdentityConflict, 1));
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 400).short(), (ResultCode::IdentityConflict, 0));
    bench.close();
}

#[test]
fn a_fact_doesnt_raise_the_card_counter() {
    let mut bench = Bench::new(1, 1);
    bench.upload(sale(0, 1, 1), 0, 500, 100);
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 1, 100).outcome.code, ResultCode::Approved);
    bench.close();
}

#[test]
fn a_merchant_that_stopped_trading_is_paid_after_review() {
    let mut bench = Bench::new(1, 1);
    bench.done(Request::RegisterMerchant(RegisterMerchant {
        merchant: MERCHANT,
        name: "一食堂",
        enabled: false,
    }));
    assert_eq!(bench.upload(sale(0, 1, 1), 0, 1, 100).outcome.code, ResultCode::ApprovedFlagged);
    assert_eq!((bench.owed_to_merchant(), bench.held_back()), (0, 100));
    bench.close();
}

#[test]
fn a_lost_cards_sales_are_borne_by_who_should_have_known() {
    use ResultCode::{Approved, ApprovedFlagged};
    let lost_cards = LedgerAccount::clearing(Clearing::LostCards);
    let mut bench = Bench::new(2, 2);
    let lose = |account, card_lost| {
        Request::SetAccountTerms(SetAccountTerms {
            account: AccountId(account),
            status: AccountStatus::Open,
            card_lost,
            class: 0,
            debit_max_fen: 0,
            day_max_fen: 0,
        })
    };
    // Version 1 of the list is another's card; 2 has this one.
    bench.done(lose(1, true));
    bench.done(lose(0, true));
    let lost_ns = bench.time_ns;
    bench.time_ns += DAY_NS;
    // When it was, the version and the age of the till's list; the answer, what the holder, the school and the merchant's
    // review have then.
    let mut sequence = 0;
    let mut sold_for = |bench: &mut Bench, after_ns: u64, list: Option<(u32, u32)>, amount_fen| {
        sequence += 1;
        let till_time_ns = lost_ns + after_ns;
        let list = list.map(|(version, age_s)| TillList { version, age_s });
        let answer = bench.fact(OfflineFact { till_time_ns, list, ..fact(bench, sequence, 0, amount_fen) });
        let school_fen = -total_fen(&bench.state.shards, lost_cards);
        (answer.outcome.code, bench.wallets(0)[0], school_fen, bench.held_back())
    };
    let mut sold = |bench: &mut Bench, after_ns, list| sold_for(bench, after_ns, list, 100);
    const OLDEST_S: u32 = BLOCK_LIST_AGE_MAX_S;
    assert_eq!(sold(&mut bench, 0, None), (Approved, 9_900, 0, 0), "at the very moment of the report");
    assert_eq!(sold(&mut bench, 1, Some((1, OLDEST_S))), (Approved, 9_900, 100, 0));
    // Too old, none, one of no version; the card was on it; one that there wasn't.
    assert_eq!(sold(&mut bench, 1, Some((1, OLDEST_S + 1))), (ApprovedFlagged, 9_900, 200, 100));
    assert_eq!(sold(&mut bench, 1, None), (ApprovedFlagged, 9_900, 300, 200));
    assert_eq!(sold(&mut bench, 1, Some((0, 0))), (ApprovedFlagged, 9_900, 400, 300));
    assert_eq!(sold(&mut bench, 1, Some((2, 0))), (ApprovedFlagged, 9_900, 500, 400));
    assert_eq!(sold(&mut bench, 1, Some((3, 0))), (ApprovedFlagged, 9_900, 600, 500));
    assert_eq!(bench.owed_to_merchant(), 200);
    // The class's limits hold for what the school bears, too.
    assert_eq!(sold_for(&mut bench, 1, Some((1, 0)), 2_001), (ApprovedFlagged, 9_900, 2_601, 2_501));
    assert!(last_flags(&bench).has(MoneyFlags::OVER_SALE_LIMIT));
    let policy = Policy { offline_day_max_fen: 199, ..Policy::DEFAULT };
    bench.done(Request::SetPolicy(SetPolicy { class: 0, policy }));
    assert_eq!(sold_for(&mut bench, 1, Some((1, 0)), 100), (ApprovedFlagged, 9_900, 2_701, 2_601));
    assert!(last_flags(&bench).has(MoneyFlags::OVER_DAY_LIMIT));
    bench.done(Request::SetPolicy(SetPolicy { class: 0, policy: Policy::DEFAULT }));
    let mut sold = |bench: &mut Bench, after_ns, list| sold_for(bench, after_ns, list, 100);
    // Found again: what comes from now on is the holder's.
    bench.done(lose(0, false));
    assert_eq!(sold(&mut bench, 1, None), (Approved, 9_800, 2_701, 2_601));
    // A card that an import left for another is blocked, too, but nobody lost it.
    bench.done(Request::BindCard(BindCard { account: AccountId(0), card_uid: CardUid(71) }));
    assert_eq!(sold(&mut bench, DAY_NS + 1, None), (Approved, 9_700, 2_701, 2_601));
    // The same record again is the same sale.
    let again = fact(&bench, 2, 0, 100);
    assert_eq!(bench.fact(again).short(), (Approved, 0));
    bench.close();
}
