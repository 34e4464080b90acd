//! Finds an old sale's outcome by walking its till's chain in the log.

use protocol::ids::{RecordNumber, SaleId};
use wal::LogReader;

use crate::ledger::Record;
use crate::ledger::history::{History, HistorySearch, Step};

use super::engine::EngineError;

/// Walks from `head` back to the sale, or to where an earlier walk for it began.
///
/// Every record up to `head` must be durable. The cost is one look-up for each record of the till since the sale.
///
/// # Errors
/// The log is damaged.
pub fn find(
    reader: &LogReader,
    sale: SaleId,
    head: RecordNumber,
    earlier: Option<History>,
) -> Result<History, EngineError> {
    let (mut search, mut step) = HistorySearch::begin(sale, head, earlier);
    loop {
        let number = match step {
            Step::Done(history) => return Ok(history),
            Step::Read(number) => number,
        };
        let found = reader.record(number.0)?.expect("a till's chain leads to durable records only");
        let record = Record::decode(found.kind, found.version, found.payload)
            .map_err(|source| EngineError::Replay { number: number.0, source })?;
        step = search.visit(number, found.time_ns, &record);
    }
}
