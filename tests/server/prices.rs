//! What is paid beside prices: the table that tills download, and one answer for one sale however it is asked for.

use engine::ledger::Request as Configuration;
use engine::ledger::command::{SetAccountClass, SetPrice};
use engine::ledger::prices::OTHER_TIME;
use protocol::answer::{Answer, MoneyAnswer};
use protocol::bill::BillLineKind;
use protocol::ids::{AccountId, Epoch, Sequence};
use protocol::request::{Request, SaleQuery};
use protocol::result_code::ResultCode;

use crate::campus::{COUNTER, Campus, DOOR, OPENING_FEN, Served, card, till};
use crate::wire_till::{Tap, WireTill};

const TEACHER: AccountId = AccountId(7);
/// One percent above the price, all day.
const TEACHERS: SetPrice = SetPrice { class: 1, period: OTHER_TIME, rate: 100 };

fn table(till: &mut WireTill) -> (u32, Vec<(u8, u8, i16)>) {
    match Answer::decode(&till.call(0, &Request::PriceTable)).expect("an answer") {
        (_, Answer::PriceTable(table)) => {
            assert_eq!(table.code, ResultCode::Approved);
            let lines = table.lines.iter().map(|line| (line.class, line.period, line.rate.get())).collect();
            (table.parameter_version, lines)
        }
        (_, other) => panic!("{other:?}"),
    }
}

fn configure(served: &Served, request: Configuration<'_>) {
    served.engine().configure(request).expect("taken");
}

/// The outcome of the till's first sale.
fn asked_for(till: &mut WireTill) -> MoneyAnswer {
    let query = SaleQuery { epoch: Epoch(1), sequence: Sequence(1) };
    till.money(0, &Request::SaleQuery(query))
}

#[test]
fn a_till_gets_the_rates_with_their_version() {
    let campus = Campus::new();
    let served = campus.serve();
    let mut first = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let (version, rates) = table(&mut first);
    assert_eq!((version, rates), (first.welcome.parameter_version, vec![]));
    configure(&served, Configuration::SetPrice(TEACHERS));
    configure(&served, Configuration::SetPrice(SetPrice { class: 0, period: 3, rate: -250 }));
    served.engine().sync().expect("durable");
    let (newer, rates) = table(&mut first);
    assert!(newer > version);
    assert_eq!(rates, [(0, 3, -250), (1, OTHER_TIME, 100)]);
    configure(&served, Configuration::SetPrice(SetPrice { rate: 0, ..TEACHERS }));
    assert_eq!(table(&mut first).1, [(0, 3, -250)]);
    let mut door = WireTill::sign_in(served.address(), &served.keys.identity(DOOR));
    assert_eq!(door.refused(0, &Request::PriceTable).code, ResultCode::NotPermitted);
    served.stop();
    campus.expect_sound();
}

#[test]
fn what_was_paid_is_told_the_same_after_a_restart_at_another_rate() {
    let campus = Campus::new();
    let served = campus.serve();
    configure(&served, Configuration::SetAccountClass(SetAccountClass { account: TEACHER, class: 1 }));
    configure(&served, Configuration::SetPrice(TEACHERS));
    let mut seller = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    let tap = Tap { sequence: 1, card: card(TEACHER.0), counter: 1, amount_fen: 1_250 };
    let paid = seller.tap(&tap);
    let told =
        |answer: MoneyAnswer| (answer.code, answer.amount_fen, answer.balance_after_fen, answer.record);
    assert_eq!((paid.amount_fen, paid.balance_after_fen), (1_263, OPENING_FEN - 1_263));
    configure(&served, Configuration::SetPrice(SetPrice { rate: -5_000, ..TEACHERS }));
    drop(seller);
    served.stop_unsealed();

    let served = campus.serve();
    let mut seller = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    for again in [seller.tap(&tap), asked_for(&mut seller)] {
        assert_eq!(told(again), told(paid));
    }
    assert_eq!(seller.reprint(Epoch(1), 1).amount_fen, 1_263);
    let dinner = Tap { sequence: 2, counter: 2, ..tap };
    assert_eq!(seller.tap(&dinner).amount_fen, 625);
    let mut counter = WireTill::sign_in(served.address(), &served.keys.identity(COUNTER));
    let lines = counter.bill(TEACHER).concat();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            let kind = BillLineKind::from_number(line.kind).expect("a kind");
            (kind, line.amount_fen.get(), line.balance_after_fen.get())
        })
        .filter(|(kind, ..)| *kind != BillLineKind::Load)
        .collect();
    let opening = OPENING_FEN;
    assert_eq!(
        told[..4],
        [
            (BillLineKind::Discount, 625, opening - 1_888),
            (BillLineKind::Debit, -1_250, opening - 2_513),
            (BillLineKind::Surcharge, -13, opening - 1_263),
            (BillLineKind::Debit, -1_250, opening - 1_250),
        ]
    );
    served.stop();
    campus.expect_sound();
}
