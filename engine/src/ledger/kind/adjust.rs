//! An operator corrects a balance: a person's wallet against the clearing account of adjustments.
//!
//! Up to an amount, and up to another in all that one operator adjusts in a day (`OfficeRules`), it is posted at once. Above it is only proposed, `AwaitsApproval`, and waits in the shard of
//! the account for a second person: see [`super::adjust_decide`]; `Busy` (no record) when too many wait. What is proposed is
//! checked now, and again when it is approved.
//!
//! Card or electronic wallet (`NotPermitted`, no record, for another). What is taken must be there, `InsufficientFunds`: in that
//! wallet, the subsidy part of the card left alone, and in all, less open holds. What is given may not leave the range of
//! balances, `BalanceOverflow`. Of the account: what names it may be refused, `AccountClosed`. What else: see
//! [`super::office`].

use protocol::command_table::Kind;
use protocol::ids::{RecordNumber, TerminalId};
use protocol::request::AdjustDirection;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U16, U32, U64};

use super::office::{case_of, digest_of, reason_bytes};
use super::{Ask, Case, Desk, Person, channel_wallet};
use crate::ledger::account::Account;
use crate::ledger::apply::Posting;
use crate::ledger::command::{AccountSelector, Sale};
use crate::ledger::decision::Decision;
use crate::ledger::directory::Directory;
use crate::ledger::error::LedgerError;
use crate::ledger::lead::Lead;
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::limits::{AMOUNT_FEN_MAX, BALANCE_FEN_MAX, PROPOSALS_MAX};
use crate::ledger::proposals::Proposal;
use crate::ledger::record::{
    AdjustmentProposedRecord, AdjustmentRecord, MoneyRecord, Record, Wallet, Wallets,
};
use crate::ledger::shard::{Layout, Parts, ShardSet};

/// Corrects a balance, or proposes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adjust<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// Whose account.
    pub account: AccountSelector,
    /// By how much.
    pub amount_fen: i64,
    /// Card or electronic.
    pub wallet: Wallet,
    /// Which way.
    pub direction: AdjustDirection,
    /// Why, UTF-8.
    pub reason: &'a [u8],
}

impl<'a> Ask<'a> for Adjust<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn lead(&self, directory: &Directory) -> Lead {
        Lead::of_selector(directory, &self.account)
    }

    /// How many proposals wait is counted over all of them.
    fn also_touches(&self, layout: Layout) -> ShardSet {
        ShardSet::all(layout.shard_count())
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Adjust { amount_fen, wallet, direction, reason, .. } = *self;
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(amount_fen) };
        let fold = digest_of(Kind::Adjust, reason)
            .word(amount_fen.cast_unsigned())
            .word(u64::from(wallet as u8) << 8 | u64::from(direction.number()));
        let case = case_of(till, &self.sale, self.account.fold(fold).finish(), amount_fen);
        if let Some(decision) = desk.office_refusal(&case, Kind::Adjust, Some(reason), Some(AMOUNT_FEN_MAX)) {
            return decision;
        }
        if wallet == Wallet::Transition {
            return desk.transient(&case, ResultCode::NotPermitted);
        }
        let person = match desk.office_account(&self.account) {
            Ok(person) => person,
            Err((code, person)) => return desk.refuse(&case, code, person),
        };
        if let Some(code) = adjust_refusal(person.account, wallet, direction, amount_fen) {
            return desk.refuse(&case, code, Some(person));
        }
        if desk.may_adjust_alone(&case) {
            let correction = Correction { amount_fen, wallet, direction, proposal: RecordNumber(0) };
            return desk.post_adjustment(&case, person, &correction, reason);
        }
        let waiting: usize =
            (0..desk.parts.shard_count()).map(|shard| desk.parts.shard(shard).proposals.len()).sum();
        if waiting >= PROPOSALS_MAX {
            return desk.transient(&case, ResultCode::Busy);
        }
        let mut money = desk.memo(&case, ResultCode::AwaitsApproval, Some(person));
        money.channel_wallet = channel_wallet(case.channel, wallet);
        let waits_ns = u64::from(desk.registry.office().proposal_s) * 1_000_000_000;
        let record = AdjustmentProposedRecord {
            money,
            expires_ns: U64::new(desk.stamp.time_ns.saturating_add(waits_ns)),
            direction: direction.number(),
            reason_bytes: reason_bytes(reason),
            reserved: [0; 6],
        };
        desk.office_done(&money, ResultCode::AwaitsApproval, Record::AdjustmentProposed(record, reason))
    }
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// Whether one operator is enough: for this amount, and for all that this one adjusted alone today.
    fn may_adjust_alone(&self, case: &Case<'_, '_>) -> bool {
        let rules = self.registry.office();
        let today_fen = case.till.entry.adjusted_alone.on_fen(self.today) + case.amount_fen;
        let day_max_fen = i64::from(rules.adjust_alone_day_max_fen);
        case.amount_fen <= rules.adjust_alone_max_fen && (day_max_fen == 0 || today_fen <= day_max_fen)
    }
}

/// A correction that is to be posted.
pub(super) struct Correction {
    pub(super) amount_fen: i64,
    pub(super) wallet: Wallet,
    pub(super) direction: AdjustDirection,
    /// The record that proposed it; 0 = none.
    pub(super) proposal: RecordNumber,
}

/// Why an account can't be corrected so.
pub(super) fn adjust_refusal(
    account: &Account,
    wallet: Wallet,
    direction: AdjustDirection,
    amount_fen: i64,
) -> Option<ResultCode> {
    let held_fen = account.wallet_fen(wallet);
    match direction {
        AdjustDirection::Give => {
            (held_fen + amount_fen > BALANCE_FEN_MAX).then_some(ResultCode::BalanceOverflow)
        }
        AdjustDirection::Take => {
            let given_fen = if wallet == Wallet::Card { account.subsidy_fen() } else { 0 };
            let own_fen = (held_fen - given_fen).min(account.available_fen() - account.subsidy_fen());
            (own_fen < amount_fen).then_some(ResultCode::InsufficientFunds)
        }
    }
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// The posting itself, by whoever may.
    pub(super) fn post_adjustment<'a>(
        &self,
        case: &Case<'_, 'a>,
        person: Person<'_>,
        correction: &Correction,
        reason: &'a [u8],
    ) -> Decision<'a> {
        let Correction { amount_fen, wallet, direction, proposal } = *correction;
        let (account, clearing) = (person.account, LedgerAccount::clearing(Clearing::Adjustments));
        let holder = LedgerAccount::person(person.id);
        let (debit, credit, change_fen) = match direction {
            AdjustDirection::Give => (clearing, holder, amount_fen),
            AdjustDirection::Take => (holder, clearing, -amount_fen),
        };
        let money = MoneyRecord {
            debit: U32::new(debit.bits()),
            credit: U32::new(credit.bits()),
            amount_fen: I64::new(amount_fen),
            balance_after_fen: I64::new(account.system_fen() + change_fen),
            previous_account: U64::new(account.head),
            previous_counter: self.hot_head(self.layout.shard_of_account(person.id), clearing),
            channel_wallet: channel_wallet(case.channel, wallet),
            limit_day: U16::new(if proposal.0 == 0 { self.today } else { 0 }),
            ..self.money(case, ResultCode::Approved)
        };
        let mut wallets = Wallets::default();
        match wallet {
            Wallet::Card => wallets.card_fen = I64::new(change_fen),
            Wallet::Transition => wallets.transition_fen = I64::new(change_fen),
            Wallet::Electronic => wallets.electronic_fen = I64::new(change_fen),
        }
        let record = AdjustmentRecord {
            money,
            wallets,
            proposal: U64::new(proposal.0),
            reason_bytes: reason_bytes(reason),
            reserved: [0; 7],
        };
        self.office_done(&money, ResultCode::Approved, Record::Adjustment(record, reason))
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn adjustment(&mut self, r: &AdjustmentRecord) -> Result<(), LedgerError> {
        let money = &r.money;
        let amount_fen = self.amount_fen(money)?;
        let (hot, person, change_fen) = match money.credit_account().as_person() {
            Some(person) => (money.debit_account(), person, amount_fen),
            None => (money.credit_account(), self.person(money.debit_account())?, -amount_fen),
        };
        self.post_wallets(person, money, &r.wallets, change_fen, |_| {})?;
        let shard = self.layout.shard_of_account(person);
        self.post_hot(shard, hot, -change_fen)?;
        let proposal = RecordNumber(r.proposal.get());
        if proposal.0 != 0 && self.parts.shard_mut(shard).proposals.remove(proposal).is_none() {
            return Err(self.bad("proposal"));
        }
        let entry = self.post_till(money)?;
        if proposal.0 == 0 {
            entry.adjusted_alone.add(money.limit_day.get(), amount_fen);
        }
        Ok(())
    }

    pub(in crate::ledger) fn adjustment_proposed(
        &mut self,
        r: &AdjustmentProposedRecord,
    ) -> Result<(), LedgerError> {
        let money = &r.money;
        let proposal = Proposal {
            record: self.number,
            time_ns: self.time_ns,
            expires_ns: r.expires_ns.get(),
            amount_fen: self.amount_fen(money)?,
            account: self.person(money.debit_account())?,
            proposer: TerminalId(money.terminal.get()),
            wallet: self.wallet(money)?,
            direction: AdjustDirection::from_number(r.direction).ok_or_else(|| self.bad("direction"))?,
        };
        self.memo(money)?;
        let shard = self.layout.shard_of_account(proposal.account);
        if self.parts.shard_mut(shard).proposals.push(proposal) {
            Ok(())
        } else {
            Err(LedgerError::TableFull { table: "proposed adjustments" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_stays_within_the_range_of_balances() {
        let account = Account { card_fen: BALANCE_FEN_MAX - 5, ..Account::new([0; 16], 0) };
        for (wallet, amount_fen, code) in [
            (Wallet::Card, 5, None),
            (Wallet::Card, 6, Some(ResultCode::BalanceOverflow)),
            (Wallet::Electronic, 6, None),
        ] {
            assert_eq!(
                adjust_refusal(&account, wallet, AdjustDirection::Give, amount_fen),
                code,
                "{wallet:?}"
            );
        }
    }
}
