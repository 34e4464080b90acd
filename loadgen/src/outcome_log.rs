//! What the tills wrote down: one entry for each sale, with the outcome as the client saw it.
//!
//! The server is checked against this log and nothing else, so an entry is made before a request leaves and
//! closed only by an answer. It can be kept as CSV and read back.

use std::io::{BufRead, Write};
use std::path::Path;

use protocol::ids::{Epoch, SaleId, Sequence, TerminalId};

use crate::deed::{DeedKind, Effect};
use crate::error::LoadError;

/// What was asked of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutcomeKind {
    /// A debit by card.
    CardDebit,
    /// A debit by payment code.
    CodeDebit,
    /// A sale stored while offline.
    OfflineDebit,
    /// What a till without a network showed to a phone, as the till tells of it. The money is the phone's entry.
    ScanTold,
    /// The reversal of another sale of the same till.
    Reversal,
    /// Whatever else takes a sequence.
    Deed(DeedKind),
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SaleState {
    /// Sent, or reversed without an answer: the outcome isn't known.
    Unknown,
    /// Approved: it stands in the books.
    Approved,
    /// Refused: it doesn't.
    Refused,
    /// Undone or prevented by a reversal: it doesn't.
    Reversed,
    /// Stored offline, not uploaded yet.
    Stored,
    /// Uploaded and accepted: it stands in the books.
    Uploaded,
    /// Uploaded and not accepted: the till keeps it.
    Kept,
    /// Never begun: the server was busy, and the sequence was used again.
    NotUsed,
}

/// The kinds that are no deeds.
const KINDS: [(OutcomeKind, &str); 5] = [
    (OutcomeKind::CardDebit, "card-debit"),
    (OutcomeKind::CodeDebit, "code-debit"),
    (OutcomeKind::OfflineDebit, "offline-debit"),
    (OutcomeKind::ScanTold, "scan-told"),
    (OutcomeKind::Reversal, "reversal"),
];

const STATES: [(SaleState, &str); 8] = [
    (SaleState::Unknown, "unknown"),
    (SaleState::Approved, "approved"),
    (SaleState::Refused, "refused"),
    (SaleState::Reversed, "reversed"),
    (SaleState::Stored, "stored"),
    (SaleState::Uploaded, "uploaded"),
    (SaleState::Kept, "kept"),
    (SaleState::NotUsed, "not-used"),
];

fn name_of<T: Copy + PartialEq>(table: &'static [(T, &'static str)], value: T) -> &'static str {
    table.iter().find(|(item, _)| *item == value).map_or("", |(_, name)| name)
}

impl OutcomeKind {
    /// The name as it stands in files.
    pub fn name(self) -> &'static str {
        match self {
            OutcomeKind::Deed(deed) => deed.name(),
            sale => name_of(&KINDS, sale),
        }
    }

    fn from_name(name: &str) -> Option<OutcomeKind> {
        let sale = KINDS.iter().find(|(_, text)| *text == name).map(|(kind, _)| *kind);
        let deed = || DeedKind::ALL.iter().find(|deed| deed.name() == name);
        sale.or_else(|| deed().map(|&deed| OutcomeKind::Deed(deed)))
    }

    /// What an entry of this kind does to its account when it stands.
    pub fn effect(self) -> Effect {
        match self {
            OutcomeKind::CardDebit | OutcomeKind::CodeDebit | OutcomeKind::OfflineDebit => Effect::Takes,
            // The entry that it undoes says that it is undone, that of the phone's gateway that it is paid.
            OutcomeKind::Reversal | OutcomeKind::ScanTold => Effect::Nothing,
            OutcomeKind::Deed(deed) => deed.effect(),
        }
    }
}

impl SaleState {
    /// The name as it stands in files.
    pub fn name(self) -> &'static str {
        name_of(&STATES, self)
    }
}

/// One sale, or one of whatever else takes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeEntry {
    /// Its identity.
    pub sale: SaleId,
    /// What it is.
    pub kind: OutcomeKind,
    /// Where it stands.
    pub state: SaleState,
    /// The code of the answer; meaningless while [`OutcomeEntry::answered`] is false.
    pub code: u16,
    /// True once an answer settled it.
    pub answered: bool,
    /// The holder's account; 2^32 - 1 where none is touched.
    pub account: u32,
    /// The amount, in fen; what the answer says for approvals, what was asked otherwise.
    pub amount_fen: i64,
    /// The record that the answer names; 0 for none.
    pub record: u64,
    /// A different record that a repeated answer named: the sale was done twice. 0 for none.
    pub record_other: u64,
    /// For what undoes another: the sequence it undoes. For what is about a subsidy batch: the batch. 0 for others.
    pub reference: u32,
}

/// An entry's place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryId(u32);

/// The log of one run, or of a warm-up and a run together.
#[derive(Clone, Debug, Default)]
pub struct OutcomeLog {
    entries: Vec<OutcomeEntry>,
}

const HEADER: &str =
    "terminal,epoch,sequence,kind,state,code,account,amount_fen,record,record_other,reference";

impl OutcomeLog {
    /// An empty log.
    pub fn new() -> OutcomeLog {
        OutcomeLog::default()
    }

    /// All entries, in the order they were begun.
    pub fn entries(&self) -> &[OutcomeEntry] {
        &self.entries
    }

    /// One entry.
    pub fn entry(&self, id: EntryId) -> &OutcomeEntry {
        &self.entries[id.0 as usize]
    }

    /// Begins an entry.
    ///
    /// # Panics
    /// After 2^32 entries.
    pub fn open(
        &mut self,
        sale: SaleId,
        kind: OutcomeKind,
        state: SaleState,
        account: u32,
        amount_fen: i64,
        reference: u32,
    ) -> EntryId {
        let id = u32::try_from(self.entries.len()).expect("fewer than 2^32 entries");
        self.entries.push(OutcomeEntry {
            sale,
            kind,
            state,
            code: 0,
            answered: false,
            account,
            amount_fen,
            record: 0,
            record_other: 0,
            reference,
        });
        EntryId(id)
    }

    /// Notes an answer. A second answer that names another record than the first is kept beside it.
    pub fn close(&mut self, id: EntryId, state: SaleState, code: u16, record: u64) {
        let entry = &mut self.entries[id.0 as usize];
        entry.state = state;
        entry.code = code;
        entry.answered = true;
        if entry.record == 0 {
            entry.record = record;
        } else if record != 0 && record != entry.record {
            entry.record_other = record;
        }
    }

    /// Changes where an entry stands, without an answer of its own: its reversal was answered.
    pub fn set_state(&mut self, id: EntryId, state: SaleState) {
        self.entries[id.0 as usize].state = state;
    }

    /// Changes an entry's amount to what its answer tells.
    pub fn set_amount(&mut self, id: EntryId, amount_fen: i64) {
        self.entries[id.0 as usize].amount_fen = amount_fen;
    }

    /// Writes the log as CSV.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), LoadError> {
        let write = || -> std::io::Result<()> {
            let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
            writeln!(out, "{HEADER}")?;
            for entry in &self.entries {
                let code = if entry.answered { entry.code.to_string() } else { String::new() };
                writeln!(
                    out,
                    "{},{},{},{},{},{code},{},{},{},{},{}",
                    entry.sale.terminal,
                    entry.sale.epoch,
                    entry.sale.sequence,
                    entry.kind.name(),
                    entry.state.name(),
                    entry.account,
                    entry.amount_fen,
                    entry.record,
                    entry.record_other,
                    entry.reference,
                )?;
            }
            out.flush()
        };
        write().map_err(|source| LoadError::file(path, source))
    }

    /// Reads a log back.
    ///
    /// # Errors
    /// The file can't be read, or a line isn't as [`OutcomeLog::write`] wrote it.
    pub fn read(path: &Path) -> Result<OutcomeLog, LoadError> {
        let file = std::fs::File::open(path).map_err(|source| LoadError::file(path, source))?;
        let mut log = OutcomeLog::new();
        for (number, line) in (1_u64..).zip(std::io::BufReader::new(file).lines()) {
            let line = line.map_err(|source| LoadError::file(path, source))?;
            let bad = |column: &str, value: &str, reason: &str| LoadError::Line {
                path: path.to_owned(),
                line: number,
                column: column.to_owned(),
                value: value.to_owned(),
                reason: reason.to_owned(),
            };
            if number == 1 {
                if line != HEADER {
                    return Err(bad("(whole line)", &line, "not the header of an outcome log"));
                }
                continue;
            }
            let columns: Vec<&str> = HEADER.split(',').collect();
            let values: Vec<&str> = line.split(',').collect();
            if values.len() != columns.len() {
                return Err(bad("(whole line)", &line, "not eleven columns"));
            }
            fn number_at<T: std::str::FromStr>(
                columns: &[&str],
                values: &[&str],
                place: usize,
                bad: impl Fn(&str, &str, &str) -> LoadError,
            ) -> Result<T, LoadError> {
                values[place].parse().map_err(|_| bad(columns[place], values[place], "not a number in range"))
            }
            let kind = OutcomeKind::from_name(values[3]);
            let state = STATES.iter().find(|(_, name)| *name == values[4]);
            let answered = !values[5].is_empty();
            log.entries.push(OutcomeEntry {
                sale: SaleId {
                    terminal: TerminalId(number_at(&columns, &values, 0, bad)?),
                    epoch: Epoch(number_at(&columns, &values, 1, bad)?),
                    sequence: Sequence(number_at(&columns, &values, 2, bad)?),
                },
                kind: kind.ok_or_else(|| bad("kind", values[3], "no such kind"))?,
                state: state.ok_or_else(|| bad("state", values[4], "no such state"))?.0,
                code: if answered { number_at(&columns, &values, 5, bad)? } else { 0 },
                answered,
                account: number_at(&columns, &values, 6, bad)?,
                amount_fen: number_at(&columns, &values, 7, bad)?,
                record: number_at(&columns, &values, 8, bad)?,
                record_other: number_at(&columns, &values, 9, bad)?,
                reference: number_at(&columns, &values, 10, bad)?,
            });
        }
        Ok(log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale(sequence: u32) -> SaleId {
        SaleId { terminal: TerminalId(4), epoch: Epoch(1), sequence: Sequence(sequence) }
    }

    #[test]
    fn a_log_round_trips_through_its_file() {
        let mut log = OutcomeLog::new();
        let first = log.open(sale(1), OutcomeKind::CardDebit, SaleState::Unknown, 7, 850, 0);
        log.close(first, SaleState::Approved, 0, 99);
        log.open(sale(2), OutcomeKind::OfflineDebit, SaleState::Stored, 8, 500, 0);
        log.open(sale(3), OutcomeKind::Reversal, SaleState::Unknown, 7, 850, 1);
        for (sequence, &deed) in (4..).zip(DeedKind::ALL) {
            log.open(sale(sequence), OutcomeKind::Deed(deed), SaleState::Unknown, 7, 850, 0);
        }
        let path = std::env::temp_dir().join(format!("yika-outcomes-{}.csv", std::process::id()));
        log.write(&path).expect("writes");
        let read = OutcomeLog::read(&path).expect("reads");
        std::fs::write(&path, format!("{HEADER}\n4,1,x,card-debit,approved,0,7,850,1,0,0\n"))
            .expect("writes");
        let error = OutcomeLog::read(&path).expect_err("bad").to_string();
        std::fs::remove_file(&path).expect("removes");
        assert_eq!(read.entries(), log.entries());
        assert!(error.ends_with(":2: column sequence: not a number in range: \"x\""), "{error}");
    }

    #[test]
    fn a_second_record_for_one_sale_is_kept() {
        let mut log = OutcomeLog::new();
        let id = log.open(sale(1), OutcomeKind::CardDebit, SaleState::Unknown, 7, 850, 0);
        log.close(id, SaleState::Approved, 0, 99);
        log.close(id, SaleState::Approved, 0, 99);
        assert_eq!(log.entries()[0].record_other, 0);
        log.close(id, SaleState::Approved, 0, 104);
        assert_eq!((log.entries()[0].record, log.entries()[0].record_other), (99, 104));
    }
}
