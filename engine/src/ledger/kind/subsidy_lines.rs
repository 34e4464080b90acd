//! The next lines of a batch: all of a page, or none. With the last of them the batch is there to be looked at.
//!
//! Of the batch: `UnknownBatch`, `BatchNotOpen` once its lines are complete, `BatchNotYours` for another operator's, so that
//! whoever approves it has sent none of them, `BatchExpired`. Of the page: `BatchLineOrder` when it doesn't begin where the last
//! ended or accounts don't rise, `BatchLineAmount`, `BatchTotalsDiffer` when it would bring more lines or money than the batch
//! is to have, or is the last and the sum is another. Of the accounts: `UnknownAccount`, `AccountClosed`. What else: see
//! [`super::office`].

use protocol::answer::SubsidyState;
use protocol::command_table::Kind;
use protocol::ids::{AccountId, TerminalId};
use protocol::request::SubsidyLine;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, IntoBytes};

use super::office::{case_of, digest_of};
use super::{Ask, Desk};
use crate::ledger::account::AccountStatus;
use crate::ledger::apply::Setting;
use crate::ledger::command::Sale;
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::limits::SUBSIDY_FEN_MAX;
use crate::ledger::record::{Record, RecordKind, SubsidyLinesRecord};
use crate::ledger::shard::Parts;
use crate::ledger::subsidies::{Batch, Line, LineState};

/// Brings the next lines of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubsidyLines<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// The batch.
    pub batch: u32,
    /// How many lines came before.
    pub first: u32,
    /// The page: as many lines as one record holds.
    pub lines: &'a [SubsidyLine],
}

impl<'a> Ask<'a> for SubsidyLines<'a> {
    const CONFIGURES: bool = true;

    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let page_fen = self.lines.iter().map(|line| i64::from(line.amount_fen.get())).sum();
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(page_fen) };
        let digest = digest_of(Kind::SubsidyLines, self.lines.as_bytes())
            .word(u64::from(self.batch) << 32 | u64::from(self.first))
            .finish();
        let case = case_of(till, &self.sale, digest, page_fen);
        if let Some(decision) = desk.office_refusal(&case, Kind::SubsidyLines, None, None) {
            return decision;
        }
        let Some(batch) = desk.registry.subsidies().get(self.batch) else {
            return desk.refuse(&case, ResultCode::UnknownBatch, None);
        };
        let of_batch = [
            (batch.state != SubsidyState::Open).then_some(ResultCode::BatchNotOpen),
            (batch.opener != self.sale.terminal).then_some(ResultCode::BatchNotYours),
            batch.is_late(desk.today).then_some(ResultCode::BatchExpired),
        ];
        let codes = of_batch.into_iter().chain(self.bad_page(batch, page_fen)).chain(self.bad_accounts(desk));
        if let Some(code) = codes.flatten().min() {
            return desk.refuse(&case, code, None);
        }
        let money = desk.memo(&case, ResultCode::Approved, None);
        let record = SubsidyLinesRecord {
            money,
            batch: U32::new(self.batch),
            first: U32::new(self.first),
            // The codec lets no more in than a record holds.
            count: self.lines.len() as u8,
            reserved: [0; 7],
        };
        desk.office_done(&money, ResultCode::Approved, Record::SubsidyLines(record, self.lines.as_bytes()))
    }
}

impl SubsidyLines<'_> {
    fn bad_page(&self, batch: &Batch, page_fen: i64) -> [Option<ResultCode>; 3] {
        let accounts = self.lines.iter().map(|line| AccountId(line.account.get()));
        let mut with_last = batch.last_account.into_iter().chain(accounts);
        let rises = with_last.by_ref().is_sorted_by(|a, b| a < b) && self.first == batch.uploaded;
        let amounts = 1..=SUBSIDY_FEN_MAX;
        let fit = self.lines.iter().all(|line| amounts.contains(&line.amount_fen.get()));
        let (lines, total_fen) =
            (u64::from(batch.uploaded) + self.lines.len() as u64, batch.uploaded_fen + page_fen);
        let whole = lines == u64::from(batch.lines);
        let too_much = lines > u64::from(batch.lines) || total_fen > batch.total_fen;
        [
            (!rises).then_some(ResultCode::BatchLineOrder),
            (!fit).then_some(ResultCode::BatchLineAmount),
            (too_much || whole && total_fen != batch.total_fen).then_some(ResultCode::BatchTotalsDiffer),
        ]
    }

    fn bad_accounts<P: Parts + ?Sized>(
        &self,
        desk: &Desk<'_, P>,
    ) -> impl Iterator<Item = Option<ResultCode>> {
        self.lines.iter().map(|line| match desk.person(AccountId(line.account.get())) {
            None => Some(ResultCode::UnknownAccount),
            Some(person) if person.account.status == AccountStatus::Closed => Some(ResultCode::AccountClosed),
            Some(_) => None,
        })
    }
}

impl<P: Parts + ?Sized> Setting<'_, P> {
    pub(in crate::ledger) fn subsidy_lines(
        &mut self,
        r: &SubsidyLinesRecord,
        bytes: &[u8],
    ) -> Result<(), LedgerError> {
        let lines = <[SubsidyLine]>::ref_from_bytes(bytes).map_err(|_| self.bad("lines"))?;
        for line in lines {
            let (account, amount_fen) = (AccountId(line.account.get()), line.amount_fen.get());
            let waiting =
                Line { account, amount_fen, subsidy_fen: 0, withdrawn_fen: 0, state: LineState::Waiting };
            let shard = self.layout.shard_of_account(account);
            if !self.parts.shard_mut(shard).subsidies.push(r.batch.get(), waiting) {
                return Err(self.bad("account of a line"));
            }
        }
        let opener = TerminalId(r.money.terminal.get());
        let number = self.number;
        let batch = self.registry.subsidies.get(r.batch.get()).filter(|batch| {
            (batch.state, batch.opener, batch.uploaded) == (SubsidyState::Open, opener, r.first.get())
        });
        let mut batch = *batch.ok_or(LedgerError::BadField { number, field: "batch" })?;
        batch.uploaded += u32::from(r.count);
        batch.uploaded_fen += r.money.amount_fen.get();
        batch.last_account = lines.last().map(|line| AccountId(line.account.get()));
        if batch.uploaded == batch.lines {
            batch.state = SubsidyState::Previewed;
        }
        self.registry.subsidies.put(batch);
        self.posting(RecordKind::SubsidyLines).memo(&r.money)
    }
}
