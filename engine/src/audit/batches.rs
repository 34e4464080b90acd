//! Subsidy batches, from records alone: each line is paid once, as it was planned, after two people said so, and no more is taken
//! back of it than it brought.

use std::collections::BTreeMap;

use protocol::answer::SubsidyState;
use protocol::ids::AccountId;
use protocol::request::SubsidyLine;
use zerocopy::FromBytes;

use super::posting::changes;
use crate::ledger::calendar::day_of;
use crate::ledger::record::{
    Record, SubsidyLinesRecord, SubsidyOpenedRecord, SubsidyRecord, SubsidySteppedRecord,
};

/// A line, and what became of it.
#[derive(Clone, Copy, Debug)]
struct Line {
    amount_fen: u32,
    /// What it brought as subsidy; none while it wasn't paid.
    brought_fen: Option<i64>,
    is_skipped: bool,
    is_withdrawn: bool,
}

#[derive(Clone, Debug)]
struct Batch {
    state: SubsidyState,
    opener: u32,
    deadline_day: u16,
    total_fen: i64,
    lines: usize,
    of_account: BTreeMap<u32, Line>,
}

/// Every batch.
#[derive(Clone, Debug, Default)]
pub(super) struct Batches {
    all: BTreeMap<u32, Batch>,
}

impl Batches {
    /// A record of a batch.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn take(&mut self, time_ns: u64, record: &Record<'_>) -> Result<(), String> {
        match record {
            Record::SubsidyOpened(r, title) => self.opened(r, title),
            Record::SubsidyLines(r, bytes) => self.lines(r, bytes),
            Record::SubsidyStepped(r, reason) => self.stepped(time_ns, r, reason),
            // What came in no batch stands for itself.
            Record::SubsidyClaimed(r) if r.batch.get() == 0 => Ok(()),
            Record::SubsidyClaimed(r) => self.claimed(time_ns, r),
            Record::SubsidyTakenBack(r) => self.taken_back(r),
            Record::SubsidySkipped(r) => {
                let line = self.waiting_line(r.batch.get(), r.money.person(), r.money.amount_fen.get())?;
                line.is_skipped = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn opened(&mut self, r: &SubsidyOpenedRecord, title: &[u8]) -> Result<(), String> {
        let batch = Batch {
            state: SubsidyState::Open,
            opener: r.money.terminal.get(),
            deadline_day: r.deadline_day.get(),
            total_fen: r.money.amount_fen.get(),
            lines: r.lines.get() as usize,
            of_account: BTreeMap::new(),
        };
        if title.is_empty() {
            return Err("a batch without a title".to_owned());
        }
        match self.all.insert(r.batch.get(), batch) {
            None => Ok(()),
            Some(_) => Err(format!("batch {} was opened before", r.batch)),
        }
    }

    fn lines(&mut self, r: &SubsidyLinesRecord, bytes: &[u8]) -> Result<(), String> {
        let batch = self.batch(r.batch.get())?;
        let lines = <[SubsidyLine]>::ref_from_bytes(bytes).map_err(|_| "half a line".to_owned())?;
        if batch.state != SubsidyState::Open || batch.opener != r.money.terminal.get() {
            return Err(format!(
                "operator {} adds lines to a batch that is {:?}",
                r.money.terminal, batch.state
            ));
        }
        if batch.of_account.len() != r.first.get() as usize {
            return Err(format!("{} lines came before, it says {}", batch.of_account.len(), r.first));
        }
        let mut page_fen = 0;
        for line in lines {
            let (account, amount_fen) = (line.account.get(), line.amount_fen.get());
            let rises = batch.of_account.last_key_value().is_none_or(|(last, _)| *last < account);
            if !rises || amount_fen == 0 {
                return Err(format!("account {account} can't have a line of {amount_fen} fen here"));
            }
            page_fen += i64::from(amount_fen);
            let line = Line { amount_fen, brought_fen: None, is_skipped: false, is_withdrawn: false };
            batch.of_account.insert(account, line);
        }
        if batch.of_account.len() == batch.lines {
            batch.state = SubsidyState::Previewed;
            let sum_fen: i64 = batch.of_account.values().map(|line| i64::from(line.amount_fen)).sum();
            if sum_fen != batch.total_fen {
                return Err(format!("the lines add up to {sum_fen} fen, planned were {}", batch.total_fen));
            }
        }
        if page_fen == r.money.amount_fen.get() {
            Ok(())
        } else {
            Err(format!("a page of {page_fen} fen says {}", r.money.amount_fen))
        }
    }

    fn stepped(&mut self, time_ns: u64, r: &SubsidySteppedRecord, reason: &[u8]) -> Result<(), String> {
        use SubsidyState::{
            Approved, Expired, Issued, Issuing, Open, Previewed, Rejected, Withdrawing, Withdrawn,
        };
        let batch = self.batch(r.batch.get())?;
        let Some(next) = SubsidyState::from_number(r.state) else {
            return Err(format!("state {} of a batch", r.state));
        };
        let by_itself = r.money.terminal_slot().is_none();
        let late = day_of(time_ns) > batch.deadline_day;
        let all_done = || batch.of_account.values().all(|line| line.brought_fen.is_some() || line.is_skipped);
        let may = match (batch.state, next) {
            (Previewed, Approved) => !by_itself && !late && batch.opener != r.money.terminal.get(),
            (Previewed, Rejected) | (Approved, Issuing) | (Issued, Withdrawing) => !by_itself && !late,
            (Open | Previewed | Approved, Withdrawn) => !by_itself && !late,
            (Issuing, Issued) => by_itself && all_done(),
            (Withdrawing, Withdrawn) => by_itself,
            (Open | Previewed | Approved | Issuing | Issued, Expired) => by_itself && late,
            _ => false,
        };
        if !may {
            return Err(format!("operator {} takes it from {:?} to {next:?}", r.money.terminal, batch.state));
        }
        batch.state = next;
        if by_itself == reason.is_empty() {
            Ok(())
        } else {
            Err("an operator says why, and nobody else does".to_owned())
        }
    }

    fn claimed(&mut self, time_ns: u64, r: &SubsidyRecord) -> Result<(), String> {
        if day_of(time_ns) > self.batch(r.batch.get())?.deadline_day {
            return Err(format!("batch {} is paid after its deadline", r.batch));
        }
        let line = self.waiting_line(r.batch.get(), r.money.person(), r.money.amount_fen.get())?;
        line.brought_fen = Some(changes(&r.wallets)[3]);
        Ok(())
    }

    /// A line that waits to be paid exactly this.
    fn waiting_line(
        &mut self,
        number: u32,
        account: Option<AccountId>,
        amount_fen: i64,
    ) -> Result<&mut Line, String> {
        let batch = self.batch(number)?;
        if batch.state != SubsidyState::Issuing {
            return Err(format!("a line of batch {number} is paid, which is {:?}", batch.state));
        }
        let line = account.and_then(|account| batch.of_account.get_mut(&account.0));
        line.filter(|line| line.brought_fen.is_none() && !line.is_skipped)
            .filter(|line| i64::from(line.amount_fen) == amount_fen)
            .ok_or_else(|| format!("no line of batch {number} waits for {amount_fen} fen for {account:?}"))
    }

    fn taken_back(&mut self, r: &SubsidyRecord) -> Result<(), String> {
        let (number, amount_fen) = (r.batch.get(), r.money.amount_fen.get());
        let batch = self.batch(number)?;
        if r.mode == SubsidyRecord::CLEARED {
            return if batch.state == SubsidyState::Issuing {
                Ok(())
            } else {
                Err(format!("batch {number} takes others' rest back and is {:?}", batch.state))
            };
        }
        let line = r.money.person().and_then(|account| batch.of_account.get_mut(&account.0));
        match line {
            Some(line)
                if r.mode == SubsidyRecord::WITHDRAWN
                    && batch.state == SubsidyState::Withdrawing
                    && !line.is_withdrawn
                    && line.brought_fen.is_some_and(|brought_fen| brought_fen >= amount_fen) =>
            {
                line.is_withdrawn = true;
                Ok(())
            }
            line => Err(format!("{amount_fen} fen of {line:?} of batch {number} are taken back")),
        }
    }

    fn batch(&mut self, number: u32) -> Result<&mut Batch, String> {
        self.all.get_mut(&number).ok_or_else(|| format!("no batch {number} was opened"))
    }
}
