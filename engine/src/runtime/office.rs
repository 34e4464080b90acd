//! What operators ask that no single decision answers, and what happens by itself at its time.

use protocol::answer::AdjustmentLine;
use protocol::ids::RecordNumber;
use protocol::request::AdjustmentsQuery;

use super::engine::Engine;
use crate::ledger::Request;
use crate::ledger::calendar::day_of;
use crate::ledger::command::{AdjustExpire, SubsidyAdvance};
use crate::ledger::proposals::{self, Proposal};

/// A page of the proposed adjustments that wait.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdjustmentsPage {
    /// Oldest first.
    pub lines: Vec<AdjustmentLine>,
    /// Where the next page goes on; 0 = it was the last.
    pub next_after: RecordNumber,
    /// The record that must be durable before this is told.
    pub observed: RecordNumber,
}

impl Engine {
    /// The proposed adjustments that wait for a second person.
    pub fn adjustments(&self, query: &AdjustmentsQuery) -> AdjustmentsPage {
        let held = self.hold_all();
        let waiting = proposals::waiting(&held);
        let observed = RecordNumber(self.log().staged());
        drop(held);
        let mut later = waiting.iter().filter(|proposal| proposal.record > query.after).peekable();
        let lines: Vec<AdjustmentLine> =
            later.by_ref().take(usize::from(query.lines_max)).map(line_of).collect();
        let last = lines.last().filter(|_| later.peek().is_some());
        let next_after = RecordNumber(last.map_or(0, |line| line.proposal.get()));
        AdjustmentsPage { lines, next_after, observed }
    }

    /// What is to be done by itself at this logged time, if anything: one thing at a time.
    pub fn due(&self) -> Option<Request<'static>> {
        let routes = self.routes();
        let held = self.hold_all();
        let time_ns = self.log().stage().time_ns();
        if let Some(proposal) = proposals::expired(&held, time_ns) {
            return Some(Request::AdjustExpire(AdjustExpire { proposal }));
        }
        let batch = routes.configuration().registry.subsidies().due(day_of(time_ns))?;
        Some(Request::SubsidyAdvance(SubsidyAdvance { batch, swept: false }))
    }
}

fn line_of(proposal: &Proposal) -> AdjustmentLine {
    AdjustmentLine {
        proposal: proposal.record.0.into(),
        time_ns: proposal.time_ns.into(),
        expires_ns: proposal.expires_ns.into(),
        amount_fen: proposal.amount_fen.into(),
        account: proposal.account.0.into(),
        proposer: proposal.proposer.0.into(),
        wallet: proposal.wallet as u8,
        direction: proposal.direction.number(),
        reserved: [0; 6],
    }
}
