//! Finance opens a subsidy batch: a number that was never used, a title, how many lines will come and what they add up to.
//!
//! `AmountNotPositive`, `AmountTooLarge` for what it is to pay in all; `NotPermitted` for a batch numbered 0, without lines, or of
//! more than there can be accounts. None of these leaves a record. Then `BatchExists`, `BatchExpired` for a deadline that has passed,
//! `BatchDeadlineTooFar` for one that keeps its lines in memory for too long, `TooManyBatches` when there are as many as can be and
//! all of them matter, or as many with lines as may be, `TooManyBatchLines` when its lines find no place beside those of others. The title is its reason: see
//! [`super::office`].

use protocol::answer::{SubsidyState, SubsidyTitle};
use protocol::command_table::Kind;
use protocol::ids::{RecordNumber, TerminalId};
use protocol::request::SubsidyMode;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U16, U32};

use super::office::{case_of, digest_of, reason_bytes};
use super::{Ask, Desk};
use crate::ledger::apply::Setting;
use crate::ledger::command::Sale;
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::limits::{BALANCE_FEN_MAX, SUBSIDY_DEADLINE_DAYS_MAX, SUBSIDY_LINES_PER_ACCOUNT};
use crate::ledger::record::{Record, RecordKind, SubsidyOpenedRecord};
use crate::ledger::shard::Parts;
use crate::ledger::subsidies::Batch;

/// Opens a subsidy batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubsidyOpen<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// The batch's number.
    pub batch: u32,
    /// What becomes of what is left of earlier batches.
    pub mode: SubsidyMode,
    /// The last +08:00 day on which it is issued or withdrawn.
    pub deadline_day: u16,
    /// How many lines will come.
    pub lines: u32,
    /// What they will add up to.
    pub total_fen: i64,
    /// Its title, UTF-8.
    pub title: &'a [u8],
}

impl<'a> Ask<'a> for SubsidyOpen<'a> {
    const CONFIGURES: bool = true;

    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let SubsidyOpen { batch, mode, deadline_day, lines, total_fen, title, .. } = *self;
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(total_fen) };
        let digest = digest_of(Kind::SubsidyOpen, title)
            .word(u64::from(batch) << 32 | u64::from(lines))
            .word(u64::from(deadline_day) << 8 | u64::from(mode.number()))
            .word(total_fen.cast_unsigned())
            .finish();
        let case = case_of(till, &self.sale, digest, total_fen);
        if let Some(decision) =
            desk.office_refusal(&case, Kind::SubsidyOpen, Some(title), Some(BALANCE_FEN_MAX))
        {
            return decision;
        }
        let batches = desk.registry.subsidies();
        if batch == 0 || lines == 0 || lines > desk.registry.accounts_max {
            return desk.transient(&case, ResultCode::NotPermitted);
        }
        let lines_max = u64::from(desk.registry.accounts_max) * SUBSIDY_LINES_PER_ACCOUNT;
        let refusals = [
            (batches.is_used(batch), ResultCode::BatchExists),
            (deadline_day < desk.today, ResultCode::BatchExpired),
            (
                deadline_day > desk.today.saturating_add(SUBSIDY_DEADLINE_DAYS_MAX),
                ResultCode::BatchDeadlineTooFar,
            ),
            (!batches.has_room(), ResultCode::TooManyBatches),
            (batches.lines_kept() + u64::from(lines) > lines_max, ResultCode::TooManyBatchLines),
        ];
        if let Some((_, code)) = refusals.into_iter().find(|(applies, _)| *applies) {
            return desk.refuse(&case, code, None);
        }
        let money = desk.memo(&case, ResultCode::Approved, None);
        let record = SubsidyOpenedRecord {
            money,
            batch: U32::new(batch),
            lines: U32::new(lines),
            deadline_day: U16::new(deadline_day),
            mode: mode.number(),
            title_bytes: reason_bytes(title),
            reserved: U32::ZERO,
        };
        desk.office_done(&money, ResultCode::Approved, Record::SubsidyOpened(record, title))
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn subsidy_opened(
        &mut self,
        r: &SubsidyOpenedRecord,
        title: &[u8],
    ) -> Result<(), LedgerError> {
        let text = core::str::from_utf8(title).ok().and_then(|text| SubsidyTitle::new(text).ok());
        let batch = Batch {
            number: r.batch.get(),
            state: SubsidyState::Open,
            mode: SubsidyMode::from_number(r.mode).ok_or_else(|| self.bad("mode"))?,
            deadline_day: r.deadline_day.get(),
            lines: r.lines.get(),
            total_fen: r.money.amount_fen.get(),
            uploaded: 0,
            uploaded_fen: 0,
            last_account: None,
            opener: TerminalId(r.money.terminal.get()),
            approver: TerminalId(0),
            issued: RecordNumber(0),
            swept_day: 0,
            lines_kept: r.lines.get(),
            title: text.ok_or_else(|| self.bad("title"))?,
        };
        if let Some(gone) = self.registry.subsidies.make_place() {
            for shard in 0..self.layout.shard_count() {
                self.parts.shard_mut(shard).subsidies.let_go(gone);
            }
        }
        for shard in 0..self.layout.shard_count() {
            self.parts.shard_mut(shard).subsidies.open(batch.number, batch.lines);
        }
        if self.registry.subsidies.put(batch).is_some() {
            return Err(self.bad("batch"));
        }
        self.posting(RecordKind::SubsidyOpened).memo(&r.money)
    }
}
