//! Runs of what speaks Yika's protocol: Yika itself and the echo servers, driven by the very same client.

use engine::limits::books::FIRST_TILL;
use loadgen::campus::Campus;
use loadgen::config::{ProgressLine, RunConfig};
use loadgen::outcome_log::{OutcomeLog, SaleState};
use loadgen::progress::RunControl;
use loadgen::report::ClosedReport;

use crate::error::PeersError;
use crate::peer::void_unless_generated;
use crate::processor_window::ProcessorWindow;
use crate::system::{ClosedLoad, OpenLoad, OpenRun};
use crate::void::Void;

/// A closed run; `process` is the server's.
pub fn closed(
    campus: &Campus,
    load: &ClosedLoad,
    process: u32,
) -> Result<(ClosedReport, ProcessorWindow), PeersError> {
    let mut processor = ProcessorWindow::of(vec![process]);
    let report = loadgen::closed::closed_watched(campus, &load.config(), &mut || processor.read())?;
    Ok((report, processor))
}

/// How many debits of each till, in their order, were approved, and of how many it never saw the answer.
pub struct Seen {
    /// Approved.
    pub acknowledged: Vec<u64>,
    /// Sent, the run being over before the answer came.
    pub unanswered: Vec<u64>,
}

/// An open run; with what each till saw. The journal isn't asked yet.
pub fn open(campus: &Campus, load: &OpenLoad) -> Result<(OpenRun, Seen), PeersError> {
    let holders = campus.holders.len() as u32;
    let config = RunConfig {
        tills: Some(load.tills),
        progress: ProgressLine::Never,
        ..RunConfig::new(load.profile(holders), load.scope(holders).seed)
    };
    let mut outcomes = OutcomeLog::new();
    let report = loadgen::run(campus, &config, &RunControl::new(), &mut outcomes)?;
    let none = || vec![0; load.tills as usize];
    let mut seen = Seen { acknowledged: none(), unanswered: none() };
    for entry in outcomes.entries() {
        let till = (entry.sale.terminal.0 - FIRST_TILL) as usize;
        match entry.state {
            SaleState::Approved => seen.acknowledged[till] += 1,
            SaleState::Unknown => seen.unanswered[till] += 1,
            _ => {}
        }
    }
    let counts = &report.counts;
    let mut run = OpenRun {
        latency: report.latency,
        lag: report.lag,
        intended: counts.intended,
        acknowledged: counts.approved,
        refused: counts.refused,
        dropped: counts.dropped,
        journaled: None,
        void: Vec::new(),
    };
    let unanswered: u64 = seen.unanswered.iter().sum();
    if unanswered > 0 {
        let reason = format!("{unanswered} debits weren't answered before the run was over");
        run.void.push(Void::Unplayed(reason));
    }
    let without_outcome = counts.intended - counts.approved - counts.refused - counts.dropped - unanswered;
    if without_outcome > 0 {
        run.void.push(Void::Wrong(format!("{without_outcome} debits without an outcome: {counts:?}")));
    }
    if counts.answers_wrong > 0 {
        run.void.push(Void::Wrong(format!("{} answers contradict the protocol", counts.answers_wrong)));
    }
    void_unless_generated(&mut run);
    Ok((run, seen))
}
