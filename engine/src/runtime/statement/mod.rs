//! A page of an account's statement: the lines of a period, newest first, and how they add up.
//!
//! ```text
//! head ──▶ … ──▶ before ──▶ newest of the period ──▶ … ──▶ oldest ──▶ first line before it
//!  └ at most STEPS_MAX ┘└────────────────── at most STEPS_MAX ──────────────────────┘
//!                            closing                                  opening
//! ```
//! Only the account's chain is walked, never the log. The walk begins at the newest record, so that a line can say
//! that its sale was undone later; where that doesn't come down to `before` in [`STEPS_MAX`] records, it goes on from
//! `before` itself. It looks at all of the period, for the sums are of all of it, and one line further: what the balance
//! was before is told by another record than those that are added up, so a page that doesn't add up is found out.
//! The skip to the month before ([`BillHeadView::month_start`](crate::ledger::decision::BillHeadView)) isn't taken: it
//! would lose the marks of what was undone in the month after, and saves one month of however many lie between.

#[cfg(test)]
mod tests;

use protocol::bill::{BillLine, BillLineKind};
use protocol::ids::{AccountId, RecordNumber};
use protocol::request::{StatementDay, StatementQuery};
use protocol::result_code::ResultCode;
use wal::LogReader;

pub use protocol::answer::StatementMore;

use super::account_chain::{AccountChain, Link};
use super::bill;
use super::engine::EngineError;
use crate::ledger::Record;
use crate::ledger::calendar::day_of;

/// Most records that a page walks over down to where it goes on, and again from there.
const STEPS_MAX: usize = 50_000;

/// A page, of what of the period lies below the query's `before`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The lines that were asked for, newest first.
    pub lines: Vec<BillLine>,
    /// Ask for the next page with this; 0 when nothing is left.
    pub next_before: RecordNumber,
    /// What is left, and thereby what the sums are about: all of it, or this page alone.
    pub more: StatementMore,
    /// The system balance before what the sums are about.
    pub opening_fen: i64,
    /// What came in; not negative.
    pub in_fen: i64,
    /// What went out; not positive.
    pub out_fen: i64,
    /// The system balance after what the sums are about: opening, in and out together.
    pub closing_fen: i64,
}

impl Default for Statement {
    /// Nothing, of an account without a record.
    fn default() -> Self {
        Self {
            lines: Vec::new(),
            next_before: RecordNumber(0),
            more: StatementMore::Nothing,
            opening_fen: 0,
            in_fen: 0,
            out_fen: 0,
            closing_fen: 0,
        }
    }
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The log is damaged.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// `before` isn't a record of the account.
    #[error("record {0} isn't one of the account's")]
    CursorUnknown(RecordNumber),
    /// The lines and the balances beside them disagree: the log is sound, and what was written into it isn't.
    #[error("{opening_fen} and {in_fen} and {out_fen} fen don't make {closing_fen}")]
    Unequal {
        /// The balance by the line before.
        opening_fen: i64,
        /// What came in, line by line.
        in_fen: i64,
        /// What went out, line by line.
        out_fen: i64,
        /// The balance by the newest line.
        closing_fen: i64,
    },
}

impl StatementError {
    /// What the till is told.
    pub const fn code(&self) -> ResultCode {
        match self {
            StatementError::CursorUnknown(_) => ResultCode::CursorUnknown,
            StatementError::Engine(_) | StatementError::Unequal { .. } => ResultCode::Busy,
        }
    }
}

/// One page for `query`, whose account is `account`, walking from `head`, which must be durable.
///
/// # Errors
/// [`StatementError`].
pub fn page(
    reader: &LogReader,
    account: AccountId,
    head: RecordNumber,
    query: &StatementQuery,
) -> Result<Statement, StatementError> {
    page_within(reader, account, head, query, STEPS_MAX)
}

fn page_within(
    reader: &LogReader,
    account: AccountId,
    head: RecordNumber,
    query: &StatementQuery,
    steps_max: usize,
) -> Result<Statement, StatementError> {
    let mut chain = AccountChain::new(reader, account, head);
    if query.before != RecordNumber(0) {
        go_below(&mut chain, head, query.before, steps_max)?;
    }
    let mut lines: Vec<BillLine> = Vec::new();
    let mut sums = Sums::default();
    // The number of the line that filled the page and the sums down to it, and whether another line came after it.
    let mut full: Option<(RecordNumber, Sums)> = None;
    let mut more_lines = false;
    let mut last = query.before;
    let mut end = End::Within;
    for _ in 0..steps_max {
        let Some(link) = chain.step()? else {
            end = End::Before(0);
            break;
        };
        let above = (last, sums);
        last = link.number;
        let posting = Posting::of(&link.record);
        let day = day(&link, query.by);
        if day.is_some_and(|day| day < query.from_day) {
            if let Some(posting) = posting {
                end = End::Before(posting.balance_after_fen);
                break;
            }
            end = End::BeforeUntold;
            continue;
        }
        let Some(posting) = posting else { continue };
        if day.is_some_and(|day| day > query.to_day) {
            sums.pass(posting);
            continue;
        }
        sums.add(posting);
        let shown = |line: &BillLine| {
            BillLineKind::from_number(line.kind).is_some_and(|kind| query.kinds.contains(kind))
        };
        let of_record = bill::lines(&link, &chain).filter(shown);
        let count = of_record.clone().count();
        if count == 0 {
            continue;
        }
        if full.is_some() {
            more_lines = true;
            continue;
        }
        let lines_max = usize::from(query.lines_max);
        // What belongs together stands on one page, which may have one line more than was asked for: where only one was.
        if !lines.is_empty() && lines.len() + count > lines_max {
            (full, more_lines) = (Some(above), true);
            continue;
        }
        lines.extend(of_record);
        if lines.len() >= lines_max {
            full = Some((link.number, sums));
        }
    }
    let opening_fen = match (end, sums.below_fen) {
        (End::Before(balance_fen), _) => Some(balance_fen),
        (End::BeforeUntold, below_fen) => below_fen,
        (End::Within, _) => None,
    };
    let (next_before, more, opening_fen) = match (opening_fen, full) {
        (Some(opening_fen), Some((cursor, _))) if more_lines => (cursor, StatementMore::Lines, opening_fen),
        (Some(opening_fen), _) => (RecordNumber(0), StatementMore::Nothing, opening_fen),
        (None, _) if sums.closing_fen.is_none() => {
            let (next_before, more) = (last, StatementMore::Unreached);
            return Ok(Statement { next_before, more, ..Statement::default() });
        }
        (None, full) => {
            let (cursor, sums_of_page) = full.filter(|_| more_lines).unwrap_or((last, sums));
            sums = sums_of_page;
            (cursor, StatementMore::Records, sums.below_fen.expect("a line was added"))
        }
    };
    let Sums { in_fen, out_fen, closing_fen, .. } = sums;
    let closing_fen = closing_fen.unwrap_or(opening_fen);
    if opening_fen + in_fen + out_fen != closing_fen {
        return Err(StatementError::Unequal { opening_fen, in_fen, out_fen, closing_fen });
    }
    Ok(Statement { lines, next_before, more, opening_fen, in_fen, out_fen, closing_fen })
}

/// Where a walk ended.
#[derive(Clone, Copy)]
enum End {
    /// Within the period, or above it: there are records left that weren't looked at.
    Within,
    /// Before the period, where this was the balance.
    Before(i64),
    /// Before the period, where no line has told the balance yet.
    BeforeUntold,
}

/// What was added up on the way down.
#[derive(Clone, Copy, Default)]
struct Sums {
    in_fen: i64,
    out_fen: i64,
    /// The balance after the newest line that was added.
    closing_fen: Option<i64>,
    /// The balance before the last line that the walk has passed.
    below_fen: Option<i64>,
}

impl Sums {
    /// A line of the period.
    fn add(&mut self, posting: Posting) {
        let effect_fen = posting.effect_fen;
        let (price_fen, pricing_fen) = (effect_fen - posting.pricing_fen, posting.pricing_fen);
        self.in_fen += price_fen.max(0) + pricing_fen.max(0);
        self.out_fen += price_fen.min(0) + pricing_fen.min(0);
        self.closing_fen.get_or_insert(posting.balance_after_fen);
        self.pass(posting);
    }

    /// A line above the period.
    fn pass(&mut self, posting: Posting) {
        self.below_fen = Some(posting.balance_after_fen - posting.effect_fen);
    }
}

/// Walks down to `before`, or goes there at once when that is further than `steps_max` records.
fn go_below(
    chain: &mut AccountChain<'_>,
    head: RecordNumber,
    before: RecordNumber,
    steps_max: usize,
) -> Result<(), StatementError> {
    if before > head {
        return Err(StatementError::CursorUnknown(before));
    }
    for _ in 0..steps_max {
        match chain.step()? {
            Some(link) if link.number == before => return Ok(()),
            Some(link) if link.number > before => {}
            _ => return Err(StatementError::CursorUnknown(before)),
        }
    }
    if chain.jump_below(before)? { Ok(()) } else { Err(StatementError::CursorUnknown(before)) }
}

/// What a record that moved money did to the system balance.
#[derive(Clone, Copy)]
struct Posting {
    /// All of it: nothing, when it went from one wallet of the person to another.
    effect_fen: i64,
    /// What of that was beside the price, a line of its own.
    pricing_fen: i64,
    balance_after_fen: i64,
}

impl Posting {
    fn of(record: &Record<'_>) -> Option<Posting> {
        record.kind().bill_line()?;
        let money = record.money()?;
        let leaves = money.debit_account().as_person().is_some();
        let comes = money.credit_account().as_person().is_some();
        let sign = i64::from(comes) - i64::from(leaves);
        let pricing_fen = sign * record.pricing_fen();
        let effect_fen = sign * money.amount_fen.get() + pricing_fen;
        Some(Posting { effect_fen, pricing_fen, balance_after_fen: money.balance_after_fen.get() })
    }
}

/// The day that a record belongs to; none by business date for one that isn't about money.
fn day(link: &Link<'_>, by: StatementDay) -> Option<u16> {
    match by {
        StatementDay::Calendar => Some(day_of(link.time_ns)),
        StatementDay::Business => Some(link.record.money()?.date().0),
    }
}
