//! Which orders were ever credited: what the ledger's ring of orders has forgotten is found here, for ever.
//!
//! ```text
//!  ring in memory ──forgets──▶ runs, oldest first: │ 1 .. 812,004 │ .. 990,113 │ .. 1,020,400 │    ≤ 8, each more than
//!      │   ▲                                       └──────────────┴────────────┴──────────────┘    twice the ones after it
//!      │   └── an order of up to `up_to` is in a run (before it may be forgotten)              ▲
//!      └────────── durable and newer than `up_to`: the slow lane makes a run of it ────────────┘
//! ```
//!
//! A run is a file (drawn in `run.rs`) with the orders of a range of the log's records. The files hold nothing that the log
//! doesn't: they save walking it. What is missing, damaged, of another log or ahead of this one is removed and made anew from
//! the log, at the start or when it is found out.
//!
//! A look-up asks each run's filter, in memory: one cache line a run. That answers nearly every order that was never
//! credited, within the turn. Where a filter says "maybe", the slow lane reads one page a run.
//!
//! **Invariants**
//! - Every order credited by a record up to `up_to` is in a run.
//! - A shard is told a position only after the runs hold everything up to there, and forgets nothing beyond it: what would
//!   is `Busy`.
//! - There are at most [`RUNS_MAX`] runs. They take 1.3 bytes of memory an order, and for filters 512 MiB at most.
//! - Merging and making anew happen on the slow lane or at the start, streaming; [`ROWS_GATHERED_MAX`] orders are in memory.

mod filter;
mod run;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::channel::{self, Receiver, Sender};
use parking_lot::{Mutex, RwLock};
use protocol::ids::RecordNumber;
use wal::{LogId, LogReader};

pub use run::RunError;
use run::{Extent, OrderRow, Place, Run};

use super::engine::EngineError;
use crate::ledger::Record;
use crate::ledger::known::KnownOrder;
use crate::ledger::orders::OrderKey;

/// Runs at most.
pub const RUNS_MAX: usize = 8;
/// Orders that making anew gathers before it writes a run: 24 MiB.
pub const ROWS_GATHERED_MAX: usize = 1 << 20;

/// The index.
pub struct OrderIndex {
    place: Place,
    log_id: LogId,
    runs: RwLock<Arc<Runs>>,
    /// Held by whoever makes runs.
    making: Mutex<()>,
    /// Memory may have forgotten orders up to here: nothing newer is added before the runs hold everything up to here.
    owed: AtomicU64,
    /// Has a place taken while there is something to make a run of.
    due: (Sender<()>, Receiver<()>),
    ruled_out: AtomicU64,
    found: AtomicU64,
    not_found: AtomicU64,
}

/// The runs at one moment.
#[derive(Clone)]
struct Runs {
    /// Rising; each begins behind the one before it, the first at record 1.
    runs: Vec<Arc<Run>>,
    /// Every order credited by a record up to here is in them.
    up_to: u64,
}

/// What an operator may want to know of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderIndexFigures {
    /// Runs.
    pub runs: usize,
    /// Orders in them.
    pub orders: u64,
    /// Memory that they take, bytes.
    pub memory_bytes: u64,
    /// Every order credited by a record up to this one is in them.
    pub up_to: RecordNumber,
    /// Orders that a filter ruled out, since the start.
    pub ruled_out: u64,
    /// Orders that were looked up and found, since the start.
    pub found: u64,
    /// Orders that were looked up for nothing, since the start.
    pub not_found: u64,
}

impl Runs {
    /// Where the next run begins: behind the last one, also when a range without orders lies between. Runs lie end to end.
    fn next_first(&self) -> u64 {
        self.runs.last().map_or(1, |run| run.extent().last + 1)
    }
}

impl OrderIndex {
    /// The index of a log in memory.
    pub(super) fn in_memory(log_id: LogId) -> OrderIndex {
        OrderIndex::new(Place::Memory, log_id, Vec::new())
    }

    /// Opens the index in a directory, making that if it is missing. Gives why files that were there couldn't be used; they
    /// are removed.
    ///
    /// # Errors
    /// The directory can't be read or made, or a file not be removed.
    pub(super) fn open(
        dir: PathBuf,
        log_id: LogId,
        log_end: RecordNumber,
    ) -> Result<(OrderIndex, Vec<String>), RunError> {
        let io = |source| RunError::Io { path: dir.clone(), source };
        std::fs::create_dir_all(&dir).map_err(io)?;
        let mut rejected = Vec::new();
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&dir).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if path.extension().is_some_and(|extension| extension == "run") {
                match Run::open(&path, log_id) {
                    Ok(run) => found.push(run),
                    Err(error) => {
                        rejected.push(error.to_string());
                        remove(&path)?;
                    }
                }
            } else {
                // A run in the making when the process ended.
                remove(&path)?;
            }
        }
        // Of two that begin at one record the longer was merged from the other.
        found.sort_unstable_by_key(|run| (run.extent().first, std::cmp::Reverse(run.extent().last)));
        let mut runs: Vec<Arc<Run>> = Vec::new();
        for run in found {
            let Extent { first, last, .. } = run.extent();
            let up_to = runs.last().map_or(0, |run| run.extent().last);
            if first == up_to + 1 && last <= log_end.0 {
                runs.push(Arc::new(run));
                continue;
            }
            if last > up_to {
                rejected.push(format!(
                    "{}: nothing before it, or the log doesn't reach that far",
                    run.path().display()
                ));
            }
            remove(run.path())?;
        }
        Ok((OrderIndex::new(Place::Directory(dir), log_id, runs), rejected))
    }

    fn new(place: Place, log_id: LogId, runs: Vec<Arc<Run>>) -> OrderIndex {
        let up_to = runs.last().map_or(0, |run| run.extent().last);
        OrderIndex {
            place,
            log_id,
            runs: RwLock::new(Arc::new(Runs { runs, up_to })),
            making: Mutex::new(()),
            owed: AtomicU64::new(up_to),
            due: channel::bounded(1),
            ruled_out: AtomicU64::new(0),
            found: AtomicU64::new(0),
            not_found: AtomicU64::new(0),
        }
    }

    fn runs(&self) -> Arc<Runs> {
        Arc::clone(&self.runs.read())
    }

    /// Every order credited by a record up to this one is in the index.
    pub fn up_to(&self) -> RecordNumber {
        RecordNumber(self.runs().up_to)
    }

    /// The figures of now.
    pub fn figures(&self) -> OrderIndexFigures {
        let runs = self.runs();
        OrderIndexFigures {
            runs: runs.runs.len(),
            orders: runs.runs.iter().map(|run| run.extent().rows).sum(),
            memory_bytes: runs.runs.iter().map(|run| run.memory_bytes()).sum(),
            up_to: RecordNumber(runs.up_to),
            ruled_out: self.ruled_out.load(Ordering::Relaxed),
            found: self.found.load(Ordering::Relaxed),
            not_found: self.not_found.load(Ordering::Relaxed),
        }
    }

    /// Says that there is something to make a run of. Never waits.
    pub(super) fn say_due(&self) {
        // Full: it was said already.
        let _ = self.due.0.try_send(());
    }

    /// Receives whenever something is due.
    pub fn due(&self) -> &Receiver<()> {
        &self.due.1
    }

    /// That an order is in no run, when the filters can tell, and the runs reach as far as `forgotten`. Reads memory alone.
    pub(super) fn rule_out(&self, key: OrderKey, forgotten: RecordNumber) -> Option<KnownOrder> {
        let runs = self.runs.read();
        if runs.up_to < forgotten.0 || runs.runs.iter().any(|run| run.may_hold(key)) {
            return None;
        }
        self.ruled_out.fetch_add(1, Ordering::Relaxed);
        Some(KnownOrder { key, up_to: RecordNumber(runs.up_to), found: None })
    }

    /// Looks an order up: reads a page of each run whose filter lets it through. A run that turns out damaged is made anew
    /// first.
    ///
    /// # Errors
    /// A file can't be read or written, or the log is damaged.
    pub(super) fn look_up(
        &self,
        reader: &LogReader,
        key: OrderKey,
        forgotten: RecordNumber,
    ) -> Result<KnownOrder, EngineError> {
        self.complete(reader, forgotten)?;
        let known = match self.find(key) {
            Err(RunError::Damaged { path, reason }) => {
                self.drop_from(&path, reason);
                self.complete(reader, forgotten)?;
                self.find(key)?
            }
            found => found?,
        };
        let counter = if known.found.is_some() { &self.found } else { &self.not_found };
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(known)
    }

    fn find(&self, key: OrderKey) -> Result<KnownOrder, RunError> {
        let runs = self.runs();
        let mut found = None;
        // A re-told order is more likely a recent one.
        for run in runs.runs.iter().rev().filter(|run| run.may_hold(key)) {
            found = run.find(key)?;
            if found.is_some() {
                break;
            }
        }
        Ok(KnownOrder { key, up_to: RecordNumber(runs.up_to), found: found.map(RecordNumber) })
    }

    /// Takes a damaged run, and those after it, out: they are to be made anew.
    fn drop_from(&self, path: &Path, reason: &str) {
        tracing::warn!(path = %path.display(), reason, "a run of the order index is made anew");
        let _making = self.making.lock();
        let mut runs = self.runs().runs.clone();
        if let Some(at) = runs.iter().position(|run| run.path() == path) {
            runs.truncate(at);
            let up_to = runs.last().map_or(0, |run| run.extent().last);
            self.publish(Runs { runs, up_to });
        }
    }

    /// Makes runs from the log until they hold every order of a record up to `forgotten`, which memory doesn't have any
    /// more. Nothing to do but after a start without the files, or after damage.
    ///
    /// # Errors
    /// A file can't be written, or the log is damaged.
    pub(super) fn complete(&self, reader: &LogReader, forgotten: RecordNumber) -> Result<(), EngineError> {
        let owed = self.owed.fetch_max(forgotten.0, Ordering::AcqRel).max(forgotten.0);
        let wanted = owed.min(reader.last_number());
        if self.runs().up_to >= wanted {
            return Ok(());
        }
        let _making = self.making.lock();
        let mut first = self.runs().next_first();
        let mut rows = Vec::new();
        for found in reader.scan(first) {
            let found = found?;
            if found.number > wanted {
                break;
            }
            if OrderKey::is_counted_by(found.kind) {
                let record = Record::decode(found.kind, found.version, found.payload)
                    .map_err(|source| EngineError::Replay { number: found.number, source })?;
                rows.extend(OrderKey::credited_by(&record).map(|key| OrderRow { key, record: found.number }));
            }
            if rows.len() == ROWS_GATHERED_MAX {
                self.add(std::mem::take(&mut rows), first, found.number)?;
                first = found.number + 1;
            }
        }
        if first <= wanted {
            self.add(rows, first, wanted)?;
        }
        Ok(())
    }

    /// Adds what memory knows of the orders behind `up_to`. `gather` gives every order of a record in the range that it
    /// is given, which begins behind `up_to`.
    ///
    /// # Errors
    /// A file can't be read or written, or the log is damaged. What was there before still is.
    pub(super) fn extend(
        &self,
        reader: &LogReader,
        durable: RecordNumber,
        gather: impl FnOnce(RecordNumber, RecordNumber) -> Vec<(OrderKey, RecordNumber)>,
    ) -> Result<RecordNumber, EngineError> {
        self.complete(reader, RecordNumber(0))?;
        let _making = self.making.lock();
        let up_to = self.runs().up_to;
        // Less than is owed: a run was found damaged just now. Memory doesn't have everything behind `up_to`.
        if durable.0 > up_to && up_to >= self.owed.load(Ordering::Acquire) {
            let rows = gather(RecordNumber(up_to), durable);
            if rows.is_empty() {
                // Nothing to write. After a start the range is looked at again, and is as empty.
                let runs = self.runs().runs.clone();
                self.publish(Runs { runs, up_to: durable.0 });
            } else {
                let rows = rows.into_iter().map(|(key, record)| OrderRow { key, record: record.0 });
                self.add(rows.collect(), self.runs().next_first(), durable.0)?;
            }
        }
        Ok(self.up_to())
    }

    /// Writes a run of these orders, and merges as many of the newest as the rule says. The caller holds `making`.
    fn add(&self, mut rows: Vec<OrderRow>, first: u64, last: u64) -> Result<(), RunError> {
        if self.runs().runs.len() > RUNS_MAX {
            // The last merge failed: there are no more runs until one succeeds.
            self.merge()?;
        }
        rows.sort_unstable();
        // Of an order that a log credited twice, the first counts.
        rows.dedup_by_key(|row| row.key);
        let extent = Extent { first, last, rows: rows.len() as u64 };
        let run = Run::write(&self.place, self.log_id, extent, rows.into_iter().map(Ok))?;
        let mut runs = self.runs().runs.clone();
        runs.push(Arc::new(run));
        self.publish(Runs { runs, up_to: last });
        self.merge()
    }

    /// Merges as many of the newest runs as the rule says. The caller holds `making`.
    fn merge(&self) -> Result<(), RunError> {
        let Runs { mut runs, up_to: last } = Runs::clone(&self.runs());
        let from = merge_from(&runs.iter().map(|run| run.extent().rows).collect::<Vec<_>>());
        let merged = runs.split_off(from);
        if merged.len() > 1 {
            let extent = Extent {
                first: merged[0].extent().first,
                last,
                rows: merged.iter().map(|run| run.extent().rows).sum(),
            };
            match Run::write(&self.place, self.log_id, extent, in_order(&merged)) {
                Ok(run) => runs.push(Arc::new(run)),
                Err(RunError::Damaged { path, reason }) => {
                    // It is made anew before the next run is added.
                    tracing::warn!(path = %path.display(), reason, "a run of the order index is made anew");
                    runs.extend(merged.iter().take_while(|run| run.path() != path).cloned());
                    let up_to = runs.last().map_or(0, |run| run.extent().last);
                    self.publish(Runs { runs, up_to });
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            self.publish(Runs { runs, up_to: last });
            if let Place::Directory(_) = self.place {
                // Left over, it would be removed at the next start.
                merged.iter().try_for_each(|run| remove(run.path()))?;
            }
        }
        Ok(())
    }

    fn publish(&self, runs: Runs) {
        self.owed.fetch_max(runs.up_to, Ordering::AcqRel);
        *self.runs.write() = Arc::new(runs);
    }
}

/// From which run on all are merged into one, by their orders: a run is merged with those after it unless it is more than
/// twice as long as all of them together, and so that no more than [`RUNS_MAX`] are left.
///
/// An order is so written about once for each time that the orders grow threefold.
fn merge_from(orders: &[u64]) -> usize {
    let mut from = orders.len().saturating_sub(1).min(RUNS_MAX - 1);
    let mut after: u64 = orders[from..].iter().sum();
    while from > 0 && orders[from - 1] <= 2 * after {
        from -= 1;
        after += orders[from];
    }
    from
}

/// The rows of several runs, rising.
fn in_order(runs: &[Arc<Run>]) -> impl Iterator<Item = Result<OrderRow, RunError>> {
    let mut sources: Vec<_> = runs.iter().map(|run| run.rows().peekable()).collect();
    std::iter::from_fn(move || {
        let key = |row: &Result<OrderRow, RunError>| row.as_ref().ok().map(|row| row.key);
        // An error comes first: `None` is less than any key.
        let at = (0..sources.len())
            .filter_map(|at| Some((key(sources[at].peek()?), at)))
            .min()
            .map(|(_, at)| at)?;
        sources[at].next()
    })
}

fn remove(path: &Path) -> Result<(), RunError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(RunError::Io { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}
