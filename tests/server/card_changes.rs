//! Cards are handed out and taken back while tills sell: what changes the directory goes through the same pump, and
//! neither is lost or done twice.

use std::thread;
use std::time::Duration;

use engine::data_dir::DataDir;
use engine::ledger::Request as Configuration;
use engine::ledger::command::{OpenAccount, Opening};
use engine::ledger::record::Wallet;
use engine::opened_books::{OpenOptions, OpenedBooks};
use protocol::answer::Answer;
use protocol::card::{CardKind, CardTerms, ReplaceReason};
use protocol::channel::Channel;
use protocol::ids::{AccountId, CardUid};
use protocol::payment_code;
use protocol::request::{
    AccountSelector, BalanceQuery, CardIssue, CardReplace, CardReturn, CodeDebit, Request, TopUp,
};
use protocol::result_code::ResultCode;
use protocol::text::OrderNumber;

use crate::books_check::{balances_fen, expect_exactly_once};
use crate::campus::{COUNTER, Campus, GATEWAY, Served, TILLS, card, sizes, till};
use crate::counter_load::{self, CounterLoad, expect_cards, expect_each_once};
use crate::load::Load;
use crate::program::Serving;
use crate::seed::Random;
use crate::wire_till::{Tap, WireTill, offline_record};

/// More than one turn takes.
const COUNTERS: u32 = 20;
/// Changes while the tills sell.
const CHANGES: u64 = 3_000;
/// Kills with SIGKILL.
const CYCLES: u32 = 8;
const ALIVE_US_MAX: u64 = 150_000;

fn code_of(peer: &mut WireTill, query: BalanceQuery) -> ResultCode {
    match Answer::decode(&peer.call(0, &Request::Balance(query))).expect("an answer") {
        (_, Answer::Balance(answer)) => answer.code,
        (_, other) => panic!("a balance query was answered with {other:?}"),
    }
}

#[test]
fn thousands_of_cards_change_hands_while_eight_tills_sell() {
    let mut random = Random::for_test("thousands_of_cards_change_hands_while_eight_tills_sell");
    let mut campus = Campus::new();
    campus.sizes.cards_max = 65_536;
    // Everything that was told can be asked for at the end without a walk.
    campus.sizes.outcomes_per_terminal = 16_384;
    let served = campus.serve();
    counter_load::set_up(served.engine(), COUNTERS);
    let tills = Load::start(&campus.keys(), TILLS, &mut random);
    let counters = CounterLoad::start(&campus.keys(), COUNTERS, &mut random);
    tills.publish(Some(served.address()));
    counters.publish(Some(served.address()));
    tills.wait_for(1);
    let sold_before = tills.acknowledged();
    counters.wait_for(CHANGES);
    let sold = tills.acknowledged() - sold_before;
    let changed = counters.finish();
    let told = tills.finish();
    println!("{CHANGES} changes, {sold} sales meanwhile");
    assert!(sold > CHANGES / 10, "the tills hardly sold anything");

    let mut asking = WireTill::sign_in(served.address(), &campus.keys().identity(GATEWAY));
    for (account, balance_fen) in (0..).zip(balances_fen(&told)) {
        assert_eq!(asking.balance(account).system_fen, balance_fen, "account {account}");
    }
    expect_cards(&changed, |query| code_of(&mut asking, query));
    asking.sign_out();
    served.stop();
    campus.expect_sound();
    expect_exactly_once(&campus.data_dir(), &told);
    expect_each_once(&campus.data_dir(), &changed);
}

#[test]
fn a_card_change_that_was_acknowledged_survives_kill_9_exactly_once() {
    let mut random = Random::for_test("a_card_change_that_was_acknowledged_survives_kill_9_exactly_once");
    let campus = Campus::new();
    {
        let data = DataDir::open(&campus.data_dir()).expect("nobody else has the books");
        let options = OpenOptions { sizes: sizes(), ..OpenOptions::default() };
        let (books, _) = OpenedBooks::open(data, &options).expect("sound books");
        counter_load::set_up(books.engine(), 4);
        books.close().expect("a clean stop");
    }
    // Few outcomes are kept, so that old ones are found in the log.
    let arguments = &["--outcomes-per-terminal", "64"];
    let tills = Load::start(&campus.keys(), 2, &mut random);
    let counters = CounterLoad::start(&campus.keys(), 4, &mut random);
    for cycle in 0..CYCLES {
        let server = Serving::start(&campus.data_dir(), arguments);
        tills.publish(Some(server.address()));
        counters.publish(Some(server.address()));
        if cycle % 3 > 0 {
            counters.wait_for(1 + random.below(50));
        }
        thread::sleep(Duration::from_micros(random.below(ALIVE_US_MAX)));
        tills.publish(None);
        counters.publish(None);
        server.kill();
    }
    let acknowledged = counters.acknowledged();
    let server = Serving::start(&campus.data_dir(), arguments);
    tills.publish(Some(server.address()));
    counters.publish(Some(server.address()));
    counters.wait_for(20);
    let changed = counters.finish();
    let told = tills.finish();
    println!("{CYCLES} kills; {acknowledged} changes acknowledged before the last start");
    assert!(acknowledged > u64::from(CYCLES), "the counters hardly did anything");

    let mut asking = WireTill::sign_in(server.address(), &campus.keys().identity(till(TILLS - 1)));
    expect_cards(&changed, |query| code_of(&mut asking, query));
    asking.sign_out();
    server.terminate();
    campus.expect_sound();
    expect_exactly_once(&campus.data_dir(), &told);
    expect_each_once(&campus.data_dir(), &changed);
}

#[test]
fn a_person_gets_a_card_another_and_none_at_a_counter() {
    let mut campus = Campus::new();
    campus.sizes.outcomes_per_terminal = 8;
    let served = campus.serve();
    let mut counter = WireTill::sign_in(served.address(), &served.keys.identity(COUNTER));
    let mut pos = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let parameters = pos.welcome.parameter_version;
    let (account, new) = (AccountSelector::Account(AccountId(5)), card(9_999));
    let tap = |sequence, card, counter| Tap { sequence, card, counter, amount_fen: 10 };
    assert_eq!(pos.tap(&tap(1, card(5), 7)).code, ResultCode::Approved);

    let replace = Request::CardReplace(CardReplace {
        account,
        new_card: new,
        fee_fen: 0,
        reason: ReplaceReason::Lost,
        terms: CardTerms::STANDARD,
        till_time_ns: 0,
    });
    let replaced = counter.money(1, &replace);
    assert_eq!((replaced.code, replaced.account), (ResultCode::Approved, Some(AccountId(5))));
    assert_eq!(pos.tap(&tap(2, card(5), 8)).code, ResultCode::CardNotCurrent);
    assert_eq!(pos.tap(&tap(3, new, 1)).code, ResultCode::Approved);
    let issue = |card_uid| {
        Request::CardIssue(CardIssue {
            account,
            card_uid,
            kind: CardKind::Standard,
            expires_day: 0,
            fee_fen: 0,
            till_time_ns: 0,
        })
    };
    assert_eq!(counter.money(2, &issue(card(8_888))).code, ResultCode::CardAlreadyCurrent);
    let give_back = Request::CardReturn(CardReturn { account, card_uid: new, till_time_ns: 0 });
    assert_eq!(counter.money(3, &give_back).code, ResultCode::Approved);
    assert_eq!(counter.money(4, &issue(card(5))).code, ResultCode::CardNotReusable);
    assert_eq!(counter.money(5, &issue(card(0))).code, ResultCode::CardTaken);
    let issued = counter.money(6, &issue(card(8_888)));
    assert_eq!(issued.code, ResultCode::Approved);
    assert_eq!(pos.tap(&tap(4, card(8_888), 1)).code, ResultCode::Approved);
    // Another kind of terminal may not, and a fee is taken in the same step as the card is changed.
    assert_eq!(pos.refused(5, &issue(card(7_777))).code, ResultCode::NotPermitted);
    let with_fee = Request::CardReplace(CardReplace {
        account,
        new_card: card(7_777),
        fee_fen: 2_000,
        reason: ReplaceReason::Broken,
        terms: CardTerms::STANDARD,
        till_time_ns: 0,
    });
    let before_fen = issued.balance_after_fen - 10;
    let paid = counter.money(7, &with_fee);
    assert_eq!((paid.code, paid.balance_after_fen), (ResultCode::Approved, before_fen - 2_000));

    // Out of memory, and found in the log: answered again, or a conflict.
    for sequence in 8..28 {
        assert_eq!(counter.money(sequence, &issue(card(1))).code, ResultCode::CardTaken);
    }
    let expect_known = |served: &Served| {
        let mut counter = WireTill::sign_in(served.address(), &served.keys.identity(COUNTER));
        let again = counter.money(1, &replace);
        assert_eq!((again.code, again.repeat, again.record), (ResultCode::Approved, true, replaced.record));
        let asked = counter.ask(6);
        assert_eq!((asked.code, asked.record), (ResultCode::Approved, issued.record));
        assert_eq!(counter.money(3, &issue(card(7_777))).code, ResultCode::IdentityConflict);
    };
    expect_known(&served);
    // No till is sent to sign in again because of a card.
    let signed_in = WireTill::sign_in(served.address(), &served.keys.identity(till(1)));
    assert_eq!(signed_in.welcome.parameter_version, parameters);
    drop(signed_in);
    served.stop_unsealed();
    let served = campus.serve();
    expect_known(&served);
    served.stop();
    campus.expect_sound();
}

/// A card is lost: the new one is paid for from the electronic wallet, and what the old one still brings finds its holder.
#[test]
fn a_lost_card_is_replaced_for_a_fee_and_its_late_sale_still_finds_the_account() {
    const OLD: CardUid = CardUid(6_000_001);
    const NEW: CardUid = CardUid(6_000_002);
    let campus = Campus::new();
    let served = campus.serve();
    let engine = served.engine();
    let mut student_number = [0; 16];
    student_number[..7].copy_from_slice(b"2500001");
    let opened = engine
        .configure(Configuration::OpenAccount(OpenAccount { student_number, class: 0 }))
        .expect("there is room");
    let id = opened.account.expect("it was opened");
    let opening = Opening { account: id, wallet: Wallet::Card, amount_fen: 4_200 };
    engine.configure(Configuration::Opening(opening)).expect("a first balance");
    engine.sync().expect("durable");

    let account = AccountSelector::Account(id);
    let sign_in = |terminal| WireTill::sign_in(served.address(), &served.keys.identity(terminal));
    let (mut counter, mut pos) = (sign_in(COUNTER), sign_in(till(0)));
    let issue = CardIssue {
        account,
        card_uid: OLD,
        kind: CardKind::Standard,
        expires_day: 0,
        fee_fen: 0,
        till_time_ns: 0,
    };
    assert_eq!(counter.money(1, &Request::CardIssue(issue)).code, ResultCode::Approved);
    let step = payment_code::step_at(wal::Clock::wall_ns(&wal::SystemClock));
    let code = payment_code::issue(&served.keys.code_key(), 0, id, step, 0).expect("it fits");
    let paid = pos.money(1, &Request::CodeDebit(CodeDebit { code, amount_fen: 700, till_time_ns: 0 }));
    assert_eq!(paid.code, ResultCode::Approved);
    let order = OrderNumber::new("lost and found").expect("short");
    let top_up = TopUp { account, amount_fen: 3_000, channel: Channel::Counter, order };
    assert_eq!(counter.money(2, &Request::TopUp(top_up)).code, ResultCode::Approved);
    let wallets = |till: &mut WireTill| {
        let balance = till.balance(id.0);
        ([balance.card_fen, balance.transition_fen, balance.electronic_fen], balance.system_fen)
    };
    assert_eq!(wallets(&mut pos), ([4_200, -700, 3_000], 6_500));

    let reason = ReplaceReason::Lost;
    let terms = CardTerms::STANDARD;
    let replace = CardReplace { account, new_card: NEW, fee_fen: 2_000, reason, terms, till_time_ns: 0 };
    let replaced = counter.money(3, &Request::CardReplace(replace));
    assert_eq!((replaced.code, replaced.balance_after_fen), (ResultCode::Approved, 4_500));
    let stored = Tap { sequence: 2, card: OLD, counter: 1, amount_fen: 500 };
    let late = pos.upload(1, &[offline_record(&served.keys, till(0), &stored, 1_790_000_000_000_000_000)]);
    assert!(late[0].result().is_some_and(ResultCode::is_approved), "{late:?}");
    assert_eq!(wallets(&mut pos), ([3_700, -700, 1_000], 4_000));
    assert_eq!(
        pos.tap(&Tap { sequence: 3, card: OLD, counter: 2, amount_fen: 1 }).code,
        ResultCode::CardNotCurrent
    );
    served.stop_unsealed();

    let served = campus.serve();
    let mut pos = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    assert_eq!(wallets(&mut pos), ([3_700, -700, 1_000], 4_000));
    served.stop();
    campus.expect_sound();
}
