//! The three wallets and the subsidy part: what settles, what is used first, what comes back.

use protocol::ids::{AccountId, CardCounter, CardUid};
use protocol::result_code::ResultCode;

use super::bench::{Bench, sale, uid};
use crate::ledger::Decision;
use crate::ledger::calendar::DAY_NS;
use crate::ledger::command::{BindCard, CardDebit, Carried, CodeVerdict, OfflineFact, Request, SetPolicy};
use crate::ledger::limits::PAYLOAD_BYTES_MAX;
use crate::ledger::record::RecordKind;
use crate::ledger::registry::Policy;
use crate::ledger::state::account;

/// One person with a card and these wallets; whatever limit there is, is wide.
fn person(card_fen: i64, electronic_fen: i64) -> Bench {
    let mut bench = Bench::new(2, 1);
    let policy = Policy {
        debit_max_fen: 1_000_000,
        day_max_fen: 9_000_000,
        offline_debit_max_fen: 1_000_000,
        offline_day_max_fen: 9_000_000,
        ..Policy::DEFAULT
    };
    bench.done(Request::SetPolicy(SetPolicy { class: 0, policy }));
    bench.tap(sale(3, 1, 1), 0, 1, 10_000 - card_fen);
    if electronic_fen > 0 {
        bench.top_up(sale(3, 1, 2), 0, electronic_fen, "electronic");
    }
    assert_eq!(bench.wallets(0), [card_fen, 0, electronic_fen]);
    bench
}

fn by_phone(bench: &mut Bench, sequence: u32, amount_fen: i64) {
    let verdict = CodeVerdict::Authentic { account: AccountId(0), step: 100 + sequence, nonce: 0 };
    assert_eq!(bench.code(sale(1, 1, sequence), verdict, amount_fen).outcome.code, ResultCode::Approved);
}

fn tail(bench: &Bench, count: usize) -> Vec<RecordKind> {
    let kinds = bench.kinds();
    kinds[kinds.len() - count..].to_vec()
}

#[test]
fn a_tap_settles_what_it_leaves_on_the_card() {
    // Card, paid by phone before, electronic, tap; what the wallets are then, and what goes before the debit.
    for (card_fen, phone_fen, electronic_fen, tap_fen, wallets, before) in [
        (4_200, 700, 0, 500, [3_000, 0, 0], Some(RecordKind::Settle)),
        (1_000, 700, 3_000, 500, [0, -200, 3_000], Some(RecordKind::Settle)),
        (1_000, 700, 3_000, 1_000, [0, -700, 3_000], None),
        (1_000, 700, 3_000, 1_200, [0, -700, 2_800], Some(RecordKind::Load)),
        (1_001, 1, 0, 1_000, [0, 0, 0], Some(RecordKind::Settle)),
        (2_000, 0, 3_000, 500, [1_500, 0, 3_000], None),
    ] {
        let mut bench = person(card_fen, electronic_fen);
        if phone_fen > 0 {
            by_phone(&mut bench, 1, phone_fen);
        }
        let answer = bench.tap(sale(0, 1, 1), 0, 2, tap_fen);
        let records = 1 + usize::from(before.is_some());
        assert_eq!(answer.short(), (ResultCode::Approved, records), "{card_fen} {phone_fen} {tap_fen}");
        assert_eq!(bench.wallets(0), wallets);
        assert_eq!(answer.outcome.balance_after_fen, wallets.iter().sum::<i64>());
        let kinds = tail(&bench, records);
        assert_eq!(kinds.last(), Some(&RecordKind::Debit));
        assert_eq!(before, (records == 2).then(|| kinds[0]));
        assert_eq!(bench.tap(sale(0, 1, 1), 0, 2, tap_fen).short(), (ResultCode::Approved, 0));
        bench.close();
    }
}

#[test]
fn a_refused_tap_and_a_payment_by_phone_settle_nothing() {
    let mut bench = person(4_200, 0);
    by_phone(&mut bench, 1, 700);
    by_phone(&mut bench, 2, 700);
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 2, 3_000).outcome.code, ResultCode::InsufficientFunds);
    assert_eq!(bench.wallets(0), [4_200, -1_400, 0]);
    bench.close();
}

#[test]
fn a_settling_stays_when_its_tap_is_reversed() {
    let mut bench = person(4_200, 0);
    by_phone(&mut bench, 1, 700);
    bench.tap(sale(0, 1, 1), 0, 2, 500);
    assert_eq!(bench.reverse(sale(0, 1, 2), (1, 1), 500).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.wallets(0), [3_500, 0, 0]);
    assert_eq!(tail(&bench, 1), [RecordKind::Reversal]);
    bench.close();
}

#[test]
fn what_was_settled_comes_back_on_the_card() {
    for (card_fen, tap_fen, wallets, kind) in [
        // Settled whole, in part, not at all.
        (4_200, 500, [3_700, 0, 0], RecordKind::FullReversal),
        (1_000, 700, [300, 0, 3_000], RecordKind::FullReversal),
        (1_000, 1_000, [0, 0, 3_000], RecordKind::Reversal),
    ] {
        let mut bench = person(card_fen, wallets[2]);
        by_phone(&mut bench, 1, 700);
        bench.tap(sale(0, 1, 1), 0, 2, tap_fen);
        let owed_fen = bench.owed_to_merchant();
        assert_eq!(bench.reverse(sale(1, 1, 2), (1, 1), 700).short(), (ResultCode::Approved, 1));
        assert_eq!((bench.wallets(0), tail(&bench, 1)), (wallets, vec![kind]));
        assert_eq!(bench.owed_to_merchant(), owed_fen - 700);
        // Once only, and the sale stays gone.
        assert_eq!(bench.reverse(sale(1, 1, 3), (1, 1), 700).short(), (ResultCode::Approved, 1));
        assert_eq!((bench.wallets(0), tail(&bench, 1)), (wallets, vec![RecordKind::Repeat]));
        let verdict = CodeVerdict::Authentic { account: AccountId(0), step: 101, nonce: 0 };
        assert_eq!(bench.code(sale(1, 1, 1), verdict, 700).short(), (ResultCode::Reversed, 0));
        bench.close();
    }
}

#[test]
fn subsidy_is_used_first() {
    let mut bench = person(1_000, 0);
    bench.give_subsidy(0, 3_000);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([4_000, 0, 0], 3_000));
    bench.tap(sale(0, 1, 1), 0, 2, 800);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([3_200, 0, 0], 2_200));
    assert_eq!(tail(&bench, 1), [RecordKind::FullDebit]);
    // A payment by phone uses none; settling it does.
    by_phone(&mut bench, 1, 500);
    assert_eq!(bench.subsidy_fen(0), 2_200);
    bench.tap(sale(0, 1, 2), 0, 3, 100);
    assert_eq!(tail(&bench, 2), [RecordKind::Settle, RecordKind::FullDebit]);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([2_600, 0, 0], 1_600));
    // A fact uses it too; the last of it and money of one's own in one debit; then none is left.
    bench.upload(sale(2, 1, 1), 0, 9, 600);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([2_000, 0, 0], 1_000));
    bench.tap(sale(0, 1, 3), 0, 4, 1_500);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([500, 0, 0], 0));
    bench.tap(sale(0, 1, 4), 0, 5, 100);
    assert_eq!(tail(&bench, 1), [RecordKind::Debit]);
    bench.close();
}

#[test]
fn a_reversal_restores_the_subsidy_part() {
    let mut bench = person(1_000, 0);
    bench.give_subsidy(0, 1_000);
    bench.tap(sale(0, 1, 1), 0, 2, 1_500);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([500, 0, 0], 0));
    bench.reverse(sale(0, 1, 2), (1, 1), 1_500);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([2_000, 0, 0], 1_000));
    assert_eq!(tail(&bench, 1), [RecordKind::FullReversal]);
    bench.close();
}

#[test]
fn a_reversal_of_a_sale_that_only_the_log_remembers_restores_it_too() {
    let mut bench = person(1_000, 0);
    bench.give_subsidy(0, 1_000);
    bench.tap(sale(0, 1, 1), 0, 2, 300);
    // As many others as the till's ring has places, and one.
    for sequence in 2..=18 {
        bench.tap(sale(0, 1, sequence), 0, sequence + 1, 10);
    }
    let walks = bench.walks;
    bench.reverse(sale(0, 1, 19), (1, 1), 300);
    // The till's chain for the sale, the payer's for what another till may have given back of it.
    assert_eq!((bench.walks, bench.wallets(0), bench.subsidy_fen(0)), (walks + 2, [1_830, 0, 0], 830));
    bench.close();
}

#[test]
fn subsidy_never_exceeds_what_is_on_the_card() {
    let mut bench = person(100, 0);
    bench.give_subsidy(0, 500);
    bench.tap(sale(0, 1, 1), 0, 2, 400);
    // A fact takes the rest and more; a gift pays the debt first.
    bench.upload(sale(2, 1, 1), 0, 9, 450);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([-250, 0, 0], 0));
    bench.give_subsidy(0, 300);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([50, 0, 0], 50));
    bench.upload(sale(2, 1, 2), 0, 10, 250);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([-200, 0, 0], 0));
    // Given back are 400 fen, of which 400 were subsidy: the debt keeps 200 of them.
    bench.reverse(sale(0, 1, 2), (1, 1), 400);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([200, 0, 0], 200));
    bench.close();
}

#[test]
fn the_highest_counter_of_the_current_card_is_seen() {
    let mut bench = person(5_000, 0);
    let seen = |bench: &Bench| account(&bench.state.shards, AccountId(0)).unwrap().card_seen();
    bench.tap(sale(0, 1, 1), 0, 5, 100);
    assert_eq!(seen(&bench), CardCounter(5));
    bench.upload(sale(2, 1, 1), 0, 9, 100);
    bench.upload(sale(2, 1, 2), 0, 7, 100);
    assert_eq!(seen(&bench), CardCounter(9));
    // An online tap between is still above the last one online.
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 6, 100).outcome.code, ResultCode::Approved);
    assert_eq!(seen(&bench), CardCounter(9));
    let card_uid = CardUid(77);
    bench.done(Request::BindCard(BindCard { account: AccountId(0), card_uid }));
    assert_eq!(seen(&bench), CardCounter(0));
    // The old card's records aren't the new one's.
    bench.upload(sale(2, 1, 3), 0, 20, 100);
    assert_eq!(seen(&bench), CardCounter(0));
    bench.close();
}

#[test]
fn a_plain_tap_is_one_record_of_80_bytes() {
    let mut bench = person(5_000, 3_000);
    let (group_count, payload_bytes) = {
        let request = Request::CardDebit(CardDebit {
            sale: sale(0, 1, 1),
            card_uid: uid(0),
            card_counter: CardCounter(2),
            amount_fen: 100,
        });
        let Decision::Done { group, .. } = bench.decide(request) else { panic!("a tap is approved") };
        let mut buffer = [0; PAYLOAD_BYTES_MAX];
        (group.count(), group.records().map(|record| record.payload(&mut buffer).len()).sum::<usize>())
    };
    assert_eq!((group_count, payload_bytes), (1, 80));
}

/// A card of 42.00, 7.00 paid by phone, 30.00 in the electronic wallet.
#[test]
fn an_old_cards_fact_finds_its_account() {
    let mut bench = person(4_200, 3_000);
    by_phone(&mut bench, 1, 700);
    assert_eq!(bench.wallets(0), [4_200, -700, 3_000]);
    let new_card = CardUid(77);
    bench.done(Request::BindCard(BindCard { account: AccountId(0), card_uid: new_card }));
    let thirty_days_ns = 30 * DAY_NS;
    let till_time_ns = bench.time_ns;
    bench.time_ns += thirty_days_ns;
    let fact = OfflineFact {
        sale: sale(2, 1, 1),
        record_terminal: sale(2, 1, 1).terminal,
        card_uid: uid(0),
        card_counter: CardCounter(9),
        amount_fen: 500,
        till_time_ns,
        list: None,
        authentic: true,
        carried: Carried::default(),
    };
    assert_eq!(bench.fact(fact).outcome.code, ResultCode::Approved);
    assert_eq!(bench.wallets(0), [3_700, -700, 3_000]);
    bench.close();
}
