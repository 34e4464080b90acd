//! The auditor: reads a log from outside and says whether the books are right.
//!
//! ```text
//! segments ─▶ wal: pages, checksums, hash chain ─▶ records ─▶ checker ─▶ report
//!                                                              │
//!                                                              ▼
//!                                                    books: postings added up
//! ```
//!
//! It isn't a replay: nothing of the ledger's state, tables or rules runs here. It knows the layout of records
//! and adds up what they post, so that a ledger that decides, remembers or applies wrongly is found out by what
//! stands in its own log.
//!
//! **Invariants**
//! - The log is only read; another process may be writing it.
//! - Whatever stands in the log, the auditor ends with a report: only a medium or a chain that can't be trusted
//!   is an error.
//! - Violations are counted all, and listed up to a bound.

mod batches;
mod books;
mod cards;
mod checker;
mod codes;
mod duties;
mod holders;
mod limits;
mod meals;
mod office;
mod posting;
mod pricing;
mod refunds;
mod report;
mod sequence_set;
#[cfg(test)]
pub(crate) mod small_log;
mod subsidy;
mod taps;
mod terminal_keys;
#[cfg(test)]
mod tests;

pub use books::{Books, Wallets};
pub use posting::{Line, PersonWallet, Posting, Postings, postings_of};
pub use report::{AuditReport, Check, Holdings, LogFacts, Totals, Violation};

use std::path::{Path, PathBuf};

use wal::{LogReader, WalError};

use crate::data_dir::hex;

/// How an audit is done.
#[derive(Clone, Copy, Debug)]
pub struct AuditOptions {
    /// How many violations are listed; all are counted.
    pub violations_max: usize,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self { violations_max: 100 }
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log can't be opened, or its pages, checksums or hash chain aren't right.
    #[error("{}: {source}", path.display())]
    Log {
        /// The data directory.
        path: PathBuf,
        /// What is wrong, with segment, offset and page.
        source: WalError,
    },
}

/// Audits the log of a data directory, whoever may be writing it.
///
/// Of a log that wasn't stopped cleanly, the very last block is left out: see [`LogReader::open_offline`].
///
/// # Errors
/// [`AuditError::Log`]: the log can't be read, or isn't what was written.
pub fn verify(data_dir: &Path, options: &AuditOptions) -> Result<AuditReport, AuditError> {
    let audit = || verify_log(&LogReader::open_offline(data_dir)?, options);
    audit().map_err(|source| AuditError::Log { path: data_dir.to_owned(), source })
}

/// Audits a log that is open already, up to the last record it gives.
///
/// # Errors
/// The log's own: a page, checksum or link of the hash chain that isn't right.
pub fn verify_log(reader: &LogReader, options: &AuditOptions) -> Result<AuditReport, WalError> {
    let mut checker = checker::Checker::new(reader, options.violations_max);
    let mut failed = None;
    let whole = reader.verify_each(&mut |record| {
        if failed.is_none() {
            failed = checker.take(&record).err();
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    Ok(checker.finish(LogFacts {
        log_id: hex(&whole.log_id.0),
        segments: whole.segments,
        blocks: whole.blocks,
        link: hex(&whole.link),
    }))
}
