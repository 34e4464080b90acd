//! The stock of blank cards: what comes in, what is given out of it, and what can't.

use protocol::card::{CardKind, CardTerms};
use protocol::ids::{AccountId, CardUid};
use protocol::result_code::ResultCode;

use super::account_close::bench;
use super::bench::{Answer, Bench, sale, uid};
use super::card_states::{give_back, issue, replace};
use crate::ledger::command::{BindCard, CardStock, Request, SetOfficeRules};
use crate::ledger::limits::{STOCK_BLOCKS_MAX, STOCK_CARDS_MAX};
use crate::ledger::registry::OfficeRules;
use crate::ledger::snapshot;

/// The counter of the bench.
const COUNTER: u16 = 4;
/// Nobody has it.
const BLANK: u64 = 700_000;

pub(super) fn stock(bench: &mut Bench, sequence: u32, first: u64, count: u16) -> Answer {
    let sale = sale(COUNTER, 1, sequence);
    bench.run(Request::CardStock(CardStock { sale, first: CardUid(first), count }))
}

fn from_stock(bench: &mut Bench, cards_from_stock: bool) {
    let rules = OfficeRules { cards_from_stock, ..OfficeRules::DEFAULT };
    bench.done(Request::SetOfficeRules(SetOfficeRules { rules }));
}

fn has(bench: &Bench, card: u64) -> bool {
    bench.state.registry.card_stock().has(CardUid(card))
}

#[test]
fn nothing_is_given_out_but_what_is_in_stock_where_that_is_the_rule() {
    let mut bench = bench(2);
    assert_eq!(stock(&mut bench, 1, BLANK, 3).short(), (ResultCode::Approved, 1));
    assert!(stock(&mut bench, 1, BLANK, 3).outcome.repeat);
    assert_eq!(stock(&mut bench, 1, BLANK, 4).outcome.code, ResultCode::IdentityConflict);
    assert_eq!(bench.state.registry.card_stock().count(), 3);
    // Any card, as long as it isn't the rule; what was in stock leaves it all the same.
    assert_eq!(replace(&mut bench, 2, 0, BLANK + 9, CardTerms::STANDARD).short(), (ResultCode::Approved, 1));
    assert_eq!(replace(&mut bench, 3, 0, BLANK, CardTerms::STANDARD).short(), (ResultCode::Approved, 1));
    assert!(!has(&bench, BLANK) && has(&bench, BLANK + 1));

    from_stock(&mut bench, true);
    let refused = replace(&mut bench, 4, 0, BLANK + 10, CardTerms::STANDARD);
    assert_eq!(refused.short(), (ResultCode::CardNotInStock, 1));
    assert_eq!(replace(&mut bench, 5, 0, BLANK + 1, CardTerms::STANDARD).short(), (ResultCode::Approved, 1));
    // Of several reasons the lowest number, whatever is in stock.
    let endless = CardTerms { kind: CardKind::Visitor, expires_day: 0 };
    assert_eq!(replace(&mut bench, 6, 0, BLANK + 11, endless).outcome.code, ResultCode::CardTermsWrong);
    assert_eq!(
        replace(&mut bench, 7, 0, BLANK, CardTerms::STANDARD).outcome.code,
        ResultCode::CardNotReusable
    );

    // One that came back is no blank card until it is put there again.
    assert_eq!(give_back(&mut bench, 8, 0, BLANK + 1).outcome.code, ResultCode::Approved);
    let again = issue(&mut bench, 9, 0, BLANK + 1, CardTerms::STANDARD);
    assert_eq!(again.outcome.code, ResultCode::CardNotInStock);
    assert_eq!(stock(&mut bench, 10, BLANK + 1, 1).outcome.code, ResultCode::Approved);
    let again = issue(&mut bench, 11, 0, BLANK + 1, CardTerms::STANDARD);
    assert_eq!(again.outcome.code, ResultCode::Approved);
    from_stock(&mut bench, false);
    assert_eq!(
        replace(&mut bench, 12, 0, BLANK + 12, CardTerms::STANDARD).outcome.code,
        ResultCode::Approved
    );
}

#[test]
fn what_cant_come_into_stock_says_why() {
    let mut bench = bench(2);
    let not_a_counter = CardStock { sale: sale(1, 1, 1), first: CardUid(BLANK), count: 1 };
    assert_eq!(bench.run(Request::CardStock(not_a_counter)).short(), (ResultCode::NotPermitted, 0));
    for (sequence, first, count, code) in [
        (0, BLANK, 1, ResultCode::SequenceZero),
        (1, BLANK, 0, ResultCode::CardCountWrong),
        (1, BLANK, STOCK_CARDS_MAX + 1, ResultCode::CardCountWrong),
        (1, 0, 1, ResultCode::CardRangeWrong),
        (1, u64::MAX, 2, ResultCode::CardRangeWrong),
    ] {
        assert_eq!(stock(&mut bench, sequence, first, count).short(), (code, 0), "{first}, {count}");
    }
    assert_eq!(stock(&mut bench, 1, BLANK, STOCK_CARDS_MAX).short(), (ResultCode::Approved, 1));
    assert_eq!(stock(&mut bench, 2, u64::MAX, 1).short(), (ResultCode::Approved, 1));
    let last = BLANK + u64::from(STOCK_CARDS_MAX) - 1;
    for (sequence, first, count) in [(3, BLANK - 1, 2), (4, last, 1), (5, last, 900)] {
        assert_eq!(stock(&mut bench, sequence, first, count).short(), (ResultCode::StockOverlaps, 1));
    }
    assert!(!has(&bench, BLANK - 1) && !has(&bench, last + 1), "all of a range or none");
    // Somebody's, somebody's who has another now, and one that was given to two.
    assert_eq!(stock(&mut bench, 6, uid(0).0, 1).outcome.code, ResultCode::StockCardKnown);
    assert_eq!(replace(&mut bench, 7, 0, BLANK, CardTerms::STANDARD).outcome.code, ResultCode::Approved);
    assert_eq!(stock(&mut bench, 8, uid(0).0, 1).outcome.code, ResultCode::StockCardKnown);
    let twice = Request::BindCard(BindCard { account: AccountId(0), card_uid: uid(1) });
    assert_eq!(bench.run(twice).outcome.code, ResultCode::IdentityConflict);
    assert_eq!(stock(&mut bench, 9, uid(1).0, 1).outcome.code, ResultCode::StockCardKnown);
    // A number that an import binds leaves the stock.
    bench.done(Request::BindCard(BindCard { account: AccountId(0), card_uid: CardUid(BLANK + 5) }));
    assert!(!has(&bench, BLANK + 5));
}

#[test]
fn numbers_too_far_apart_fill_it() {
    let mut bench = bench(1);
    let first = |block: usize| (1_000 + block as u64) << 10;
    for (sequence, block) in (1..).zip(0..STOCK_BLOCKS_MAX) {
        assert_eq!(stock(&mut bench, sequence, first(block), 1).outcome.code, ResultCode::Approved);
    }
    let next = STOCK_BLOCKS_MAX as u32 + 1;
    let full = stock(&mut bench, next, first(STOCK_BLOCKS_MAX), 1);
    assert_eq!(full.short(), (ResultCode::StockFull, 1));
    assert_eq!(stock(&mut bench, next + 1, first(3) + 1, 700).outcome.code, ResultCode::Approved);
    assert_eq!(
        replace(&mut bench, next + 2, 0, first(9), CardTerms::STANDARD).outcome.code,
        ResultCode::Approved
    );
    assert_eq!(stock(&mut bench, next + 3, first(STOCK_BLOCKS_MAX), 1).outcome.code, ResultCode::Approved);

    let state = &bench.state;
    let mut bytes = Vec::new();
    snapshot::write(&state.registry, &state.directory, &state.shards, &mut bytes).expect("memory takes it");
    let read = snapshot::read(&mut &bytes[..], &bench.sizes).expect("it was just written");
    assert_eq!(read.registry.card_stock(), state.registry.card_stock());
}
