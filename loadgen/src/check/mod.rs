//! Afterwards: is everything that the server acknowledged there, exactly once, with its amount?
//!
//! ```text
//! outcome log ──▶ each sale asked for again, by its own till      ──▶ lost, wrong amount, unknown resolved
//!             ──▶ what each account must hold, summed from the log, and from the lines of its subsidy batches,
//!                 against the balance that the server tells       ──▶ balances wrong
//!                     └─ a wrong one's bill, line by line         ──▶ doubled
//! ```
//!
//! Everything goes through the protocol: the check knows what a till could know, and nothing about the server's
//! files. All tills of the log ask at the same time, one question in flight each.

mod books;
mod report;
mod subsidies;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use protocol::answer::{Answer, MoneyAnswer};
use protocol::bill::BillLineKind;
use protocol::command_table::BILL_LINES_MAX;
use protocol::ids::{AccountId, RecordNumber, Sequence};
use protocol::request::{AccountSelector, BalanceQuery, BillQuery, Request, SaleQuery};
use serde::Serialize;

pub use books::Baseline;
pub use report::CheckReport;

use crate::campus::{Campus, CampusTill};
use crate::config::SECOND_NS;
use crate::desk::Desk;
use crate::error::LoadError;
use crate::outcome_log::{OutcomeEntry, OutcomeKind, OutcomeLog};
use crate::pacer::RunClock;
use crate::random::Random;
use crate::runtime::{run_here, unix_now_ns};
use books::{demand, expected_balances, find_doubles_in_log, judge, leave_out};

/// How long one answer is awaited: an old sale is looked up in the log, on the slow lane.
const ANSWER_TIMEOUT_NS: u64 = 10 * SECOND_NS;
/// Bills walked at most, to explain wrong balances.
const BILLS_MAX: usize = 1_000;
/// Pages of one bill walked at most.
const BILL_PAGES_MAX: usize = 1_000;
/// Desks at work at the same time when balances are read without a log.
const BASELINE_DESKS_MAX: usize = 64;

/// Reads the balances of all holders, as what a later check starts from. A fresh campus needs none.
///
/// # Errors
/// A terminal gets no final answer.
pub fn read_baseline(campus: &Campus) -> Result<Baseline, LoadError> {
    campus.validate()?;
    run_here(async {
        let terminals: Vec<&CampusTill> = campus.tills.iter().take(BASELINE_DESKS_MAX).collect();
        let desks = open_desks(campus, &terminals).await?;
        let accounts = campus.holders.iter().map(|holder| holder.account).collect();
        let (balances, _) = ask_balances(desks, accounts).await?;
        Ok(balances.into_iter().filter_map(|(account, balance)| Some((account, balance?))).collect())
    })
}

/// Which sales are asked for again. Every balance is compared and every unknown outcome asked for whatever this says,
/// so a debit that is lost or there twice shows in its account's sum.
///
/// A server answers for a till's newest sales from memory, and walks back through the till's log for an older one:
/// asking for all of a long run would take the square of its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CheckScope {
    /// So many of each till's newest.
    pub newest_per_till: usize,
    /// So many of the others, all tills together, evenly spread over the run.
    pub older: usize,
}

impl CheckScope {
    /// All of them.
    pub const ALL: CheckScope = CheckScope { newest_per_till: usize::MAX, older: 0 };
}

/// Checks the server against the log. `baseline` is what the accounts held before the log began.
///
/// # Errors
/// A till of the log isn't on the campus, or gets no final answer. What the server got wrong is in the report.
pub fn check(campus: &Campus, log: &OutcomeLog, baseline: &Baseline) -> Result<CheckReport, LoadError> {
    check_part(campus, log, baseline, CheckScope::ALL)
}

/// As [`check`], but asks again only for the sales in the scope; [`CheckReport::not_asked`] counts the others.
///
/// # Errors
/// As for [`check`].
pub fn check_part(
    campus: &Campus,
    log: &OutcomeLog,
    baseline: &Baseline,
    scope: CheckScope,
) -> Result<CheckReport, LoadError> {
    campus.validate()?;
    run_here(check_async(campus, log, baseline, scope))
}

async fn check_async(
    campus: &Campus,
    log: &OutcomeLog,
    baseline: &Baseline,
    scope: CheckScope,
) -> Result<CheckReport, LoadError> {
    let clock = RunClock::start();
    let mut report = CheckReport::default();
    let entries: Rc<Vec<OutcomeEntry>> = Rc::new(log.entries().to_vec());
    find_doubles_in_log(&entries, &mut report);

    let mut questions: HashMap<u32, Vec<usize>> = HashMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let of_till = questions.entry(entry.sale.terminal.0).or_default();
        if demand(entry).is_some() {
            of_till.push(index);
        }
    }
    report.not_asked = leave_out(&mut questions, &entries, scope);
    let terminals: Vec<&CampusTill> =
        campus.terminals().filter(|till| questions.contains_key(&till.terminal)).collect();
    if terminals.len() < questions.len() {
        return Err(LoadError::Campus("the log names terminals that the campus doesn't have".to_owned()));
    }
    if terminals.is_empty() {
        return Ok(report);
    }
    let desks = open_desks(campus, &terminals).await?;
    let shared = Rc::new(RefCell::new((report, HashSet::new())));
    let tasks: Vec<_> = desks
        .into_iter()
        .map(|desk| {
            let indexes = questions.remove(&desk.terminal().0).unwrap_or_default();
            let (entries, shared) = (Rc::clone(&entries), Rc::clone(&shared));
            tokio::task::spawn_local(ask_sales(desk, indexes, entries, shared))
        })
        .collect();
    let mut desks = join_all(tasks).await?;
    let (mut report, unknown_done) = std::mem::take(&mut *shared.borrow_mut());

    let mut expected = expected_balances(&entries, &unknown_done, baseline);
    for (account, fen) in subsidies::brought(&mut desks, &entries, &mut report).await? {
        let began_with = || baseline.get(&account).copied().unwrap_or(0);
        *expected.entry(account).or_insert_with(began_with) += fen;
    }
    let (balances, mut desks) = ask_balances(desks, expected.keys().copied().collect()).await?;
    let mut wrong = Vec::new();
    for (account, balance_fen) in balances {
        let expected_fen = expected.get(&account).copied().unwrap_or(0);
        report.balances_checked += 1;
        if balance_fen != Some(expected_fen) {
            report.balances_wrong += 1;
            wrong.push(account);
            report.example(|| match balance_fen {
                Some(balance_fen) => format!(
                    "account {account} holds {balance_fen} fen; the outcomes add up to {expected_fen} ({:+} too many)",
                    balance_fen - expected_fen
                ),
                None => format!("account {account} isn't there; the outcomes add up to {expected_fen} fen"),
            });
        }
    }
    if let Some(desk) = desks.first_mut() {
        for &account in wrong.iter().take(BILLS_MAX) {
            walk_bill(desk, account, &mut report).await?;
        }
    }
    report.elapsed_ns = clock.now_ns();
    Ok(report)
}

async fn open_desks(campus: &Campus, terminals: &[&CampusTill]) -> Result<Vec<Desk>, LoadError> {
    let unix_ns = unix_now_ns();
    let tasks: Vec<_> = (0_u64..)
        .zip(terminals)
        .map(|(index, till)| {
            let (address, till) = (campus.address, CampusTill::clone(till));
            let nonces = Random::new(unix_ns, index);
            tokio::task::spawn_local(
                async move { Desk::open(address, &till, nonces, ANSWER_TIMEOUT_NS).await },
            )
        })
        .collect();
    join_all(tasks).await
}

/// Awaits all tasks; the first error, if any, once all have ended.
async fn join_all<T>(tasks: Vec<tokio::task::JoinHandle<Result<T, LoadError>>>) -> Result<Vec<T>, LoadError> {
    let mut results = Vec::with_capacity(tasks.len());
    let mut failed = Ok(());
    for task in tasks {
        match task.await {
            Ok(Ok(result)) => results.push(result),
            Ok(Err(error)) => failed = failed.and(Err(error)),
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
    failed.map(|()| results)
}

/// One till asks for its sales again.
async fn ask_sales(
    mut desk: Desk,
    indexes: Vec<usize>,
    entries: Rc<Vec<OutcomeEntry>>,
    shared: Rc<RefCell<(CheckReport, HashSet<usize>)>>,
) -> Result<Desk, LoadError> {
    for index in indexes {
        let entry = &entries[index];
        let Some(demand) = demand(entry) else { continue };
        let request =
            Request::SaleQuery(SaleQuery { epoch: entry.sale.epoch, sequence: entry.sale.sequence });
        let answer: Option<MoneyAnswer> = desk
            .ask(Sequence(0), &request, |_, answer| match answer {
                Answer::Money(money) => Some(*money),
                _ => None,
            })
            .await?;
        let (report, unknown_done) = &mut *shared.borrow_mut();
        let Some(answer) = answer else {
            report.unanswered += 1;
            report.example(|| format!("sale {}: asked for, and answered with something else", entry.sale));
            continue;
        };
        let stands = judge(entry, demand, &answer, report);
        // A reversal that stands undoes another entry, which is asked for itself.
        if stands && demand == books::Demand::Unknown && entry.kind != OutcomeKind::Reversal {
            unknown_done.insert(index);
        }
    }
    Ok(desk)
}

/// The system balance of each account, in the order asked; `None` where there is no such account.
async fn ask_balances(
    desks: Vec<Desk>,
    accounts: Vec<u32>,
) -> Result<(Vec<(u32, Option<i64>)>, Vec<Desk>), LoadError> {
    let parts = desks.len().max(1);
    let accounts = Rc::new(accounts);
    let tasks: Vec<_> = desks
        .into_iter()
        .enumerate()
        .map(|(part, mut desk)| {
            let accounts = Rc::clone(&accounts);
            tokio::task::spawn_local(async move {
                let mut balances = Vec::with_capacity(accounts.len() / parts + 1);
                for &account in accounts.iter().skip(part).step_by(parts) {
                    let selector = AccountSelector::Account(AccountId(account));
                    let request = Request::Balance(BalanceQuery { account: selector });
                    let balance_fen = desk
                        .ask(Sequence(0), &request, |_, answer| match answer {
                            Answer::Balance(balance) if balance.code.is_approved() => {
                                Some(balance.system_fen)
                            }
                            _ => None,
                        })
                        .await?;
                    balances.push((account, balance_fen));
                }
                Ok::<_, LoadError>((balances, desk))
            })
        })
        .collect();
    let (balances, desks): (Vec<_>, Vec<_>) = join_all(tasks).await?.into_iter().unzip();
    Ok((balances.into_iter().flatten().collect(), desks))
}

/// Walks a bill for sales that stand in it twice.
async fn walk_bill(desk: &mut Desk, account: u32, report: &mut CheckReport) -> Result<(), LoadError> {
    let mut seen: HashSet<(u32, u16, u32, u8)> = HashSet::new();
    let mut before = RecordNumber(0);
    report.bills_walked += 1;
    for _ in 0..BILL_PAGES_MAX {
        let request = Request::Bill(BillQuery {
            account: AccountSelector::Account(AccountId(account)),
            before,
            lines_max: BILL_LINES_MAX as u16,
        });
        let page = desk
            .ask(Sequence(0), &request, |_, answer| match answer {
                Answer::Bill(bill) if bill.code.is_approved() => {
                    Some((bill.next_before, bill.lines.to_vec()))
                }
                _ => None,
            })
            .await?;
        let Some((next_before, lines)) = page else {
            report.unanswered += 1;
            return Ok(());
        };
        for line in lines {
            let moves_money = [BillLineKind::Debit, BillLineKind::OfflineDebit, BillLineKind::TopUp];
            let kind = BillLineKind::from_number(line.kind);
            let sequence = line.sequence.get();
            if sequence == 0 || !kind.is_some_and(|kind| moves_money.contains(&kind)) {
                continue;
            }
            // One sale that came live and as an upload is doubled too, so both kinds of debit are one here.
            let side = u8::from(kind == Some(BillLineKind::TopUp));
            if !seen.insert((line.terminal.get(), line.epoch.get(), sequence, side)) {
                report.doubled += 1;
                report.example(|| {
                    format!(
                        "account {account}: sale {}/{}/{sequence} stands twice in the bill, again as record {}",
                        line.terminal, line.epoch, line.record
                    )
                });
            }
        }
        if next_before.0 == 0 {
            break;
        }
        before = next_before;
    }
    Ok(())
}
