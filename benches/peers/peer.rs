//! A run of somebody else's server: fresh books, the load generator's loops through a lean client, the journal asked for
//! afterwards.

use std::future::Future;
use std::io;

use loadgen::LoadError;
use loadgen::closed::closed_on;
use loadgen::debit_connection::{DebitConnection, Seat};
use loadgen::open::{OpenReport, open_on};
use loadgen::report::{ClosedReport, LatencySummary};

use crate::error::PeersError;
use crate::journal::Journal;
use crate::processor_window::ProcessorWindow;
use crate::system::{ClosedLoad, ClosedRun, OpenLoad, OpenRun, System};
use crate::void::Void;

/// The generator's own lag at the 99th percentile above which an open run is void, nanoseconds: what was played wasn't
/// the schedule then. (The lag counts in the latency in any case.)
pub const LAG_P99_MAX_NS: u64 = 10_000_000;

/// A server of others.
pub trait Peer {
    /// A till's connection.
    type Connection: DebitConnection;

    /// How many accounts its books have.
    fn accounts(&self) -> u32;

    /// Makes the books as they were before the first run.
    ///
    /// # Errors
    /// The server's.
    fn refresh(&mut self) -> Result<(), PeersError>;

    /// The processes whose time counts, with their children.
    fn processes(&self) -> Vec<u32>;

    /// Connects a till, ready for its first debit.
    fn connect(&self, till: u32) -> impl Future<Output = Result<Self::Connection, PeersError>>;

    /// What the books hold of the first so many tills.
    ///
    /// # Errors
    /// The server's.
    fn journal(&mut self, tills: u32) -> Result<Journal, PeersError>;
}

async fn seats<P: Peer>(peer: &P, tills: u32) -> Result<Vec<Seat<P::Connection>>, LoadError> {
    let mut seats = Vec::with_capacity(tills as usize);
    for till in 0..tills {
        let connection = peer.connect(till).await;
        seats.push(Seat::fresh(connection.map_err(|error| io::Error::other(error.to_string()))?));
    }
    Ok(seats)
}

impl<P: Peer> System for P {
    fn closed(&mut self, load: &ClosedLoad) -> Result<ClosedRun, PeersError> {
        self.refresh()?;
        let mut processor = ProcessorWindow::of(self.processes());
        let (seats, accounts) = (seats(self, load.connections), self.accounts());
        let report = closed_on(seats, &load.config(), accounts, &|_| true, &mut || processor.read())?;
        let journal = self.journal(load.connections)?;
        Ok(closed_run(&report, &processor, Some(&journal)))
    }

    fn open(&mut self, load: &OpenLoad) -> Result<OpenRun, PeersError> {
        self.refresh()?;
        let accounts = self.accounts();
        let report = open_on(seats(self, load.tills), &load.profile(accounts), load.scope(accounts))?;
        let journal = self.journal(load.tills)?;
        Ok(open_run(&report, &journal))
    }
}

/// A closed run from what the generator saw and what the journal holds, if the system keeps one.
pub fn closed_run(
    report: &ClosedReport,
    processor: &ProcessorWindow,
    journal: Option<&Journal>,
) -> ClosedRun {
    let violations = journal.map_or_else(Vec::new, |journal| journal.violations(&report.acknowledged));
    let mut void: Vec<Void> = Void::wrongs(violations).collect();
    if report.failed > 0 {
        let reason = report.first_failure.as_deref().unwrap_or_default();
        void.push(Void::Wrong(format!("{} connections failed: {reason}", report.failed)));
    }
    if report.refused > 0 {
        void.push(Void::Wrong(format!("{} debits refused {:?}", report.refused, report.refused_by_code)));
    }
    ClosedRun {
        per_s: report.completed_per_s,
        latency: report.latency,
        processor_us: processor.us_for_each(report.completed),
        refused: report.refused,
        failed: report.failed,
        acknowledged: report.acknowledged.iter().sum(),
        journaled: journal.map(Journal::count),
        log: None,
        void,
    }
}

fn open_run(report: &OpenReport, journal: &Journal) -> OpenRun {
    let mut void: Vec<Void> = Void::wrongs(journal.violations(&report.acknowledged)).collect();
    if report.unanswered > 0 {
        let reason = report.first_failure.as_deref().unwrap_or_default();
        void.push(Void::Wrong(format!("{} debits without an answer: {reason}", report.unanswered)));
    }
    let mut run = OpenRun {
        latency: LatencySummary::of(&report.latency),
        lag: LatencySummary::of(&report.lag),
        intended: report.intended,
        acknowledged: report.approved,
        refused: report.refused_by_code.iter().map(|entry| entry.count).sum(),
        dropped: report.dropped,
        journaled: Some(journal.count()),
        void,
    };
    void_unless_generated(&mut run);
    run
}

/// An open run that wasn't played as intended is void: too much was dropped, refused, or sent late by the generator.
pub fn void_unless_generated(run: &mut OpenRun) {
    if run.dropped as f64 > loadgen::config::DROPPED_SHARE_MAX * run.intended as f64 {
        let reason = format!("{} of {} intended debits couldn't be sent", run.dropped, run.intended);
        run.void.push(Void::Unplayed(reason));
    }
    if run.refused > 0 {
        run.void.push(Void::Wrong(format!("{} debits refused", run.refused)));
    }
    if run.lag.p99_ns > LAG_P99_MAX_NS {
        run.void.push(Void::Unplayed(format!(
            "the rate couldn't be generated: the generator's own lag is {:.1} ms at p99, {:.0} at most",
            run.lag.p99_ns as f64 / 1e6,
            LAG_P99_MAX_NS as f64 / 1e6
        )));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(dropped: u64, refused: u64, lag_p99_ns: u64) -> Vec<Void> {
        let mut run = OpenRun {
            latency: LatencySummary::default(),
            lag: LatencySummary { p99_ns: lag_p99_ns, ..LatencySummary::default() },
            intended: 10_000,
            acknowledged: 10_000 - dropped - refused,
            refused,
            dropped,
            journaled: None,
            void: Vec::new(),
        };
        void_unless_generated(&mut run);
        run.void
    }

    #[test]
    fn a_rate_that_is_not_generated_makes_the_run_void() {
        let unplayed = |reason: &str| [Void::Unplayed(reason.to_owned())];
        assert_eq!(run(10, 0, LAG_P99_MAX_NS), []);
        assert_eq!(run(11, 0, 0), unplayed("11 of 10000 intended debits couldn't be sent"));
        assert_eq!(run(0, 1, 0), [Void::Wrong("1 debits refused".to_owned())]);
        let late = run(0, 0, 25_000_000);
        assert_eq!(
            late,
            unplayed("the rate couldn't be generated: the generator's own lag is 25.0 ms at p99, 10 at most")
        );
    }
}
