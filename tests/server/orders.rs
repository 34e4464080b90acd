//! A top-up order is credited once, for ever: also when memory has forgotten it, after restarts, and without the files that
//! help to find it.

use protocol::answer::{Answer, MoneyAnswer};
use protocol::channel::Channel;
use protocol::ids::AccountId;
use protocol::request::{AccountSelector, Request, TopUp};
use protocol::result_code::ResultCode;
use protocol::text::OrderNumber;

use crate::campus::{Campus, GATEWAY, OPENING_FEN, Served};
use crate::wire_till::WireTill;

const ORDERS: u32 = 400;
const ACCOUNT: u32 = 5;

/// The gateway, bringing orders under sequences of its own.
struct Gateway {
    till: WireTill,
    next_sequence: u32,
}

impl Gateway {
    fn sign_in(served: &Served, next_sequence: u32) -> Gateway {
        let till = WireTill::sign_in(served.address(), &served.keys.identity(GATEWAY));
        Gateway { till, next_sequence }
    }

    /// Brings an order, again and again while the server is busy, as a gateway does.
    fn bring(&mut self, order: u32, amount_fen: i64) -> MoneyAnswer {
        let request = Request::TopUp(TopUp {
            account: AccountSelector::Account(AccountId(ACCOUNT)),
            channel: Channel::WeChatPay,
            amount_fen,
            order: OrderNumber::new(&format!("wx{order:08}")).expect("a short number"),
        });
        self.next_sequence += 1;
        for _ in 0..2_000 {
            match Answer::decode(&self.till.call(self.next_sequence, &request)).expect("an answer") {
                (_, Answer::Money(answer)) if answer.code == ResultCode::Busy => {}
                (_, Answer::Money(answer)) => return answer,
                (_, Answer::Refused(refusal)) if refusal.code == ResultCode::Busy => {}
                (_, other) => panic!("a top-up was answered with {other:?}"),
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("order {order} is busy for ever");
    }

    fn expect_all_known(&mut self) {
        for order in 0..ORDERS {
            let again = self.bring(order, 100);
            assert_eq!((again.code, again.repeat), (ResultCode::Approved, true), "order {order}");
        }
        assert_eq!(self.bring(ORDERS / 2, 101).code, ResultCode::OrderConflict);
        let balance = self.till.balance(ACCOUNT);
        assert_eq!(balance.system_fen, OPENING_FEN + 100 * i64::from(ORDERS));
    }
}

#[test]
fn an_order_is_credited_once_for_ever() {
    let mut campus = Campus::new();
    campus.sizes.orders_max = 4;
    let served = campus.serve();
    let mut gateway = Gateway::sign_in(&served, 0);
    for order in 0..ORDERS {
        let first = gateway.bring(order, 100);
        assert_eq!((first.code, first.repeat), (ResultCode::Approved, false), "order {order}");
    }
    gateway.expect_all_known();
    let mut next_sequence = gateway.next_sequence;
    drop(gateway);
    served.stop_unsealed();

    let orders = campus.data_dir().join("orders");
    for damage in 0..3 {
        match damage {
            0 => {}
            1 => std::fs::remove_dir_all(&orders).expect("it is there"),
            _ => {
                for run in std::fs::read_dir(&orders).expect("it was made anew") {
                    let path = run.expect("an entry").path();
                    let mut bytes = std::fs::read(&path).expect("a run");
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 1;
                    std::fs::write(&path, bytes).expect("it can be written");
                }
            }
        }
        let served = campus.serve();
        assert_eq!(served.report.order_runs_rejected.is_empty(), damage < 2, "{:?}", served.report);
        let mut gateway = Gateway::sign_in(&served, next_sequence);
        gateway.expect_all_known();
        next_sequence = gateway.next_sequence;
        drop(gateway);
        served.stop();
    }
    campus.expect_sound();
}
