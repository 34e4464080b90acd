//! What operators did, from records alone: who may correct a balance, and that two people did where two are needed.

use std::collections::HashMap;

use protocol::ids::AccountId;
use protocol::request::AdjustDirection;

use crate::ledger::record::{
    AdjustmentClosedRecord, AdjustmentProposedRecord, AdjustmentRecord, MoneyRecord, OfficeRulesSetRecord,
    Record,
};
use crate::ledger::registry::OfficeRules;

/// A proposal that waits.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    account: Option<AccountId>,
    amount_fen: i64,
    wallet: u8,
    gives: bool,
    proposer: u32,
    expires_ns: u64,
}

/// Rules, and proposals that wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Office {
    rules: OfficeRules,
    waiting: HashMap<u64, Waiting>,
}

impl Office {
    /// The rules from now on.
    pub(super) fn set(&mut self, r: &OfficeRulesSetRecord) {
        self.rules = OfficeRules {
            adjust_alone_max_fen: r.adjust_alone_max_fen.get(),
            proposal_s: r.proposal_s.get(),
        };
    }

    /// A record of an operator.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn take(&mut self, number: u64, time_ns: u64, record: &Record<'_>) -> Result<(), String> {
        match record {
            Record::AccountChanged(_, reason) => has_reason(reason),
            Record::AdjustmentProposed(r, reason) => {
                has_reason(reason)?;
                self.proposed(number, time_ns, r)
            }
            Record::Adjustment(r, reason) => {
                has_reason(reason)?;
                self.adjusted(time_ns, r)
            }
            Record::AdjustmentClosed(r, reason) => self.closed(time_ns, r, reason),
            _ => Ok(()),
        }
    }

    fn proposed(&mut self, number: u64, time_ns: u64, r: &AdjustmentProposedRecord) -> Result<(), String> {
        let waits_ns = u64::from(self.rules.proposal_s) * 1_000_000_000;
        let (money, expires_ns) = (&r.money, r.expires_ns.get());
        if expires_ns != time_ns.saturating_add(waits_ns) {
            return Err(format!("it waits until {expires_ns} ns, proposed at {time_ns} ns"));
        }
        if money.amount_fen.get() <= self.rules.adjust_alone_max_fen {
            return Err(format!("{} fen need no second person", money.amount_fen));
        }
        let waiting = Waiting {
            account: money.person(),
            amount_fen: money.amount_fen.get(),
            wallet: money.channel_wallet >> 4,
            gives: r.direction == AdjustDirection::Give.number(),
            proposer: money.terminal.get(),
            expires_ns,
        };
        self.waiting.insert(number, waiting);
        Ok(())
    }

    fn adjusted(&mut self, time_ns: u64, r: &AdjustmentRecord) -> Result<(), String> {
        let (money, proposal) = (&r.money, r.proposal.get());
        if proposal == 0 {
            let alone_fen = self.rules.adjust_alone_max_fen;
            return if money.amount_fen.get() <= alone_fen {
                Ok(())
            } else {
                Err(format!("one person adjusts {} fen, {alone_fen} are allowed", money.amount_fen))
            };
        }
        let proposed = self.take_waiting(proposal, money)?;
        let is_as_proposed = proposed.amount_fen == money.amount_fen.get()
            && proposed.wallet == money.channel_wallet >> 4
            && proposed.gives == money.credit_account().as_person().is_some();
        if !is_as_proposed {
            return Err(format!("it isn't what record {proposal} proposed: {proposed:?}"));
        }
        if proposed.proposer == money.terminal.get() {
            return Err(format!("operator {} approves what he proposed", money.terminal));
        }
        if time_ns >= proposed.expires_ns {
            return Err(format!("approved at {time_ns} ns, its time ended at {}", proposed.expires_ns));
        }
        Ok(())
    }

    fn closed(&mut self, time_ns: u64, r: &AdjustmentClosedRecord, reason: &[u8]) -> Result<(), String> {
        let proposed = self.take_waiting(r.proposal.get(), &r.money)?;
        if r.end == AdjustmentClosedRecord::REJECTED {
            return has_reason(reason);
        }
        let by_itself = r.end == AdjustmentClosedRecord::EXPIRED && r.money.terminal_slot().is_none();
        if by_itself && time_ns >= proposed.expires_ns {
            Ok(())
        } else {
            Err(format!("closed at {time_ns} ns, its time ends at {}", proposed.expires_ns))
        }
    }

    fn take_waiting(&mut self, proposal: u64, money: &MoneyRecord) -> Result<Waiting, String> {
        let found = self.waiting.remove(&proposal).filter(|waiting| waiting.account == money.person());
        found.ok_or_else(|| format!("no proposal {proposal} waits for this account"))
    }
}

fn has_reason(reason: &[u8]) -> Result<(), String> {
    if reason.is_empty() { Err("nobody says why".to_owned()) } else { Ok(()) }
}
