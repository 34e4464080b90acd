//! A till downloads the block-list, changes over to it and says so: over the wire, after a restart, and under the audit.

use std::collections::BTreeSet;

use engine::ledger::Request as Configuration;
use engine::ledger::account::AccountStatus;
use engine::ledger::command::SetAccountTerms;
use protocol::answer::{Answer, BlockListAnswer};
use protocol::block_list::{BlockListLine, digest};
use protocol::ids::{AccountId, CardUid};
use protocol::request::{BlockListActive, BlockListQuery, Heartbeat, Request};
use protocol::result_code::ResultCode;

use crate::campus::{Campus, DOOR, Served, card, till};
use crate::wire_till::WireTill;

fn lose(served: &Served, account: u32, card_lost: bool) {
    let terms = SetAccountTerms {
        account: AccountId(account),
        status: AccountStatus::Open,
        card_lost,
        class: 0,
        debit_max_fen: 0,
        day_max_fen: 0,
    };
    served.engine().configure(Configuration::SetAccountTerms(terms)).expect("an account");
    served.engine().sync().expect("durable");
}

fn page(till: &mut WireTill, query: BlockListQuery) -> (BlockListAnswer<'static>, Vec<BlockListLine>) {
    match Answer::decode(&till.call(0, &Request::BlockList(query))).expect("an answer") {
        (_, Answer::BlockList(answer)) => {
            let lines = answer.lines.to_vec();
            (BlockListAnswer { lines: &[], ..answer }, lines)
        }
        (_, other) => panic!("{query:?} was answered with {other:?}"),
    }
}

fn from_version(have_version: u32, lines_max: u16) -> BlockListQuery {
    BlockListQuery { have_version, of_version: 0, after_card: CardUid(0), lines_max }
}

fn active(version: u32, cards: &BTreeSet<CardUid>) -> BlockListActive {
    BlockListActive { version, digest: digest(version, cards.iter().copied()), till_time_ns: 7 }
}

#[test]
fn a_till_follows_the_list_and_reports_what_it_judges_by() {
    let campus = Campus::new();
    let served = campus.serve();
    for account in [3, 1, 2] {
        lose(&served, account, true);
    }
    let mut first = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    assert_eq!(first.welcome.block_list_version, 3);

    // It has none: the whole list, a page at a time.
    let (answer, lines) = page(&mut first, from_version(0, 2));
    assert_eq!((answer.whole, answer.version, answer.more, answer.cards), (true, 3, true, 3));
    assert_eq!(lines, [card(1), card(2)].map(BlockListLine::card));
    let rest = BlockListQuery { of_version: 3, after_card: card(2), ..from_version(0, 2) };
    let (answer, lines) = page(&mut first, rest);
    assert_eq!((answer.more, lines), (false, vec![BlockListLine::card(card(3))]));
    let mut cards: BTreeSet<_> = [1, 2, 3].map(card).into();
    assert_eq!(answer.digest, digest(3, cards.iter().copied()));
    let reported = first.money(0, &Request::BlockListActive(active(3, &cards)));
    assert_eq!((reported.code, reported.repeat, reported.account), (ResultCode::Approved, false, None));
    let again = first.money(0, &Request::BlockListActive(active(3, &cards)));
    assert_eq!((again.code, again.repeat), (ResultCode::Approved, true));

    // The list moves; the heartbeat says so, and the moves are few.
    lose(&served, 2, false);
    lose(&served, 9, true);
    let beat = first.call(0, &Request::Heartbeat(Heartbeat { till_time_ns: 0 }));
    let (_, Answer::Heartbeat(beat)) = Answer::decode(&beat).expect("an answer") else {
        panic!("no heartbeat")
    };
    assert_eq!(beat.block_list_version, 5);
    let (answer, lines) = page(&mut first, from_version(3, 100));
    assert_eq!((answer.whole, answer.version, answer.more), (false, 5, false));
    assert_eq!(lines, [BlockListLine::step(4, card(2), false), BlockListLine::step(5, card(9), true)]);
    // With the moves forgotten on the way its list is another one, and isn't taken.
    let wrong = first.money(0, &Request::BlockListActive(active(5, &cards)));
    assert_eq!((wrong.code, wrong.record.0), (ResultCode::BlockListDiffers, 0));
    cards.remove(&card(2));
    cards.insert(card(9));
    assert_eq!(first.money(0, &Request::BlockListActive(active(5, &cards))).code, ResultCode::Approved);
    // No version of the list: the whole of it. A door takes no cards off-line, and gets none.
    assert!(page(&mut first, from_version(77, 100)).0.whole);
    let mut door = WireTill::sign_in(served.address(), &served.keys.identity(DOOR));
    assert_eq!(door.refused(0, &Request::BlockList(from_version(0, 9))).code, ResultCode::NotPermitted);
    drop((first, door));
    served.stop_unsealed();

    let served = campus.serve();
    let mut first = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    assert_eq!(first.welcome.block_list_version, 5);
    let (answer, lines) = page(&mut first, from_version(4, 100));
    assert_eq!((answer.whole, lines), (false, vec![BlockListLine::step(5, card(9), true)]));
    let again = first.money(0, &Request::BlockListActive(active(5, &cards)));
    assert_eq!((again.code, again.repeat), (ResultCode::Approved, true), "it is remembered");
    served.stop();
    assert_eq!(campus.expect_sound().records_by_kind["block_list_active"], 2);
}
