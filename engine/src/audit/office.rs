//! What operators did, from records alone: who may correct a balance, and that two people did where two are needed.

use std::collections::HashMap;

use protocol::ids::AccountId;
use protocol::request::AdjustDirection;

use crate::ledger::calendar::day_of;
use crate::ledger::record::{
    AdjustmentClosedRecord, AdjustmentProposedRecord, AdjustmentRecord, MoneyRecord, OfficeRulesSetRecord,
    Record, TerminalRegisteredRecord,
};
use crate::ledger::registry::{OfficeRules, TerminalKind};

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
    /// Who signs in as what.
    roles: HashMap<u32, u8>,
    /// What each operator adjusted alone, and the day on which he did last.
    alone: HashMap<u32, (u16, i64)>,
    waiting: HashMap<u64, Waiting>,
}

impl Office {
    /// The rules from now on.
    pub(super) fn set(&mut self, r: &OfficeRulesSetRecord) {
        self.rules = OfficeRules {
            adjust_alone_max_fen: r.adjust_alone_max_fen.get(),
            adjust_alone_day_max_fen: r.adjust_alone_day_max_fen.get(),
            proposal_s: r.proposal_s.get(),
            cards_from_stock: r.cards_from_stock != 0,
        };
    }

    /// A terminal or an operator, from now on.
    pub(super) fn register(&mut self, r: &TerminalRegisteredRecord) {
        self.roles.insert(r.terminal.get(), r.kind);
    }

    /// Whether whoever asked has this role, or is an administrator.
    fn has_role(&self, money: &MoneyRecord, role: TerminalKind) -> Result<(), String> {
        self.is_one_of(money, &[role, TerminalKind::Administrator])
    }

    /// Whether whoever asked is of one of these kinds.
    fn is_one_of(&self, money: &MoneyRecord, kinds: &[TerminalKind]) -> Result<(), String> {
        let found = self.roles.get(&money.terminal.get()).copied();
        if kinds.iter().any(|kind| found == Some(kind.number())) {
            return Ok(());
        }
        let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        Err(format!("terminal {} does what takes {names:?}: it is of kind {found:?}", money.terminal))
    }

    /// A class with another floor, from one floor to the other, in fen.
    ///
    /// # Errors
    /// The floor is lowered by somebody else than an administrator.
    pub(super) fn floor_moved(&self, money: &MoneyRecord, from_fen: i64, to_fen: i64) -> Result<(), String> {
        let lowered = to_fen < from_fen;
        if lowered && self.roles.get(&money.terminal.get()) != Some(&TerminalKind::Administrator.number()) {
            return Err(format!(
                "operator {} lowers a floor from {from_fen} to {to_fen} fen",
                money.terminal
            ));
        }
        Ok(())
    }

    /// A record of an operator.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn take(&mut self, number: u64, time_ns: u64, record: &Record<'_>) -> Result<(), String> {
        match record {
            Record::AccountChanged(r, reason) => {
                has_reason(reason)?;
                self.has_role(&r.money, TerminalKind::CardCentre)
            }
            Record::TerminalKeyRotated(r, reason) => {
                has_reason(reason)?;
                self.has_role(&r.money, TerminalKind::Administrator)
            }
            Record::ToldPosted(r) => {
                has_reason(
                    &r.reason[..r.reason.iter().position(|&byte| byte == 0).unwrap_or(r.reason.len())],
                )?;
                self.is_one_of(&r.money, &[TerminalKind::Counter])
            }
            Record::AdjustmentProposed(r, reason) => {
                has_reason(reason)?;
                self.has_role(&r.money, TerminalKind::Finance)?;
                self.proposed(number, time_ns, r)
            }
            Record::Adjustment(r, reason) => {
                has_reason(reason)?;
                self.has_role(&r.money, TerminalKind::Finance)?;
                self.adjusted(time_ns, r)
            }
            Record::AdjustmentClosed(r, reason) => self.closed(time_ns, r, reason),
            // What becomes of a batch is held against it where batches are; who may say so, here.
            Record::SubsidyOpened(r, _) => self.has_role(&r.money, TerminalKind::Finance),
            Record::SubsidyLines(r, _) => self.has_role(&r.money, TerminalKind::Finance),
            Record::SubsidyStepped(r, _) if r.money.terminal_slot().is_some() => {
                self.has_role(&r.money, TerminalKind::Finance)
            }
            _ => Ok(()),
        }
    }

    fn proposed(&mut self, number: u64, time_ns: u64, r: &AdjustmentProposedRecord) -> Result<(), String> {
        let waits_ns = u64::from(self.rules.proposal_s) * 1_000_000_000;
        let (money, expires_ns) = (&r.money, r.expires_ns.get());
        if expires_ns != time_ns.saturating_add(waits_ns) {
            return Err(format!("it waits until {expires_ns} ns, proposed at {time_ns} ns"));
        }
        let alone_fen = self.alone_with(time_ns, money);
        if money.amount_fen.get() <= self.rules.adjust_alone_max_fen && self.fits_a_day(alone_fen) {
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
            return self.adjusted_alone(time_ns, money);
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

    fn adjusted_alone(&mut self, time_ns: u64, money: &MoneyRecord) -> Result<(), String> {
        let (today, amount_fen) = (day_of(time_ns), money.amount_fen.get());
        if money.limit_day.get() != today {
            return Err(format!("it counts on day {}, and was on day {today}", money.limit_day));
        }
        let day_fen = self.alone_with(time_ns, money);
        self.alone.insert(money.terminal.get(), (today, day_fen));
        let OfficeRules { adjust_alone_max_fen, adjust_alone_day_max_fen, .. } = self.rules;
        if amount_fen > adjust_alone_max_fen {
            return Err(format!("one person adjusts {amount_fen} fen, {adjust_alone_max_fen} are allowed"));
        }
        if !self.fits_a_day(day_fen) {
            return Err(format!(
                "one person adjusts {day_fen} fen in a day, {adjust_alone_day_max_fen} are allowed"
            ));
        }
        Ok(())
    }

    /// What an operator has adjusted alone on the day of this record, with it.
    fn alone_with(&self, time_ns: u64, money: &MoneyRecord) -> i64 {
        let (day, day_fen) = self.alone.get(&money.terminal.get()).copied().unwrap_or_default();
        money.amount_fen.get() + if day == day_of(time_ns) { day_fen } else { 0 }
    }

    fn fits_a_day(&self, day_fen: i64) -> bool {
        let day_max_fen = i64::from(self.rules.adjust_alone_day_max_fen);
        day_max_fen == 0 || day_fen <= day_max_fen
    }

    fn closed(&mut self, time_ns: u64, r: &AdjustmentClosedRecord, reason: &[u8]) -> Result<(), String> {
        let proposed = self.take_waiting(r.proposal.get(), &r.money)?;
        if r.end == AdjustmentClosedRecord::REJECTED {
            self.has_role(&r.money, TerminalKind::Finance)?;
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

#[cfg(test)]
mod tests {
    use protocol::request::AdjustDirection;
    use zerocopy::FromZeros as _;

    use super::*;
    use crate::ledger::ledger_account::{Clearing, LedgerAccount};
    use crate::ledger::record::AccountChangedRecord;

    const CLERK: u32 = 1;
    const FINANCE: u32 = 2;
    const CHIEF: u32 = 3;
    const DAY_NS: u64 = 86_400 * 1_000_000_000;
    /// 2025-09-01 11:30 at the campus.
    const NOON_NS: u64 = 1_756_697_400 * 1_000_000_000;
    const WHY: &[u8] = b"found twice";

    /// A clerk of the card centre, one of finance and an administrator; 500 fen alone, 800 a day.
    fn office() -> Office {
        let mut office = Office::default();
        let mut rules = OfficeRulesSetRecord::new_zeroed();
        rules.adjust_alone_max_fen = 500.into();
        rules.proposal_s = 60.into();
        rules.adjust_alone_day_max_fen = 800.into();
        office.set(&rules);
        for (terminal, kind) in [
            (CLERK, TerminalKind::CardCentre),
            (FINANCE, TerminalKind::Finance),
            (CHIEF, TerminalKind::Administrator),
        ] {
            let mut registered = TerminalRegisteredRecord::new_zeroed();
            (registered.terminal, registered.kind) = (terminal.into(), kind.number());
            office.register(&registered);
        }
        office
    }

    fn money(by: u32, amount_fen: i64, time_ns: u64) -> MoneyRecord {
        let mut money = MoneyRecord::new_zeroed();
        money.terminal = by.into();
        money.amount_fen = amount_fen.into();
        money.limit_day = day_of(time_ns).into();
        money.debit = LedgerAccount::clearing(Clearing::Adjustments).bits().into();
        money.credit = LedgerAccount::person(AccountId(7)).bits().into();
        money
    }

    fn adjusted(office: &mut Office, by: u32, amount_fen: i64, time_ns: u64) -> Result<(), String> {
        let mut record = AdjustmentRecord::new_zeroed();
        record.money = money(by, amount_fen, time_ns);
        office.take(9, time_ns, &Record::Adjustment(record, WHY))
    }

    #[test]
    fn one_person_adjusts_so_much_at_a_time_and_in_a_day() {
        let mut office = office();
        assert_eq!(adjusted(&mut office, FINANCE, 500, NOON_NS), Ok(()));
        assert_eq!(adjusted(&mut office, FINANCE, 300, NOON_NS + 1), Ok(()));
        assert!(adjusted(&mut office, FINANCE, 1, NOON_NS + 2).unwrap_err().contains("801 fen in a day"));
        assert_eq!(adjusted(&mut office, CHIEF, 500, NOON_NS + 2), Ok(()), "each has his own");
        assert!(
            adjusted(&mut office, CHIEF, 501, NOON_NS + DAY_NS)
                .unwrap_err()
                .contains("one person adjusts 501")
        );
        assert_eq!(adjusted(&mut office, FINANCE, 500, NOON_NS + 2 * DAY_NS), Ok(()), "a day later");
        // Dated to another day, it would escape the sum.
        let mut record = AdjustmentRecord::new_zeroed();
        record.money = money(FINANCE, 1, NOON_NS + DAY_NS);
        let found = office.take(9, NOON_NS + 2 * DAY_NS, &Record::Adjustment(record, WHY));
        assert!(found.unwrap_err().contains("counts on day"));
    }

    #[test]
    fn what_needs_a_second_person_is_proposed_and_nothing_else() {
        let mut office = office();
        let mut proposed = |amount_fen, time_ns| {
            let mut record = AdjustmentProposedRecord::new_zeroed();
            record.money = money(FINANCE, amount_fen, time_ns);
            record.expires_ns = (time_ns + 60 * 1_000_000_000).into();
            record.direction = AdjustDirection::Give.number();
            office.take(9, time_ns, &Record::AdjustmentProposed(record, WHY))
        };
        assert_eq!(proposed(501, NOON_NS), Ok(()));
        assert!(proposed(500, NOON_NS).unwrap_err().contains("no second person"));
        adjusted(&mut office, FINANCE, 500, NOON_NS).expect("within");
        let mut record = AdjustmentProposedRecord::new_zeroed();
        record.money = money(FINANCE, 301, NOON_NS);
        record.expires_ns = (NOON_NS + 60 * 1_000_000_000).into();
        assert_eq!(office.take(9, NOON_NS, &Record::AdjustmentProposed(record, WHY)), Ok(()), "801 in a day");
    }

    #[test]
    fn each_role_does_its_own() {
        let mut office = office();
        for (by, may) in [(FINANCE, true), (CHIEF, true), (CLERK, false), (99, false)] {
            assert_eq!(adjusted(&mut office, by, 1, NOON_NS).is_ok(), may, "terminal {by}");
        }
        for (by, may) in [(CLERK, true), (CHIEF, true), (FINANCE, false), (99, false)] {
            let mut record = AccountChangedRecord::new_zeroed();
            record.money = money(by, 0, NOON_NS);
            assert_eq!(office.take(9, NOON_NS, &Record::AccountChanged(record, WHY)).is_ok(), may, "{by}");
        }
        assert_eq!(office.floor_moved(&money(CHIEF, 0, 0), 0, -500), Ok(()));
        assert_eq!(office.floor_moved(&money(CLERK, 0, 0), -500, 0), Ok(()));
        assert!(office.floor_moved(&money(CLERK, 0, 0), 0, -500).is_err());
    }
}
