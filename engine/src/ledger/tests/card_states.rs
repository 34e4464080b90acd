//! Cards that expire, stand in for others, come back, and are given to somebody else.

use protocol::card::{CardKind, CardTerms, ReplaceReason};
use protocol::ids::{AccountId, CardCounter, CardUid};
use protocol::result_code::ResultCode;

use super::account_close::{bench, close_of};
use super::bench::{Answer, Bench, SECOND_NS, sale, small_sizes, text, uid};
use crate::ledger::account::AccountStatus;
use crate::ledger::calendar::{DAY_NS, day_of};
use crate::ledger::command::{
    AccountSelector, BindCard, CardDebit, CardIssue, CardReplace, CardReturn, CardTap, Carried, OfflineFact,
    OpenAccount, Request, Sale, SetAccountTerms, TillList,
};
use crate::ledger::limits::CARD_REUSE_DAYS;
use crate::ledger::record::{MoneyFlags, Record};
use crate::ledger::state::account;
use crate::ledger::{Sizes, snapshot};

fn at(sequence: u32) -> Sale<'static> {
    sale(4, 1, sequence)
}

fn by(id: u32) -> AccountSelector {
    AccountSelector::Account(AccountId(id))
}

pub(super) fn issue(bench: &mut Bench, sequence: u32, id: u32, card: u64, terms: CardTerms) -> Answer {
    let CardTerms { kind, expires_day } = terms;
    let (account, card_uid) = (by(id), CardUid(card));
    bench.run(Request::CardIssue(CardIssue {
        sale: at(sequence),
        account,
        card_uid,
        kind,
        expires_day,
        fee_fen: 0,
    }))
}

pub(super) fn replace(bench: &mut Bench, sequence: u32, id: u32, new_card: u64, terms: CardTerms) -> Answer {
    bench.run(Request::CardReplace(CardReplace {
        sale: at(sequence),
        account: by(id),
        new_card: CardUid(new_card),
        reason: ReplaceReason::Broken,
        terms,
        fee_fen: 0,
    }))
}

pub(super) fn give_back(bench: &mut Bench, sequence: u32, id: u32, card: u64) -> Answer {
    bench.run(Request::CardReturn(CardReturn {
        sale: at(sequence),
        account: by(id),
        card_uid: CardUid(card),
    }))
}

fn tap(bench: &mut Bench, sequence: u32, card: u64, counter: u32) -> ResultCode {
    let (card_uid, card_counter) = (CardUid(card), CardCounter(counter));
    let request = CardDebit { sale: sale(1, 1, sequence), card_uid, card_counter, amount_fen: 10 };
    bench.run(Request::CardDebit(request)).outcome.code
}

fn late(bench: &mut Bench, sequence: u32, card: u64, till_time_ns: u64) -> Answer {
    let sale = sale(2, 1, sequence);
    bench.fact(OfflineFact {
        sale,
        record_terminal: sale.terminal,
        card_uid: CardUid(card),
        card_counter: CardCounter(90),
        amount_fen: 100,
        till_time_ns,
        list: Some(TillList { version: 1, age_s: 0 }),
        authentic: true,
        carried: Carried::default(),
    })
}

fn terms(kind: CardKind, expires_day: u16) -> CardTerms {
    CardTerms { kind, expires_day }
}

/// Somebody without a card, and with money.
fn visitor(bench: &mut Bench, number: &str, id: u32) {
    bench.done(Request::OpenAccount(OpenAccount { student_number: text(number), class: 0 }));
    assert_eq!(bench.top_up(sale(0, 1, id), id, 5_000, number).outcome.code, ResultCode::Approved);
}

#[test]
fn a_visitors_card_is_taken_up_to_its_last_day() {
    let mut bench = bench(1);
    visitor(&mut bench, "V001", 1);
    let today = day_of(bench.time_ns);
    assert_eq!(
        issue(&mut bench, 1, 1, 70, terms(CardKind::Visitor, today + 2)).short(),
        (ResultCode::Approved, 1)
    );
    assert_eq!(tap(&mut bench, 1, 70, 1), ResultCode::Approved);
    bench.time_ns += DAY_NS;
    assert_eq!(tap(&mut bench, 2, 70, 2), ResultCode::Approved);
    bench.time_ns += DAY_NS;
    // In one phase and in two; a copy is found out first, and what happened while it was good is a fact.
    assert_eq!(tap(&mut bench, 3, 70, 3), ResultCode::CardExpired);
    assert_eq!(tap(&mut bench, 4, 70, 2), ResultCode::CardCounterReplayed);
    let two_phase = Request::CardTap(CardTap {
        sale: sale(1, 1, 5),
        card_uid: CardUid(70),
        card_counter: CardCounter(3),
        amount_fen: 10,
    });
    assert_eq!(bench.run(two_phase).short(), (ResultCode::CardExpired, 1));
    let yesterday_ns = bench.time_ns - DAY_NS;
    assert_eq!(late(&mut bench, 1, 70, yesterday_ns).outcome.code, ResultCode::Approved);
    let today_ns = bench.time_ns;
    assert_eq!(late(&mut bench, 2, 70, today_ns).outcome.code, ResultCode::ApprovedFlagged);
    match bench.newest() {
        Record::OfflineDebit(r) => assert_eq!(r.money.money_flags(), MoneyFlags::NOT_OPEN),
        other => panic!("{other:?}"),
    }
    // The account lives on: another card, for longer.
    assert_eq!(
        replace(&mut bench, 2, 1, 71, terms(CardKind::Standard, today + 400)).outcome.code,
        ResultCode::Approved
    );
    assert_eq!(tap(&mut bench, 6, 71, 1), ResultCode::Approved);
    // Whether it still is the current card makes no difference to what the old one brings.
    assert_eq!(late(&mut bench, 3, 70, yesterday_ns).outcome.code, ResultCode::Approved);
    assert_eq!(late(&mut bench, 4, 70, today_ns).outcome.code, ResultCode::ApprovedFlagged);
    bench.time_ns += 400 * DAY_NS;
    assert_eq!(tap(&mut bench, 7, 71, 2), ResultCode::CardExpired);
    assert_eq!(give_back(&mut bench, 3, 1, 71).short(), (ResultCode::Approved, 1));
    bench.close();
}

/// A card that can't pay any more still says what became of its last tap; where it can't be there at all, the tap stands.
#[test]
fn an_expired_card_resolves_its_tap_and_keeps_nobody_from_leaving() {
    let mut bench = bench(1);
    let today = day_of(bench.time_ns);
    let in_two_phases = |bench: &mut Bench, sequence, card, counter| {
        let (sale, card_uid) = (sale(1, 1, sequence), CardUid(card));
        let request = CardTap { sale, card_uid, card_counter: CardCounter(counter), amount_fen: 500 };
        bench.run(Request::CardTap(request)).short()
    };
    for id in 1..4 {
        visitor(&mut bench, &format!("V00{id}"), id);
        let card = u64::from(70 + id);
        issue(&mut bench, id, id, card, terms(CardKind::Visitor, today + 1));
        // It is loaded for it, which stays.
        assert_eq!(in_two_phases(&mut bench, id, card, 1), (ResultCode::Approved, 2));
    }
    assert_eq!(give_back(&mut bench, 4, 1, 71).short(), (ResultCode::TapOpen, 1));
    bench.time_ns += DAY_NS;
    // The chip wasn't written, says the first one; the second's was. Neither pays.
    assert_eq!(in_two_phases(&mut bench, 4, 71, 1), (ResultCode::CardExpired, 2));
    assert_eq!(in_two_phases(&mut bench, 5, 72, 2), (ResultCode::CardExpired, 1));
    assert_eq!([1, 2].map(|id| bench.wallets(id)), [[500, 0, 4_500], [0, 0, 4_500]]);
    // The third isn't presented again: it is given back with its holder's account.
    let closed = bench.run(Request::AccountClose(close_of(at(5), 3, CardUid(73))));
    assert_eq!((closed.outcome.code, closed.outcome.amount_fen), (ResultCode::Approved, 4_500));
    assert_eq!(give_back(&mut bench, 6, 2, 72).outcome.code, ResultCode::Approved);
    // Neither does a lost card keep its holder's account open.
    assert_eq!(in_two_phases(&mut bench, 6, uid(0).0, 1), (ResultCode::Approved, 1));
    assert_eq!(
        bench.run(Request::AccountClose(close_of(at(7), 0, uid(0)))).outcome.code,
        ResultCode::TapOpen
    );
    bench.done(Request::SetAccountTerms(SetAccountTerms {
        account: AccountId(0),
        status: AccountStatus::Open,
        card_lost: true,
        class: 0,
        debit_max_fen: 0,
        day_max_fen: 0,
    }));
    let closed = bench.run(Request::AccountClose(close_of(at(8), 0, CardUid(0))));
    assert_eq!((closed.outcome.code, closed.outcome.amount_fen), (ResultCode::Approved, 9_500));
    bench.close();
}

#[test]
fn a_temporary_card_stands_in_and_the_persons_own_comes_back_at_once() {
    let mut bench = bench(1);
    let today = day_of(bench.time_ns);
    assert_eq!(give_back(&mut bench, 1, 0, uid(0).0).outcome.code, ResultCode::Approved);
    assert_eq!(
        issue(&mut bench, 2, 0, 70, terms(CardKind::Temporary, today + 7)).outcome.code,
        ResultCode::Approved
    );
    assert_eq!(tap(&mut bench, 1, 70, 1), ResultCode::Approved);
    assert_eq!(give_back(&mut bench, 3, 0, 70).outcome.code, ResultCode::Approved);
    assert_eq!(issue(&mut bench, 4, 0, uid(0).0, CardTerms::STANDARD).outcome.code, ResultCode::Approved);
    bench.time_ns += 10 * DAY_NS;
    assert_eq!(tap(&mut bench, 2, uid(0).0, 1), ResultCode::Approved);
    bench.close();
}

#[test]
fn what_it_can_be_given_out_as() {
    let mut bench = bench(1);
    visitor(&mut bench, "V001", 1);
    let today = day_of(bench.time_ns);
    let wrong = [
        terms(CardKind::Visitor, 0),
        terms(CardKind::Temporary, 0),
        terms(CardKind::Visitor, today),
        terms(CardKind::Standard, today),
        terms(CardKind::Standard, 1),
    ];
    for (sequence, terms) in (1..).step_by(2).zip(wrong) {
        assert_eq!(issue(&mut bench, sequence, 1, 70, terms).short(), (ResultCode::CardTermsWrong, 1));
        assert_eq!(replace(&mut bench, sequence + 1, 0, 70, terms).short(), (ResultCode::CardTermsWrong, 1));
    }
    for (sequence, kind) in (11..).zip([CardKind::Standard, CardKind::Temporary, CardKind::Visitor]) {
        let until = terms(kind, today + 1);
        assert_eq!(
            replace(&mut bench, sequence, 0, u64::from(sequence), until).outcome.code,
            ResultCode::Approved
        );
        let again = replace(&mut bench, sequence, 0, u64::from(sequence), terms(kind, today + 2));
        assert_eq!(again.outcome.code, ResultCode::IdentityConflict);
    }
    bench.close();
}

#[test]
fn a_number_comes_to_somebody_else_after_thirty_days_and_late_sales_find_who_had_it() {
    let mut bench = bench(1);
    for id in 1..4 {
        visitor(&mut bench, &format!("V00{id}"), id);
    }
    let today = day_of(bench.time_ns);
    let until = terms(CardKind::Visitor, today + 100);
    assert_eq!(issue(&mut bench, 1, 1, 70, until).outcome.code, ResultCode::Approved);
    let with_first_ns = bench.time_ns;
    bench.time_ns += SECOND_NS;
    let came_back_ns = bench.time_ns;
    // It is somebody's, then it has just come back.
    assert_eq!(issue(&mut bench, 2, 2, 70, until).short(), (ResultCode::CardTaken, 1));
    let blocked = |bench: &Bench| bench.state.registry.block_list().blocked(CardUid(70)).is_some();
    give_back(&mut bench, 3, 1, 70);
    assert!(blocked(&bench), "nobody has it");
    assert_eq!(issue(&mut bench, 4, 2, 70, until).short(), (ResultCode::CardNotReusableYet, 1));
    bench.time_ns += (u64::from(CARD_REUSE_DAYS) - 1) * DAY_NS;
    assert_eq!(issue(&mut bench, 5, 2, 70, until).short(), (ResultCode::CardNotReusableYet, 1));
    assert_eq!(tap(&mut bench, 1, 70, 1), ResultCode::CardNotCurrent);
    bench.time_ns += DAY_NS;
    assert_eq!(issue(&mut bench, 6, 2, 70, until).short(), (ResultCode::Approved, 1));
    assert!(!blocked(&bench), "tills without a network take it again");
    // The roster of the first day, imported once more, takes it from nobody.
    let again = bench.run(Request::BindCard(BindCard { account: AccountId(1), card_uid: CardUid(70) }));
    assert_eq!(again.short(), (ResultCode::CardNotCurrent, 0));
    // Whoever has it pays with it; what was sold before that was sold to the one before.
    assert_eq!(tap(&mut bench, 2, 70, 1), ResultCode::Approved);
    let handed_over_ns = bench.time_ns;
    bench.time_ns += DAY_NS;
    let told = |answer: Answer| (answer.outcome.code, answer.outcome.account);
    let approved = |id| (ResultCode::Approved, Some(AccountId(id)));
    assert_eq!(told(late(&mut bench, 1, 70, with_first_ns)), approved(1));
    assert_eq!(told(late(&mut bench, 8, 70, came_back_ns - 1)), approved(1));
    // By its till's clock alone it is the first holder's: somebody looks at that.
    let to_be_looked_at = (ResultCode::ApprovedFlagged, Some(AccountId(1)));
    assert_eq!(told(late(&mut bench, 9, 70, came_back_ns)), to_be_looked_at);
    assert_eq!(told(late(&mut bench, 2, 70, handed_over_ns - 1)), to_be_looked_at);
    assert_eq!(told(late(&mut bench, 3, 70, handed_over_ns)), approved(2));
    // The first holder's late sale says nothing of the second's card.
    let counters = |bench: &Bench, id| {
        let account = account(&bench.state.shards, AccountId(id)).unwrap();
        (account.card_counter().0, account.card_seen().0)
    };
    assert_eq!((counters(&bench, 1), counters(&bench, 2)), ((0, 0), (1, 90)));

    // A third time, after the card's own day: it is counted from that, however late it comes back.
    bench.time_ns += (100 + u64::from(CARD_REUSE_DAYS)) * DAY_NS;
    assert_eq!(give_back(&mut bench, 7, 2, 70).outcome.code, ResultCode::Approved);
    assert_eq!(issue(&mut bench, 8, 3, 70, CardTerms::STANDARD).outcome.code, ResultCode::Approved);
    assert_eq!(tap(&mut bench, 3, 70, 1), ResultCode::Approved);
    let now_ns = bench.time_ns;
    assert_eq!(told(late(&mut bench, 4, 70, now_ns)), approved(3));
    assert_eq!(told(late(&mut bench, 5, 70, handed_over_ns)), approved(2));
    // What is of the holder before both is a receivable until somebody explains it.
    assert_eq!(told(late(&mut bench, 6, 70, with_first_ns)), (ResultCode::ApprovedFlagged, None));
    // The same person gets it back at once, and there is no one between.
    give_back(&mut bench, 9, 3, 70);
    assert_eq!(issue(&mut bench, 10, 3, 70, CardTerms::STANDARD).outcome.code, ResultCode::Approved);
    assert_eq!(told(late(&mut bench, 7, 70, handed_over_ns)), approved(2));
    bench.close();
}

#[test]
fn what_was_paid_with_a_lost_card_is_looked_at_when_another_has_its_number() {
    let mut bench = bench(1);
    for id in 1..3 {
        visitor(&mut bench, &format!("V00{id}"), id);
    }
    issue(&mut bench, 1, 1, 70, CardTerms::STANDARD);
    bench.time_ns += SECOND_NS;
    let lost_ns = bench.time_ns;
    bench.done(Request::SetAccountTerms(SetAccountTerms {
        account: AccountId(1),
        status: AccountStatus::Open,
        card_lost: true,
        class: 0,
        debit_max_fen: 0,
        day_max_fen: 0,
    }));
    // It is found and brought; then it is somebody else's, and no till has it on its list any more.
    bench.time_ns += DAY_NS;
    assert_eq!(give_back(&mut bench, 2, 1, 70).outcome.code, ResultCode::Approved);
    bench.time_ns += u64::from(CARD_REUSE_DAYS) * DAY_NS;
    assert_eq!(issue(&mut bench, 3, 2, 70, CardTerms::STANDARD).outcome.code, ResultCode::Approved);
    let told = |answer: Answer| (answer.outcome.code, answer.outcome.account);
    let first = Some(AccountId(1));
    assert_eq!(told(late(&mut bench, 1, 70, lost_ns)), (ResultCode::Approved, first));
    assert_eq!(told(late(&mut bench, 2, 70, lost_ns + 1)), (ResultCode::ApprovedFlagged, first));
    bench.close();
}

#[test]
fn what_never_came_back_is_never_given_out_again() {
    let mut bench = bench(2);
    visitor(&mut bench, "V001", 2);
    replace(&mut bench, 1, 0, 70, CardTerms::STANDARD);
    bench.time_ns += 400 * DAY_NS;
    assert_eq!(
        issue(&mut bench, 2, 2, uid(0).0, CardTerms::STANDARD).short(),
        (ResultCode::CardNotReusable, 1)
    );
    assert_eq!(
        replace(&mut bench, 3, 0, uid(0).0, CardTerms::STANDARD).short(),
        (ResultCode::CardNotReusable, 1)
    );
    // An account that is closed brings its card back; a replacement takes one that came back, too.
    bench.done(Request::AccountClose(close_of(at(4), 1, uid(1))));
    bench.time_ns += u64::from(CARD_REUSE_DAYS) * DAY_NS;
    assert_eq!(replace(&mut bench, 5, 0, uid(1).0, CardTerms::STANDARD).outcome.code, ResultCode::Approved);
    assert_eq!(tap(&mut bench, 1, uid(1).0, 1), ResultCode::Approved);
    // A number that an import gives to another is nobody's, whoever had it.
    bench.run(Request::BindCard(BindCard { account: AccountId(2), card_uid: uid(1) }));
    assert_eq!(tap(&mut bench, 2, uid(1).0, 2), ResultCode::UnknownCard);
    let now_ns = bench.time_ns;
    assert_eq!(late(&mut bench, 1, uid(1).0, now_ns).outcome.account, None);
    bench.close();
}

#[test]
fn a_full_table_of_what_is_known_of_cards_is_busy() {
    let mut bench = Bench::empty(Sizes { card_pasts_max: 2, ..small_sizes(1) });
    bench.open_campus(4);
    super::account_close::open_counter(&mut bench);
    let today = day_of(bench.time_ns);
    let until = terms(CardKind::Temporary, today + 9);
    assert_eq!(replace(&mut bench, 1, 0, 70, until).outcome.code, ResultCode::Approved);
    assert_eq!(give_back(&mut bench, 2, 1, uid(1).0).outcome.code, ResultCode::Approved);
    assert_eq!(replace(&mut bench, 3, 2, 71, until).short(), (ResultCode::Busy, 0));
    assert_eq!(give_back(&mut bench, 3, 2, uid(2).0).short(), (ResultCode::Busy, 0));
    let close = |card_uid| Request::AccountClose(close_of(at(3), 2, card_uid));
    assert_eq!(bench.run(close(uid(2))).short(), (ResultCode::Busy, 0));
    // What is wrong is said all the same, however full it is.
    assert_eq!(give_back(&mut bench, 3, 2, 4_711).short(), (ResultCode::UnknownCard, 1));
    // Its holder's again, as it was: there is room for another.
    assert_eq!(issue(&mut bench, 4, 1, uid(1).0, CardTerms::STANDARD).outcome.code, ResultCode::Approved);
    assert_eq!(give_back(&mut bench, 5, 2, uid(2).0).outcome.code, ResultCode::Approved);
    assert_eq!(give_back(&mut bench, 6, 1, uid(1).0).short(), (ResultCode::Busy, 0));
    // What has a row needs no other, and a standard card none.
    assert_eq!(give_back(&mut bench, 6, 0, 70).outcome.code, ResultCode::Approved);
    assert_eq!(replace(&mut bench, 7, 1, 72, CardTerms::STANDARD).outcome.code, ResultCode::Approved);
    let mut bytes = Vec::new();
    let state = &bench.state;
    snapshot::write(&state.registry, &state.directory, &state.shards, &mut bytes).unwrap();
    let small = Sizes { card_pasts_max: 1, ..bench.sizes.clone() };
    assert!(snapshot::read(&mut bytes.as_slice(), &small).is_err());
    bench.close();
}
