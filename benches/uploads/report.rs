//! What a run found: plain data, as JSON or as a table.

use std::fmt;
use std::path::Path;

use engine::audit::AuditReport;
use engine::cli::server_process::StageLine;
use engine::limits::spread::Spread;
use loadgen::machine::Machine;
use serde::Serialize;

use crate::Args;
use crate::storm::Storm;
use crate::uploader::Uploaded;

/// One turn of both sides.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    /// The uploads.
    pub uploaded: Uploaded,
    /// The bound, records a second.
    pub bound_per_s: f64,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// Accounts in the books.
    pub accounts: u32,
    /// Tills that uploaded in the rounds.
    pub tills: u16,
    /// Records in a batch.
    pub batch: u32,
    /// How the log was written.
    pub durability: &'static str,
    /// Uploads and bound in turns.
    pub rounds: Vec<Round>,
    /// Uploads without a pause.
    pub sustained: Option<Uploaded>,
    /// Live traffic with and without a storm.
    pub storm: Option<Storm>,
    /// The server's stages of live requests, all runs together.
    pub stages: Vec<StageLine>,
    /// Records acknowledged as approved, all runs together; each of one fen.
    pub acknowledged: u64,
    /// Offline debits that the audit added up from the log, fen.
    pub posted: u64,
    /// Records that the audit read.
    pub audited: u64,
    /// Why the figures are void; empty when they stand.
    pub void: Vec<String>,
}

impl Report {
    pub fn new(args: &Args, folder: &Path) -> Report {
        Report {
            machine: Machine::here(Some(folder)),
            accounts: args.accounts,
            tills: args.tills,
            batch: args.batch,
            durability: "through",
            rounds: Vec::new(),
            sustained: None,
            storm: None,
            stages: Vec::new(),
            acknowledged: 0,
            posted: 0,
            audited: 0,
            void: Vec::new(),
        }
    }

    /// Takes an upload into the totals.
    pub fn count(&mut self, uploaded: &Uploaded) {
        self.acknowledged += uploaded.approved;
        if !uploaded.others.is_empty() {
            self.void.push(format!("records were not approved, by result code: {:?}", uploaded.others));
        }
    }

    /// Compares what was acknowledged with what stands in the log. That no sale stands there twice is the audit's own
    /// check; that the sums agree shows that none is lost and none was posted unasked.
    pub fn judge(&mut self, audit: &AuditReport) {
        self.audited = audit.records;
        self.posted = u64::try_from(audit.totals.offline_fen).unwrap_or(0);
        if !audit.ok {
            self.void.push(format!("the audit found {} violations", audit.violations_total));
        }
        if self.posted != self.acknowledged {
            self.void
                .push(format!("{} records were acknowledged, {} posted", self.acknowledged, self.posted));
        }
    }

    fn records_per_s(&self) -> Spread {
        Spread::of(self.rounds.iter().map(|round| round.uploaded.records_per_s()))
    }

    fn bound_per_s(&self) -> Spread {
        Spread::of(self.rounds.iter().map(|round| round.bound_per_s))
    }

    fn ratio(&self) -> Spread {
        Spread::of(self.rounds.iter().map(|round| round.uploaded.records_per_s() / round.bound_per_s))
    }
}

fn millions(spread: Spread) -> String {
    let Spread { median, lowest, highest } = spread.scaled(1e-6);
    format!("{median:.2} M/s ({lowest:.2}–{highest:.2})")
}

fn plain(spread: Spread, decimals: usize) -> String {
    let Spread { median, lowest, highest } = spread;
    format!("{median:.decimals$} ({lowest:.decimals$}–{highest:.decimals$})")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cpu, cpus, kernel, file_system } = &self.machine;
        writeln!(f, "machine    {cpu}, {cpus} cores, kernel {kernel}, {file_system}")?;
        writeln!(
            f,
            "uploads    {} accounts, {} tills, {} records a batch, log written {}; medians of {} rounds (lowest–highest)",
            self.accounts,
            self.tills,
            self.batch,
            self.durability,
            self.rounds.len()
        )?;
        writeln!(f, "records    {}", millions(self.records_per_s()))?;
        writeln!(f, "bound      {}", millions(self.bound_per_s()))?;
        writeln!(f, "ratio      {}", plain(self.ratio(), 2))?;
        if let Some(sustained) = &self.sustained {
            writeln!(
                f,
                "sustained  {:.2} M/s over {:.1} s",
                sustained.records_per_s() * 1e-6,
                sustained.seconds
            )?;
        }
        if let Some(storm) = &self.storm {
            write!(f, "{storm}")?;
        }
        writeln!(
            f,
            "check      {} acknowledged, {} posted; {} records of the log audited",
            self.acknowledged, self.posted, self.audited
        )?;
        for void in &self.void {
            writeln!(f, "VOID       {void}")?;
        }
        Ok(())
    }
}
