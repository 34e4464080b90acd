//! The trial balance of one business date: what every line opened with, its turnover, what it closed with.

use std::collections::{BTreeMap, BTreeSet};

use protocol::ids::MerchantId;

use super::csv_file::{CsvFile, id, name};
use super::publish::{FileFacts, StagedFolder};
use super::{SettlementError, yuan};
use crate::audit::{Line, PersonWallet, Posting};
use crate::ledger::ledger_account::Clearing;

/// Clearing accounts that have a line without a posting too. The others came later: a date that was closed before them is
/// settled to the same bytes as ever.
const ALWAYS_LISTED: [Clearing; 3] = [Clearing::TopUp, Clearing::Opening, Clearing::UnknownCard];

/// A line of the trial balance. Persons stand together, wallet by wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    Person(PersonWallet),
    Merchant(MerchantId),
    HeldBack(MerchantId),
    Clearing(Clearing),
}

impl From<Line> for Row {
    fn from(line: Line) -> Row {
        match line {
            Line::Person(_, wallet) => Row::Person(wallet),
            Line::Merchant(merchant) => Row::Merchant(merchant),
            Line::HeldBack(merchant) => Row::HeldBack(merchant),
            Line::Clearing(clearing) => Row::Clearing(clearing),
        }
    }
}

/// Opening balance and turnover of a line, in fen. A balance is what is owed to the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Turnover {
    opening_fen: i128,
    debit_fen: i128,
    credit_fen: i128,
}

impl Turnover {
    fn closing_fen(&self) -> i128 {
        self.opening_fen - self.debit_fen + self.credit_fen
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct TrialBalance {
    rows: BTreeMap<Row, Turnover>,
}

impl TrialBalance {
    pub(super) fn new() -> TrialBalance {
        let wallets = [PersonWallet::Card, PersonWallet::Transition, PersonWallet::Electronic];
        let rows = wallets.map(Row::Person).into_iter().chain(ALWAYS_LISTED.map(Row::Clearing));
        TrialBalance { rows: rows.map(|row| (row, Turnover::default())).collect() }
    }

    /// Adds a posting. Before `of_the_day`, it goes into what the day opens with.
    pub(super) fn post(&mut self, posting: &Posting, of_the_day: bool) {
        let amount_fen = i128::from(posting.amount_fen);
        let debit = self.rows.entry(posting.debit.into()).or_default();
        if of_the_day {
            debit.debit_fen += amount_fen;
        } else {
            debit.opening_fen -= amount_fen;
        }
        let credit = self.rows.entry(posting.credit.into()).or_default();
        if of_the_day {
            credit.credit_fen += amount_fen;
        } else {
            credit.opening_fen += amount_fen;
        }
    }

    /// By how much the day changed what is owed to a merchant, what is held back included.
    pub(super) fn merchant_change_fen(&self, merchant: MerchantId) -> i128 {
        [Row::Merchant(merchant), Row::HeldBack(merchant)]
            .iter()
            .filter_map(|row| self.rows.get(row))
            .map(|turnover| turnover.credit_fen - turnover.debit_fen)
            .sum()
    }

    /// The merchants that have a line.
    pub(super) fn merchants(&self) -> BTreeSet<MerchantId> {
        self.rows
            .keys()
            .filter_map(|row| match row {
                Row::Merchant(merchant) | Row::HeldBack(merchant) => Some(*merchant),
                _ => None,
            })
            .collect()
    }

    fn total(&self) -> Turnover {
        self.rows.values().fold(Turnover::default(), |sum, turnover| Turnover {
            opening_fen: sum.opening_fen + turnover.opening_fen,
            debit_fen: sum.debit_fen + turnover.debit_fen,
            credit_fen: sum.credit_fen + turnover.credit_fen,
        })
    }

    /// Writes `trial_balance.csv`: one line each, every registered merchant among them, and the total.
    ///
    /// # Errors
    /// [`SettlementError::DoesNotBalance`] when a total isn't zero, or the sides differ.
    pub(super) fn write(
        mut self,
        folder: &mut StagedFolder,
        merchant_names: &BTreeMap<MerchantId, String>,
    ) -> Result<FileFacts, SettlementError> {
        let total = self.total();
        if total.opening_fen != 0 || total.closing_fen() != 0 || total.debit_fen != total.credit_fen {
            return Err(SettlementError::DoesNotBalance {
                what: format!("the trial balance adds up to {total:?}"),
            });
        }
        for &merchant in merchant_names.keys() {
            self.rows.entry(Row::Merchant(merchant)).or_default();
        }
        let columns = ["class", "account", "name", "opening", "debit", "credit", "closing"];
        let mut csv = CsvFile::create(folder, "trial_balance.csv", &columns)?;
        let named = |merchant: &MerchantId| {
            (id(merchant), name(merchant_names.get(merchant).map_or("", String::as_str)))
        };
        for (row, turnover) in &self.rows {
            let (class, (account, label)) = match row {
                Row::Person(PersonWallet::Card) => ("person", ("card".to_owned(), String::new())),
                Row::Person(PersonWallet::Transition) => ("person", ("transition".to_owned(), String::new())),
                Row::Person(PersonWallet::Electronic) => ("person", ("electronic".to_owned(), String::new())),
                Row::Merchant(merchant) => ("merchant", named(merchant)),
                Row::HeldBack(merchant) => ("merchant_held_back", named(merchant)),
                Row::Clearing(clearing) => ("clearing", (clearing.name().to_owned(), String::new())),
            };
            write_row(&mut csv, class, &account, &label, turnover)?;
        }
        write_row(&mut csv, "total", "", "", &total)?;
        csv.finish()
    }
}

fn write_row(
    csv: &mut CsvFile,
    class: &str,
    account: &str,
    label: &str,
    turnover: &Turnover,
) -> Result<(), SettlementError> {
    csv.line([
        class,
        account,
        label,
        &yuan(turnover.opening_fen),
        &yuan(turnover.debit_fen),
        &yuan(turnover.credit_fen),
        &yuan(turnover.closing_fen()),
    ])
}
