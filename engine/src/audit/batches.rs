//! Subsidy batches, from records alone: each line is paid once, as it was planned, after two people of finance said so; no line is
//! left out that could be paid, no more is taken back of it than it brought, and nothing that could be is left.

use std::collections::BTreeMap;

use protocol::answer::SubsidyState;
use protocol::ids::AccountId;
use protocol::request::{SubsidyLine, SubsidyMode};
use protocol::result_code::ResultCode;
use zerocopy::FromBytes;

use super::posting::changes;
use super::subsidy::Purse;
use crate::ledger::calendar::day_of;
use crate::ledger::limits::{BALANCE_FEN_MAX, SUBSIDY_FEN_MAX};
use crate::ledger::record::{
    Record, SubsidyLinesRecord, SubsidyOpenedRecord, SubsidyRecord, SubsidySkippedRecord,
    SubsidySteppedRecord,
};

/// A line, and what became of it.
#[derive(Clone, Copy, Debug)]
struct Line {
    amount_fen: u32,
    /// What it brought as subsidy; none while it wasn't paid.
    brought_fen: Option<i64>,
    is_skipped: bool,
    withdrawn_fen: i64,
    /// What had come back to its account when its batch began to be withdrawn.
    came_back_fen: i128,
}

impl Line {
    /// What it brought and wasn't taken back: it was spent, or is there.
    fn matters_fen(&self) -> i64 {
        self.brought_fen.unwrap_or(0) - self.withdrawn_fen
    }
}

#[derive(Clone, Debug)]
struct Batch {
    state: SubsidyState,
    mode: SubsidyMode,
    opener: u32,
    deadline_day: u16,
    total_fen: i64,
    lines: usize,
    /// The record that began to issue it.
    issued: u64,
    /// The day on which it was gone through last.
    swept_day: u16,
    of_account: BTreeMap<u32, Line>,
}

/// What a person has, by account.
type PurseOf<'p> = &'p dyn Fn(AccountId) -> Option<Purse>;

/// Every batch.
#[derive(Clone, Debug, Default)]
pub(super) struct Batches {
    all: BTreeMap<u32, Batch>,
    /// How many began to be issued.
    issued: u64,
    /// The batch that a rest was taken back for, from this account, by the record before.
    clears: Option<(u32, Option<AccountId>)>,
}

impl Batches {
    /// A record of a batch; purses are as they are after it.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn take(
        &mut self,
        time_ns: u64,
        record: &Record<'_>,
        purse: PurseOf<'_>,
    ) -> Result<(), String> {
        let cleared = self.clears.take();
        match record {
            Record::SubsidyOpened(r, title) => self.opened(time_ns, r, title),
            Record::SubsidyLines(r, bytes) => self.lines(r, bytes),
            Record::SubsidyStepped(r, reason) => self.stepped(time_ns, r, reason, purse),
            // Only tests of what a subsidy is used for give one in no batch.
            Record::SubsidyClaimed(r) if cfg!(test) && r.batch.get() == 0 => Ok(()),
            Record::SubsidyClaimed(r) => self.claimed(time_ns, r, cleared, purse),
            Record::SubsidyTakenBack(r) => self.taken_back(r),
            Record::SubsidySkipped(r) => self.skipped(r, purse),
            _ => Ok(()),
        }
    }

    fn opened(&mut self, time_ns: u64, r: &SubsidyOpenedRecord, title: &[u8]) -> Result<(), String> {
        let batch = Batch {
            state: SubsidyState::Open,
            mode: SubsidyMode::from_number(r.mode).ok_or_else(|| format!("mode {} of a batch", r.mode))?,
            opener: r.money.terminal.get(),
            deadline_day: r.deadline_day.get(),
            total_fen: r.money.amount_fen.get(),
            lines: r.lines.get() as usize,
            issued: 0,
            swept_day: 0,
            of_account: BTreeMap::new(),
        };
        if title.is_empty() {
            return Err("a batch without a title".to_owned());
        }
        if batch.deadline_day < day_of(time_ns) {
            return Err(format!("batch {} is opened after its deadline", r.batch));
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
            let line =
                Line { amount_fen, brought_fen: None, is_skipped: false, withdrawn_fen: 0, came_back_fen: 0 };
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

    fn stepped(
        &mut self,
        time_ns: u64,
        r: &SubsidySteppedRecord,
        reason: &[u8],
        purse: PurseOf<'_>,
    ) -> Result<(), String> {
        use SubsidyState::{
            Approved, Expired, Issued, Issuing, Open, Previewed, Rejected, Withdrawing, Withdrawn,
        };
        let number = r.batch.get();
        let batch = self.batch(number)?;
        let Some(next) = SubsidyState::from_number(r.state) else {
            return Err(format!("state {} of a batch", r.state));
        };
        let (before, today) = (batch.state, day_of(time_ns));
        let by_itself = r.money.terminal_slot().is_none();
        let late = today > batch.deadline_day;
        let all_done = || batch.of_account.values().all(|line| line.brought_fen.is_some() || line.is_skipped);
        let may_return = || {
            let spent = batch.of_account.values().any(|line| line.matters_fen() > 0);
            spent && batch.swept_day < today && batch.swept_day <= batch.deadline_day
        };
        let may = match (before, next) {
            (Previewed, Approved) => !by_itself && !late && batch.opener != r.money.terminal.get(),
            (Previewed, Rejected) | (Approved, Issuing) | (Issued, Withdrawing) => !by_itself && !late,
            (Open | Previewed | Approved, Withdrawn) => !by_itself && !late,
            (Issuing, Issued) => by_itself && all_done(),
            (Withdrawing, Withdrawn) => by_itself,
            (Withdrawn, Withdrawing) => by_itself && may_return(),
            (Open | Previewed | Approved | Issuing | Issued, Expired) => by_itself && late,
            _ => false,
        };
        if !may {
            return Err(format!("operator {} takes it from {before:?} to {next:?}", r.money.terminal));
        }
        batch.state = next;
        match (before, next) {
            (Approved, Issuing) => {
                self.issued += 1;
                let issued = self.issued;
                self.batch(number)?.issued = issued;
            }
            (_, Withdrawing) => {
                for (&account, line) in &mut batch.of_account {
                    line.came_back_fen = purse(AccountId(account)).map_or(0, |purse| purse.came_back_fen);
                }
            }
            (Withdrawing, Withdrawn) => {
                batch.swept_day = today;
                self.nothing_left(number, purse)?;
            }
            _ => {}
        }
        if by_itself == reason.is_empty() {
            Ok(())
        } else {
            Err("an operator says why, and nobody else does".to_owned())
        }
    }

    /// Of a batch that was withdrawn nothing is there any more but what came back meanwhile.
    fn nothing_left(&mut self, number: u32, purse: PurseOf<'_>) -> Result<(), String> {
        let batch = self.batch(number)?.clone();
        let later: Vec<&Batch> = self.all.values().filter(|later| later.issued > batch.issued).collect();
        for (&account, line) in &batch.of_account {
            let Some(purse) = purse(AccountId(account)) else { continue };
            let later_fen: i64 =
                later.iter().filter_map(|later| later.of_account.get(&account)).map(Line::matters_fen).sum();
            let there_fen = purse.school_fen() - i128::from(later_fen);
            let left_fen = there_fen.min(i128::from(line.matters_fen()));
            if left_fen > purse.came_back_fen - line.came_back_fen {
                return Err(format!(
                    "batch {number} is withdrawn, and {left_fen} fen of it left to {account}"
                ));
            }
        }
        Ok(())
    }

    fn claimed(
        &mut self,
        time_ns: u64,
        r: &SubsidyRecord,
        cleared: Option<(u32, Option<AccountId>)>,
        purse: PurseOf<'_>,
    ) -> Result<(), String> {
        let (number, account, amount_fen) = (r.batch.get(), r.money.person(), r.money.amount_fen.get());
        let batch = self.batch(number)?;
        if day_of(time_ns) > batch.deadline_day {
            return Err(format!("batch {number} is paid after its deadline"));
        }
        let (beside, brought_fen) = (batch.mode == SubsidyMode::Beside, changes(&r.wallets)[3]);
        let mode = if beside { SubsidyRecord::BESIDE } else { SubsidyRecord::CLEAR };
        if r.mode != mode || cleared.is_some_and(|cleared| cleared != (number, account)) {
            return Err(format!(
                "batch {number} ({:?}) pays {account:?} as {}, after {cleared:?}",
                batch.mode, r.mode
            ));
        }
        let after = account.and_then(purse).unwrap_or_default();
        let before = Purse {
            card_fen: after.card_fen - i128::from(amount_fen),
            subsidy_fen: after.subsidy_fen - i128::from(brought_fen),
            ..after
        };
        if !beside && before.school_fen() > 0 {
            return Err(format!("batch {number} clears, and {} fen were left before", before.school_fen()));
        }
        if after.is_closed {
            return Err(format!("{account:?} is closed and gets {amount_fen} fen"));
        }
        self.waiting_line(number, account, amount_fen)?.brought_fen = Some(brought_fen);
        Ok(())
    }

    /// A line isn't paid to who can't have it, and to nobody else.
    fn skipped(&mut self, r: &SubsidySkippedRecord, purse: PurseOf<'_>) -> Result<(), String> {
        let (number, account, amount_fen) = (r.batch.get(), r.money.person(), r.money.amount_fen.get());
        let clears = self.batch(number)?.mode == SubsidyMode::Clear;
        let purse = account.and_then(purse).unwrap_or_default();
        let there_fen = if clears { purse.school_fen() } else { 0 };
        let card_fen = purse.card_fen - there_fen + i128::from(amount_fen);
        let subsidy_fen = purse.subsidy_fen - there_fen;
        let full_fen = subsidy_fen + i128::from(amount_fen).min(card_fen.max(0) - subsidy_fen);
        let fits = card_fen <= i128::from(BALANCE_FEN_MAX) && full_fen <= i128::from(SUBSIDY_FEN_MAX);
        let cant = match r.money.result_code() {
            Some(ResultCode::AccountClosed) => purse.is_closed,
            Some(ResultCode::BalanceOverflow) => !purse.is_closed && !fits,
            _ => false,
        };
        if !cant {
            return Err(format!("batch {number} doesn't pay {account:?} for code {}", r.money.code));
        }
        self.waiting_line(number, account, amount_fen)?.is_skipped = true;
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
            if batch.state != SubsidyState::Issuing || batch.mode != SubsidyMode::Clear {
                return Err(format!("batch {number} ({:?}) takes others' rest back", batch.mode));
            }
            self.clears = Some((number, r.money.person()));
            return Ok(());
        }
        let line = r.money.person().and_then(|account| batch.of_account.get_mut(&account.0));
        match line {
            Some(line)
                if r.mode == SubsidyRecord::WITHDRAWN
                    && batch.state == SubsidyState::Withdrawing
                    && (1..=line.matters_fen()).contains(&amount_fen) =>
            {
                line.withdrawn_fen += amount_fen;
                Ok(())
            }
            line => Err(format!("{amount_fen} fen of {line:?} of batch {number} are taken back")),
        }
    }

    fn batch(&mut self, number: u32) -> Result<&mut Batch, String> {
        self.all.get_mut(&number).ok_or_else(|| format!("no batch {number} was opened"))
    }
}

#[cfg(test)]
mod tests;
