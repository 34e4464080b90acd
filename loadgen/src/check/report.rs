//! What the check found.

use serde::Serialize;

/// The server against what its clients wrote down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Acknowledged outcomes asked for again: approvals, refusals, reversals, accepted uploads.
    pub acknowledged: u64,
    /// Acknowledged outcomes left out because the check was to ask for a part only; their accounts' balances were compared.
    pub not_asked: u64,
    /// Of those asked for, how many the server doesn't have as it acknowledged them.
    pub lost: u64,
    /// Sales that stand in the books twice.
    pub doubled: u64,
    /// Acknowledged sales that the server has with another amount or account.
    pub amounts_wrong: u64,
    /// Sales whose outcome the tills didn't know, asked for now.
    pub unknown_asked: u64,
    /// Of these, how many turned out to stand in the books.
    pub unknown_done: u64,
    /// Of these, how many turned out not to.
    pub unknown_not_done: u64,
    /// Outcomes that couldn't be asked for because the connection or the answer failed.
    pub unanswered: u64,
    /// Accounts whose balance was compared with the sum over the log.
    pub balances_checked: u64,
    /// Of these, how many differ.
    pub balances_wrong: u64,
    /// Bills walked line by line, to find out why a balance differs.
    pub bills_walked: u64,
    /// How long it took.
    pub elapsed_ns: u64,
    /// The first findings in words, at most [`CheckReport::EXAMPLES_MAX`].
    pub examples: Vec<String>,
}

impl CheckReport {
    /// Most findings kept in words.
    pub const EXAMPLES_MAX: usize = 20;

    /// True when nothing was found.
    pub fn passed(&self) -> bool {
        self.failures().is_empty()
    }

    /// What was found; empty when all is well.
    pub fn failures(&self) -> Vec<String> {
        [
            (self.lost, "acknowledged outcomes are lost"),
            (self.doubled, "sales are doubled"),
            (self.amounts_wrong, "sales have another amount or account"),
            (self.balances_wrong, "balances differ from the sum of the outcomes"),
            (self.unanswered, "outcomes couldn't be asked for"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect()
    }

    pub(crate) fn example(&mut self, text: impl FnOnce() -> String) {
        if self.examples.len() < CheckReport::EXAMPLES_MAX {
            self.examples.push(text());
        }
    }
}
