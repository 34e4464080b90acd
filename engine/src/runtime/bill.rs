//! A page of an account's bill: a walk back along the account's chain in the log, newest first.
//!
//! Refusals and changes of state stand in the chain too and are stepped over. The walk always begins at the
//! newest record, so that a sale's line can say that it was reversed later. It ends after [`STEPS_MAX`] records;
//! an account has a handful a day.

use protocol::bill::{BILL_FLAG_REFUNDED, BILL_FLAG_REVERSED, BILL_FLAG_REVIEW, BillLine, BillLineKind};
use protocol::ids::{AccountId, RecordNumber};
use wal::LogReader;

use super::account_chain::{AccountChain, Link};
use super::engine::EngineError;
use crate::ledger::command::Channel;
use crate::ledger::record::MoneyRecord;
use crate::ledger::{LedgerAccount, LedgerClass, Record};

/// Most records of the chain that one page may walk over.
const STEPS_MAX: usize = 50_000;

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BillPage {
    /// The lines, newest first.
    pub lines: Vec<BillLine>,
    /// Ask for the next page with this; 0 when there are no older lines.
    pub next_before: RecordNumber,
}

/// Up to `lines_max` lines of `account` below record `before` (0 = from the newest), walking from `head`, which
/// must be durable.
///
/// # Errors
/// The log is damaged.
pub fn page(
    reader: &LogReader,
    account: AccountId,
    head: RecordNumber,
    before: RecordNumber,
    lines_max: usize,
) -> Result<BillPage, EngineError> {
    let mut page = BillPage::default();
    let mut chain = AccountChain::new(reader, account, head);
    for _ in 0..STEPS_MAX {
        let Some(link) = chain.step()? else { return Ok(page) };
        if before == RecordNumber(0) || link.number < before {
            let of_record = lines(&link, &chain);
            // What belongs together stands on one page, which may have one line more than was asked for: where only one was.
            let is_full = page.lines.len() + of_record.clone().count() > lines_max.max(2);
            if of_record.clone().next().is_some() && (is_full || page.lines.len() >= lines_max) {
                page.next_before = RecordNumber(link.number.0 + 1);
                return Ok(page);
            }
            page.lines.extend(of_record);
        }
    }
    page.next_before = chain.next_number();
    Ok(page)
}

/// The record as lines, newest first: none when it moved no money, two when it was priced. The chain was walked down to it, and knows
/// what newer records undid.
pub(super) fn lines(link: &Link<'_>, chain: &AccountChain<'_>) -> impl Iterator<Item = BillLine> + Clone {
    let line = line(link, chain);
    let pricing = line.and_then(|line| pricing_line(link.record.pricing_fen(), &line));
    // The balance beside the price is that before its pricing.
    let pricing_fen = pricing.map_or(0, |pricing| pricing.amount_fen.get());
    let line = line.map(|line| BillLine {
        balance_after_fen: (line.balance_after_fen.get() - pricing_fen).into(),
        ..line
    });
    pricing.into_iter().chain(line)
}

/// What was taken on top of a line's price, or given back with it.
fn pricing_line(pricing_fen: i64, line: &BillLine) -> Option<BillLine> {
    let kind = match pricing_fen {
        0 => return None,
        1.. => BillLineKind::Surcharge,
        _ => BillLineKind::Discount,
    };
    Some(BillLine {
        amount_fen: (line.amount_fen.get().signum() * pricing_fen).into(),
        related_record: line.record,
        kind: kind.number(),
        ..*line
    })
}

/// The record's own line.
fn line(link: &Link<'_>, chain: &AccountChain<'_>) -> Option<BillLine> {
    let Link { number, time_ns, record } = link;
    let kind = record.kind().bill_line()?;
    let money = record.money()?;
    let is_person = |account: LedgerAccount| account.as_person().is_some();
    // What goes from one wallet to another is neither.
    let leaves = is_person(money.debit_account()) && !is_person(money.credit_account());
    let sign = if leaves { -1 } else { 1 };
    let sale = money.sale();
    let is_debit = matches!(kind, BillLineKind::Debit | BillLineKind::OfflineDebit);
    let flags = [
        (BILL_FLAG_REVERSED, (is_debit || kind == BillLineKind::TopUp) && chain.undone().contains(&sale)),
        (BILL_FLAG_REVIEW, matches!(record, Record::OfflineDebit(r) if r.is_for_review())),
        (BILL_FLAG_REFUNDED, is_debit && chain.refunded().contains(&sale)),
    ];
    let flags = flags.into_iter().filter_map(|(flag, is_set)| is_set.then_some(flag)).sum();
    Some(BillLine {
        record: number.0.into(),
        time_ns: (*time_ns).into(),
        amount_fen: (sign * money.amount_fen.get()).into(),
        balance_after_fen: money.balance_after_fen,
        merchant: merchant_of(money).into(),
        terminal: money.terminal,
        sequence: money.sequence,
        epoch: money.epoch,
        code: money.code,
        related_record: related_record(*number, record).into(),
        business_date: money.business_date,
        kind: kind.number(),
        channel: money
            .channel()
            .and_then(|channel| wire_channel(channel, kind == BillLineKind::Opening))
            .map_or(0, protocol::channel::Channel::number),
        wallet: money.wallet().map_or(0, |w| w as u8),
        flags,
        reserved: 0.into(),
    })
}

/// The record that this one belongs to: what it undoes or gives back, or what it is moved for; 0 for none.
pub(super) fn related_record(number: RecordNumber, record: &Record<'_>) -> u64 {
    match record {
        Record::Load(_) | Record::Settle(_) | Record::Fee(_) => number.0 + 1,
        Record::Reversal(undoing) | Record::TopUpUndo(undoing) => undoing.original_record.get(),
        Record::FullReversal(undoing) | Record::Void(undoing) | Record::TapUndone(undoing) => {
            undoing.original_record.get()
        }
        Record::Refund(refund) => refund.original_record.get(),
        Record::Payable(_) => number.0 - 1,
        _ => 0,
    }
}

/// The channel as it stands on the wire; none for what the till itself asked for, such as a reversal.
pub(super) const fn wire_channel(channel: Channel, is_opening: bool) -> Option<protocol::channel::Channel> {
    use protocol::channel::Channel as Wire;
    Some(match channel {
        Channel::Card => Wire::Card,
        Channel::Code => Wire::Code,
        Channel::Offline => Wire::Offline,
        Channel::Counter => Wire::Counter,
        Channel::WeChat => Wire::WeChatPay,
        Channel::Alipay => Wire::Alipay,
        Channel::Operator if is_opening => Wire::Import,
        Channel::Operator => Wire::Operator,
        Channel::Till => return None,
        Channel::Scan => Wire::Scan,
    })
}

/// The merchant on the other side; 0 for none.
pub(super) fn merchant_of(money: &MoneyRecord) -> u32 {
    [money.debit_account(), money.credit_account()]
        .into_iter()
        .find_map(|account| match account.class() {
            LedgerClass::Merchant(merchant) | LedgerClass::HeldBack(merchant) => Some(merchant.0),
            _ => None,
        })
        .unwrap_or(0)
}
