//! What each merchant sold on one business date, by meal period and channel.

use std::collections::BTreeMap;

use protocol::ids::MerchantId;

use super::csv_file::{CsvFile, id, name};
use super::publish::{FileFacts, StagedFolder};
use super::{SettlementError, channel_name, yuan};
use crate::ledger::command::Channel;

/// What one line is about, in the order of lines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SummaryKey {
    pub(super) merchant: MerchantId,
    /// The period's place in the table; beyond it, outside of every period.
    pub(super) meal_place: usize,
    pub(super) meal_period: String,
    pub(super) channel: u8,
}

/// Sales and what was given back of them, in fen: by reversals, voids and refunds. The files call all of it reversed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sales {
    pub(super) count: u64,
    pub(super) gross_fen: i128,
    pub(super) reversed_count: u64,
    pub(super) reversed_fen: i128,
    pub(super) held_back_fen: i128,
    /// What was paid beside the prices, less what of it was given back.
    pub(super) surcharge_fen: i128,
    /// What was left to the payers of the prices, less what of it was taken back.
    pub(super) discount_fen: i128,
}

impl Sales {
    pub(super) fn net_fen(&self) -> i128 {
        self.gross_fen - self.reversed_fen
    }

    fn add_pricing(&mut self, pricing_fen: i64, sign: i128) {
        let of = if pricing_fen > 0 { &mut self.surcharge_fen } else { &mut self.discount_fen };
        *of += sign * i128::from(pricing_fen.abs());
    }
}

/// See the module. What gives a sale back stands on the line of that sale, on the date it was made.
#[derive(Debug, Default)]
pub(super) struct Summary {
    lines: BTreeMap<SummaryKey, Sales>,
    /// Whether anything was paid beside a price, or given back of that.
    is_priced: bool,
}

impl Summary {
    pub(super) fn sold(&mut self, key: SummaryKey, amount_fen: i64, pricing_fen: i64, held_back: bool) {
        self.is_priced |= pricing_fen != 0;
        let sales = self.lines.entry(key).or_default();
        sales.add_pricing(pricing_fen, 1);
        sales.count += 1;
        sales.gross_fen += i128::from(amount_fen);
        if held_back {
            sales.held_back_fen += i128::from(amount_fen);
        }
    }

    pub(super) fn reversed(&mut self, key: SummaryKey, amount_fen: i64, pricing_fen: i64) {
        self.is_priced |= pricing_fen != 0;
        let sales = self.lines.entry(key).or_default();
        sales.add_pricing(pricing_fen, -1);
        sales.reversed_count += 1;
        sales.reversed_fen += i128::from(amount_fen);
    }

    /// Everything together.
    pub(super) fn total(&self) -> Sales {
        self.lines.values().fold(Sales::default(), |sum, sales| Sales {
            count: sum.count + sales.count,
            gross_fen: sum.gross_fen + sales.gross_fen,
            reversed_count: sum.reversed_count + sales.reversed_count,
            reversed_fen: sum.reversed_fen + sales.reversed_fen,
            held_back_fen: sum.held_back_fen + sales.held_back_fen,
            surcharge_fen: sum.surcharge_fen + sales.surcharge_fen,
            discount_fen: sum.discount_fen + sales.discount_fen,
        })
    }

    /// What a merchant's lines add up to.
    pub(super) fn merchant_net_fen(&self, merchant: MerchantId) -> i128 {
        let first = SummaryKey { merchant, meal_place: 0, meal_period: String::new(), channel: 0 };
        let lines = self.lines.range(first..).take_while(|(key, _)| key.merchant == merchant);
        lines.map(|(_, sales)| sales.net_fen()).sum()
    }

    /// Writes `summary.csv`. `held_back` is the part of `gross` that waits for a review. The last two columns are those of a date on which
    /// something was priced: one that was closed before is settled to the same bytes as ever.
    pub(super) fn write(
        &self,
        folder: &mut StagedFolder,
        merchant_names: &BTreeMap<MerchantId, String>,
    ) -> Result<FileFacts, SettlementError> {
        let mut columns = vec![
            "merchant",
            "merchant_name",
            "meal_period",
            "channel",
            "count",
            "gross",
            "reversed_count",
            "reversed",
            "net",
            "held_back",
        ];
        if self.is_priced {
            columns.extend(["surcharge", "discount"]);
        }
        let mut csv = CsvFile::create(folder, "summary.csv", &columns)?;
        for (key, sales) in &self.lines {
            let channel = Channel::from_number(key.channel).map_or("", channel_name);
            let mut line = vec![
                id(key.merchant),
                name(merchant_names.get(&key.merchant).map_or("", String::as_str)),
                name(&key.meal_period),
                channel.to_owned(),
                sales.count.to_string(),
                yuan(sales.gross_fen),
                sales.reversed_count.to_string(),
                yuan(sales.reversed_fen),
                yuan(sales.net_fen()),
                yuan(sales.held_back_fen),
            ];
            if self.is_priced {
                line.extend([yuan(sales.surcharge_fen), yuan(sales.discount_fen)]);
            }
            csv.line(line)?;
        }
        csv.finish()
    }
}
