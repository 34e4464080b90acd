//! What the engine reaches, held against what the machine gives: the parts of `yika bench-limits`.
//!
//! Each measured thing has its own file. Nothing here judges: a figure beside its goal is all that comes out, and
//! no time is ever asserted.
//!
//! ```text
//!            one client, one thread                    servers, each its own process
//!   ┌─ loadgen::closed, loadgen::run ──────── tcp ──▶ `yika serve`: decide, log, answer    debits
//!   └─ the same loops through echo_client ─── tcp ──▶ echo_server: nothing but bytes       the bound
//!
//!   disk: one durable page after another      ledger_alone: decide + apply against the bare_loops' touch + copy
//!   books: accounts and a log to start from   memory: what a server keeps in memory
//!   replay: a start against reading its file and touching its accounts
//!   open_files: room for a thousand connections
//! ```
//!
//! Figures of one kind are taken in turns in one run, because a shared machine drifts: a [`Spread`] is the median of
//! the rounds with the lowest and the highest, and a ratio is taken within each round before its median.
//!
//! [`Spread`]: spread::Spread

mod bare_loops;
pub mod books;
pub mod disk;
pub mod echo_client;
pub mod echo_process;
pub mod echo_server;
pub mod ledger_alone;
pub mod memory;
pub mod open_files;
pub mod replay;
pub mod report;
pub mod spread;

use std::path::PathBuf;

use loadgen::LoadError;

use crate::ledger::LedgerError;
use crate::opened_books::BooksError;
use crate::runtime::engine::EngineError;

/// Nanoseconds in a second.
const SECOND_NS: u64 = 1_000_000_000;

/// Why a limit can't be measured.
#[derive(Debug, thiserror::Error)]
pub enum LimitsError {
    /// The books to measure with can't be made.
    #[error(transparent)]
    Books(#[from] BooksError),
    /// The engine, while the books were made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The ledger, while accounts were made for it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The load generator.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The log that a start is measured with.
    #[error(transparent)]
    Log(#[from] wal::WalError),
    /// A socket or a timer.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the run.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A request that can't be refused was refused.
    #[error("{what}: {code}")]
    Refused {
        /// The request.
        what: &'static str,
        /// The code.
        code: protocol::result_code::ResultCode,
    },
}

impl LimitsError {
    fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> LimitsError {
        move |source| LimitsError::Io { what, source }
    }
}
