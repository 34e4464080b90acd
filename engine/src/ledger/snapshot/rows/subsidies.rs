//! The rows of subsidy batches.

use protocol::answer::{SubsidyState, SubsidyTitle};
use protocol::ids::{AccountId, RecordNumber, TerminalId};
use protocol::request::SubsidyMode;
use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::Row;
use crate::ledger::subsidies::{Batch, BatchTotals, Line, LineState};

row! {
    /// In order of number.
    BatchRow, tag 25, 200 bytes {
        total_fen: I64,
        uploaded_fen: I64,
        issued: U64,
        claimed_fen: I64,
        skipped_fen: I64,
        cleared_fen: I64,
        withdrawn_fen: I64,
        number: U32,
        lines: U32,
        uploaded: U32,
        last_account: U32,
        opener: U32,
        approver: U32,
        claimed: U32,
        skipped: U32,
        withdrawn: U32,
        lines_kept: U32,
        deadline_day: U16,
        swept_day: U16,
        state: u8,
        mode: u8,
        reserved: [u8; 2],
        title: [u8; 96],
    }
}

row! {
    /// In order of batch, then of account.
    LineRow, tag 26, 24 bytes {
        batch: U32,
        account: U32,
        amount_fen: U32,
        subsidy_fen: U32,
        withdrawn_fen: U32,
        state: u8,
        reserved: [u8; 3],
    }
}

/// In a batch's row, where no line has come yet.
const NO_ACCOUNT: u32 = u32::MAX;

impl BatchRow {
    pub(in crate::ledger::snapshot) fn new(batch: &Batch, totals: &BatchTotals) -> Self {
        Self {
            total_fen: batch.total_fen.into(),
            uploaded_fen: batch.uploaded_fen.into(),
            issued: batch.issued.0.into(),
            claimed_fen: totals.claimed_fen.into(),
            skipped_fen: totals.skipped_fen.into(),
            cleared_fen: totals.cleared_fen.into(),
            withdrawn_fen: totals.withdrawn_fen.into(),
            number: batch.number.into(),
            lines: batch.lines.into(),
            uploaded: batch.uploaded.into(),
            last_account: batch.last_account.map_or(NO_ACCOUNT, |account| account.0).into(),
            opener: batch.opener.0.into(),
            approver: batch.approver.0.into(),
            claimed: totals.claimed.into(),
            skipped: totals.skipped.into(),
            withdrawn: totals.withdrawn.into(),
            lines_kept: batch.lines_kept.into(),
            deadline_day: batch.deadline_day.into(),
            swept_day: batch.swept_day.into(),
            state: batch.state.number(),
            mode: batch.mode.number(),
            reserved: [0; 2],
            title: *batch.title.as_bytes(),
        }
    }

    pub(in crate::ledger::snapshot) fn batch(&self) -> Option<Batch> {
        Some(Batch {
            number: self.number.get(),
            state: SubsidyState::from_number(self.state)?,
            mode: SubsidyMode::from_number(self.mode)?,
            deadline_day: self.deadline_day.get(),
            lines: self.lines.get(),
            total_fen: self.total_fen.get(),
            uploaded: self.uploaded.get(),
            uploaded_fen: self.uploaded_fen.get(),
            last_account: Some(self.last_account.get()).filter(|&last| last != NO_ACCOUNT).map(AccountId),
            opener: TerminalId(self.opener.get()),
            approver: TerminalId(self.approver.get()),
            issued: RecordNumber(self.issued.get()),
            swept_day: self.swept_day.get(),
            lines_kept: self.lines_kept.get(),
            title: SubsidyTitle::from_bytes(self.title).ok()?,
        })
    }

    pub(in crate::ledger::snapshot) fn totals(&self) -> BatchTotals {
        BatchTotals {
            claimed: self.claimed.get(),
            claimed_fen: self.claimed_fen.get(),
            skipped: self.skipped.get(),
            skipped_fen: self.skipped_fen.get(),
            cleared_fen: self.cleared_fen.get(),
            withdrawn: self.withdrawn.get(),
            withdrawn_fen: self.withdrawn_fen.get(),
        }
    }
}

impl LineRow {
    pub(in crate::ledger::snapshot) fn new(batch: u32, line: &Line) -> Self {
        Self {
            batch: batch.into(),
            account: line.account.0.into(),
            amount_fen: line.amount_fen.into(),
            subsidy_fen: line.subsidy_fen.into(),
            withdrawn_fen: line.withdrawn_fen.into(),
            state: line.state as u8,
            reserved: [0; 3],
        }
    }

    pub(in crate::ledger::snapshot) fn line(&self) -> Option<Line> {
        Some(Line {
            account: AccountId(self.account.get()),
            amount_fen: self.amount_fen.get(),
            subsidy_fen: self.subsidy_fen.get(),
            withdrawn_fen: self.withdrawn_fen.get(),
            state: LineState::from_number(self.state)?,
        })
    }
}
