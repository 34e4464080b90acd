//! The books that are uploaded into.

use std::path::Path;

use engine::limits::LimitsError;
use engine::limits::books::{self, BooksSpec};
use engine::opened_books::LogBackEnd;
use loadgen::Campus;

/// Fresh books: accounts with a card and money in a snapshot, nothing behind it in the log.
pub fn make(dir: &Path, accounts: u32, tills: u16) -> Result<Campus, LimitsError> {
    books::make(dir, &BooksSpec { accounts, tills, debits: 0, back_end: LogBackEnd::Through })
}
