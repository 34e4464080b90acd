//! Subsidy batches beside everything else: whose lines come next, and what is told of a batch.
//!
//! A batch is issued, and withdrawn, a portion of lines at a time, all of one shard, so that a turn holds no more. What was paid
//! stands in the log and in the lines: a start after a kill goes on with the first line that waits. A withdrawal goes through
//! all lines once; a start begins it anew, and finds nothing left where it has been. It goes on only when every line of a
//! portion was decided: what the log didn't take is in the next one again. Each withdrawal begins with the first line.

use protocol::answer::{SubsidyAnswer, SubsidyLineState, SubsidyPreviewLine, SubsidyState, SubsidyTitle};
use protocol::ids::{AccountId, RecordNumber};
use protocol::request::SubsidyPreview;
use protocol::result_code::ResultCode;

use super::engine::Engine;
use crate::ledger::calendar::day_of;
use crate::ledger::command::{SubsidyAdvance, SubsidyClaim, SubsidyTakeBack};
use crate::ledger::subsidies::{self, BatchTotals, Line, LineState};
use crate::ledger::{Request, Shard};

/// Where a withdrawal has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    batch: u32,
    shard: usize,
    /// The account to go on from.
    from: AccountId,
}

impl Engine {
    /// What is to be done next for the batch that runs, if one does: for at most so many lines, or the step that ends it. With
    /// it, where a withdrawal has come to once all of that is decided.
    pub fn subsidy_portion(&self, sweep: Sweep, lines_max: usize) -> (Vec<Request<'static>>, Sweep) {
        let routes = self.routes();
        let Some(batch) = routes.configuration().registry.subsidies().running().copied() else {
            return (Vec::new(), sweep);
        };
        let number = batch.number;
        let is_late = batch.is_late(day_of(self.log().stage().time_ns()));
        let (requests, then) = match batch.state {
            SubsidyState::Issuing if is_late => (Vec::new(), sweep),
            SubsidyState::Issuing => (self.waiting_lines(number, lines_max), sweep),
            _ => self.lines_to_sweep(number, sweep, lines_max),
        };
        if requests.is_empty() {
            let swept = batch.state == SubsidyState::Withdrawing;
            let advance = Request::SubsidyAdvance(SubsidyAdvance { batch: number, swept });
            return (vec![advance], Sweep::default());
        }
        (requests, then)
    }

    fn waiting_lines(&self, batch: u32, lines_max: usize) -> Vec<Request<'static>> {
        let claim = |account| Request::SubsidyClaim(SubsidyClaim { batch, account });
        let of_shard =
            |shard: &Shard| subsidies::waiting(shard, batch, lines_max).map(claim).collect::<Vec<_>>();
        let mut portions = self.shards().iter().map(|shard| of_shard(&shard.lock()));
        portions.find(|portion| !portion.is_empty()).unwrap_or_default()
    }

    fn lines_to_sweep(&self, batch: u32, sweep: Sweep, lines_max: usize) -> (Vec<Request<'static>>, Sweep) {
        let mut at = if sweep.batch == batch { sweep } else { Sweep { batch, ..Sweep::default() } };
        while let Some(shard) = self.shards().get(at.shard) {
            let accounts: Vec<AccountId> = subsidies::lines_from(&shard.lock(), batch, at.from)
                .take(lines_max)
                .map(|line| line.account)
                .collect();
            let Some(last) = accounts.last() else {
                at = Sweep { batch, shard: at.shard + 1, from: AccountId(0) };
                continue;
            };
            at.from = AccountId(last.0.saturating_add(1));
            let take_back = |account| Request::SubsidyTakeBack(SubsidyTakeBack { batch, account });
            return (accounts.into_iter().map(take_back).collect(), at);
        }
        (Vec::new(), at)
    }

    /// How far a batch has come, and the record that must be durable before it is told.
    pub fn subsidy(&self, number: u32) -> (SubsidyAnswer, RecordNumber) {
        let routes = self.routes();
        let held = self.hold_all();
        let observed = RecordNumber(self.log().staged());
        let totals = subsidies::totals(&held, number);
        let batch = routes.configuration().registry.subsidies().get(number);
        let BatchTotals { claimed, claimed_fen, skipped, skipped_fen, cleared_fen, withdrawn, withdrawn_fen } =
            totals;
        let answer = SubsidyAnswer {
            code: if batch.is_some() { ResultCode::Approved } else { ResultCode::UnknownBatch },
            state: batch.map_or(SubsidyState::None, |batch| batch.state),
            batch: number,
            total_fen: batch.map_or(0, |batch| batch.total_fen),
            claimed_fen,
            skipped_fen,
            cleared_fen,
            withdrawn_fen,
            lines: batch.map_or(0, |batch| batch.lines),
            uploaded: batch.map_or(0, |batch| batch.uploaded),
            claimed,
            skipped,
            withdrawn,
            opener: batch.map_or(0, |batch| batch.opener.0),
            approver: batch.map_or(0, |batch| batch.approver.0),
            deadline_day: batch.map_or(0, |batch| batch.deadline_day),
            mode: batch.map_or(0, |batch| batch.mode.number()),
            server_time_ns: 0,
            title: batch.map_or(SubsidyTitle::EMPTY, |batch| batch.title),
        };
        (answer, observed)
    }

    /// A page of a batch's lines.
    pub fn subsidy_preview(&self, query: &SubsidyPreview) -> SubsidyPage {
        let routes = self.routes();
        let held = self.hold_all();
        let observed = RecordNumber(self.log().staged());
        if routes.configuration().registry.subsidies().get(query.batch).is_none() {
            let code = ResultCode::UnknownBatch;
            return SubsidyPage { code, batch: query.batch, lines: Vec::new(), next_account: 0, observed };
        }
        let lines_max = usize::from(query.lines_max);
        let mut lines = subsidies::lines(&held, query.batch, AccountId(query.from_account), lines_max + 1);
        let next_account = lines.get(lines_max).map_or(0, |line| line.account.0);
        lines.truncate(lines_max);
        let lines = lines.iter().map(preview_of).collect();
        SubsidyPage { code: ResultCode::Approved, batch: query.batch, lines, next_account, observed }
    }
}

/// A page of a batch's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubsidyPage {
    /// Approved, or `UnknownBatch`.
    pub code: ResultCode,
    /// The batch.
    pub batch: u32,
    /// In order of account.
    pub lines: Vec<SubsidyPreviewLine>,
    /// Where the next page goes on; 0 = it was the last.
    pub next_account: u32,
    /// The record that must be durable before this is told.
    pub observed: RecordNumber,
}

fn preview_of(line: &Line) -> SubsidyPreviewLine {
    let state = match line.state {
        LineState::Waiting => SubsidyLineState::Waiting,
        LineState::Claimed => SubsidyLineState::Claimed,
        LineState::Skipped => SubsidyLineState::Skipped,
        LineState::Withdrawn => SubsidyLineState::Withdrawn,
    };
    SubsidyPreviewLine {
        account: line.account.0.into(),
        amount_fen: line.amount_fen.into(),
        withdrawn_fen: line.withdrawn_fen.into(),
        state: state.number(),
        reserved: [0; 3],
    }
}
