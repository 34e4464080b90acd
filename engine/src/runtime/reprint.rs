//! A receipt printed again: what a till was told under one of its sequences, and what has become of it.
//!
//! The outcome is found as a sale query finds it: in memory, or down the till's chain. Its record says the most. By which card it
//! was paid, and what undid it or gave it back, stands above it in the account's chain, which is walked down to it. Nothing is
//! decided here.

use protocol::answer::{ReceiptKind, ReceiptMarks, ReprintAnswer};
use protocol::channel::{Channel, Wallet};
use protocol::ids::{CardUid, MerchantId, RecordNumber, SaleId};
use protocol::result_code::ResultCode;
use protocol::text::StudentNumber;
use wal::LogReader;

use super::account_chain::AccountChain;
use super::bill;
use super::engine::{EngineError, Reply};
use super::look_up;
use super::slow_lane::Worker;
use super::till_desk::{TillTold, Told, of_reply};
use crate::ledger::command::{AccountSelector, BillHead, Sale, SaleQuery};
use crate::ledger::decision::BillHeadView;
use crate::ledger::known::KnownRecord;
use crate::ledger::till_totals::Link;
use crate::ledger::{Outcome, Record, Request};

/// Most records of the account's chain that are walked over.
const STEPS_MAX: usize = 50_000;

/// What there is to tell of a sale of the till that asks.
///
/// # Errors
/// The log is damaged.
pub(super) fn tell(worker: &Worker, sale: Sale<'_>) -> Result<Told, EngineError> {
    let nothing = |code, observed| {
        Ok((TillTold::Receipt(ReprintAnswer::none(code, sale.epoch, sale.sequence)), observed))
    };
    let outcome = match worker.with_look_ups(&Request::SaleQuery(SaleQuery { sale })) {
        Reply::Outcome(outcome) if outcome.record == RecordNumber(0) => {
            return nothing(outcome.code, outcome.observed);
        }
        Reply::Outcome(outcome) => outcome,
        Reply::SaleNotSeen { observed } => return nothing(ResultCode::UnknownSale, observed),
        reply => return Ok(of_reply(reply)),
    };
    if !worker.wait_until_durable(outcome.observed) {
        return Ok(of_reply(Reply::Refused(ResultCode::Stopping)));
    }
    let reader = worker.engine().log().reader();
    let (code, found) = outcome_and_deed(&reader, sale.id(), &outcome)?;
    let receipt = receipt(sale.id(), code, &found);
    let Some(account) = receipt.account else { return Ok((TillTold::Receipt(receipt), outcome.observed)) };
    let head = BillHead { account: AccountSelector::Account(account) };
    match worker.with_look_ups(&Request::BillHead(head)) {
        Reply::BillHead(view) if worker.wait_until_durable(view.observed) => {
            let receipt = with_what_came_since(&reader, receipt, &view, &found)?;
            Ok((TillTold::Receipt(receipt), view.observed.max(outcome.observed)))
        }
        Reply::BillHead(_) => Ok(of_reply(Reply::Refused(ResultCode::Stopping))),
        reply => Ok(of_reply(reply)),
    }
}

/// The code that was answered, and the record of what was done. What was told a second time under another sequence was done
/// under the first.
fn outcome_and_deed(
    reader: &LogReader,
    asked: SaleId,
    outcome: &Outcome,
) -> Result<(ResultCode, KnownRecord), EngineError> {
    let found = look_up::record(reader, outcome.record)?;
    let record = found.record();
    // A reversal that came first stands where its sale would; the sale itself never happened.
    let code = record.money().filter(|money| money.sale() == asked).and_then(|money| money.result_code());
    let code = code.unwrap_or(outcome.code);
    match record {
        Record::Repeat(again) | Record::ScanTold(again) if again.original_record.get() != 0 => {
            Ok((code, look_up::record(reader, RecordNumber(again.original_record.get()))?))
        }
        _ => Ok((code, found)),
    }
}

/// What the record itself says.
fn receipt(asked: SaleId, code: ResultCode, found: &KnownRecord) -> ReprintAnswer {
    let record = found.record();
    let none = ReprintAnswer::none(code, asked.epoch, asked.sequence);
    let Some(money) = record.money() else { return none };
    let offline = if let Record::OfflineDebit(offline) = &record { Some(offline) } else { None };
    let is_reversed_first =
        matches!(record, Record::ReversalBeforeOriginal(_)) && code == ResultCode::Reversed;
    let marks = [
        (true, ReceiptMarks::COPY),
        (is_reversed_first, ReceiptMarks::REVERSED),
        (offline.is_some_and(|offline| offline.is_for_review()), ReceiptMarks::REVIEW),
    ];
    ReprintAnswer {
        marks: marks
            .into_iter()
            .filter_map(|(is_set, mark)| is_set.then_some(mark))
            .fold(ReceiptMarks::default(), ReceiptMarks::with),
        account: money.person(),
        amount_fen: money.amount_fen.get() + record.pricing_fen(),
        balance_after_fen: money.balance_after_fen.get(),
        record: found.number,
        related_record: RecordNumber(bill::related_record(found.number, &record)),
        time_ns: found.time_ns,
        till_time_ns: offline.map_or(0, |offline| offline.till_time_ns.get()),
        card: card_in(&record),
        merchant: MerchantId(bill::merchant_of(money)),
        business_date: money.date(),
        kind: kind_of(&record),
        channel: money.channel().and_then(|channel| bill::wire_channel(channel, false)),
        wallet: money.wallet().and_then(|wallet| Wallet::from_number(wallet as u8)),
        ..none
    }
}

fn kind_of(record: &Record<'_>) -> ReceiptKind {
    if let Some((kind, _)) = Link::of(record).and_then(|link| link.deed) {
        return ReceiptKind::from_number(kind.number()).expect("what counts in totals has a receipt");
    }
    match record {
        Record::Refusal(_) => ReceiptKind::Refused,
        _ if record.kind().needs_shards_only() => ReceiptKind::Note,
        _ => ReceiptKind::Change,
    }
}

/// The card that a record names: that paid, or that was handed out or taken back.
fn card_in(record: &Record<'_>) -> CardUid {
    CardUid(match record {
        Record::OfflineDebit(sold) => sold.card_uid.get(),
        Record::CardIssued(issued) => issued.card_uid.get(),
        Record::CardReplaced(replaced) => replaced.new.get(),
        Record::CardReturned(returned) => returned.card_uid.get(),
        Record::AccountClosed(closed) => closed.card_uid.get(),
        _ => 0,
    })
}

/// The card that an account had before this, where that changed it.
fn card_before(record: &Record<'_>) -> Option<CardUid> {
    match record {
        Record::CardReplaced(replaced) => Some(CardUid(replaced.old.get())),
        Record::CardReturned(_) | Record::AccountClosed(_) => Some(card_in(record)),
        Record::CardIssued(_) | Record::CardBound(_) | Record::CardConflict(_) => Some(CardUid(0)),
        _ => None,
    }
}

/// How this undoes a sale, or gives it back, if it does.
fn undoing(record: &Record<'_>, sale: SaleId) -> Option<ReceiptMarks> {
    let (original, mark) = match record {
        Record::Reversal(r) => (r.original(), ReceiptMarks::REVERSED),
        Record::TopUpUndo(r) => (r.original(), ReceiptMarks::VOIDED),
        Record::FullReversal(r) => (r.original(), ReceiptMarks::REVERSED),
        Record::Void(r) => (r.original(), ReceiptMarks::VOIDED),
        Record::TapUndone(r) => (r.original(), ReceiptMarks::UNWRITTEN),
        Record::Refund(r) => (r.original(), ReceiptMarks::REFUNDED),
        _ => return None,
    };
    (original == sale).then_some(mark)
}

/// What the account's chain adds, from its head down to the record.
fn with_what_came_since(
    reader: &LogReader,
    receipt: ReprintAnswer,
    view: &BillHeadView,
    found: &KnownRecord,
) -> Result<ReprintAnswer, EngineError> {
    let student = StudentNumber::from_bytes(view.student_number).unwrap_or_default();
    let mut receipt = ReprintAnswer { student, ..receipt };
    let record = found.record();
    let sale = record.money().map(|money| money.sale());
    let mut card = view.card_uid;
    let mut chain = AccountChain::new(reader, view.account, view.head);
    for _ in 0..STEPS_MAX {
        if chain.next_number() <= found.number {
            if receipt.channel == Some(Channel::Card) && receipt.card == CardUid(0) {
                receipt.card = card;
            }
            return Ok(receipt);
        }
        let Some(link) = chain.step()? else { break };
        card = card_before(&link.record).unwrap_or(card);
        if let Some(mark) = sale.and_then(|sale| undoing(&link.record, sale)) {
            receipt.marks = receipt.marks.with(mark);
        }
    }
    receipt.marks = receipt.marks.with(ReceiptMarks::OLD);
    Ok(receipt)
}
