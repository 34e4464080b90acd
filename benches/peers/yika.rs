//! Yika itself: a new `yika serve` on new books for each run, stopped and audited after it.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use engine::audit::{self, AuditOptions};
use engine::cli::server_process::ServerProcess;
use engine::ledger::{Record, RecordKind};
use engine::limits::books::{self, BooksSpec, FIRST_TILL};
use loadgen::campus::Campus;
use wal::{LogReader, PAGE_BYTES};

use crate::campus_run;
use crate::error::PeersError;
use crate::journal::{Journal, TillEntries};
use crate::peer::closed_run;
use crate::system::{ClosedLoad, ClosedRun, LogUse, OpenLoad, OpenRun, System, SystemId};
use crate::void::Void;

/// Yika, with a directory for its books.
pub struct Yika {
    folder: PathBuf,
    books: BooksSpec,
}

impl Yika {
    /// With such books for each run.
    pub fn new(folder: PathBuf, books: BooksSpec) -> Yika {
        Yika { folder, books }
    }

    /// Makes books, serves them, runs `load`, stops the server and reads the log.
    fn on_fresh_books<T>(
        &self,
        load: impl FnOnce(&Campus, u32) -> Result<T, PeersError>,
        tills: u32,
    ) -> Result<(T, Audited), PeersError> {
        let campus = books::make(&self.folder, &self.books)?;
        let failure = |reason| PeersError::system(SystemId::Yika.name(), reason);
        let server = ServerProcess::start(
            &self.folder,
            SocketAddr::from(([127, 0, 0, 1], 0)),
            "through",
            self.books.accounts,
        )
        .map_err(failure)?;
        let done = load(&Campus { address: server.address(), ..campus }, server.id())?;
        server.stop().map_err(failure)?;
        let audited = audit(&self.folder, tills)?;
        fs::remove_dir_all(&self.folder).map_err(PeersError::file(&self.folder))?;
        Ok((done, audited))
    }
}

impl System for Yika {
    fn closed(&mut self, load: &ClosedLoad) -> Result<ClosedRun, PeersError> {
        let run = |campus: &Campus, process: u32| campus_run::closed(campus, load, process);
        let ((report, processor), audited) = self.on_fresh_books(run, load.connections)?;
        let mut run = closed_run(&report, &processor, Some(&audited.journal));
        run.void.extend(Void::wrongs(audited.violations));
        Ok(ClosedRun { log: Some(audited.log), ..run })
    }

    fn open(&mut self, load: &OpenLoad) -> Result<OpenRun, PeersError> {
        let run = |campus: &Campus, _| campus_run::open(campus, load);
        let ((mut run, seen), audited) = self.on_fresh_books(run, load.tills)?;
        let violations = audited.journal.violations_beside(&seen.acknowledged, &seen.unanswered);
        run.void.extend(Void::wrongs(violations));
        run.void.extend(Void::wrongs(audited.violations));
        run.journaled = Some(audited.journal.count());
        Ok(run)
    }
}

/// What the log of books that nobody has open holds.
pub struct Audited {
    /// Its debits, by till.
    pub journal: Journal,
    /// What they take of it.
    pub log: LogUse,
    /// What the audit found; empty when nothing violates anything.
    pub violations: Vec<String>,
}

/// Reads the log twice: the audit recomputes every balance, and the debits are counted by till.
///
/// # Errors
/// The log can't be read.
pub fn audit(folder: &Path, tills: u32) -> Result<Audited, PeersError> {
    let report = audit::verify(folder, &AuditOptions { violations_max: 4 })?;
    let reader = LogReader::open_offline(folder)?;
    let mut tills_found = BTreeMap::<u32, TillEntries>::new();
    let mut journal = Journal::empty(tills as usize);
    let mut first_debit = 0;
    for record in reader.scan(1) {
        let record = record?;
        if record.kind != RecordKind::Debit as u8 {
            continue;
        }
        if let Ok(Record::Debit(debit)) = Record::decode(record.kind, record.version, record.payload) {
            first_debit = if first_debit == 0 { record.number } else { first_debit };
            tills_found.entry(debit.terminal.get()).or_default().add(debit.sequence.get().into());
            journal.entries_fen += debit.amount_fen.get();
        }
    }
    let mut violations: Vec<String> =
        report.violations.iter().map(|violation| format!("audit: {violation}")).collect();
    for (terminal, entries) in tills_found {
        match journal.tills.get_mut(terminal.wrapping_sub(FIRST_TILL) as usize) {
            Some(till) => *till = entries,
            None => violations.push(format!("terminal {terminal} has debits and took no part")),
        }
    }
    let lost_fen = report.totals.openings_fen - report.holdings.persons_fen;
    journal.balances_lost_fen = i64::try_from(lost_fen).unwrap_or(i64::MAX);
    let log = log_use(&reader, first_debit, journal.count())?;
    Ok(Audited { journal, log, violations })
}

/// Of the blocks from the first debit on: nothing but debits stands there.
fn log_use(reader: &LogReader, first_debit: u64, debits: u64) -> Result<LogUse, PeersError> {
    let (mut record_bytes, mut page_bytes) = (0, 0);
    for block in reader.blocks() {
        let block = block?;
        if first_debit > 0 && block.first_number >= first_debit && !block.seal {
            record_bytes += u64::from(block.record_bytes);
            page_bytes += u64::from(block.page_count) * PAGE_BYTES as u64;
        }
    }
    let for_each = |bytes: u64| bytes as f64 / debits.max(1) as f64;
    Ok(LogUse {
        bytes_per_debit: for_each(record_bytes),
        padding_per_debit: for_each(page_bytes - record_bytes),
    })
}
