//! Subsidy batches in the log: what two people wanted, and no more.

use std::collections::BTreeMap;

use engine::ledger::Record;
use engine::ledger::record::SubsidyRecord;
use protocol::answer::SubsidyState;
use protocol::ids::AccountId;
use protocol::request::SubsidyLine;

use super::Auditor;

/// A subsidy batch: how far it has come, and its lines that are left.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    state: u8,
    opener: u32,
    waiting: BTreeMap<u32, i64>,
    paid: BTreeMap<u32, i64>,
}

impl Auditor {
    /// Each line once, as it was planned, of a batch that two people wanted.
    pub(super) fn subsidy(&mut self, record: &Record<'_>) -> Result<(), String> {
        let Some(money) = record.money() else { return Ok(()) };
        let (operator, amount_fen) = (money.terminal.get(), money.amount_fen.get());
        let number = match record {
            Record::SubsidyOpened(r, _) => r.batch.get(),
            Record::SubsidyLines(r, _) => r.batch.get(),
            Record::SubsidyStepped(r, _) => r.batch.get(),
            Record::SubsidyClaimed(r) | Record::SubsidyTakenBack(r) => r.batch.get(),
            Record::SubsidySkipped(r) => r.batch.get(),
            _ => return Ok(()),
        };
        if let Record::SubsidyOpened(..) = record {
            let state = SubsidyState::Open.number();
            let fresh = self.batches.insert(number, Batch { state, opener: operator, ..Batch::default() });
            return if fresh.is_none() { Ok(()) } else { Err(format!("batch {number} was opened before")) };
        }
        let Some(batch) = self.batches.get_mut(&number) else { return Err(format!("no batch {number}")) };
        let account = money.person().map_or(u32::MAX, |account| account.0);
        let change_fen = match record {
            Record::SubsidyClaimed(_) => amount_fen,
            Record::SubsidyTakenBack(_) => -amount_fen,
            _ => 0,
        };
        if let (Some(person), true) = (money.person(), change_fen != 0) {
            *self.subsidies_fen.entry(person).or_default() += change_fen;
        }
        match record {
            Record::SubsidyLines(_, bytes) => {
                for line in bytes.chunks(8) {
                    let word =
                        |at: usize| u32::from_le_bytes([line[at], line[at + 1], line[at + 2], line[at + 3]]);
                    batch.waiting.insert(word(0), i64::from(word(4)));
                }
            }
            Record::SubsidyStepped(r, _) => {
                if r.state == SubsidyState::Approved.number() && operator == batch.opener {
                    return Err(format!("operator {operator} approves his own batch {number}"));
                }
                let withdrawn = batch.state == SubsidyState::Withdrawn.number();
                self.swept_again += u64::from(withdrawn);
                batch.state = r.state;
            }
            Record::SubsidyClaimed(_) | Record::SubsidySkipped(_) => {
                if batch.state != SubsidyState::Issuing.number()
                    || batch.waiting.remove(&account) != Some(amount_fen)
                {
                    return Err(format!("batch {number}, account {account}: {amount_fen} fen, {batch:?}"));
                }
                if matches!(record, Record::SubsidyClaimed(_)) {
                    batch.paid.insert(account, amount_fen);
                    self.lines_paid += 1;
                }
            }
            Record::SubsidyTakenBack(r) if r.mode == SubsidyRecord::WITHDRAWN => {
                // Once, and again what came back after it was spent; never more than was paid.
                let left_fen = batch.paid.get(&account).map(|paid_fen| paid_fen - amount_fen);
                if left_fen.is_none_or(|left_fen| left_fen < 0) {
                    return Err(format!(
                        "batch {number}, account {account}: {amount_fen} fen leave {left_fen:?} fen"
                    ));
                }
                batch.paid.insert(account, left_fen.unwrap_or_default());
                self.lines_taken_back += 1;
            }
            _ => {}
        }
        Ok(())
    }

    /// What each person got of subsidies, less what was taken back.
    pub fn subsidies_fen(&self) -> &BTreeMap<AccountId, i64> {
        &self.subsidies_fen
    }

    /// Whether a batch that says it is issued has a line left that nobody was paid.
    pub fn forgotten_line(&self) -> Option<(u32, u32)> {
        let issued = |batch: &Batch| batch.state == SubsidyState::Issued.number();
        let batches = self.batches.iter().filter(|(_, batch)| issued(batch));
        batches
            .flat_map(|(&number, batch)| batch.waiting.keys().map(move |&account| (number, account)))
            .next()
    }
}

/// Whether a record's lines are those that were sent.
pub(super) fn same_lines(bytes: &[u8], lines: &[SubsidyLine]) -> bool {
    let sent = lines
        .iter()
        .flat_map(|line| [line.account.get(), line.amount_fen.get()].into_iter().flat_map(u32::to_le_bytes));
    bytes.iter().copied().eq(sent)
}
