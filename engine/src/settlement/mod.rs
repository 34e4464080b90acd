//! The settlement of one business date for finance: a folder of files, from the log alone.
//!
//! ```text
//! log ─▶ records 1 … cut-off of D ─▶ day ─┬─▶ detail.csv         every posting of D
//!        (nothing after it is read)       ├─▶ summary.csv        merchant × meal period × channel
//!                                         ├─▶ trial_balance.csv  opening, debit, credit, closing
//!                                         ├─▶ tenders.csv        what was paid by other channels, if anything was
//!                                         └─▶ manifest.json      span, counts, totals, SHA-256 of the others
//! ```
//!
//! It isn't an audit: [`crate::audit`] says whether the log is right. What is checked here is that the files
//! agree with each other.
//!
//! **Invariants**
//! - A closed date never changes: the files depend on nothing but the log up to the cut-off. Run again, they are
//!   the same bytes; no wall clock, path or machine is in them.
//! - The folder appears whole or not at all, and an existing one is never overwritten.
//! - A line of `detail.csv` is a record: its account and wallet are those of its first posting, where it has several.
//! - Every amount in a file is in yuan with two decimals; every id is text.

pub(crate) mod calendar;
mod csv_file;
mod day;
mod meal_period;
mod publish;
mod summary;
mod tenders;
#[cfg(test)]
mod tests;
mod trial_balance;
mod yuan;

pub use calendar::{CivilDay, LocalTime, NotADay};
pub use publish::{FileFacts, Published};
pub use tenders::TenderTotals;
pub use yuan::yuan;

use core::fmt;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wal::{LogReader, WalError};

use crate::audit::{Line, PersonWallet};
use crate::ledger::command::Channel;
use crate::ledger::record::Wallet;

/// The version of the files' layout, in the manifest.
pub const SCHEMA_VERSION: u32 = 1;

/// Why a date wasn't settled. Nothing was left behind.
#[derive(Debug, thiserror::Error)]
pub enum SettlementError {
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] WalError),
    /// The date has no cut-off in the log: it is open, in the future, or was never a business date.
    #[error("{date} isn't a closed business date; {}", describe_dates(*open, closed))]
    NotClosed {
        /// The date asked for.
        date: CivilDay,
        /// The open date, once the books were opened.
        open: Option<CivilDay>,
        /// Every closed date, rising.
        closed: Vec<CivilDay>,
    },
    /// The date can't be written as a business date at all.
    #[error("{date} is out of the range of business dates")]
    OutOfRange {
        /// The date asked for.
        date: CivilDay,
    },
    /// A record isn't what it must be. `yika verify` says more.
    #[error("record {number}: {reason}")]
    Record {
        /// The record.
        number: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The files would contradict each other. `yika verify` says more.
    #[error("the settlement doesn't balance: {what}")]
    DoesNotBalance {
        /// Which two figures differ.
        what: String,
    },
    /// The date was settled before with another content, which is left as it is.
    #[error("{}: the date was settled before, and {reason}", path.display())]
    Differs {
        /// The file that differs.
        path: PathBuf,
        /// How.
        reason: &'static str,
    },
    /// A file operation failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

fn describe_dates(open: Option<CivilDay>, closed: &[CivilDay]) -> String {
    let open = open.map_or("the books were never opened".to_owned(), |open| format!("{open} is open"));
    match closed {
        [] => format!("{open}, no date is closed yet"),
        [one] => format!("{open}, closed is {one}"),
        [first, .., last] => {
            const SHOWN_MAX: usize = 10;
            let shown: Vec<String> = closed.iter().rev().take(SHOWN_MAX).map(CivilDay::to_string).collect();
            let latest = if closed.len() > SHOWN_MAX { "the latest of them " } else { "" };
            format!(
                "{open}, closed are {} from {first} to {last}: {latest}{}",
                closed.len(),
                shown.join(", ")
            )
        }
    }
}

/// Totals of a settled date, in yuan with two decimals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettlementTotals {
    /// Sales, online and offline.
    pub sales: u64,
    /// Their amounts.
    pub gross: String,
    /// Reversals, voids and refunds.
    pub reversals: u64,
    /// Their amounts.
    pub reversed: String,
    /// Gross less reversed.
    pub net: String,
    /// The part of gross that waits for a review.
    pub held_back: String,
    /// Amounts by kind of posting.
    pub by_kind: BTreeMap<&'static str, String>,
    /// What was paid by other channels; left out when nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenders: Option<TenderTotals>,
}

/// The manifest of the folder, and the answer to whoever asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The business date.
    pub business_date: String,
    /// The record that opened the date.
    pub opened_by_record: u64,
    /// The record that closed it: nothing after it is in the files.
    pub cut_off_record: u64,
    /// When it was closed, local time.
    pub cut_off_time: String,
    /// The date's first record, if it has any.
    pub first_record: Option<u64>,
    /// The date's last record before the cut-off.
    pub last_record: Option<u64>,
    /// Records of the date, the cut-off not counted.
    pub records: u64,
    /// Postings among them: lines of `detail.csv`.
    pub postings: u64,
    /// Records by kind.
    pub records_by_kind: BTreeMap<&'static str, u64>,
    /// Totals.
    pub totals: SettlementTotals,
    /// The other files.
    pub files: Vec<FileFacts>,
}

/// What became of a settlement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettlementReport {
    /// Where the folder lies.
    pub folder: PathBuf,
    /// Whether it was written, or was there already.
    pub published: Published,
    /// The content of `manifest.json`.
    pub manifest: Manifest,
}

impl fmt::Display for SettlementReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let m = &self.manifest;
        writeln!(
            f,
            "{} settled up to record {} ({}): {} postings",
            m.business_date, m.cut_off_record, m.cut_off_time, m.postings
        )?;
        writeln!(
            f,
            "{} sales {}, {} given back {}, net {}, held back {}",
            m.totals.sales,
            m.totals.gross,
            m.totals.reversals,
            m.totals.reversed,
            m.totals.net,
            m.totals.held_back
        )?;
        let published = match self.published {
            Published::Written => "written",
            Published::Unchanged => "there already, unchanged",
        };
        write!(f, "{}: {published}", self.folder.display())
    }
}

/// Settles a date from the log of a data directory, into the folder `<out_dir>/<date>`.
///
/// Of a log that wasn't stopped cleanly the very last block isn't trusted: see [`LogReader::open_offline`].
///
/// # Errors
/// See [`SettlementError`].
pub fn settle(data_dir: &Path, date: CivilDay, out_dir: &Path) -> Result<SettlementReport, SettlementError> {
    settle_log(&LogReader::open_offline(data_dir)?, date, out_dir)
}

/// The same from a log that is open already.
///
/// # Errors
/// See [`SettlementError`].
pub fn settle_log(
    reader: &LogReader,
    date: CivilDay,
    out_dir: &Path,
) -> Result<SettlementReport, SettlementError> {
    let business_date = date.business_date().ok_or(SettlementError::OutOfRange { date })?;
    let mut folder = publish::StagedFolder::begin(out_dir, &date.to_string())?;
    let day = day::gather(reader, business_date, &mut folder)?;
    let sales = day.summary.total();
    for merchant in day.trial_balance.merchants() {
        let (change, net) =
            (day.trial_balance.merchant_change_fen(merchant), day.summary.merchant_net_fen(merchant));
        if change != net {
            let what =
                format!("merchant {merchant} sold for {net} fen, but the trial balance moves by {change}");
            return Err(SettlementError::DoesNotBalance { what });
        }
    }
    let span = day.span;
    let records = span.closed_by - span.opened_by - 1;
    let mut files = vec![
        day.detail,
        day.summary.write(&mut folder, &day.merchant_names)?,
        day.trial_balance.write(&mut folder, &day.merchant_names)?,
    ];
    let (tenders_file, tenders) = day.tenders.unzip();
    files.extend(tenders_file);
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        business_date: date.to_string(),
        opened_by_record: span.opened_by,
        cut_off_record: span.closed_by,
        cut_off_time: LocalTime(span.closed_time_ns).to_string(),
        first_record: (records > 0).then_some(span.opened_by + 1),
        last_record: (records > 0).then_some(span.closed_by - 1),
        records,
        postings: day.postings,
        records_by_kind: day.records_by_kind,
        totals: SettlementTotals {
            sales: sales.count,
            gross: yuan(sales.gross_fen),
            reversals: sales.reversed_count,
            reversed: yuan(sales.reversed_fen),
            net: yuan(sales.net_fen()),
            held_back: yuan(sales.held_back_fen),
            by_kind: day.kind_totals_fen.into_iter().map(|(kind, fen)| (kind, yuan(fen))).collect(),
            tenders,
        },
        files,
    };
    let mut file = folder.create("manifest.json")?;
    let path = file.path().to_owned();
    serde_json::to_writer_pretty(&mut file, &manifest)
        .map_err(std::io::Error::from)
        .and_then(|()| file.write_all(b"\n"))
        .map_err(|source| SettlementError::Io { path, source })?;
    file.finish()?;
    let folder_path = folder.folder().to_owned();
    let published = folder.publish()?;
    Ok(SettlementReport { folder: folder_path, published, manifest })
}

/// The name of a channel in files and lines.
pub const fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Card => "card",
        Channel::Code => "code",
        Channel::Offline => "offline",
        Channel::Counter => "counter",
        Channel::WeChat => "wechat",
        Channel::Alipay => "alipay",
        Channel::Operator => "operator",
        Channel::Till => "till",
        Channel::Scan => "scan",
    }
}

/// The name of a wallet in files and lines.
pub const fn wallet_name(wallet: Wallet) -> &'static str {
    match wallet {
        Wallet::Card => "card",
        Wallet::Transition => "transition",
        Wallet::Electronic => "electronic",
    }
}

/// A side of a posting: `person/17/card`, `merchant/3`, `held_back/3`, `clearing/top_up`.
fn line_name(line: Line) -> String {
    match line {
        Line::Person(account, wallet) => {
            let wallet = match wallet {
                PersonWallet::Card => "card",
                PersonWallet::Transition => "transition",
                PersonWallet::Electronic => "electronic",
            };
            format!("person/{account}/{wallet}")
        }
        Line::Merchant(merchant) => format!("merchant/{merchant}"),
        Line::HeldBack(merchant) => format!("held_back/{merchant}"),
        Line::Clearing(clearing) => format!("clearing/{}", clearing.name()),
    }
}
