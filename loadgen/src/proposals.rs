//! Adjustments that wait for a second person, as those who proposed them were told.

use protocol::ids::{AccountId, RecordNumber, TerminalId};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Its number.
    pub record: RecordNumber,
    /// Who proposed it.
    pub proposer: TerminalId,
    /// Whose account.
    pub account: AccountId,
    /// By how much.
    pub amount_fen: i64,
}

/// All of them, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Proposals {
    waiting: Vec<Proposal>,
}

impl Proposals {
    /// One was proposed.
    pub fn add(&mut self, proposal: Proposal) {
        self.waiting.push(proposal);
    }

    /// Takes the oldest that somebody else than this operator proposed.
    pub fn take_of_another(&mut self, operator: TerminalId) -> Option<Proposal> {
        let at = self.waiting.iter().position(|proposal| proposal.proposer != operator)?;
        Some(self.waiting.remove(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_his_own() {
        let mut proposals = Proposals::default();
        let proposal = |record, proposer| Proposal {
            record: RecordNumber(record),
            proposer: TerminalId(proposer),
            account: AccountId(7),
            amount_fen: 15_000,
        };
        proposals.add(proposal(1, 5));
        proposals.add(proposal(2, 6));
        assert_eq!(proposals.take_of_another(TerminalId(5)), Some(proposal(2, 6)));
        assert_eq!(proposals.take_of_another(TerminalId(5)), None);
        assert_eq!(proposals.take_of_another(TerminalId(6)), Some(proposal(1, 5)));
    }
}
