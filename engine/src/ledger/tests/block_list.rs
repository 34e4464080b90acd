//! The block-list: every way in which a card comes onto it or leaves it, in order.

use protocol::card::{CardTerms, ReplaceReason};
use protocol::ids::{AccountId, CardUid};
use protocol::result_code::ResultCode;

use super::bench::{Bench, MERCHANT, register_till, sale, small_sizes, uid};
use crate::ledger::account::AccountStatus;
use crate::ledger::command::{
    AccountSelector, BindCard, CardReplace, CardReturn, RegisterTerminal, Request, SetAccountTerms,
};
use crate::ledger::registry::TerminalKind;
use crate::ledger::state::Sizes;

/// The slot of the counter.
const COUNTER: u16 = 4;

fn with_counter(mut bench: Bench) -> Bench {
    let Request::RegisterTerminal(gateway) = register_till(COUNTER) else { unreachable!("it registers") };
    let kind = TerminalKind::Counter;
    bench.done(Request::RegisterTerminal(RegisterTerminal { merchant: MERCHANT, kind, ..gateway }));
    bench
}

fn terms(account: u32, card_lost: bool) -> Request<'static> {
    Request::SetAccountTerms(SetAccountTerms {
        account: AccountId(account),
        status: AccountStatus::Open,
        card_lost,
        class: 0,
        debit_max_fen: 0,
        day_max_fen: 0,
    })
}

fn replace(sequence: u32, account: u32, card: u64) -> Request<'static> {
    let (account, new_card) = (AccountSelector::Account(AccountId(account)), CardUid(card));
    let (sale, reason) = (sale(COUNTER, 1, sequence), ReplaceReason::Lost);
    let terms = CardTerms::STANDARD;
    Request::CardReplace(CardReplace { sale, account, new_card, reason, terms, fee_fen: 0 })
}

/// Every move after this version: version, card, whether it came onto the list.
fn moves_after(bench: &Bench, version: u32) -> Vec<(u32, u64, bool)> {
    let moves = bench.state.registry.block_list().moves_after(version).expect("they are kept");
    moves.map(|step| (step.version, step.card_uid.0, step.blocked)).collect()
}

#[test]
fn every_move_of_a_card_is_on_it_in_order() {
    let mut bench = with_counter(Bench::new(4, 3));
    let start_ns = bench.time_ns;
    let at = |bench: &mut Bench, seconds: u64| bench.time_ns = start_ns + seconds * 1_000_000_000;
    bench.done(terms(0, true));
    at(&mut bench, 10);
    bench.done(terms(0, false));
    bench.done(terms(1, true));
    // A lost card that is replaced stays where it is; one that isn't comes onto the list then.
    at(&mut bench, 20);
    bench.done(replace(1, 1, 70));
    bench.done(replace(2, 0, 71));
    at(&mut bench, 30);
    bench.done(Request::CardReturn(CardReturn {
        sale: sale(COUNTER, 1, 3),
        account: AccountSelector::Account(AccountId(0)),
        card_uid: CardUid(71),
    }));
    // A card that an import gives in the place of another, and one that it gives to two.
    let bind = |account, card_uid| Request::BindCard(BindCard { account: AccountId(account), card_uid });
    bench.done(bind(2, CardUid(72)));
    assert_eq!(bench.run(bind(0, CardUid(72))).short(), (ResultCode::IdentityConflict, 1));
    // Terms that say the same of the card move nothing.
    bench.done(Request::SetAccountTerms(SetAccountTerms {
        account: AccountId(1),
        status: AccountStatus::Frozen,
        card_lost: false,
        class: 0,
        debit_max_fen: 0,
        day_max_fen: 0,
    }));
    let [first, second, third] = [0, 1, 2].map(|account| uid(account).0);
    let moves = vec![
        (1, first, true),
        (2, first, false),
        (3, second, true),
        (4, first, true),
        (5, 71, true),
        (6, third, true),
        (7, 72, true),
    ];
    assert_eq!(moves_after(&bench, 0), moves);
    assert_eq!(moves_after(&bench, 5), moves[5..]);
    let list = bench.state.registry.block_list();
    assert_eq!((list.version(), list.full()), (7, [71, 72, first, second, third].map(CardUid).to_vec()));
    let since = |card| list.blocked(card).map(|since| (since.version, since.time_ns - start_ns));
    assert_eq!(since(uid(0)), Some((4, 20_000_000_000)));
    assert_eq!(since(uid(1)), Some((3, 10_000_000_000)));
    assert_eq!(since(CardUid(70)), None);
    bench.close();
}

#[test]
fn a_full_list_is_busy_and_leaves_no_trace() {
    let sizes = Sizes { cards_max: 4_096, ..small_sizes(2) };
    let blocked_max = sizes.blocked_cards_max();
    let mut bench = Bench::empty(sizes);
    bench.open_campus(2);
    let mut bench = with_counter(bench);
    for sequence in 1..=blocked_max {
        bench.done(replace(sequence, 0, 100 + u64::from(sequence)));
    }
    let next = blocked_max + 1;
    assert_eq!(bench.run(replace(next, 0, 50)).short(), (ResultCode::Busy, 0));
    assert_eq!(bench.run(terms(1, true)).short(), (ResultCode::Busy, 0));
    let bind = |account, card_uid| Request::BindCard(BindCard { account: AccountId(account), card_uid });
    assert_eq!(bench.run(bind(1, CardUid(50))).short(), (ResultCode::Busy, 0));
    let current = CardUid(100 + u64::from(blocked_max));
    assert_eq!(bench.run(bind(1, current)).short(), (ResultCode::Busy, 0));
    assert_eq!(moves_after(&bench, blocked_max), []);
    bench.close();
}
