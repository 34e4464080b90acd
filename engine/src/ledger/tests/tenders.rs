use protocol::ids::{MerchantId, TerminalId};
use protocol::result_code::ResultCode;

use super::bench::{Answer, Bench, sale, text};
use crate::ledger::command::{
    Channel, RegisterMerchant, RegisterTerminal, Request, Sale, SaleQuery, Tender, TerminalSlot,
};
use crate::ledger::decision::Decision;
use crate::ledger::record::RecordKind;
use crate::ledger::registry::TerminalKind;

pub(super) fn tender(
    bench: &mut Bench,
    sale: Sale<'_>,
    channel: Channel,
    order: &str,
    amount_fen: i64,
) -> Answer {
    bench.run(Request::Tender(Tender { sale, amount_fen, channel, order_number: text(order) }))
}

/// A till of another merchant, the last of the bench.
fn elsewhere(bench: &mut Bench, kind: TerminalKind) -> Sale<'static> {
    bench.done(Request::RegisterMerchant(RegisterMerchant {
        merchant: MerchantId(4),
        name: "二食堂",
        enabled: true,
    }));
    let sale = Sale { slot: TerminalSlot(4), terminal: TerminalId(900), ..sale(0, 1, 1) };
    bench.done(Request::RegisterTerminal(RegisterTerminal {
        terminal: sale.terminal,
        merchant: MerchantId(4),
        kind,
        key_version: 1,
        enabled: true,
    }));
    sale
}

#[test]
fn an_order_is_recorded_once_and_moves_nothing() {
    for shards in [1, 4] {
        let mut bench = Bench::new(shards, 1);
        let first = tender(&mut bench, sale(0, 1, 1), Channel::WeChat, "4200001", 1_800);
        assert_eq!(first.short(), (ResultCode::Approved, 1));
        assert_eq!((first.outcome.account, first.outcome.amount_fen), (None, 1_800));
        assert_eq!(bench.kinds().last(), Some(&RecordKind::Tender));
        let again = tender(&mut bench, sale(0, 1, 1), Channel::WeChat, "4200001", 1_800);
        assert_eq!((again.short(), again.outcome.record), ((ResultCode::Approved, 0), first.outcome.record));
        // Under another identity, and at another till of the merchant, the same; of another amount a conflict.
        for (own, amount_fen, code, repeat) in [
            (sale(0, 1, 2), 1_800, ResultCode::Approved, true),
            (sale(1, 1, 1), 1_800, ResultCode::Approved, true),
            (sale(1, 1, 2), 1_801, ResultCode::OrderConflict, false),
        ] {
            let answer = tender(&mut bench, own, Channel::WeChat, "4200001", amount_fen);
            assert_eq!((answer.short(), answer.outcome.repeat), ((code, 1), repeat));
        }
        // Another channel has orders of its own.
        let alipay = tender(&mut bench, sale(0, 1, 3), Channel::Alipay, "4200001", 500);
        assert_eq!((alipay.short(), alipay.outcome.repeat), ((ResultCode::Approved, 1), false));
        let changed = tender(&mut bench, sale(0, 1, 3), Channel::Alipay, "4200002", 500);
        assert_eq!(changed.outcome.code, ResultCode::IdentityConflict);
        assert_eq!((bench.wallets(0), bench.owed_to_merchant()), ([10_000, 0, 0], 0));
        let Decision::NoRecord(told) = bench.decide(Request::SaleQuery(SaleQuery { sale: sale(0, 1, 1) }))
        else {
            panic!("it is known")
        };
        assert_eq!((told.code, told.amount_fen), (ResultCode::Approved, 1_800));
        bench.close();
    }
}

#[test]
fn an_order_that_paid_money_in_pays_no_meal_and_the_other_way_round() {
    let mut bench = Bench::new(2, 1);
    bench.top_up(sale(0, 1, 1), 0, 900, "w-1");
    let answer = tender(&mut bench, sale(0, 1, 2), Channel::WeChat, "w-1", 900);
    assert_eq!(answer.short(), (ResultCode::OrderConflict, 1));
    tender(&mut bench, sale(0, 1, 3), Channel::WeChat, "w-2", 900);
    assert_eq!(bench.top_up(sale(0, 1, 4), 0, 900, "w-2").short(), (ResultCode::OrderConflict, 1));
    assert_eq!(bench.wallets(0), [10_000, 0, 900]);
    // What another merchant took isn't this one's.
    let own = elsewhere(&mut bench, TerminalKind::PointOfSale);
    assert_eq!(tender(&mut bench, own, Channel::WeChat, "w-2", 900).short(), (ResultCode::OrderConflict, 1));
    bench.close();
}

#[test]
fn a_till_that_sells_takes_it_by_a_channel_of_tenders() {
    let mut bench = Bench::new(1, 1);
    for (own, channel, amount_fen, code) in [
        (sale(0, 1, 1), Channel::Counter, 500, ResultCode::NotPermitted),
        (sale(0, 1, 1), Channel::Card, 500, ResultCode::NotPermitted),
        (sale(0, 1, 1), Channel::WeChat, 0, ResultCode::AmountNotPositive),
        (sale(0, 1, 1), Channel::WeChat, 1_000_000_001, ResultCode::AmountTooLarge),
        (sale(0, 1, 0), Channel::WeChat, 500, ResultCode::SequenceZero),
        (
            Sale { terminal: TerminalId(7), ..sale(0, 1, 1) },
            Channel::WeChat,
            500,
            ResultCode::UnknownTerminal,
        ),
    ] {
        assert_eq!(tender(&mut bench, own, channel, "o", amount_fen).short(), (code, 0));
    }
    let door = elsewhere(&mut bench, TerminalKind::Door);
    assert_eq!(tender(&mut bench, door, Channel::WeChat, "o", 5).short(), (ResultCode::NotPermitted, 0));
    bench.close();
}

#[test]
fn only_the_channel_gives_it_back() {
    let mut bench = Bench::new(1, 1);
    tender(&mut bench, sale(0, 1, 1), Channel::Alipay, "a-1", 500);
    assert_eq!(bench.reverse(sale(0, 1, 2), (1, 1), 500).short(), (ResultCode::NothingToReverse, 1));
    assert_eq!(bench.void(sale(0, 1, 3), (1, 1), 500).short(), (ResultCode::NothingToVoid, 1));
    assert_eq!(bench.refund(sale(0, 1, 4), sale(0, 1, 1), 500).short(), (ResultCode::NothingToRefund, 1));
    let own = elsewhere(&mut bench, TerminalKind::PointOfSale);
    assert_eq!(bench.refund(own, sale(0, 1, 1), 500).short(), (ResultCode::OtherMerchant, 1));
    // Reversed before it came, it won't.
    bench.reverse(sale(0, 1, 5), (1, 9), 700);
    let late = tender(&mut bench, sale(0, 1, 9), Channel::Alipay, "a-2", 700);
    assert_eq!(late.short(), (ResultCode::Reversed, 0));
    bench.close();
}

#[test]
fn one_that_memory_has_forgotten_is_found_in_the_log() {
    let mut bench = Bench::new(1, 1);
    tender(&mut bench, sale(0, 1, 1), Channel::WeChat, "first", 500);
    for sequence in 2..=1_026 {
        bench.index_orders();
        let order = format!("o-{sequence}");
        assert_eq!(tender(&mut bench, sale(0, 1, sequence), Channel::WeChat, &order, 1).short().1, 1);
    }
    let again = tender(&mut bench, sale(0, 1, 1_027), Channel::WeChat, "first", 500);
    assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::Approved, 1), true));
    let other = tender(&mut bench, sale(0, 1, 1_028), Channel::WeChat, "first", 501);
    assert_eq!(other.short(), (ResultCode::OrderConflict, 1));
    bench.close();
}
