//! The walk over the log that gathers one business date.

use std::collections::BTreeMap;

use protocol::ids::{BusinessDate, MerchantId};
use wal::{LogReader, RecordRef};

use super::calendar::{CivilDay, LocalTime};
use super::csv_file::{CsvFile, id, name};
use super::meal_period::MealPeriods;
use super::publish::{FileFacts, StagedFolder};
use super::summary::{Summary, SummaryKey};
use super::tenders::{TenderContext, TenderTotals, Tenders};
use super::trial_balance::TrialBalance;
use super::{SettlementError, channel_name, line_name, wallet_name, yuan};
use crate::audit::{Line, Posting, postings_of};
use crate::inspect::{offline_review_names, review_names};
use crate::ledger::LedgerClass;
use crate::ledger::ledger_account::Clearing;
use crate::ledger::record::{FullDebitRecord, MoneyRecord, Record, RecordKind, ScanPaidRecord, TopUpRecord};

const DETAIL_COLUMNS: [&str; 23] = [
    "record",
    "time",
    "kind",
    "channel",
    "debit",
    "credit",
    "amount",
    "merchant",
    "merchant_name",
    "meal_period",
    "terminal",
    "epoch",
    "sequence",
    "account",
    "student_number",
    "wallet",
    "balance_after",
    "result",
    "review",
    "original_record",
    "order_number",
    "card_uid",
    "till_time",
];

/// Where the date lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The cut-off that opened it.
    pub(super) opened_by: u64,
    /// The cut-off that closed it.
    pub(super) closed_by: u64,
    /// When that was, nanoseconds since 1970 UTC.
    pub(super) closed_time_ns: u64,
}

/// What was gathered; `detail.csv` is written on the way.
pub(super) struct Day {
    pub(super) span: Span,
    pub(super) detail: FileFacts,
    pub(super) summary: Summary,
    pub(super) trial_balance: TrialBalance,
    pub(super) merchant_names: BTreeMap<MerchantId, String>,
    pub(super) records_by_kind: BTreeMap<&'static str, u64>,
    pub(super) postings: u64,
    pub(super) kind_totals_fen: BTreeMap<&'static str, i128>,
    pub(super) tenders: Option<(FileFacts, TenderTotals)>,
}

/// Walks from the first record to the date's cut-off.
///
/// # Errors
/// [`SettlementError::NotClosed`] when the log ends before it; see there.
pub(super) fn gather(
    reader: &LogReader,
    date: BusinessDate,
    folder: &mut StagedFolder,
) -> Result<Day, SettlementError> {
    let mut walk = Walk {
        reader,
        date,
        open: BusinessDate(0),
        opened_by: 0,
        closed: Vec::new(),
        students: Vec::new(),
        periods: MealPeriods::default(),
        csv: CsvFile::create(folder, "detail.csv", &DETAIL_COLUMNS)?,
        folder,
        tenders: Tenders::default(),
        summary: Summary::default(),
        trial_balance: TrialBalance::new(),
        merchant_names: BTreeMap::new(),
        records_by_kind: BTreeMap::new(),
        postings: 0,
        kind_totals_fen: BTreeMap::new(),
    };
    for record in reader.scan(1) {
        if let Some(span) = walk.take(&record?)? {
            return Ok(Day {
                span,
                detail: walk.csv.finish()?,
                summary: walk.summary,
                trial_balance: walk.trial_balance,
                merchant_names: walk.merchant_names,
                records_by_kind: walk.records_by_kind,
                postings: walk.postings,
                kind_totals_fen: walk.kind_totals_fen,
                tenders: walk.tenders.finish()?,
            });
        }
    }
    Err(SettlementError::NotClosed {
        date: date.into(),
        open: (walk.open != BusinessDate(0)).then(|| walk.open.into()),
        closed: walk.closed.into_iter().map(CivilDay::from).collect(),
    })
}

struct Walk<'a> {
    reader: &'a LogReader,
    date: BusinessDate,
    open: BusinessDate,
    opened_by: u64,
    closed: Vec<BusinessDate>,
    students: Vec<[u8; 16]>,
    periods: MealPeriods,
    csv: CsvFile,
    folder: &'a mut StagedFolder,
    tenders: Tenders,
    summary: Summary,
    trial_balance: TrialBalance,
    merchant_names: BTreeMap<MerchantId, String>,
    records_by_kind: BTreeMap<&'static str, u64>,
    postings: u64,
    kind_totals_fen: BTreeMap<&'static str, i128>,
}

impl Walk<'_> {
    /// Takes the next record; gives the span when it closes the date.
    fn take(&mut self, found: &RecordRef<'_>) -> Result<Option<Span>, SettlementError> {
        let bad = |reason: String| SettlementError::Record { number: found.number, reason };
        let record =
            Record::decode(found.kind, found.version, found.payload).map_err(|e| bad(e.to_string()))?;
        let of_the_day = self.open == self.date;
        match &record {
            Record::CutOff(r) => {
                let opened = BusinessDate(r.opened.get());
                if opened <= self.open {
                    return Err(bad(format!("opens date {opened} while {} is open", self.open)));
                }
                if of_the_day {
                    let closed_by = found.number;
                    let span = Span { opened_by: self.opened_by, closed_by, closed_time_ns: found.time_ns };
                    return Ok(Some(span));
                }
                if self.open != BusinessDate(0) {
                    self.closed.push(self.open);
                }
                self.open = opened;
                self.opened_by = found.number;
                return Ok(None);
            }
            Record::AccountOpened(r) => self.students.push(r.student_number),
            Record::MerchantRegistered(r, text) => {
                let text = String::from_utf8_lossy(text).into_owned();
                self.merchant_names.insert(MerchantId(r.merchant.get()), text);
            }
            Record::MealPeriodSet(r, text) => {
                let taken = self.periods.set(found.number, r, &String::from_utf8_lossy(text));
                if !taken {
                    return Err(bad(format!("meal period {} is out of range", r.period)));
                }
            }
            _ => {}
        }
        let postings = postings_of(&record).map_err(|reason| bad(reason.to_owned()))?;
        for posting in postings.iter() {
            self.trial_balance.post(posting, of_the_day);
        }
        if of_the_day {
            *self.records_by_kind.entry(record.kind().name()).or_default() += 1;
            if let (Some(posting), Some(money)) = (postings.first(), record.money()) {
                if money.date() != self.open {
                    return Err(bad(format!("stands under date {}, open is {}", money.date(), self.open)));
                }
                let beside =
                    postings.iter().find(|posting| posting.touches(Line::Clearing(Clearing::Pricing)));
                self.detail(found, &record, money, (posting, beside))?;
            }
            if let Record::Tender(tender) = &record {
                self.tender(found, tender)?;
            }
        }
        Ok(None)
    }

    fn tender(&mut self, found: &RecordRef<'_>, tender: &TopUpRecord) -> Result<(), SettlementError> {
        let LedgerClass::Merchant(merchant) = tender.money.credit_account().class() else {
            let reason = "a tender is some merchant's".to_owned();
            return Err(SettlementError::Record { number: found.number, reason });
        };
        let context = TenderContext {
            merchant: id(merchant),
            merchant_name: self.merchant_names.get(&merchant).map_or("", String::as_str),
            meal_period: self.periods.at(found.number, LocalTime(found.time_ns)).1,
        };
        self.tenders.take(self.folder, found, tender, &context)
    }

    fn detail(
        &mut self,
        found: &RecordRef<'_>,
        record: &Record<'_>,
        money: &MoneyRecord,
        (posting, beside): (&Posting, Option<&Posting>),
    ) -> Result<(), SettlementError> {
        // The amount of what goes into two wallets is in neither posting alone.
        let amount_fen = money.amount_fen.get();
        self.postings += 1;
        *self.kind_totals_fen.entry(record.kind().name()).or_default() += i128::from(amount_fen);
        let merchant = [posting.debit, posting.credit].into_iter().find_map(|line| match line {
            Line::Merchant(merchant) | Line::HeldBack(merchant) => Some(merchant),
            _ => None,
        });
        let mut meal_period = String::new();
        if let Some(merchant) = merchant {
            let key = self.summary_key(found, record, money, merchant)?;
            meal_period.clone_from(&key.meal_period);
            match record.kind() {
                RecordKind::Reversal
                | RecordKind::FullReversal
                | RecordKind::Void
                | RecordKind::TapUndone
                | RecordKind::Refund => {
                    self.summary.reversed(key, amount_fen, record.pricing_fen());
                }
                _ => {
                    let held_back = matches!(posting.credit, Line::HeldBack(_));
                    self.summary.sold(key, amount_fen, record.pricing_fen(), held_back);
                }
            }
        }
        let sale = money.terminal_slot().map(|_| money.sale());
        let person = money.person();
        let student =
            person.and_then(|p| self.students.get(p.0 as usize)).map(padded_text).unwrap_or_default();
        let mut review = review_names(money.money_flags());
        let mut original_record = String::new();
        let mut order_number = String::new();
        let (mut card_uid, mut till_time) = (String::new(), String::new());
        match record {
            Record::Reversal(r) | Record::TopUpUndo(r) => original_record = id(r.original_record),
            Record::FullReversal(r) | Record::Void(r) | Record::TapUndone(r) => {
                original_record = id(r.original_record);
            }
            Record::Refund(r) => original_record = id(r.original_record),
            Record::TopUp(r) => order_number = id(padded_text(&r.order_number)),
            Record::OfflineDebit(r) => {
                card_uid = id(r.card_uid);
                review.extend(offline_review_names(r.offline_review()));
                till_time = LocalTime(r.till_time_ns.get()).to_string();
            }
            Record::ScanPaid(r) => till_time = LocalTime(r.till_time_ns.get()).to_string(),
            _ => {}
        }
        let line = [
            id(found.number),
            LocalTime(found.time_ns).to_string(),
            record.kind().name().to_owned(),
            money.channel().map_or("", channel_name).to_owned(),
            line_name(posting.debit),
            line_name(posting.credit),
            yuan(i128::from(amount_fen)),
            merchant.map(id).unwrap_or_default(),
            merchant.and_then(|m| self.merchant_names.get(&m)).map(|n| name(n)).unwrap_or_default(),
            name(&meal_period),
            sale.map(|s| id(s.terminal)).unwrap_or_default(),
            sale.map(|s| s.epoch.to_string()).unwrap_or_default(),
            sale.map(|s| id(s.sequence)).unwrap_or_default(),
            person.map(id).unwrap_or_default(),
            id(student),
            money.wallet().map_or("", wallet_name).to_owned(),
            person.map(|_| yuan(i128::from(money.balance_after_fen.get()))).unwrap_or_default(),
            money.result_code().map_or("", |code| code.name()).to_owned(),
            review.join("+"),
            original_record,
            order_number,
            card_uid,
            till_time,
        ];
        let Some(beside) = beside else { return self.csv.line(line) };
        // What was paid beside the price is a line of its own, with its own sides and amount.
        let kind = if record.pricing_fen() > 0 { "surcharge" } else { "discount" };
        self.postings += 1;
        *self.kind_totals_fen.entry(kind).or_default() += i128::from(beside.amount_fen);
        let mut own = line.clone();
        own[2] = kind.to_owned();
        [own[4], own[5], own[6]] =
            [line_name(beside.debit), line_name(beside.credit), yuan(i128::from(beside.amount_fen))];
        self.csv.line(line)?;
        self.csv.line(own)
    }

    /// The line of the summary that a posting of a merchant belongs to: by logged time online, by the till's time
    /// offline, and by the sale's own line for what undoes it.
    fn summary_key(
        &self,
        found: &RecordRef<'_>,
        record: &Record<'_>,
        money: &MoneyRecord,
        merchant: MerchantId,
    ) -> Result<SummaryKey, SettlementError> {
        let (number, time_ns, channel) = match record {
            Record::OfflineDebit(r) => (found.number, r.till_time_ns.get(), money.channel_wallet & 0x0f),
            Record::Reversal(r) => self.original(found.number, r.original_record.get())?,
            Record::FullReversal(r) | Record::Void(r) | Record::TapUndone(r) => {
                self.original(found.number, r.original_record.get())?
            }
            Record::Refund(r) => self.original(found.number, r.original_record.get())?,
            _ => (found.number, found.time_ns, money.channel_wallet & 0x0f),
        };
        let (meal_place, meal_period) = self.periods.at(number, LocalTime(time_ns));
        Ok(SummaryKey { merchant, meal_place, meal_period: meal_period.to_owned(), channel })
    }

    fn original(&self, number: u64, named: u64) -> Result<(u64, u64, u8), SettlementError> {
        let bad = || SettlementError::Record {
            number,
            reason: format!("it gives back record {named}, which isn't a sale"),
        };
        let original = self.reader.record(named)?.ok_or_else(bad)?;
        match Record::decode(original.kind, original.version, original.payload) {
            Ok(
                Record::Debit(sold)
                | Record::FullDebit(FullDebitRecord { money: sold, .. })
                | Record::ScanPaid(ScanPaidRecord { money: sold, .. }),
            ) => Ok((original.number, original.time_ns, sold.channel_wallet & 0x0f)),
            Ok(Record::OfflineDebit(sold)) => {
                Ok((original.number, sold.till_time_ns.get(), sold.money.channel_wallet & 0x0f))
            }
            _ => Err(bad()),
        }
    }
}

pub(super) fn padded_text<const N: usize>(bytes: &[u8; N]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
}
