//! Receipts printed again: what a till was told under each of its sequences, and what has become of it.

use protocol::answer::{ReceiptKind, ReceiptMarks, ReprintAnswer};
use protocol::card::{CardTerms, ReplaceReason};
use protocol::channel::{Channel, ReversalReason, Wallet};
use protocol::ids::{AccountId, CardUid, Epoch, SaleId, Sequence};
use protocol::request::{AccountSelector, CardReplace, Refund, Request, Reversal, SaleQuery, Tender};
use protocol::result_code::ResultCode;
use protocol::text::OrderNumber;
use wal::{Clock, SystemClock};

use crate::campus::{COUNTER, Campus, DOOR, MERCHANT, Served, card, student_no, till};
use crate::wire_till::{Tap, WireTill, offline_record};

const ACCOUNT: u32 = 9;
/// The first sequence behind those that are printed again.
const BEHIND: u32 = 12;
const NEW_CARD: CardUid = CardUid(9_900_001);

const COPY: ReceiptMarks = ReceiptMarks::COPY;

/// What is printed for each sequence from 1 on: kind, code, marks, amount.
const PRINTED: [(ReceiptKind, ResultCode, ReceiptMarks, i64); 11] = [
    (ReceiptKind::Debit, ResultCode::Approved, COPY.with(ReceiptMarks::REFUNDED), 1_500),
    (ReceiptKind::Debit, ResultCode::Approved, COPY.with(ReceiptMarks::REVERSED), 700),
    (ReceiptKind::Reversal, ResultCode::Approved, COPY, 700),
    (ReceiptKind::Debit, ResultCode::Approved, COPY.with(ReceiptMarks::VOIDED), 800),
    (ReceiptKind::Void, ResultCode::Approved, COPY, 800),
    (ReceiptKind::Refused, ResultCode::UnknownCard, COPY, 900),
    (ReceiptKind::Tender, ResultCode::Approved, COPY, 1_800),
    (ReceiptKind::Tender, ResultCode::Approved, COPY, 1_800),
    (ReceiptKind::Offline, ResultCode::Approved, COPY, 650),
    (ReceiptKind::Note, ResultCode::Approved, COPY, 300),
    (ReceiptKind::Note, ResultCode::Reversed, COPY.with(ReceiptMarks::REVERSED), 300),
];

fn undo(original: u32, amount_fen: i64) -> Reversal {
    Reversal {
        original_epoch: Epoch(1),
        original_sequence: Sequence(original),
        amount_fen,
        reason: ReversalReason::Cashier,
        till_time_ns: 0,
    }
}

/// What a till does before its customers want their receipts again.
fn sell(served: &Served, seller: &mut WireTill, till_time_ns: u64) {
    let tap = |sequence, amount_fen| Tap { sequence, card: card(ACCOUNT), counter: sequence, amount_fen };
    for (sequence, amount_fen) in [(1, 1_500), (2, 700)] {
        assert_eq!(seller.tap(&tap(sequence, amount_fen)).code, ResultCode::Approved);
    }
    assert_eq!(seller.money(3, &Request::Reversal(undo(2, 700))).code, ResultCode::Approved);
    assert_eq!(seller.tap(&tap(4, 800)).code, ResultCode::Approved);
    assert_eq!(seller.money(5, &Request::Void(undo(4, 800))).code, ResultCode::Approved);
    let nobodys = Tap { card: CardUid(1), ..tap(6, 900) };
    assert_eq!(seller.tap(&nobodys).code, ResultCode::UnknownCard);
    let by_wechat = Request::Tender(Tender {
        amount_fen: 1_800,
        channel: Channel::WeChatPay,
        order: OrderNumber::new("4200002411202611240002").expect("a short number"),
        till_time_ns: 0,
    });
    assert!(!seller.money(7, &by_wechat).repeat);
    assert!(seller.money(8, &by_wechat).repeat);
    let stored = offline_record(&served.keys, till(0), &tap(9, 650), till_time_ns);
    assert_eq!(seller.upload(1, &[stored])[0].result(), Some(ResultCode::Approved));
    assert_eq!(seller.money(10, &Request::Reversal(undo(11, 300))).code, ResultCode::Approved);
    assert_eq!(seller.tap(&tap(11, 300)).code, ResultCode::Reversed);
}

fn receipts(seller: &mut WireTill) -> Vec<ReprintAnswer> {
    (1..BEHIND).map(|sequence| seller.reprint(Epoch(1), sequence)).collect()
}

#[test]
fn a_till_prints_again_what_it_was_told_and_what_has_become_of_it() {
    let campus = Campus::new();
    let served = campus.serve();
    let [mut seller, mut other] =
        [0, 1].map(|index| WireTill::sign_in(served.address(), &served.keys.identity(till(index))));
    let mut counter = WireTill::sign_in(served.address(), &served.keys.identity(COUNTER));
    let till_time_ns = SystemClock.wall_ns() - 60_000_000_000;
    sell(&served, &mut seller, till_time_ns);
    // Another till of the merchant gives some of it back, and the holder's card is worn out.
    let original = SaleId { terminal: till(0), epoch: Epoch(1), sequence: Sequence(1) };
    let refund = Request::Refund(Refund { original, amount_fen: 500, till_time_ns: 0 });
    assert_eq!(other.money(1, &refund).code, ResultCode::Approved);
    let replace = Request::CardReplace(CardReplace {
        account: AccountSelector::Account(AccountId(ACCOUNT)),
        new_card: NEW_CARD,
        fee_fen: 0,
        reason: ReplaceReason::Broken,
        terms: CardTerms::STANDARD,
        till_time_ns: 0,
    });
    assert_eq!(counter.money(1, &replace).code, ResultCode::Approved);

    let printed = receipts(&mut seller);
    for ((receipt, expected), sequence) in printed.iter().zip(PRINTED).zip(1..) {
        let got = (receipt.kind, receipt.code, receipt.marks, receipt.amount_fen);
        assert_eq!(got, expected, "sequence {sequence}");
        assert_eq!((receipt.epoch, receipt.sequence), (Epoch(1), Sequence(sequence)));
        assert_eq!(receipt.business_date, seller.welcome.business_date);
        let is_account = receipt.account == Some(AccountId(ACCOUNT));
        assert_eq!(receipt.student.as_str() == student_no(ACCOUNT), is_account, "sequence {sequence}");
    }
    let sale = &printed[0];
    assert_eq!(
        (sale.card, sale.channel, sale.wallet),
        (card(ACCOUNT), Some(Channel::Card), Some(Wallet::Card))
    );
    assert_eq!((sale.account, sale.merchant), (Some(AccountId(ACCOUNT)), MERCHANT));
    assert_eq!(seller.ask(1).balance_after_fen, sale.balance_after_fen);
    assert_eq!(printed[2].related_record, printed[1].record);
    assert_eq!(printed[7].record, printed[6].record, "an order that was told twice");
    assert_eq!((printed[8].card, printed[8].till_time_ns), (card(ACCOUNT), till_time_ns));
    let given_back = other.reprint(Epoch(1), 1);
    assert_eq!((given_back.kind, given_back.related_record), (ReceiptKind::Refund, sale.record));
    let changed = counter.reprint(Epoch(1), 1);
    assert_eq!((changed.kind, changed.card), (ReceiptKind::Change, NEW_CARD));

    // What never came, of whatever epoch, and what can't have.
    for (epoch, sequence, code) in [
        (1, BEHIND, ResultCode::UnknownSale),
        (0, 1, ResultCode::UnknownSale),
        (2, 1, ResultCode::UnknownSale),
        (1, 0, ResultCode::SequenceZero),
    ] {
        let nothing = ReprintAnswer::none(code, Epoch(epoch), Sequence(sequence));
        assert_eq!(seller.reprint(Epoch(epoch), sequence), nothing);
    }
    assert_eq!(other.reprint(Epoch(1), 2).code, ResultCode::UnknownSale, "another till's");
    let mut door = WireTill::sign_in(served.address(), &served.keys.identity(DOOR));
    let query = Request::Reprint(SaleQuery { epoch: Epoch(1), sequence: Sequence(1) });
    assert_eq!(door.refused(0, &query).code, ResultCode::NotPermitted);

    // When memory has let go of them, and after a restart, they are the same.
    for sequence in BEHIND..BEHIND + campus.sizes.outcomes_per_terminal as u32 {
        let tap = Tap { sequence, card: card(10), counter: sequence, amount_fen: 1 };
        assert_eq!(seller.tap(&tap).code, ResultCode::Approved);
    }
    assert_eq!(receipts(&mut seller), printed);
    drop((seller, other, counter, door));
    served.stop_unsealed();
    let served = campus.serve();
    let mut seller = WireTill::sign_in(served.address(), &served.keys.identity(till(0)));
    assert_eq!(receipts(&mut seller), printed);
    served.stop();
}
