//! Sales that never came, posted because their card told of them.

use protocol::card::CardTerms;
use protocol::ids::{AccountId, CardCounter, CardUid, Epoch, RecordNumber, Sequence, TerminalId};
use protocol::result_code::ResultCode;

use super::account_close;
use super::bench::{Answer, Bench, register_till, sale, text, uid};
use super::card_states::{give_back, issue};
use super::gaps::with_hole;
use crate::ledger::account::AccountStatus;
use crate::ledger::calendar::{DAY_NS, day_of};
use crate::ledger::command::{
    Carried, GapClose, OfflineFact, Previous, RegisterTerminal, Request, Sale, SetAccountTerms, TerminalSlot,
    TillList, ToldPost,
};
use crate::ledger::decision::Decision;
use crate::ledger::known::{Known, Need};
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::limits::{BALANCE_FEN_MAX, CARD_REUSE_DAYS, GAPS_MAX};
use crate::ledger::record::{Liability, OfflineDebitRecord, OfflineReview, Record, RecordKind};
use crate::ledger::registry::TerminalKind;
use crate::ledger::shard::Layout;
use crate::ledger::state::{account, terminal_entry, total_fen};
use crate::ledger::told::{Told, ToldOf, Witness};
use crate::ledger::{Command, ShardSet, Stamp, decide, shards_touched};

/// What the card paid at till 1, and its till never told: in the hole of [`with_hole`].
const LOST_FEN: i64 = 650;
const LOST_COUNTER: u32 = 16;

fn lost() -> Previous {
    told_of(sale(1, 1, 7))
}

/// What a chip tells of a sale.
fn told_of(lost: Sale<'_>) -> Previous {
    Previous {
        terminal: lost.terminal,
        epoch: lost.epoch,
        sequence: lost.sequence,
        card_counter: CardCounter(LOST_COUNTER),
        amount_fen: LOST_FEN as u32,
    }
}

/// An offline sale of a card that tells of the one before.
fn telling(
    bench: &Bench,
    sale: Sale<'static>,
    card_uid: CardUid,
    previous: Previous,
) -> OfflineFact<'static> {
    OfflineFact {
        sale,
        record_terminal: sale.terminal,
        card_uid,
        card_counter: CardCounter(previous.card_counter.0 + 1),
        amount_fen: 100,
        till_time_ns: bench.time_ns,
        list: Some(TillList { version: 1, age_s: 0 }),
        authentic: true,
        carried: Carried { previous, ..Carried::default() },
    }
}

/// Card 1 tells of it at till 2.
fn tell(bench: &mut Bench, sequence: u32, previous: Previous) {
    let fact = telling(bench, sale(2, 1, sequence), uid(1), previous);
    assert_eq!(bench.fact(fact).outcome.code, ResultCode::Approved);
}

/// Till 1 has a hole, and card 1 has told of a sale in it.
pub(super) fn with_lost_sale(shards: usize) -> Bench {
    let mut bench = with_hole(shards);
    tell(&mut bench, 1, lost());
    bench
}

fn asked(own: u32) -> ToldPost<'static> {
    let card_counter = CardCounter(LOST_COUNTER);
    ToldPost { sale: sale(0, 1, own), card_uid: uid(1), card_counter, reason: text("the till burnt") }
}

/// Has it posted, by the counter's sequence `own`.
pub(super) fn post(bench: &mut Bench, own: u32) -> Answer {
    bench.run(Request::ToldPost(asked(own)))
}

/// What was posted last, and by whose memo.
fn posted(bench: &Bench) -> OfflineDebitRecord {
    let [.., debit, memo] = &bench.log[..] else { panic!("nothing was posted") };
    let debit = Record::decode(debit.kind, debit.version, &debit.payload).unwrap();
    let memo = Record::decode(memo.kind, memo.version, &memo.payload).unwrap();
    let (Record::OfflineDebit(debit), Record::ToldPosted(memo)) = (debit, memo) else {
        panic!("nothing was posted");
    };
    assert_eq!(memo.told(), debit.money.sale());
    assert_eq!((memo.card_uid, memo.card_counter), (debit.card_uid, debit.money.token));
    assert_eq!(memo.money.amount_fen, debit.money.amount_fen);
    debit
}

fn missing(bench: &Bench, slot: u16) -> Vec<(u32, u32)> {
    terminal_entry(&bench.state.shards, TerminalSlot(slot)).unwrap().gaps().missing().to_vec()
}

/// The till that lost its store isn't used any more.
fn disable(bench: &mut Bench, slot: u16) {
    let Request::RegisterTerminal(till) = register_till(slot) else { unreachable!("it registers") };
    bench.done(Request::RegisterTerminal(RegisterTerminal { enabled: false, ..till }));
}

#[test]
fn what_a_chip_told_of_is_posted_held_back_and_closes_its_hole() {
    for shards in [1, 4] {
        let mut bench = with_lost_sale(shards);
        let told_at_ns = bench.time_ns;
        bench.time_ns += 3 * DAY_NS;
        let (before, owed_fen, held_fen) = (bench.wallets(1), bench.owed_to_merchant(), bench.held_back());
        let answer = post(&mut bench, 1);
        assert_eq!(answer.short(), (ResultCode::ApprovedFlagged, 2));
        let left_fen = before[0] - LOST_FEN;
        assert_eq!(
            (answer.outcome.account, answer.outcome.amount_fen, answer.outcome.balance_after_fen),
            (Some(AccountId(1)), LOST_FEN, left_fen)
        );
        assert_eq!(bench.wallets(1), [left_fen, 0, 0]);
        assert_eq!((bench.owed_to_merchant(), bench.held_back()), (owed_fen, held_fen + LOST_FEN));
        let debit = posted(&bench);
        assert_eq!(debit.offline_review(), OfflineReview::TOLD);
        assert_eq!(debit.money.sale(), sale(1, 1, 7).id());
        assert_eq!(debit.liability(), Some(Liability::Holder));
        // It is dated when the sale was that told of it.
        assert_eq!((debit.till_time_ns.get(), debit.money.limit_day.get()), (told_at_ns, day_of(told_at_ns)));
        assert_eq!(missing(&bench, 1), [(5, 6), (8, 9)]);

        let again = post(&mut bench, 1);
        assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::ApprovedFlagged, 0), true));
        let other = ToldPost { card_counter: CardCounter(3), ..asked(1) };
        assert_eq!(bench.run(Request::ToldPost(other)).short(), (ResultCode::IdentityConflict, 1));
        assert_eq!(post(&mut bench, 2).short(), (ResultCode::ToldCame, 1));

        // The true record comes after all: it is the same sale, and of another amount none that is taken.
        let came = bench.upload(sale(1, 1, 7), 1, LOST_COUNTER, LOST_FEN);
        assert_eq!((came.short(), came.outcome.repeat), ((ResultCode::ApprovedFlagged, 0), true));
        let other = bench.upload(sale(1, 1, 7), 1, LOST_COUNTER, LOST_FEN + 1);
        assert_eq!(other.short(), (ResultCode::IdentityConflict, 1));
        assert_eq!(bench.wallets(1), [left_fen, 0, 0]);
        bench.close();
    }
}

#[test]
fn what_came_first_isnt_posted_however_long_ago_it_came() {
    let mut bench = with_lost_sale(2);
    assert_eq!(bench.upload(sale(1, 1, 7), 1, LOST_COUNTER, LOST_FEN).outcome.code, ResultCode::Approved);
    assert_eq!(post(&mut bench, 1).short(), (ResultCode::ToldCame, 1));
    // Long out of its till's ring.
    for sequence in 11..40 {
        bench.tap(sale(1, 1, sequence), 1, sequence + 100, 1);
    }
    let walks = bench.walks;
    assert_eq!(post(&mut bench, 2).short(), (ResultCode::ToldCame, 1));
    assert_eq!(bench.walks - walks, 2, "down the account's chain, and down the till's");
    // A sale that was refused, and one whose reversal came first, have an outcome, too.
    bench.tap(sale(1, 1, 5), 1, 1, 1);
    bench.reverse(sale(1, 1, 41), (1, 6), LOST_FEN);
    for (own, sequence) in [(3, 5), (4, 6)] {
        tell(&mut bench, own, told_of(sale(1, 1, sequence)));
        assert_eq!(post(&mut bench, own).short(), (ResultCode::ToldCame, 1), "sequence {sequence}");
    }
    bench.close();
}

#[test]
fn nothing_is_posted_that_nobody_told_of() {
    let mut bench = with_lost_sale(2);
    let ask = |bench: &mut Bench, own, wrong: ToldPost<'static>| {
        bench.run(Request::ToldPost(ToldPost { sale: sale(0, 1, own), ..wrong })).short()
    };
    let nowhere = (ResultCode::ToldNowhere, 1);
    let good = asked(1);
    assert_eq!(ask(&mut bench, 1, ToldPost { card_counter: CardCounter(15), ..good }), nowhere);
    assert_eq!(ask(&mut bench, 2, ToldPost { card_uid: uid(0), ..good }), nowhere);
    assert_eq!(ask(&mut bench, 3, ToldPost { card_uid: CardUid(5), ..good }), nowhere);
    // Its newest sale tells of no sequence, then of a terminal that isn't there, and of one that sells nothing.
    tell(&mut bench, 2, Previous { sequence: Sequence(0), ..lost() });
    assert_eq!(ask(&mut bench, 4, good), nowhere);
    tell(&mut bench, 3, Previous { terminal: TerminalId(88), ..lost() });
    assert_eq!(ask(&mut bench, 5, good), (ResultCode::ToldTillUnknown, 1));
    let Request::RegisterTerminal(door) = register_till(3) else { unreachable!("it registers") };
    bench.done(Request::RegisterTerminal(RegisterTerminal { kind: TerminalKind::Door, ..door }));
    tell(&mut bench, 4, told_of(sale(3, 1, 1)));
    assert_eq!(ask(&mut bench, 6, good), (ResultCode::ToldTillUnknown, 1));
    tell(&mut bench, 5, lost());

    assert_eq!(ask(&mut bench, 0, good), (ResultCode::SequenceZero, 0));
    let by_gateway = ToldPost { sale: sale(2, 1, 9), ..good };
    assert_eq!(bench.run(Request::ToldPost(by_gateway)).short(), (ResultCode::NotPermitted, 0));
    let by_nobody = ToldPost { sale: sale(9, 1, 9), ..good };
    assert_eq!(bench.run(Request::ToldPost(by_nobody)).short(), (ResultCode::UnknownTerminal, 0));
    // No more of the chain is looked at than is allowed.
    bench.tap(sale(2, 1, 9), 1, 300, 1);
    bench.told_steps_max = 1;
    assert_eq!(ask(&mut bench, 7, good), (ResultCode::ToldOutOfReach, 1));
    bench.told_steps_max = 3;
    assert_eq!(ask(&mut bench, 8, good), (ResultCode::ApprovedFlagged, 2));
    bench.close();
}

#[test]
fn a_till_that_may_still_be_offline_is_waited_for() {
    let mut bench = with_lost_sale(2);
    // Beyond all that till 1 has sent, in this epoch and in the next.
    for (own, ahead) in [(1, sale(1, 1, 11)), (2, sale(1, 1, 4_000)), (3, sale(1, 2, 1))] {
        tell(&mut bench, own + 1, told_of(ahead));
        assert_eq!(post(&mut bench, own).short(), (ResultCode::ToldMayCome, 1), "{ahead:?}");
    }
    // It begins its next epoch: what it had of the old one is lost, or comes late.
    bench.tap(sale(1, 2, 1), 1, 90, 1);
    tell(&mut bench, 5, told_of(sale(1, 1, 4_000)));
    assert_eq!(post(&mut bench, 4).short(), (ResultCode::ApprovedFlagged, 2));
    assert_eq!(missing(&bench, 1), []);
    let late = bench.upload(sale(1, 1, 4_000), 1, LOST_COUNTER, LOST_FEN);
    assert_eq!(late.short(), (ResultCode::ApprovedFlagged, 0));
    // It is disabled: nothing comes any more.
    tell(&mut bench, 6, told_of(sale(1, 2, 5)));
    assert_eq!(post(&mut bench, 5).short(), (ResultCode::ToldMayCome, 1));
    disable(&mut bench, 1);
    assert_eq!(post(&mut bench, 6).short(), (ResultCode::ApprovedFlagged, 2));
    assert_eq!(missing(&bench, 1), [(2, 4)]);
    tell(&mut bench, 7, told_of(sale(1, 2, 3)));
    assert_eq!(post(&mut bench, 7).short(), (ResultCode::ApprovedFlagged, 2));
    assert_eq!(missing(&bench, 1), [(2, 2), (4, 4)]);
    bench.close();
}

#[test]
fn a_hole_that_a_counter_closed_is_posted_into_all_the_same() {
    let mut bench = with_lost_sale(2);
    let close = GapClose {
        sale: sale(0, 1, 1),
        till: sale(1, 1, 1).terminal,
        till_slot: TerminalSlot(1),
        epoch: Epoch(1),
        first: Sequence(5),
        last: Sequence(9),
        reason: text("the till burnt"),
    };
    assert_eq!(bench.run(Request::GapClose(close)).short(), (ResultCode::Approved, 1));
    assert_eq!(post(&mut bench, 2).short(), (ResultCode::ApprovedFlagged, 2));
    assert_eq!((missing(&bench, 1), posted(&bench).money.sale()), (vec![], sale(1, 1, 7).id()));
    assert_eq!(post(&mut bench, 3).short(), (ResultCode::ToldCame, 1));
    bench.close();
}

#[test]
fn a_hole_isnt_split_where_there_is_room_for_no_more_and_a_counter_may_have_sold_it() {
    let mut bench = Bench::new(2, 2);
    account_close::open_counter(&mut bench);
    let counter = 4;
    for gap in 1..=GAPS_MAX as u32 {
        bench.tap(sale(1, 1, 4 * gap), 1, 4 * gap, 1);
    }
    let ask = |bench: &mut Bench, own| {
        bench.run(Request::ToldPost(ToldPost { sale: sale(counter, 1, own), ..asked(1) })).short()
    };
    tell(&mut bench, 1, told_of(sale(1, 1, 6)));
    assert_eq!(ask(&mut bench, 1), (ResultCode::TooManyGaps, 0));
    tell(&mut bench, 2, told_of(sale(1, 1, 5)));
    assert_eq!(ask(&mut bench, 1), (ResultCode::ApprovedFlagged, 2));
    assert_eq!(missing(&bench, 1)[1], (6, 7));

    // Its own, out of a hole, and the very sequence that asks.
    bench.tap(sale(counter, 1, 9), 1, 2_000, 1);
    tell(&mut bench, 3, told_of(sale(counter, 1, 5)));
    assert_eq!(ask(&mut bench, 5), (ResultCode::ToldCame, 1));
    tell(&mut bench, 4, told_of(sale(counter, 1, 7)));
    assert_eq!(ask(&mut bench, 3), (ResultCode::ApprovedFlagged, 2));
    assert_eq!(missing(&bench, counter), [(2, 2), (4, 4), (6, 6), (8, 8)]);
    // One gap is left: the sale and the request would open one each.
    for gap in 1..=(GAPS_MAX as u32 - 5) {
        bench.tap(sale(counter, 1, 20 * gap), 1, 2_000 + gap, 1);
    }
    tell(&mut bench, 5, told_of(sale(counter, 1, 50)));
    assert_eq!(ask(&mut bench, 8_000), (ResultCode::TooManyGaps, 0));
    assert_eq!(ask(&mut bench, 70), (ResultCode::TooManyGaps, 0));
    assert_eq!(ask(&mut bench, 8), (ResultCode::ApprovedFlagged, 2));
    bench.close();
}

#[test]
fn who_bears_it_and_on_which_day_is_as_of_an_upload_of_that_time() {
    let lost_card = |bench: &mut Bench| {
        bench.done(Request::SetAccountTerms(SetAccountTerms {
            account: AccountId(1),
            status: AccountStatus::Open,
            card_lost: true,
            class: 0,
            debit_max_fen: 0,
            day_max_fen: 0,
        }));
    };
    // Told before the card was lost: its holder bears it, out of the subsidy first.
    let mut bench = with_lost_sale(2);
    bench.give_subsidy(1, 400);
    bench.time_ns += DAY_NS;
    lost_card(&mut bench);
    assert_eq!(post(&mut bench, 1).short(), (ResultCode::ApprovedFlagged, 2));
    assert_eq!((bench.subsidy_fen(1), posted(&bench).subsidy_fen.get()), (0, 400));
    bench.close();

    // Told by a clock that ran ahead, of a card that was lost before that: nobody knows by which list its till judged.
    let mut bench = with_hole(2);
    let mut fact = telling(&bench, sale(2, 1, 1), uid(1), lost());
    fact.till_time_ns += DAY_NS;
    assert_eq!(bench.fact(fact).outcome.code, ResultCode::ApprovedFlagged);
    lost_card(&mut bench);
    let before = bench.wallets(1);
    let answer = post(&mut bench, 1);
    assert_eq!((answer.short(), answer.outcome.account), ((ResultCode::ApprovedFlagged, 2), None));
    let lost_cards = total_fen(&bench.state.shards, LedgerAccount::clearing(Clearing::LostCards));
    assert_eq!((bench.wallets(1), lost_cards), (before, -LOST_FEN));
    assert_eq!(posted(&bench).liability(), Some(Liability::Merchant));
    bench.close();

    // No more than a card wallet may lack.
    let mut bench = with_lost_sale(1);
    let person = Layout::new(1).account_mut(&mut bench.state.shards, AccountId(1)).unwrap();
    person.card_fen = LOST_FEN - 1 - BALANCE_FEN_MAX;
    let decision = bench.decide(Request::ToldPost(asked(1)));
    assert_eq!(decision.outcome().unwrap().code, ResultCode::BalanceOverflow);
    assert!(matches!(decision.group().unwrap().records().collect::<Vec<_>>()[..], [Record::Refusal(_)]));
}

#[test]
fn a_card_that_is_somebody_elses_by_now_charges_nobody() {
    let mut bench = account_close::bench(2);
    bench.tap(sale(1, 1, 10), 1, 1, 1);
    tell(&mut bench, 1, lost());
    let ask = |bench: &mut Bench, own| {
        bench.run(Request::ToldPost(ToldPost { sale: sale(4, 1, own), ..asked(1) })).short()
    };
    // It came back, and is nobody's: its last holder's sale is posted.
    assert_eq!(give_back(&mut bench, 1, 1, uid(1).0).outcome.code, ResultCode::Approved);
    assert_eq!(ask(&mut bench, 2), (ResultCode::ApprovedFlagged, 2));
    tell_as_former(&mut bench);
    let card = uid(0);
    assert_eq!(give_back(&mut bench, 3, 0, card.0).outcome.code, ResultCode::Approved);
    bench.time_ns += (u64::from(CARD_REUSE_DAYS) + 1) * DAY_NS;
    let issued = issue(&mut bench, 4, 1, card.0, CardTerms::STANDARD);
    assert_eq!(issued.outcome.code, ResultCode::Approved);
    // Whoever has it now never told of that.
    let of_card = |own| ToldPost { sale: sale(4, 1, own), card_uid: card, ..asked(1) };
    assert_eq!(bench.run(Request::ToldPost(of_card(5))).short(), (ResultCode::ToldNowhere, 1));
    // Her own sale under the former holder's time isn't hers either.
    let before = bench.wallets(1);
    let mut fact = telling(&bench, sale(2, 1, 9), card, told_of(sale(1, 1, 6)));
    fact.till_time_ns -= 40 * DAY_NS;
    assert_eq!(bench.fact(fact).outcome.account, Some(AccountId(0)));
    assert_eq!(bench.run(Request::ToldPost(of_card(6))).short(), (ResultCode::ToldNowhere, 1));
    assert_eq!(bench.wallets(1), before);
    bench.close();
}

/// The card of account 0 tells of a sale at till 1.
fn tell_as_former(bench: &mut Bench) {
    let fact = telling(bench, sale(2, 1, 3), uid(0), told_of(sale(1, 1, 8)));
    assert_eq!(bench.fact(fact).outcome.code, ResultCode::Approved);
}

#[test]
fn what_was_found_counts_on_and_what_wasnt_is_looked_for_again() {
    let mut bench = with_lost_sale(4);
    let of = ToldOf { account: AccountId(1), card_uid: uid(1), card_counter: CardCounter(LOST_COUNTER) };
    let decision_with = |bench: &Bench, known: &Known| {
        let command = Command { request: Request::ToldPost(asked(1)), known: Some(known) };
        let state = &bench.state;
        assert_ne!(shards_touched(&state.directory, 4, &command), ShardSet::default());
        let stamp = Stamp { number: RecordNumber(bench.head().0 + 1), time_ns: bench.time_ns };
        match decide(&state.registry, &state.directory, &state.shards, &command, stamp) {
            Decision::Needs(need) => Some(need),
            _ => None,
        }
    };
    let head = account(&bench.state.shards, AccountId(1)).unwrap().head();
    assert_eq!(decision_with(&bench, &Known::default()), Some(Need::Told { of, head }));
    let nothing = Told { of, head, found: None, partial: false };
    let knows = |told| Known { told: Some(told), ..Known::default() };
    assert_eq!(decision_with(&bench, &knows(nothing)), None, "refused");
    // The account goes on meanwhile.
    bench.tap(sale(2, 1, 5), 1, 500, 1);
    let newer = account(&bench.state.shards, AccountId(1)).unwrap().head();
    assert_eq!(decision_with(&bench, &knows(nothing)), Some(Need::Told { of, head: newer }));
    let witness = Witness { record: head, till_time_ns: bench.time_ns, previous: lost() };
    let found = Told { found: Some(witness), ..nothing };
    let slot = TerminalSlot(1);
    assert_eq!(decision_with(&bench, &Known { till: Some(slot), ..knows(found) }), None, "posted");
    // Of another card, or of another counter, it says nothing.
    let other = Told { of: ToldOf { card_counter: CardCounter(1), ..of }, ..found };
    assert_eq!(decision_with(&bench, &knows(other)), Some(Need::Told { of, head: newer }));
}

#[test]
fn the_till_of_the_sale_is_held_too() {
    // Of four shards, the account's and the asking counter's aren't till 3's.
    let mut bench = with_hole(4);
    tell(&mut bench, 1, told_of(sale(3, 1, 2)));
    bench.tap(sale(3, 1, 5), 1, 90, 1);
    assert_eq!(post(&mut bench, 1).short(), (ResultCode::ApprovedFlagged, 2));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::ToldPosted));
    bench.close();
}
