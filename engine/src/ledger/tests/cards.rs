//! Cards at a counter: issued, replaced, returned, each once.

use protocol::card::{CardKind, CardTerms, ReplaceReason};
use protocol::ids::{AccountId, CardCounter, CardUid, TerminalId};
use protocol::result_code::ResultCode;

use super::bench::{Bench, MERCHANT, register_till, sale, text, uid};
use crate::ledger::account::AccountStatus;
use crate::ledger::calendar::DAY_NS;
use crate::ledger::command::{
    AccountSelector, BindCard, CardDebit, CardIssue, CardReplace, CardReturn, Carried, CodeVerdict,
    OfflineFact, OpenAccount, RegisterTerminal, Request, Sale, SetAccountTerms, SetPolicy,
};
use crate::ledger::record::RecordKind;
use crate::ledger::registry::{Policy, TerminalKind};
use crate::ledger::state::account;

/// The slot of the counter; those below it are gateways.
const COUNTER: u16 = 4;
/// An account without a card.
const BARE: u32 = 2;

/// Two people with cards, one without, and a counter.
fn bench() -> Bench {
    let mut bench = Bench::new(4, 2);
    let Request::RegisterTerminal(gateway) = register_till(COUNTER) else { unreachable!("it registers") };
    bench.done(Request::RegisterTerminal(RegisterTerminal {
        merchant: MERCHANT,
        kind: TerminalKind::Counter,
        ..gateway
    }));
    bench.done(Request::OpenAccount(OpenAccount { student_number: text("180002"), class: 0 }));
    bench
}

fn by(account: u32) -> AccountSelector {
    AccountSelector::Account(AccountId(account))
}

fn issue(sale: Sale<'_>, account: u32, card: u64) -> CardIssue<'_> {
    CardIssue {
        sale,
        account: by(account),
        card_uid: CardUid(card),
        kind: CardKind::Standard,
        expires_day: 0,
        fee_fen: 0,
    }
}

fn replace(sale: Sale<'_>, account: u32, card: u64) -> CardReplace<'_> {
    let (account, new_card) = (by(account), CardUid(card));
    CardReplace {
        sale,
        account,
        new_card,
        reason: ReplaceReason::Lost,
        terms: CardTerms::STANDARD,
        fee_fen: 0,
    }
}

fn give_back(sale: Sale<'_>, account: u32, card: CardUid) -> CardReturn<'_> {
    CardReturn { sale, account: by(account), card_uid: card }
}

fn at(sequence: u32) -> Sale<'static> {
    sale(COUNTER, 1, sequence)
}

#[test]
fn a_card_goes_from_issue_over_replacement_to_return() {
    let mut bench = bench();
    let issued = bench.done(Request::CardIssue(issue(at(1), BARE, 70)));
    assert_eq!((issued.account, issued.amount_fen, issued.repeat), (Some(AccountId(BARE)), 0, false));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::CardIssued));
    let card_of = |bench: &Bench| account(&bench.state.shards, AccountId(BARE)).unwrap().card_uid();
    assert_eq!(card_of(&bench), CardUid(70));
    bench.top_up(sale(1, 1, 1), BARE, 5_000, "o-1");

    // The new card's counter begins anew; the old card pays no more, but its late records find the account.
    let tap = |bench: &mut Bench, sequence, card, counter| {
        bench.run(Request::CardDebit(CardDebit {
            sale: sale(1, 1, sequence),
            card_uid: CardUid(card),
            card_counter: CardCounter(counter),
            amount_fen: 100,
        }))
    };
    assert_eq!(tap(&mut bench, 2, 70, 9).outcome.code, ResultCode::Approved);
    bench.done(Request::CardReplace(replace(at(2), BARE, 71)));
    assert_eq!(card_of(&bench), CardUid(71));
    assert_eq!(tap(&mut bench, 3, 70, 10).outcome.code, ResultCode::CardNotCurrent);
    assert_eq!(tap(&mut bench, 4, 71, 1).outcome.code, ResultCode::Approved);
    let late = bench.fact(OfflineFact {
        sale: sale(1, 1, 5),
        record_terminal: sale(1, 1, 5).terminal,
        card_uid: CardUid(70),
        card_counter: CardCounter(10),
        amount_fen: 300,
        till_time_ns: bench.time_ns,
        list: None,
        authentic: true,
        carried: Carried::default(),
    });
    assert_eq!((late.outcome.code, late.outcome.account), (ResultCode::Approved, Some(AccountId(BARE))));

    bench.done(Request::CardReturn(give_back(at(3), BARE, CardUid(71))));
    assert_eq!(card_of(&bench), CardUid(0));
    assert_eq!(tap(&mut bench, 6, 71, 2).outcome.code, ResultCode::CardNotCurrent);
    // The account stays, and gets another card.
    bench.done(Request::CardIssue(issue(at(4), BARE, 72)));
    assert_eq!(tap(&mut bench, 7, 72, 1).outcome.code, ResultCode::Approved);
    bench.close();
}

#[test]
fn what_comes_again_is_answered_again_also_from_the_log() {
    let mut bench = bench();
    let first = bench.done(Request::CardIssue(issue(at(1), BARE, 70)));
    let again = bench.run(Request::CardIssue(issue(at(1), BARE, 70)));
    assert_eq!(again.short(), (ResultCode::Approved, 0));
    assert!(again.outcome.repeat && again.outcome.record == first.record);
    // Another body under the same identity; another kind with the same fields is another body, too.
    let conflict = bench.run(Request::CardIssue(issue(at(1), BARE, 71)));
    assert_eq!(conflict.short(), (ResultCode::IdentityConflict, 1));
    let conflict = bench.run(Request::CardReturn(give_back(at(1), BARE, CardUid(70))));
    assert_eq!(conflict.outcome.code, ResultCode::IdentityConflict);
    // A refusal is remembered as well.
    let refused = bench.run(Request::CardIssue(issue(at(2), BARE, 72)));
    assert_eq!(refused.short(), (ResultCode::CardAlreadyCurrent, 1));
    bench.done(Request::CardReturn(give_back(at(3), BARE, CardUid(70))));
    let refused = bench.run(Request::CardIssue(issue(at(2), BARE, 72)));
    assert_eq!(refused.short(), (ResultCode::CardAlreadyCurrent, 0));
    // Out of the ring: sixteen more, and the first is asked for again.
    for sequence in 4..40 {
        bench.run(Request::CardReturn(give_back(at(sequence), BARE, CardUid(70))));
    }
    let walks = bench.walks;
    let again = bench.run(Request::CardIssue(issue(at(1), BARE, 70)));
    assert_eq!(again.short(), (ResultCode::Approved, 0));
    assert!(again.outcome.repeat && again.outcome.record == first.record);
    assert_eq!(bench.walks, walks + 1);
    bench.close();
}

#[test]
fn a_change_of_cards_is_not_reversed() {
    let mut bench = bench();
    bench.done(Request::CardIssue(issue(at(1), BARE, 70)));
    assert_eq!(bench.reverse(at(2), (1, 1), 0).short(), (ResultCode::AmountNotPositive, 0));
    assert_eq!(bench.reverse(at(2), (1, 1), 5).short(), (ResultCode::IdentityConflict, 1));
    bench.close();
}

/// Each refusal by name; where two apply, the lower is the answer.
#[test]
fn each_refusal() {
    use ResultCode::*;
    let mut bench = bench();
    let own = uid(0);
    let mut sequence = 0;
    let mut check =
        |bench: &mut Bench, request: &dyn Fn(Sale<'static>) -> Request<'static>, code, records| {
            sequence += 1;
            let request = request(at(sequence));
            let answer = bench.run(request);
            assert_eq!(answer.short(), (code, records), "{request:?}");
            // Without a trace, the sequence isn't used up.
            sequence -= u32::from(records == 0);
        };
    // Fields, without a record.
    let fields: [fn(Sale<'static>) -> Request<'static>; 3] = [
        |sale| Request::CardIssue(issue(sale, BARE, 0)),
        |sale| Request::CardReplace(replace(sale, 0, 0)),
        |sale| Request::CardReturn(give_back(sale, 0, CardUid(0))),
    ];
    for request in fields {
        check(&mut bench, &request, NotPermitted, 0);
    }
    let fee = |fee_fen| move |sale| Request::CardIssue(CardIssue { fee_fen, ..issue(sale, BARE, 70) });
    check(&mut bench, &fee(-1), AmountNotPositive, 0);
    check(&mut bench, &fee(1_000_000_001), AmountTooLarge, 0);
    assert_eq!(bench.run(Request::CardIssue(issue(at(0), BARE, 70))).short(), (SequenceZero, 0));
    let gateway = bench.run(Request::CardIssue(issue(sale(1, 1, 1), BARE, 70)));
    assert_eq!(gateway.short(), (NotPermitted, 0));
    let nobody = Sale { terminal: TerminalId(7), ..at(1) };
    assert_eq!(bench.run(Request::CardIssue(issue(nobody, BARE, 70))).short(), (UnknownTerminal, 0));

    // Cards.
    check(&mut bench, &|sale| Request::CardIssue(issue(sale, BARE, own.0)), CardTaken, 1);
    check(&mut bench, &|sale| Request::CardReplace(replace(sale, 1, own.0)), CardTaken, 1);
    // Also its own, before it is told that it has one.
    check(&mut bench, &|sale| Request::CardIssue(issue(sale, 0, own.0)), CardTaken, 1);
    check(&mut bench, &|sale| Request::CardIssue(issue(sale, 0, 70)), CardAlreadyCurrent, 1);
    check(&mut bench, &|sale| Request::CardReplace(replace(sale, BARE, 70)), CardNotCurrent, 1);
    check(&mut bench, &|sale| Request::CardReturn(give_back(sale, 0, CardUid(70))), UnknownCard, 1);
    check(&mut bench, &|sale| Request::CardReturn(give_back(sale, 1, own)), CardNotCurrent, 1);
    check(&mut bench, &|sale| Request::CardReplace(replace(sale, 0, 80)), Approved, 1);
    check(&mut bench, &|sale| Request::CardReturn(give_back(sale, 0, own)), CardNotCurrent, 1);
    check(&mut bench, &|sale| Request::CardIssue(issue(sale, BARE, own.0)), CardNotReusable, 1);
    check(&mut bench, &|sale| Request::CardReplace(replace(sale, 0, own.0)), CardNotReusable, 1);
    bench.run(Request::BindCard(BindCard { account: AccountId(1), card_uid: CardUid(80) }));
    check(&mut bench, &|sale| Request::CardIssue(issue(sale, BARE, 80)), CardTaken, 1);

    // Accounts, below cards.
    check(&mut bench, &|sale| Request::CardIssue(issue(sale, 99, 70)), UnknownAccount, 1);
    check(&mut bench, &|sale| Request::CardIssue(issue(sale, 99, 80)), CardTaken, 1);
    check(&mut bench, &|sale| Request::CardReturn(give_back(sale, 99, CardUid(70))), UnknownCard, 1);
    for (status, code) in [(AccountStatus::Frozen, AccountFrozen), (AccountStatus::Closed, AccountClosed)] {
        for account in [1, BARE] {
            bench.done(Request::SetAccountTerms(SetAccountTerms {
                account: AccountId(account),
                status,
                card_lost: false,
                class: 0,
                debit_max_fen: 0,
                day_max_fen: 0,
            }));
        }
        check(&mut bench, &|sale| Request::CardIssue(issue(sale, BARE, 70)), code, 1);
        check(&mut bench, &|sale| Request::CardIssue(issue(sale, 1, 70)), code, 1);
        check(&mut bench, &|sale| Request::CardReplace(replace(sale, 1, 70)), code, 1);
    }
    // What is closed gives its card back.
    check(&mut bench, &|sale| Request::CardReturn(give_back(sale, 1, uid(1))), Approved, 1);
    bench.close();
}

#[test]
fn a_lost_card_is_replaced_by_another_that_is_not() {
    let mut bench = bench();
    let lost = |card_lost| {
        Request::SetAccountTerms(SetAccountTerms {
            account: AccountId(0),
            status: AccountStatus::Open,
            card_lost,
            class: 0,
            debit_max_fen: 0,
            day_max_fen: 0,
        })
    };
    bench.done(lost(true));
    assert_eq!(bench.tap(sale(1, 1, 1), 0, 1, 100).outcome.code, ResultCode::CardLost);
    bench.done(Request::CardReplace(replace(at(1), 0, 70)));
    assert!(!account(&bench.state.shards, AccountId(0)).unwrap().card_lost());
    // A card given back is no loss any more, either.
    bench.done(lost(true));
    let itself =
        CardReturn { account: AccountSelector::Card(CardUid(70)), ..give_back(at(2), 0, CardUid(70)) };
    bench.done(Request::CardReturn(itself));
    assert!(!account(&bench.state.shards, AccountId(0)).unwrap().card_lost());
    bench.close();
}

#[test]
fn a_full_directory_is_busy_and_leaves_no_trace() {
    let mut bench = bench();
    let mut sequence = 1;
    let refused = loop {
        let (card, account) = (100 + u64::from(sequence), sequence % 2);
        let answer = bench.run(Request::CardReplace(replace(at(sequence), account, card)));
        if answer.outcome.code != ResultCode::Approved {
            break answer;
        }
        sequence += 1;
    };
    assert_eq!(refused.short(), (ResultCode::Busy, 0));
    assert!(sequence > 500, "the table holds 512 cards, {sequence} fitted");
    // What needs no place goes on under the same sequence.
    let card = account(&bench.state.shards, AccountId(0)).unwrap().card_uid();
    bench.done(Request::CardReturn(give_back(at(sequence), 0, card)));
    bench.close();
}

#[test]
fn a_fee_is_paid_from_the_electronic_wallet_first_and_may_leave_a_debt() {
    // Card and electronic wallet, subsidy on the card; what they are after a fee of 20.00.
    for (electronic_fen, subsidy_fen, wallets, subsidy_left_fen) in [
        (3_000, 0, [10_000, 0, 1_000], 0),
        (2_000, 900, [10_900, 0, 0], 900),
        (500, 900, [9_400, 0, 0], 0),
        (0, 2_100, [10_100, 0, 0], 100),
    ] {
        let mut bench = bench();
        if electronic_fen > 0 {
            bench.top_up(sale(1, 1, 1), 0, electronic_fen, "w");
        }
        if subsidy_fen > 0 {
            bench.give_subsidy(0, subsidy_fen);
        }
        let replaced =
            bench.run(Request::CardReplace(CardReplace { fee_fen: 2_000, ..replace(at(1), 0, 70) }));
        assert_eq!(replaced.short(), (ResultCode::Approved, 2));
        assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), (wallets, subsidy_left_fen));
        assert_eq!(replaced.outcome.balance_after_fen, wallets.iter().sum::<i64>());
        // Once, however often it is asked for.
        let again = bench.run(Request::CardReplace(CardReplace { fee_fen: 2_000, ..replace(at(1), 0, 70) }));
        assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::Approved, 0), true));
        assert_eq!(bench.wallets(0), wallets);
        bench.close();
    }
    // Somebody without a card and without money.
    let mut bench = bench();
    let before_fen = bench.balance(BARE).system_fen;
    bench.done(Request::CardIssue(CardIssue { fee_fen: before_fen + 300, ..issue(at(1), BARE, 70) }));
    assert_eq!(bench.balance(BARE).system_fen, -300);
    bench.close();
}

/// A card of 42.00, 7.00 paid by phone, 30.00 in the electronic wallet: 65.00. The card is replaced for 20.00; the old one's
/// last meal at a till without a network comes on the thirtieth day.
#[test]
fn a_replaced_cards_late_fact_finds_its_account() {
    let mut bench = bench();
    let (debit_max_fen, day_max_fen, offline_day_max_fen) = (10_000, 10_000, 10_000);
    let policy = Policy { debit_max_fen, day_max_fen, offline_day_max_fen, ..Policy::DEFAULT };
    bench.done(Request::SetPolicy(SetPolicy { class: 0, policy }));
    bench.tap(sale(0, 1, 1), 0, 1, 5_800);
    bench.top_up(sale(1, 1, 1), 0, 3_000, "w");
    let verdict = CodeVerdict::Authentic { account: AccountId(0), step: 9, nonce: 0 };
    assert_eq!(bench.code(sale(0, 1, 2), verdict, 700).outcome.code, ResultCode::Approved);
    assert_eq!(bench.wallets(0), [4_200, -700, 3_000]);
    let replaced = bench.done(Request::CardReplace(CardReplace { fee_fen: 2_000, ..replace(at(1), 0, 70) }));
    assert_eq!(replaced.balance_after_fen, 4_500);
    let till_time_ns = bench.time_ns;
    bench.time_ns += 30 * DAY_NS;
    let fact = OfflineFact {
        sale: sale(2, 1, 1),
        record_terminal: sale(2, 1, 1).terminal,
        card_uid: uid(0),
        card_counter: CardCounter(2),
        amount_fen: 500,
        till_time_ns,
        list: None,
        authentic: true,
        carried: Carried::default(),
    };
    assert_eq!(bench.fact(fact).outcome.code, ResultCode::Approved);
    assert_eq!((bench.wallets(0), bench.balance(0).system_fen), ([3_700, -700, 1_000], 4_000));
    bench.close();
}
