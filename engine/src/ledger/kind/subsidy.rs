//! Subsidies: money from the school, in the subsidy part of the card wallet, paid line by line of a batch. What they are used
//! for: see [`super::card_wallet`] and [`super::offline`].
//!
//! A line is paid at once when its batch is issued, not at the person's next tap: whatever pays next can use it, a code or a
//! phone too; a tap looks at nothing more than before; and when a batch is issued, its sums are final.
//!
//! What the card wallet lacks is made up for at once: only what then stands above zero is subsidy still. A batch that clears
//! takes what is left of earlier ones back in the same group. A frozen account is paid; a closed one isn't, nor one that can't
//! hold so much: the line is skipped, and says why.
//!
//! Taken back is what is left of the batch: what is left at all, less what later batches brought, and no more than this one
//! did. What was paid by phone and waits to be settled is spent already, the school's part first, though it is on the card until
//! then: so the sum never falls below zero by it. A line of which nothing is left leaves no record.
//!
//! What comes back of what was spent, by a reversal, a void or a refund, is the school's again, and may be spent again. Of a batch that was
//! withdrawn it is taken back by the next day, until the batch's deadline has passed: see [`super::subsidy_step`].

use protocol::answer::SubsidyState;
use protocol::ids::{AccountId, BusinessDate, RecordNumber};
use protocol::request::SubsidyMode;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U16, U32, U64};

use super::{Ask, Desk, Person};
use crate::ledger::account::{Account, AccountStatus};
use crate::ledger::apply::Posting;
use crate::ledger::decision::{Decision, Group};
use crate::ledger::directory::Directory;
use crate::ledger::error::LedgerError;
use crate::ledger::lead::Lead;
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::limits::{AMOUNT_FEN_MAX, BALANCE_FEN_MAX, SUBSIDY_FEN_MAX};
use crate::ledger::record::{MoneyRecord, Record, SubsidyRecord, SubsidySkippedRecord, Wallet, Wallets};
use crate::ledger::shard::Parts;
use crate::ledger::subsidies::{Batch, Line, LineState};

/// Pays a line of a batch that is being issued. Nobody asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubsidyClaim {
    /// The batch.
    pub batch: u32,
    /// Whose line.
    pub account: AccountId,
}

/// Takes back what is left of a line of a batch that is being withdrawn. Nobody asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubsidyTakeBack {
    /// The batch.
    pub batch: u32,
    /// Whose line.
    pub account: AccountId,
}

impl<'a> Ask<'a> for SubsidyClaim {
    fn lead(&self, _: &Directory) -> Lead {
        Lead::to(Some(self.account))
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let (batch, line, person) = match desk.subsidy_line(self.batch, self.account, SubsidyState::Issuing) {
            Ok(found) => found,
            Err(code) => return desk.unchanged(code, None),
        };
        if batch.is_late(desk.today) {
            return desk.unchanged(ResultCode::BatchExpired, None);
        }
        if line.state != LineState::Waiting {
            return desk.unchanged(ResultCode::Approved, Some(self.account));
        }
        let amount_fen = i64::from(line.amount_fen);
        if person.account.status == AccountStatus::Closed {
            return desk.skip_line(batch, person, amount_fen, ResultCode::AccountClosed);
        }
        let left_fen = if batch.mode == SubsidyMode::Clear { there_fen(person.account) } else { 0 };
        let mut account = *person.account;
        let mut head = desk.stamp.number.0;
        let mut part = desk.hot_head(desk.layout.shard_of_account(person.id), SUBSIDY).get();
        let cleared = (left_fen > 0).then(|| {
            let record = taken_back(desk, batch.number, person, left_fen, SubsidyRecord::CLEARED);
            account.card_fen -= left_fen;
            // There is at least as much.
            account.subsidy_fen -= left_fen as u32;
            account.head = head;
            part = head;
            head += 1;
            Record::SubsidyTakenBack(record)
        });
        let Some(claim) = claim_of(&account, person.id, batch.number, amount_fen) else {
            return desk.skip_line(batch, person, amount_fen, ResultCode::BalanceOverflow);
        };
        let mode =
            if batch.mode == SubsidyMode::Clear { SubsidyRecord::CLEAR } else { SubsidyRecord::BESIDE };
        let money = MoneyRecord {
            business_date: U16::new(desk.date().0),
            previous_counter: U64::new(part),
            ..claim.money
        };
        let claim = Record::SubsidyClaimed(SubsidyRecord { money, mode, ..claim });
        let outcome = desk.outcome(&money, ResultCode::Approved, RecordNumber(head));
        let group = match cleared {
            Some(cleared) => Group::two(cleared, claim),
            None => Group::one(claim),
        };
        Decision::Done { outcome, group }
    }
}

impl<'a> Ask<'a> for SubsidyTakeBack {
    fn lead(&self, _: &Directory) -> Lead {
        Lead::to(Some(self.account))
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let (batch, line, person) =
            match desk.subsidy_line(self.batch, self.account, SubsidyState::Withdrawing) {
                Ok(found) => found,
                Err(code) => return desk.unchanged(code, None),
            };
        let subsidies = &desk.parts.shard(desk.layout.shard_of_account(self.account)).subsidies;
        let later_fen = subsidies.later_fen(desk.registry.subsidies(), batch, self.account);
        let left_fen = line.left_fen(there_fen(person.account) - later_fen);
        if left_fen == 0 {
            return desk.unchanged(ResultCode::Approved, Some(self.account));
        }
        let record = taken_back(desk, batch.number, person, left_fen, SubsidyRecord::WITHDRAWN);
        desk.office_done(&record.money, ResultCode::Approved, Record::SubsidyTakenBack(record))
    }
}

/// What of the school's is there to be taken back: nothing that is spent or held.
fn there_fen(account: &Account) -> i64 {
    account.school_fen().min(account.available_fen()).max(0)
}

/// Where subsidies come from, and go back to.
const SUBSIDY: LedgerAccount = LedgerAccount::clearing(Clearing::Subsidy);

/// The record by which something is taken back from a person.
fn taken_back<P: Parts + ?Sized>(
    desk: &Desk<'_, P>,
    batch: u32,
    person: Person<'_>,
    amount_fen: i64,
    cause: u8,
) -> SubsidyRecord {
    let account = person.account;
    let money = MoneyRecord {
        debit: U32::new(LedgerAccount::person(person.id).bits()),
        credit: U32::new(SUBSIDY.bits()),
        balance_after_fen: I64::new(account.system_fen() - amount_fen),
        previous_account: U64::new(account.head),
        previous_counter: desk.hot_head(desk.layout.shard_of_account(person.id), SUBSIDY),
        ..MoneyRecord::of_no_till(desk.date(), amount_fen, Wallet::Card)
    };
    let change_fen = I64::new(-amount_fen);
    let wallets = Wallets { card_fen: change_fen, subsidy_fen: change_fen, ..Wallets::default() };
    SubsidyRecord { money, wallets, batch: U32::new(batch), mode: cause, reserved: [0; 3] }
}

/// The record by which so much comes into an account as it stands here; none when it can't hold so much. Date and place in the
/// clearing account's chain are left open.
fn claim_of(account: &Account, id: AccountId, batch: u32, amount_fen: i64) -> Option<SubsidyRecord> {
    let card_fen = account.card_fen + amount_fen.clamp(1, AMOUNT_FEN_MAX);
    let subsidy_fen = amount_fen.min(card_fen.max(0) - account.subsidy_fen());
    let fits =
        card_fen <= BALANCE_FEN_MAX && account.subsidy_fen() + subsidy_fen <= i64::from(SUBSIDY_FEN_MAX);
    if !fits || !(1..=AMOUNT_FEN_MAX).contains(&amount_fen) {
        return None;
    }
    let money = MoneyRecord {
        debit: U32::new(SUBSIDY.bits()),
        credit: U32::new(LedgerAccount::person(id).bits()),
        balance_after_fen: I64::new(account.system_fen() + amount_fen),
        previous_account: U64::new(account.head),
        ..MoneyRecord::of_no_till(BusinessDate(0), amount_fen, Wallet::Card)
    };
    let wallets =
        Wallets { card_fen: I64::new(amount_fen), subsidy_fen: I64::new(subsidy_fen), ..Wallets::default() };
    let (batch, mode, reserved) = (U32::new(batch), SubsidyRecord::BESIDE, [0; 3]);
    Some(SubsidyRecord { money, wallets, batch, mode, reserved })
}

/// The record by which a subsidy of `amount_fen` of no batch comes into an account, beside what is left of earlier ones. None
/// when the account isn't there, or can't hold so much. A withdrawal would take it for its batch's: only tests of what a subsidy
/// is used for give one like this.
#[cfg(test)]
pub(crate) fn subsidy_grant<P: Parts + ?Sized>(
    registry: &crate::ledger::registry::Registry,
    parts: &P,
    id: AccountId,
    amount_fen: i64,
) -> Option<Record<'static>> {
    let layout = crate::ledger::shard::Layout::new(parts.shard_count());
    let claim = claim_of(layout.account(parts, id)?, id, 0, amount_fen)?;
    let part = parts.shard(layout.shard_of_account(id)).hot.part(SUBSIDY)?;
    let money = MoneyRecord {
        business_date: U16::new(registry.business_date.0),
        previous_counter: U64::new(part.head),
        ..claim.money
    };
    Some(Record::SubsidyClaimed(SubsidyRecord { money, ..claim }))
}

impl<'s, P: Parts + ?Sized> Desk<'s, P> {
    /// A line of a batch that must be in this state.
    fn subsidy_line(
        &self,
        number: u32,
        account: AccountId,
        state: SubsidyState,
    ) -> Result<(&'s Batch, &'s Line, Person<'s>), ResultCode> {
        let batch = self.registry.subsidies().get(number).ok_or(ResultCode::UnknownBatch)?;
        if batch.state != state {
            return Err(ResultCode::BatchNotApproved);
        }
        let subsidies = &self.parts.shard(self.layout.shard_of_account(account)).subsidies;
        let line = subsidies.line(number, account).ok_or(ResultCode::UnknownAccount)?;
        Ok((batch, line, self.person(account).ok_or(ResultCode::UnknownAccount)?))
    }

    /// The line isn't paid, for good.
    fn skip_line<'a>(
        &self,
        batch: &Batch,
        person: Person<'_>,
        amount_fen: i64,
        code: ResultCode,
    ) -> Decision<'a> {
        let money = MoneyRecord {
            code: U16::new(code.number()),
            debit: U32::new(LedgerAccount::person(person.id).bits()),
            balance_after_fen: I64::new(person.account.system_fen()),
            previous_account: U64::new(person.account.head),
            ..MoneyRecord::of_no_till(self.date(), amount_fen, Wallet::Card)
        };
        let record = SubsidySkippedRecord { money, batch: U32::new(batch.number), reserved: U32::ZERO };
        self.office_done(&money, code, Record::SubsidySkipped(record))
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn subsidy_claimed(&mut self, claim: &SubsidyRecord) -> Result<(), LedgerError> {
        let money = &claim.money;
        let amount_fen = self.amount_fen(money)?;
        let person = self.person(money.credit_account())?;
        self.post_wallets(person, money, &claim.wallets, amount_fen, |_| {})?;
        let shard = self.layout.shard_of_account(person);
        self.post_hot(shard, money.debit_account(), -amount_fen)?;
        let (batch, subsidy_fen) = (claim.batch.get(), claim.wallets.subsidy_fen.get());
        let subsidies = &mut self.parts.shard_mut(shard).subsidies;
        if batch == 0 || subsidies.claim(batch, person, amount_fen, subsidy_fen) {
            Ok(())
        } else {
            Err(self.bad("batch"))
        }
    }

    pub(in crate::ledger) fn subsidy_taken_back(&mut self, r: &SubsidyRecord) -> Result<(), LedgerError> {
        let money = &r.money;
        let amount_fen = self.amount_fen(money)?;
        let person = self.person(money.debit_account())?;
        self.post_wallets(person, money, &r.wallets, -amount_fen, |_| {})?;
        let shard = self.layout.shard_of_account(person);
        self.post_hot(shard, money.credit_account(), amount_fen)?;
        let (batch, subsidies) = (r.batch.get(), &mut self.parts.shard_mut(shard).subsidies);
        let known = match r.mode {
            SubsidyRecord::CLEARED => subsidies.clear(batch, amount_fen),
            SubsidyRecord::WITHDRAWN => subsidies.withdraw(batch, person, amount_fen),
            _ => false,
        };
        if known { Ok(()) } else { Err(self.bad("batch")) }
    }

    pub(in crate::ledger) fn subsidy_skipped(&mut self, r: &SubsidySkippedRecord) -> Result<(), LedgerError> {
        let money = &r.money;
        let amount_fen = self.amount_fen(money)?;
        let person = self.person(money.debit_account())?;
        self.post_person(person, money, |_| {})?;
        let shard = self.layout.shard_of_account(person);
        if self.parts.shard_mut(shard).subsidies.skip(r.batch.get(), person, amount_fen) {
            Ok(())
        } else {
            Err(self.bad("batch"))
        }
    }
}
