//! The stock of blank cards at the counter, through kills: what was acknowledged is there, and nothing is given out twice.

use std::path::Path;

use engine::import::apply;
use engine::import::campus::CampusFile;
use protocol::card::{CardTerms, ReplaceReason};
use protocol::ids::{AccountId, CardUid};
use protocol::request::{AccountSelector, CardReplace, CardReturn, CardStock, Request};
use protocol::result_code::ResultCode;

use crate::campus::{COUNTER, Campus, GATEWAY};
use crate::program::Serving;
use crate::wire_till::WireTill;

const FIRST: u64 = 9_800_000;
const HOLDER: AccountSelector = AccountSelector::Account(AccountId(7));

fn stock(first: u64, count: u16) -> Request<'static> {
    Request::CardStock(CardStock { first: CardUid(first), count, till_time_ns: 0 })
}

fn replace(card: u64) -> Request<'static> {
    Request::CardReplace(CardReplace {
        account: HOLDER,
        new_card: CardUid(card),
        fee_fen: 0,
        reason: ReplaceReason::Broken,
        terms: CardTerms::STANDARD,
        till_time_ns: 0,
    })
}

#[test]
fn a_counter_gives_out_what_is_in_stock_also_after_kills() {
    let campus = Campus::new();
    let (books, _) = campus.open();
    let file = CampusFile::parse(Path::new("campus.toml"), "[office]\ncards_from_stock = true\n");
    let file = file.expect("a campus file");
    assert_eq!(apply::campus(books.engine(), &file).expect("it is taken").settings_changed, 1);
    books.close().expect("a clean stop");
    let keys = campus.keys();
    let sign_in = |server: &Serving, terminal| WireTill::sign_in(server.address(), &keys.identity(terminal));

    let server = Serving::start(&campus.data_dir(), &[]);
    let mut counter = sign_in(&server, COUNTER);
    assert_eq!(counter.money(1, &replace(FIRST)).code, ResultCode::CardNotInStock);
    for (request, code) in [
        (stock(FIRST, 0), ResultCode::CardCountWrong),
        (stock(FIRST, 1_025), ResultCode::CardCountWrong),
        (stock(u64::MAX, 2), ResultCode::CardRangeWrong),
        (stock(FIRST, 500), ResultCode::Approved),
    ] {
        assert_eq!(counter.money(2, &request).code, code, "{request:?}");
    }
    let mut gateway = sign_in(&server, GATEWAY);
    assert_eq!(gateway.refused(1, &stock(FIRST, 1)).code, ResultCode::NotPermitted);
    server.kill();

    let server = Serving::start(&campus.data_dir(), &[]);
    let mut counter = sign_in(&server, COUNTER);
    assert!(counter.money(2, &stock(FIRST, 500)).repeat);
    assert_eq!(counter.money(3, &stock(FIRST + 499, 1)).code, ResultCode::StockOverlaps);
    assert_eq!(counter.money(4, &replace(FIRST + 500)).code, ResultCode::CardNotInStock);
    assert_eq!(counter.money(5, &replace(FIRST + 17)).code, ResultCode::Approved);
    server.kill();

    // It has left the stock; it is somebody's, then came back, and only then may lie there again.
    let server = Serving::start(&campus.data_dir(), &[]);
    let mut counter = sign_in(&server, COUNTER);
    assert_eq!(counter.money(6, &stock(FIRST + 17, 1)).code, ResultCode::StockCardKnown);
    let back = CardReturn { account: HOLDER, card_uid: CardUid(FIRST + 17), till_time_ns: 0 };
    assert_eq!(counter.money(7, &Request::CardReturn(back)).code, ResultCode::Approved);
    assert_eq!(counter.money(8, &stock(FIRST + 17, 1)).code, ResultCode::Approved);
    // A clean stop saves a snapshot, which the next start begins with.
    drop(counter);
    server.terminate();
    let server = Serving::start(&campus.data_dir(), &[]);
    let mut counter = sign_in(&server, COUNTER);
    assert_eq!(counter.money(9, &stock(FIRST + 17, 1)).code, ResultCode::StockOverlaps);
    server.terminate();
    campus.expect_sound();
}
