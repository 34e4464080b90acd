//! What customers paid at tills through other channels: `tenders.csv`, for a date that has any.
//!
//! It is in no balance of these books: the channel owes it to the merchants, and its bill file is what these lines are held
//! against. A date without a tender has no such file, as before there were tenders.

use serde::Serialize;
use wal::RecordRef;

use super::calendar::LocalTime;
use super::csv_file::{CsvFile, id, name};
use super::publish::{FileFacts, StagedFolder};
use super::{SettlementError, channel_name, yuan};
use crate::ledger::record::TopUpRecord;

const COLUMNS: [&str; 11] = [
    "record",
    "time",
    "channel",
    "order_number",
    "amount",
    "merchant",
    "merchant_name",
    "meal_period",
    "terminal",
    "epoch",
    "sequence",
];

/// Tenders of a settled date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TenderTotals {
    /// How many.
    pub count: u64,
    /// Their amounts, in yuan with two decimals.
    pub amount: String,
}

/// The file on the way.
#[derive(Default)]
pub(super) struct Tenders {
    csv: Option<CsvFile>,
    count: u64,
    amount_fen: i128,
}

/// What is known of a tender beside its record.
pub(super) struct TenderContext<'c> {
    pub(super) merchant: String,
    pub(super) merchant_name: &'c str,
    pub(super) meal_period: &'c str,
}

impl Tenders {
    /// Adds a line; the first begins the file.
    pub(super) fn take(
        &mut self,
        folder: &mut StagedFolder,
        found: &RecordRef<'_>,
        tender: &TopUpRecord,
        context: &TenderContext<'_>,
    ) -> Result<(), SettlementError> {
        let csv = match &mut self.csv {
            Some(csv) => csv,
            place => place.insert(CsvFile::create(folder, "tenders.csv", &COLUMNS)?),
        };
        let (money, amount_fen) = (&tender.money, i128::from(tender.money.amount_fen.get()));
        self.count += 1;
        self.amount_fen += amount_fen;
        csv.line([
            id(found.number),
            LocalTime(found.time_ns).to_string(),
            money.channel().map_or("", channel_name).to_owned(),
            id(super::day::padded_text(&tender.order_number)),
            yuan(amount_fen),
            context.merchant.clone(),
            name(context.merchant_name),
            name(context.meal_period),
            id(money.terminal),
            money.epoch.to_string(),
            id(money.sequence),
        ])
    }

    /// The file and what it adds up to, if there is one.
    pub(super) fn finish(self) -> Result<Option<(FileFacts, TenderTotals)>, SettlementError> {
        let Some(csv) = self.csv else { return Ok(None) };
        let totals = TenderTotals { count: self.count, amount: yuan(self.amount_fen) };
        Ok(Some((csv.finish()?, totals)))
    }
}
