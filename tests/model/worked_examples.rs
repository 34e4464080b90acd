//! The worked examples of the specification, with their numbers, in the model and in the ledger.

use engine::ledger::Request;
use engine::ledger::command::{
    AccountSelector, Carried, CutOff, OfflineFact, OpenAccount, Opening, RegisterMerchant, RegisterTerminal,
    Sale, ScanPay, TerminalSlot,
};
use engine::ledger::record::Wallet;
use engine::ledger::registry::TerminalKind;
use protocol::ids::{AccountId, BusinessDate, CardCounter, CardUid, Epoch, MerchantId, Sequence, TerminalId};
use protocol::result_code::ResultCode;

use super::fast::Fast;
use super::naive::{Answer, Model, Other, Said, Wallets};
use super::stream::{START_DATE, START_NS, text};
use super::{SHARD_COUNTS, bounds, sizes};

const STUDENT: AccountId = AccountId(0);
const TILL: TerminalSlot = TerminalSlot(0);
const GATEWAY: TerminalSlot = TerminalSlot(1);

/// The model and the ledger with each count of shards, which must all say the same.
struct Bench {
    model: Model,
    ledgers: Vec<Fast>,
}

impl Bench {
    /// A till of merchant 0, a phone gateway, and a student with something in the electronic wallet.
    fn new(electronic_fen: i64) -> Bench {
        let mut bench = Bench {
            model: Model::new(bounds()),
            ledgers: SHARD_COUNTS.iter().map(|&shards| Fast::new(sizes(shards))).collect(),
        };
        let merchant = MerchantId(0);
        let till = |terminal, kind| {
            let terminal = TerminalId(terminal);
            Request::RegisterTerminal(RegisterTerminal {
                terminal,
                merchant,
                kind,
                key_version: 1,
                enabled: true,
            })
        };
        for request in [
            Request::CutOff(CutOff { opened: BusinessDate(START_DATE) }),
            Request::RegisterMerchant(RegisterMerchant { merchant, name: "Canteen", enabled: true }),
            till(101, TerminalKind::PointOfSale),
            till(102, TerminalKind::PhoneGateway),
            Request::OpenAccount(OpenAccount { student_number: text("2600001"), class: 0 }),
            Request::Opening(Opening {
                account: STUDENT,
                wallet: Wallet::Electronic,
                amount_fen: electronic_fen,
            }),
        ] {
            assert_eq!(bench.run(&request).code, ResultCode::Approved, "{request:?}");
        }
        bench
    }

    fn run(&mut self, request: &Request<'static>) -> Said {
        let expected = self.model.execute(request, START_NS);
        for ledger in &mut self.ledgers {
            assert_eq!(ledger.execute(request, START_NS).as_ref(), Ok(&expected), "{request:?}");
            assert_eq!((ledger.sum_fen(), ledger.last_record()), (0, self.model.last_record));
            ledger.compare_balances(&self.model).expect("the same balances");
        }
        match expected {
            Answer::Outcome(said) => said,
            other => panic!("{request:?}: {other:?}"),
        }
    }

    fn wallets(&self) -> Wallets {
        self.model.accounts[STUDENT.0 as usize].wallets
    }

    fn merchant_fen(&self) -> i64 {
        self.model.others_fen.get(&Other::Merchant(0)).copied().unwrap_or(0)
    }
}

fn sale(slot: TerminalSlot, sequence: u32) -> Sale<'static> {
    let terminal = TerminalId(101 + u32::from(slot.0));
    Sale { slot, terminal, epoch: Epoch(1), sequence: Sequence(sequence), raw: &[] }
}

fn told(sequence: u32, amount_fen: i64) -> Request<'static> {
    Request::Offline(OfflineFact {
        sale: sale(TILL, sequence),
        record_terminal: sale(TILL, sequence).terminal,
        card_uid: CardUid(0),
        card_counter: CardCounter(0),
        amount_fen,
        till_time_ns: START_NS,
        list: None,
        authentic: true,
        carried: Carried { by_scan: true, ..Carried::default() },
    })
}

/// Worked example 1: electronic 2000; self-scan, sequence 77, 1500; uploaded as 1500, and as 1600.
#[test]
fn one_self_scan_is_one_sale() {
    for uploaded_first in [false, true] {
        let mut bench = Bench::new(2_000);
        let pay = Request::ScanPay(ScanPay {
            sale: sale(GATEWAY, 1),
            account: AccountSelector::Account(STUDENT),
            scanned: sale(TILL, 77).id(),
            scanned_slot: TILL,
            amount_fen: 1_500,
            till_time_ns: START_NS,
            authentic: true,
            till_connected: false,
        });
        if uploaded_first {
            assert_eq!(bench.run(&told(77, 1_500)).code, ResultCode::PaymentPending);
            assert_eq!((bench.merchant_fen(), bench.wallets().sum_fen()), (0, 2_000));
        }
        let paid = bench.run(&pay);
        assert_eq!((paid.code, paid.account), (ResultCode::Approved, Some(STUDENT.0)));
        assert_eq!((paid.amount_fen, paid.balance_after_fen), (1_500, 500));
        let after = Wallets { card_fen: 0, transition_fen: -1_500, electronic_fen: 2_000 };
        assert_eq!((bench.wallets(), bench.merchant_fen()), (after, 1_500));

        let matched = bench.run(&told(77, 1_500));
        assert_eq!((matched.code, matched.repeat), (ResultCode::Approved, true));
        assert_eq!(bench.run(&told(77, 1_600)).code, ResultCode::IdentityConflict);
        assert_eq!((bench.wallets(), bench.merchant_fen()), (after, 1_500));
    }
}
