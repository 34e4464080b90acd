//! Taps in two phases: written, not written, torn; confirmed, resolved, reversed.

use protocol::card::{CardKind, CardTerms, ChipWrite, ReplaceReason};
use protocol::ids::{AccountId, CardCounter, CardUid, Epoch, Sequence, TerminalId};
use protocol::result_code::ResultCode;

use super::bench::{Answer, Bench, SECOND_NS, register_till, sale, small_sizes, uid};
use crate::ledger::account::AccountStatus;
use crate::ledger::calendar::DAY_NS;
use crate::ledger::command::{
    AccountSelector, BindCard, CardIssue, CardReplace, CardReturn, CardTap, CodeVerdict, RegisterTerminal,
    Request, Sale, SaleQuery, SetAccountTerms, TapConfirm,
};
use crate::ledger::decision::Decision;
use crate::ledger::known::Known;
use crate::ledger::limits::REVERSAL_WINDOW_NS;
use crate::ledger::open_taps::{Chip, open_tap};
use crate::ledger::record::RecordKind;
use crate::ledger::registry::TerminalKind;
use crate::ledger::state::account;
use crate::ledger::{Command, Sizes, shards_touched, snapshot};

use ChipWrite::{NotWritten, Unknown, Written};

pub(super) fn card_tap(
    bench: &mut Bench,
    sale: Sale<'_>,
    account: u32,
    counter: u32,
    amount_fen: i64,
) -> Answer {
    let card_counter = CardCounter(counter);
    bench.run(Request::CardTap(CardTap { sale, card_uid: uid(account), card_counter, amount_fen }))
}

pub(super) fn confirm(
    bench: &mut Bench,
    sale: Sale<'_>,
    original: (u16, u32),
    amount_fen: i64,
    write: ChipWrite,
) -> Answer {
    bench.run(Request::TapConfirm(TapConfirm {
        sale,
        original_terminal: sale.terminal,
        original_epoch: Epoch(original.0),
        original_sequence: Sequence(original.1),
        amount_fen,
        write,
    }))
}

/// The card's counter as the account knows it, and what is to be written on its chip.
pub(super) fn chip(bench: &Bench, id: u32) -> (u32, Option<Chip>) {
    let account = account(&bench.state.shards, AccountId(id)).unwrap();
    let open = open_tap(&bench.state.shards, AccountId(id));
    assert_eq!(account.has_open_tap(), open.is_some());
    (account.card_counter().0, open.map(|tap| tap.chip()))
}

#[test]
fn a_tap_is_answered_written_and_confirmed() {
    let mut bench = Bench::new(2, 2);
    let tapped = card_tap(&mut bench, sale(0, 1, 1), 0, 8, 650);
    assert_eq!(tapped.short(), (ResultCode::Approved, 1));
    assert_eq!(tapped.outcome.balance_after_fen, 9_350);
    assert_eq!(chip(&bench, 0), (0, Some(Chip { balance_fen: 9_350, counter: CardCounter(8) })));
    // The retry is the same, and the chip still to be written.
    let again = card_tap(&mut bench, sale(0, 1, 1), 0, 8, 650);
    assert!(again.outcome.repeat && again.outcome.record == tapped.outcome.record && again.records == 0);

    let confirmed = confirm(&mut bench, sale(0, 1, 2), (1, 1), 650, Written);
    assert_eq!(confirmed.short(), (ResultCode::Approved, 1));
    assert_eq!((confirmed.outcome.account, confirmed.outcome.balance_after_fen), (Some(AccountId(0)), 9_350));
    assert_eq!(chip(&bench, 0), (8, None));
    assert_eq!(confirm(&mut bench, sale(0, 1, 2), (1, 1), 650, Written).short(), (ResultCode::Approved, 0));
    let other = confirm(&mut bench, sale(0, 1, 2), (1, 1), 650, NotWritten);
    assert_eq!(other.short(), (ResultCode::IdentityConflict, 1));
    assert_eq!(bench.tap(sale(0, 1, 3), 0, 8, 1).outcome.code, ResultCode::CardCounterReplayed);
    assert_eq!(bench.tap(sale(0, 1, 4), 0, 9, 1).short(), (ResultCode::Approved, 1));
    bench.close();
}

/// Each tap is confirmed, so who confirms one holds up nobody but its till and its account.
#[test]
fn a_confirmation_holds_its_tills_shard_and_then_its_accounts() {
    let mut bench = Bench::new(4, 4);
    card_tap(&mut bench, sale(0, 1, 1), 3, 8, 650);
    let written = TapConfirm {
        sale: sale(0, 1, 2),
        original_terminal: sale(0, 1, 2).terminal,
        original_epoch: Epoch(1),
        original_sequence: Sequence(1),
        amount_fen: 650,
        write: Written,
    };
    let shards = |known: &Known| {
        let command = Command { request: Request::TapConfirm(written), known: Some(known) };
        shards_touched(&bench.state.directory, 4, &command).iter().collect::<Vec<_>>()
    };
    assert_eq!(shards(&Known::default()), [0]);
    assert_eq!(shards(&Known { account: Some(AccountId(3)), ..Known::default() }), [0, 3]);
    // The bench holds no others.
    assert_eq!(bench.run(Request::TapConfirm(written)).short(), (ResultCode::Approved, 1));
    bench.close();
}

#[test]
fn what_isnt_written_is_undone_with_its_subsidy_and_off_the_days_total() {
    let mut bench = Bench::new(2, 1);
    bench.give_subsidy(0, 300);
    card_tap(&mut bench, sale(0, 1, 1), 0, 1, 2_000);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([8_300, 0, 0], 0));
    let confirmed = confirm(&mut bench, sale(0, 1, 2), (1, 1), 2_000, NotWritten);
    assert_eq!(confirmed.short(), (ResultCode::Approved, 2));
    assert_eq!(confirmed.outcome.balance_after_fen, 10_300);
    assert_eq!((bench.wallets(0), bench.subsidy_fen(0)), ([10_300, 0, 0], 300));
    assert_eq!(bench.owed_to_merchant(), 0);
    assert_eq!(chip(&bench, 0), (0, None));
    // The sale didn't happen: its retry, a question, and a reversal say so, and nothing is given back twice.
    assert_eq!(card_tap(&mut bench, sale(0, 1, 1), 0, 1, 2_000).short(), (ResultCode::Reversed, 0));
    let reversal = bench.reverse(sale(0, 1, 3), (1, 1), 2_000);
    assert_eq!((reversal.short(), reversal.outcome.repeat), ((ResultCode::Approved, 1), true));
    // The chip has the counter that it had, and the day all of its 5,000.
    for (sequence, counter) in [(4, 1), (5, 2)] {
        assert_eq!(bench.tap(sale(0, 1, sequence), 0, counter, 2_000).outcome.code, ResultCode::Approved);
    }
    assert_eq!(bench.tap(sale(0, 1, 6), 0, 3, 1_000).outcome.code, ResultCode::Approved);
    assert_eq!(bench.tap(sale(0, 1, 7), 0, 4, 1).outcome.code, ResultCode::DayLimit);
    bench.close();
}

#[test]
fn the_next_presentation_says_by_its_counter_what_became_of_the_chip() {
    for shards in [1, 4] {
        for two_phase in [false, true] {
            let mut bench = Bench::new(shards, 3);
            let present = |bench: &mut Bench, sequence, id, counter| {
                // At another till, whose shard is another, too.
                let at = sale(3, 1, sequence);
                if two_phase {
                    card_tap(bench, at, id, counter, 100)
                } else {
                    bench.tap(at, id, counter, 100)
                }
            };
            // Written: the counter has moved on, and the tap stands.
            card_tap(&mut bench, sale(0, 1, 1), 0, 1, 500);
            assert_eq!(present(&mut bench, 1, 0, 2).short(), (ResultCode::Approved, 1));
            assert_eq!(bench.wallets(0), [9_400, 0, 0]);
            assert_eq!(
                confirm(&mut bench, sale(0, 1, 2), (1, 1), 500, Written).short(),
                (ResultCode::TapStands, 1)
            );
            assert_eq!(card_tap(&mut bench, sale(0, 1, 1), 0, 1, 500).short(), (ResultCode::Approved, 0));
            // Not written: the same counter again.
            card_tap(&mut bench, sale(0, 1, 3), 1, 1, 500);
            let presented = present(&mut bench, 2, 1, 1);
            assert_eq!(presented.short(), (ResultCode::Approved, 2));
            assert_eq!(presented.outcome.balance_after_fen, 9_900);
            assert_eq!(bench.wallets(1), [9_900, 0, 0]);
            assert_eq!(
                confirm(&mut bench, sale(0, 1, 4), (1, 3), 500, Written).short(),
                (ResultCode::TapUndone, 1)
            );
            assert_eq!(card_tap(&mut bench, sale(0, 1, 3), 1, 1, 500).short(), (ResultCode::Reversed, 0));
            // Torn: nobody knows until the card is there again, however late.
            card_tap(&mut bench, sale(0, 1, 5), 2, 1, 500);
            assert_eq!(
                confirm(&mut bench, sale(0, 1, 6), (1, 5), 500, Unknown).short(),
                (ResultCode::Approved, 1)
            );
            assert_eq!(bench.wallets(2), [9_500, 0, 0]);
            bench.time_ns += 40 * DAY_NS;
            assert_eq!(present(&mut bench, 3, 2, 1).short(), (ResultCode::Approved, 2));
            assert_eq!(bench.wallets(2), [9_900, 0, 0]);
            assert_eq!(bench.owed_to_merchant(), 100 + 500 + 100 + 100);
            let counters = [0, 1, 2].map(|id| chip(&bench, id).0);
            assert_eq!(counters, if two_phase { [1, 0, 0] } else { [2, 1, 1] });
            bench.close();
        }
    }
}

#[test]
fn a_presentation_that_is_refused_undoes_all_the_same() {
    let mut bench = Bench::new(1, 1);
    card_tap(&mut bench, sale(0, 1, 1), 0, 5, 2_000);
    // Refused before anything is said of the chip: a copy, and a lost card.
    assert_eq!(bench.tap(sale(0, 1, 2), 0, 0, 100).short(), (ResultCode::CardCounterReplayed, 1));
    assert_eq!(bench.wallets(0), [8_000, 0, 0]);
    assert_eq!(bench.tap(sale(0, 1, 3), 0, 5, 2_001).short(), (ResultCode::DebitLimit, 2));
    assert_eq!(bench.wallets(0), [10_000, 0, 0]);
    assert_eq!(bench.tap(sale(0, 1, 4), 0, 5, 2_001).short(), (ResultCode::DebitLimit, 1));
    // What is undone counts for what comes: 10,000 are enough, 8,000 weren't.
    for (day, counter) in (0..).zip([5, 6, 7, 8]) {
        bench.tap(sale(1, 1, day + 1), 0, counter, 2_000);
        bench.time_ns += DAY_NS;
    }
    card_tap(&mut bench, sale(0, 1, 5), 0, 9, 2_000);
    assert_eq!(bench.wallets(0), [0, 0, 0]);
    assert_eq!(bench.tap(sale(0, 1, 6), 0, 9, 1_500).short(), (ResultCode::Approved, 2));
    assert_eq!(bench.wallets(0), [500, 0, 0]);
    bench.close();
}

#[test]
fn an_offline_sale_with_the_same_counter_says_that_the_chip_wasnt_written() {
    let mut bench = Bench::new(2, 2);
    for id in 0..2 {
        card_tap(&mut bench, sale(0, 1, id + 1), id, 4, 500);
    }
    bench.upload(sale(2, 1, 1), 0, 4, 300);
    bench.upload(sale(2, 1, 2), 1, 5, 300);
    assert_eq!((bench.wallets(0), bench.wallets(1)), ([9_200, 0, 0], [9_200, 0, 0]));
    // Both chips have moved on: the first by the offline sale instead of the tap, the second by the tap before it.
    assert_eq!(bench.tap(sale(1, 1, 1), 0, 6, 100).short(), (ResultCode::Approved, 2));
    assert_eq!(bench.tap(sale(1, 1, 2), 1, 6, 100).short(), (ResultCode::Approved, 1));
    assert_eq!((bench.wallets(0), bench.wallets(1)), ([9_600, 0, 0], [9_100, 0, 0]));
    // The same sale by the other way is the tap itself, and says nothing against it.
    card_tap(&mut bench, sale(0, 1, 3), 0, 7, 200);
    assert_eq!(bench.upload(sale(0, 1, 3), 0, 7, 200).short(), (ResultCode::Approved, 0));
    assert_eq!(bench.tap(sale(1, 1, 3), 0, 8, 100).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.wallets(0), [9_300, 0, 0]);
    bench.close();
}

#[test]
fn what_is_loaded_and_settled_is_on_the_chip_and_stays() {
    let mut bench = Bench::new(1, 2);
    let verdict = CodeVerdict::Authentic { account: AccountId(0), step: 9, nonce: 0 };
    bench.code(sale(0, 1, 1), verdict, 700);
    assert_eq!(card_tap(&mut bench, sale(0, 1, 2), 0, 1, 500).short(), (ResultCode::Approved, 2));
    assert_eq!(bench.wallets(0), [8_800, 0, 0]);
    assert_eq!(chip(&bench, 0).1, Some(Chip { balance_fen: 8_800, counter: CardCounter(1) }));
    assert_eq!(
        confirm(&mut bench, sale(0, 1, 3), (1, 2), 500, NotWritten).short(),
        (ResultCode::Approved, 2)
    );
    assert_eq!(bench.wallets(0), [9_300, 0, 0]);
    // Loaded: what the card lacks comes from the electronic wallet, and is on the card when the tap is undone.
    bench.top_up(sale(1, 1, 1), 1, 1_000, "w");
    for (day, sequence) in (0..5).zip(4..) {
        bench.tap(sale(0, 1, sequence), 1, day + 1, 1_900);
        bench.time_ns += DAY_NS;
    }
    assert_eq!(bench.wallets(1), [500, 0, 1_000]);
    assert_eq!(card_tap(&mut bench, sale(0, 1, 9), 1, 6, 800).short(), (ResultCode::Approved, 2));
    assert_eq!(chip(&bench, 1).1, Some(Chip { balance_fen: 0, counter: CardCounter(6) }));
    assert_eq!(bench.wallets(1), [0, 0, 700]);
    // Undone, loaded again and paid in one group.
    assert_eq!(card_tap(&mut bench, sale(1, 1, 2), 1, 6, 1_100).short(), (ResultCode::Approved, 3));
    assert_eq!(bench.wallets(1), [0, 0, 400]);
    assert_eq!(bench.owed_to_merchant(), 700 + 5 * 1_900 + 1_100);
    bench.close();
}

#[test]
fn a_reversal_closes_an_open_tap_and_is_never_done_beside_a_resolution() {
    let mut bench = Bench::new(2, 3);
    // Reversed while open: nothing is left to be confirmed or resolved, whatever the chip says.
    card_tap(&mut bench, sale(0, 1, 1), 0, 1, 500);
    assert_eq!(bench.reverse(sale(0, 1, 2), (1, 1), 500).short(), (ResultCode::Approved, 1));
    assert_eq!(chip(&bench, 0), (0, None));
    for (sequence, write) in [(3, Written), (4, NotWritten), (5, Unknown)] {
        let late = confirm(&mut bench, sale(0, 1, sequence), (1, 1), 500, write);
        assert_eq!(late.short(), (ResultCode::Reversed, 1));
    }
    assert_eq!(bench.tap(sale(1, 1, 1), 0, 1, 100).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.wallets(0), [9_900, 0, 0]);
    // Reversed before it came: it doesn't happen, and there is nothing to confirm.
    bench.reverse(sale(0, 1, 7), (1, 6), 500);
    assert_eq!(card_tap(&mut bench, sale(0, 1, 6), 1, 1, 500).short(), (ResultCode::Reversed, 0));
    assert_eq!(confirm(&mut bench, sale(0, 1, 8), (1, 6), 500, Written).short(), (ResultCode::Reversed, 1));
    // Confirmed, then reversed: a cashier's void.
    card_tap(&mut bench, sale(0, 1, 9), 1, 1, 500);
    confirm(&mut bench, sale(0, 1, 10), (1, 9), 500, Written);
    assert_eq!(bench.reverse(sale(0, 1, 11), (1, 9), 500).short(), (ResultCode::Approved, 1));
    assert_eq!(confirm(&mut bench, sale(0, 1, 12), (1, 9), 500, Written).short(), (ResultCode::Reversed, 1));
    assert_eq!(bench.wallets(1), [10_000, 0, 0]);
    // Too late for a reversal, not for the card.
    card_tap(&mut bench, sale(0, 1, 13), 2, 1, 500);
    bench.time_ns += REVERSAL_WINDOW_NS + SECOND_NS;
    assert_eq!(bench.reverse(sale(0, 1, 14), (1, 13), 500).outcome.code, ResultCode::ReversalTooLate);
    assert_eq!(bench.tap(sale(1, 1, 2), 2, 1, 100).short(), (ResultCode::Approved, 2));
    let again = bench.reverse(sale(0, 1, 15), (1, 13), 500);
    assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::Approved, 1), true));
    assert_eq!(bench.wallets(2), [9_900, 0, 0]);
    bench.close();
}

/// Every wrong state has its own code.
#[test]
fn what_cant_be_confirmed() {
    let mut bench = Bench::new(2, 2);
    bench.tap(sale(0, 1, 1), 0, 1, 100);
    card_tap(&mut bench, sale(0, 1, 2), 0, 2, 2_001);
    card_tap(&mut bench, sale(0, 1, 3), 0, 2, 200);
    confirm(&mut bench, sale(0, 1, 4), (1, 3), 200, Written);
    card_tap(&mut bench, sale(0, 1, 5), 1, 1, 300);
    confirm(&mut bench, sale(0, 1, 6), (1, 5), 300, NotWritten);
    card_tap(&mut bench, sale(1, 1, 1), 1, 1, 400);
    for (sequence, original, amount_fen, code, records) in [
        (7, (1, 1), 100, ResultCode::NothingToConfirm, 1),
        (8, (1, 2), 2_001, ResultCode::NothingToConfirm, 1),
        (9, (1, 3), 200, ResultCode::TapConfirmedBefore, 1),
        (10, (1, 4), 200, ResultCode::NothingToConfirm, 1),
        (11, (1, 5), 300, ResultCode::TapConfirmedBefore, 1),
        (12, (1, 40), 100, ResultCode::NothingToConfirm, 1),
        (13, (1, 13), 100, ResultCode::NothingToConfirm, 1),
        (14, (2, 1), 100, ResultCode::NothingToConfirm, 1),
        (15, (1, 3), 201, ResultCode::IdentityConflict, 1),
        (16, (1, 0), 100, ResultCode::SequenceZero, 0),
        (17, (1, 3), 0, ResultCode::IdentityConflict, 1),
        (18, (1, 40), 0, ResultCode::AmountNotPositive, 0),
        (18, (1, 40), 1_000_000_001, ResultCode::AmountTooLarge, 0),
    ] {
        let answer = confirm(&mut bench, sale(0, 1, sequence), original, amount_fen, Written);
        assert_eq!(answer.short(), (code, records), "{sequence}");
    }
    // Another till's: the chip names where it was last, and only that till may say what became of it.
    let of_another = TapConfirm {
        sale: sale(0, 1, 19),
        original_terminal: sale(1, 1, 1).terminal,
        original_epoch: Epoch(1),
        original_sequence: Sequence(1),
        amount_fen: 400,
        write: Written,
    };
    let refused = bench.run(Request::TapConfirm(of_another));
    assert_eq!(refused.short(), (ResultCode::TapOfAnotherTill, 1));
    let own = TapConfirm { original_terminal: TerminalId(0), ..of_another };
    assert_eq!(bench.run(Request::TapConfirm(own)).short(), (ResultCode::IdentityConflict, 1));
    assert_eq!(chip(&bench, 1).1.map(|chip| chip.counter), Some(CardCounter(1)));
    // A door sells nothing.
    let Request::RegisterTerminal(till) = register_till(3) else { unreachable!("it registers") };
    bench.done(Request::RegisterTerminal(RegisterTerminal { kind: TerminalKind::Door, ..till }));
    assert_eq!(confirm(&mut bench, sale(3, 1, 1), (1, 1), 1, Written).short(), (ResultCode::NotPermitted, 0));
    assert_eq!(card_tap(&mut bench, sale(3, 1, 1), 0, 9, 1).short(), (ResultCode::NotPermitted, 0));
    bench.close();
}

#[test]
fn what_became_of_a_tap_is_found_in_the_log() {
    let mut bench = Bench::new(2, 5);
    for id in 0..5 {
        card_tap(&mut bench, sale(0, 1, id + 1), id, 1, 100);
    }
    confirm(&mut bench, sale(0, 1, 6), (1, 1), 100, Written);
    confirm(&mut bench, sale(0, 1, 7), (1, 2), 100, NotWritten);
    // Two are presented elsewhere: one was written, one wasn't. The last stays open, though its till said something of it.
    bench.tap(sale(1, 1, 1), 2, 2, 1);
    bench.tap(sale(1, 1, 2), 3, 1, 1);
    confirm(&mut bench, sale(0, 1, 8), (1, 5), 100, Unknown);
    for sequence in 9..40 {
        bench.reverse(sale(0, 1, sequence), (1, sequence), 1);
    }
    let walks = bench.walks;
    let expected = [
        (ResultCode::Approved, ResultCode::TapConfirmedBefore),
        (ResultCode::Reversed, ResultCode::TapConfirmedBefore),
        (ResultCode::Approved, ResultCode::TapStands),
        (ResultCode::Reversed, ResultCode::TapUndone),
        (ResultCode::Approved, ResultCode::Approved),
    ];
    for (id, (retried, confirmed)) in (0..).zip(expected) {
        let again = card_tap(&mut bench, sale(0, 1, id + 1), id, 1, 100);
        assert_eq!(again.short(), (retried, 0), "tap {id}");
        match bench.decide(Request::SaleQuery(SaleQuery { sale: sale(0, 1, id + 1) })) {
            Decision::NoRecord(outcome) => assert_eq!(outcome.code, retried, "tap {id}"),
            other => panic!("{other:?}"),
        }
        let late = confirm(&mut bench, sale(0, 1, 40 + id), (1, id + 1), 100, Written);
        assert_eq!(late.outcome.code, confirmed, "tap {id}");
    }
    assert!(bench.walks >= walks + 15);
    // A tap whose till has forgotten it is undone nevertheless, and in an epoch of the till that has passed.
    card_tap(&mut bench, sale(0, 1, 50), 4, 2, 100);
    bench.reverse(sale(0, 2, 20), (2, 20), 1);
    assert_eq!(bench.tap(sale(1, 1, 3), 4, 2, 1).short(), (ResultCode::Approved, 2));
    assert_eq!(
        confirm(&mut bench, sale(0, 2, 21), (1, 50), 100, Written).outcome.code,
        ResultCode::TapUndone
    );
    bench.close();
}

#[test]
fn a_tap_stands_when_its_card_is_replaced_given_back_or_bound_anew() {
    let mut bench = Bench::new(1, 3);
    let Request::RegisterTerminal(till) = register_till(0) else { unreachable!("it registers") };
    bench.done(Request::RegisterTerminal(RegisterTerminal { kind: TerminalKind::Counter, ..till }));
    for id in 0..3 {
        card_tap(&mut bench, sale(1, 1, id + 1), id, 3, 100);
    }
    let account = |id| AccountSelector::Account(AccountId(id));
    bench.done(Request::CardReplace(CardReplace {
        sale: sale(0, 1, 1),
        account: account(0),
        new_card: CardUid(70),
        reason: ReplaceReason::Broken,
        terms: CardTerms::STANDARD,
        fee_fen: 0,
    }));
    let give_back =
        |sequence| CardReturn { sale: sale(0, 1, sequence), account: account(1), card_uid: uid(1) };
    // A card that is there could be presented; one that is reported lost can't.
    let refused = bench.run(Request::CardReturn(give_back(2)));
    assert_eq!(refused.short(), (ResultCode::TapOpen, 1));
    bench.done(Request::SetAccountTerms(SetAccountTerms {
        account: AccountId(1),
        status: AccountStatus::Open,
        card_lost: true,
        class: 0,
        debit_max_fen: 0,
        day_max_fen: 0,
    }));
    bench.done(Request::CardReturn(give_back(3)));
    bench.done(Request::CardIssue(CardIssue {
        sale: sale(0, 1, 4),
        account: account(1),
        card_uid: CardUid(71),
        kind: CardKind::Standard,
        expires_day: 0,
        fee_fen: 0,
    }));
    bench.done(Request::BindCard(BindCard { account: AccountId(2), card_uid: CardUid(72) }));
    for id in 0..3 {
        assert_eq!(chip(&bench, id), (0, None));
        let late = confirm(&mut bench, sale(1, 1, id + 4), (1, id + 1), 100, NotWritten);
        assert_eq!(late.short(), (ResultCode::TapStands, 1));
        // The new card's counter says nothing of the old card's tap.
        let new_card = Request::CardTap(CardTap {
            sale: sale(2, 1, id + 1),
            card_uid: CardUid(70 + u64::from(id)),
            card_counter: CardCounter(1),
            amount_fen: 50,
        });
        assert_eq!(bench.run(new_card).short(), (ResultCode::Approved, 1));
        assert_eq!(bench.wallets(id), [9_850, 0, 0]);
        assert_eq!(chip(&bench, id).1, Some(Chip { balance_fen: 9_850, counter: CardCounter(1) }));
    }
    // A card that turns out to be two people's is nobody's.
    let conflict = bench.run(Request::BindCard(BindCard { account: AccountId(0), card_uid: CardUid(72) }));
    assert_eq!(conflict.short(), (ResultCode::IdentityConflict, 1));
    assert_eq!(chip(&bench, 2), (0, None));
    bench.close();
}

#[test]
fn a_tap_is_repeated_in_as_many_phases_as_it_was_done_in() {
    let mut bench = Bench::new(1, 2);
    card_tap(&mut bench, sale(0, 1, 1), 0, 1, 100);
    bench.tap(sale(0, 1, 2), 1, 1, 100);
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 100).short(), (ResultCode::IdentityConflict, 1));
    assert_eq!(card_tap(&mut bench, sale(0, 1, 2), 1, 1, 100).short(), (ResultCode::IdentityConflict, 1));
    assert_eq!(card_tap(&mut bench, sale(0, 1, 1), 0, 1, 100).short(), (ResultCode::Approved, 0));
    assert_eq!((bench.wallets(0), bench.wallets(1)), ([9_900, 0, 0], [9_900, 0, 0]));
    // What was uploaded has none: the tap that comes late is the same sale.
    let uploaded = bench.upload(sale(0, 1, 9), 0, 20, 300);
    assert_eq!(uploaded.outcome.code, ResultCode::Approved);
    for late in [card_tap(&mut bench, sale(0, 1, 9), 0, 20, 300), bench.tap(sale(0, 1, 9), 0, 20, 300)] {
        assert_eq!((late.short(), late.outcome.repeat), ((ResultCode::Approved, 0), true));
        assert_eq!(late.outcome.record, uploaded.outcome.record);
    }
    bench.close();
}

#[test]
fn an_account_that_is_frozen_or_lost_may_still_be_confirmed() {
    let mut bench = Bench::new(1, 1);
    card_tap(&mut bench, sale(0, 1, 1), 0, 1, 100);
    let terms = SetAccountTerms {
        account: AccountId(0),
        status: AccountStatus::Frozen,
        card_lost: true,
        class: 0,
        debit_max_fen: 0,
        day_max_fen: 0,
    };
    bench.done(Request::SetAccountTerms(terms));
    assert_eq!(card_tap(&mut bench, sale(1, 1, 1), 0, 1, 1).short(), (ResultCode::CardLost, 1));
    assert_eq!(bench.wallets(0), [9_900, 0, 0]);
    assert_eq!(
        confirm(&mut bench, sale(0, 1, 2), (1, 1), 100, NotWritten).short(),
        (ResultCode::Approved, 2)
    );
    assert_eq!(bench.wallets(0), [10_000, 0, 0]);
    bench.close();
}

#[test]
fn a_full_table_of_open_taps_is_busy() {
    let mut bench = Bench::empty(Sizes { open_taps_max: 2, ..small_sizes(1) });
    bench.open_campus(3);
    card_tap(&mut bench, sale(0, 1, 1), 0, 1, 100);
    card_tap(&mut bench, sale(0, 1, 2), 1, 1, 100);
    assert_eq!(card_tap(&mut bench, sale(0, 1, 3), 2, 1, 100).short(), (ResultCode::Busy, 0));
    // Who has an open tap has a place, one phase needs none, and what is closed makes room.
    assert_eq!(card_tap(&mut bench, sale(0, 1, 3), 1, 1, 100).short(), (ResultCode::Approved, 2));
    assert_eq!(bench.tap(sale(0, 1, 4), 2, 1, 100).short(), (ResultCode::Approved, 1));
    assert_eq!(confirm(&mut bench, sale(0, 1, 5), (1, 1), 100, Written).short(), (ResultCode::Approved, 1));
    assert_eq!(card_tap(&mut bench, sale(0, 1, 6), 2, 2, 100).short(), (ResultCode::Approved, 1));
    assert_eq!(card_tap(&mut bench, sale(0, 1, 7), 0, 2, 100).short(), (ResultCode::Busy, 0));
    // A card that wouldn't be taken anyhow isn't put off: its till would ask for ever.
    assert_eq!(card_tap(&mut bench, sale(0, 1, 7), 4_711, 2, 100).short(), (ResultCode::UnknownCard, 1));
    assert_eq!(card_tap(&mut bench, sale(0, 1, 8), 0, 1, 100).short(), (ResultCode::CardCounterReplayed, 1));
    let terms = |status, card_lost| {
        let (account, class, debit_max_fen, day_max_fen) = (AccountId(0), 0, 0, 0);
        let terms = SetAccountTerms { account, status, card_lost, class, debit_max_fen, day_max_fen };
        Request::SetAccountTerms(terms)
    };
    bench.done(terms(AccountStatus::Open, true));
    assert_eq!(card_tap(&mut bench, sale(0, 1, 9), 0, 2, 100).short(), (ResultCode::CardLost, 1));
    bench.done(terms(AccountStatus::Frozen, false));
    assert_eq!(card_tap(&mut bench, sale(0, 1, 10), 0, 2, 100).short(), (ResultCode::AccountFrozen, 1));
    // A snapshot of more than the table holds isn't half-read.
    let mut bytes = Vec::new();
    let state = &bench.state;
    snapshot::write(&state.registry, &state.directory, &state.shards, &mut bytes).unwrap();
    let small = Sizes { open_taps_max: 1, ..bench.sizes.clone() };
    assert!(snapshot::read(&mut bytes.as_slice(), &small).is_err());
    assert_eq!(bench.kinds().iter().filter(|kind| **kind == RecordKind::TapUndone).count(), 1);
}
