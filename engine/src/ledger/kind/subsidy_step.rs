//! A batch takes a step: an operator says so, or its time has come.
//!
//! | state | approve | reject | issue | withdraw |
//! |---|---|---|---|---|
//! | open | `BatchNotPreviewed` | `BatchNotPreviewed` | `BatchNotApproved` | withdrawn |
//! | previewed | approved; by who opened it `SamePerson` | rejected | `BatchNotApproved` | withdrawn |
//! | approved | `BatchDecided` | `BatchDecided` | issuing | withdrawn |
//! | issuing | `BatchDecided` | `BatchDecided` | `BatchIssuedBefore` | `BatchRunning` |
//! | issued | `BatchDecided` | `BatchDecided` | `BatchIssuedBefore` | withdrawing |
//! | withdrawing | `BatchDecided` | `BatchDecided` | `BatchIssuedBefore` | `BatchRunning` |
//! | withdrawn, rejected | `BatchOver` | `BatchOver` | `BatchOver` | `BatchOver` |
//! | expired, or its deadline has passed | `BatchExpired` | `BatchExpired` | `BatchExpired` | `BatchExpired` |
//!
//! Where the deadline has passed and another code applies, the lower number is the answer. `UnknownBatch` first of all. By
//! itself a batch is issued when no line waits, withdrawn when all were gone through, expired the day after its deadline: what
//! was paid stays then, and what wasn't isn't paid any more. A withdrawal that has begun goes on. While something that was spent of
//! a withdrawn batch may come back, the batch is withdrawing once more each day, by itself, the last time the day after its
//! deadline: what comes back later stays. What else: see [`super::office`].

use protocol::answer::SubsidyState;
use protocol::command_table::Kind;
use protocol::ids::TerminalId;
use protocol::request::SubsidyAction;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U16, U32};

use super::office::{case_of, digest_of, reason_bytes};
use super::{Ask, Desk};
use crate::ledger::apply::Setting;
use crate::ledger::calendar::day_of;
use crate::ledger::command::Sale;
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::record::{MoneyRecord, Record, RecordKind, SubsidySteppedRecord, Wallet};
use crate::ledger::shard::Parts;
use crate::ledger::subsidies::Batch;

/// Takes a batch to its next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubsidyStep<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// The batch.
    pub batch: u32,
    /// Where to.
    pub action: SubsidyAction,
    /// Why, UTF-8.
    pub reason: &'a [u8],
}

/// Takes a batch on when it is time. Nobody asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubsidyAdvance {
    /// The batch.
    pub batch: u32,
    /// Whether every line was gone through since the batch began to be withdrawn, this time.
    pub swept: bool,
}

impl<'a> Ask<'a> for SubsidyStep<'a> {
    const CONFIGURES: bool = true;

    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(0) };
        let digest = digest_of(Kind::SubsidyStep, self.reason)
            .word(u64::from(self.batch) << 8 | u64::from(self.action.number()))
            .finish();
        let case = case_of(till, &self.sale, digest, 0);
        if let Some(decision) = desk.office_refusal(&case, Kind::SubsidyStep, Some(self.reason), None) {
            return decision;
        }
        let Some(batch) = desk.registry.subsidies().get(self.batch) else {
            return desk.refuse(&case, ResultCode::UnknownBatch, None);
        };
        let late = batch.is_late(desk.today).then_some(ResultCode::BatchExpired);
        let next = next_state(batch, self.action, self.sale.terminal);
        let state = match (next, late) {
            (Ok(state), None) => state,
            (Ok(_), Some(code)) => return desk.refuse(&case, code, None),
            (Err(code), late) => return desk.refuse(&case, code.min(late.unwrap_or(code)), None),
        };
        let money = desk.memo(&case, ResultCode::Approved, None);
        let record = SubsidySteppedRecord {
            money,
            batch: U32::new(self.batch),
            state: state.number(),
            reason_bytes: reason_bytes(self.reason),
            reserved: U16::ZERO,
        };
        desk.office_done(&money, ResultCode::Approved, Record::SubsidyStepped(record, self.reason))
    }
}

/// What an operator's step makes of a batch.
fn next_state(
    batch: &Batch,
    action: SubsidyAction,
    operator: TerminalId,
) -> Result<SubsidyState, ResultCode> {
    use SubsidyAction::{Approve, Issue, Reject, Withdraw};
    use SubsidyState::{
        Approved, Expired, Issued, Issuing, None, Open, Previewed, Rejected, Withdrawing, Withdrawn,
    };
    match (action, batch.state) {
        (_, None) => Err(ResultCode::UnknownBatch),
        (_, Withdrawn | Rejected) => Err(ResultCode::BatchOver),
        (_, Expired) => Err(ResultCode::BatchExpired),
        (Approve | Reject, Open) => Err(ResultCode::BatchNotPreviewed),
        (Approve, Previewed) if batch.opener == operator => Err(ResultCode::SamePerson),
        (Approve, Previewed) => Ok(Approved),
        (Reject, Previewed) => Ok(Rejected),
        (Approve | Reject, Approved | Issuing | Issued | Withdrawing) => Err(ResultCode::BatchDecided),
        (Issue, Open | Previewed) => Err(ResultCode::BatchNotApproved),
        (Issue, Approved) => Ok(Issuing),
        (Issue, Issuing | Issued | Withdrawing) => Err(ResultCode::BatchIssuedBefore),
        (Withdraw, Open | Previewed | Approved) => Ok(Withdrawn),
        (Withdraw, Issued) => Ok(Withdrawing),
        (Withdraw, Issuing | Withdrawing) => Err(ResultCode::BatchRunning),
    }
}

impl<'a> Ask<'a> for SubsidyAdvance {
    const CONFIGURES: bool = true;

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(batch) = desk.registry.subsidies().get(self.batch) else {
            return desk.unchanged(ResultCode::UnknownBatch, None);
        };
        let waits = (0..desk.parts.shard_count())
            .any(|shard| !desk.parts.shard(shard).subsidies.lines_waiting(self.batch).is_empty());
        let state = match batch.state {
            SubsidyState::Issuing if !waits => SubsidyState::Issued,
            SubsidyState::Withdrawing if self.swept => SubsidyState::Withdrawn,
            SubsidyState::Withdrawn if batch.is_to_sweep(desk.today) => SubsidyState::Withdrawing,
            _ if batch.is_late(desk.today) => SubsidyState::Expired,
            _ => return desk.unchanged(ResultCode::BatchRunning, None),
        };
        let money = MoneyRecord::of_no_till(desk.date(), 0, Wallet::Card);
        let record = SubsidySteppedRecord {
            money,
            batch: U32::new(self.batch),
            state: state.number(),
            reason_bytes: 0,
            reserved: U16::ZERO,
        };
        desk.office_done(&money, ResultCode::Approved, Record::SubsidyStepped(record, &[]))
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn subsidy_stepped(
        &mut self,
        r: &SubsidySteppedRecord,
        _: &[u8],
    ) -> Result<(), LedgerError> {
        let state = SubsidyState::from_number(r.state).ok_or_else(|| self.bad("state"))?;
        let number = self.number;
        let batch = self.registry.subsidies.get(r.batch.get());
        let mut batch = *batch.ok_or(LedgerError::NotKnown { number, what: "the batch" })?;
        let swept = batch.state == SubsidyState::Withdrawing;
        batch.state = state;
        match state {
            SubsidyState::Approved | SubsidyState::Rejected => {
                batch.approver = TerminalId(r.money.terminal.get());
            }
            SubsidyState::Issuing => batch.issued = number,
            SubsidyState::Withdrawn if swept => batch.swept_day = day_of(self.time_ns),
            _ => {}
        }
        if batch.is_over() {
            let shards = 0..self.layout.shard_count();
            let kept =
                shards.map(|shard| self.parts.shard_mut(shard).subsidies.keep_what_matters(r.batch.get()));
            batch.lines_kept = kept.sum();
        }
        self.registry.subsidies.put(batch);
        while let Some(over) = self.registry.subsidies.forgettable() {
            for shard in 0..self.layout.shard_count() {
                self.parts.shard_mut(shard).subsidies.forget(over.number);
            }
            self.registry.subsidies.put(Batch { lines_kept: 0, ..over });
        }
        if r.money.terminal_slot().is_some() {
            self.posting(RecordKind::SubsidyStepped).memo(&r.money)?;
        }
        Ok(())
    }
}
