//! A second operator approves or rejects what a first one proposed, or its time passes.
//!
//! | proposal | answer | record |
//! |---|---|---|
//! | waits, and is approved by another | `Approved` | adjustment, if it still can be made: else the codes of [`super::adjust`] |
//! | waits, and is rejected by anybody | `Approved` | adjustment closed |
//! | waits, and is approved by whoever proposed it | `SamePerson` | refusal |
//! | waits, but its time has passed | `ProposalExpired` | refusal |
//! | was decided before, or closed when its time had passed | `ProposalClosed` | refusal |
//! | no such record, or one that proposes nothing | `UnknownProposal` | refusal |
//!
//! Where it doesn't wait, its record says which of the last two it is ([`Need::Record`]). What else: see [`super::office`].

use protocol::command_table::Kind;
use protocol::ids::RecordNumber;
use protocol::request::Verdict;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U32, U64};

use super::adjust::{Correction, adjust_refusal};
use super::office::{case_of, digest_of, reason_bytes};
use super::{Ask, Desk, Person, channel_wallet};
use crate::ledger::account::AccountStatus;
use crate::ledger::apply::Posting;
use crate::ledger::command::Sale;
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::known::Need;
use crate::ledger::ledger_account::LedgerAccount;
use crate::ledger::proposals::Proposal;
use crate::ledger::record::{AdjustmentClosedRecord, MoneyRecord, Record};
use crate::ledger::shard::{Layout, Parts, ShardSet};

/// Approves or rejects a proposed adjustment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdjustDecide<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// The record by which it was proposed.
    pub proposal: RecordNumber,
    /// Which of both.
    pub verdict: Verdict,
    /// Why, UTF-8.
    pub reason: &'a [u8],
}

/// Closes a proposed adjustment whose time has passed. Nobody asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdjustExpire {
    /// The record by which it was proposed.
    pub proposal: RecordNumber,
}

impl<'a> Ask<'a> for AdjustDecide<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    /// The account is known only from the proposal.
    fn also_touches(&self, layout: Layout) -> ShardSet {
        ShardSet::all(layout.shard_count())
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(0) };
        let digest = digest_of(Kind::AdjustDecide, self.reason)
            .word(self.proposal.0)
            .word(u64::from(self.verdict.number()))
            .finish();
        let mut case = case_of(till, &self.sale, digest, 0);
        if let Some(decision) = desk.office_refusal(&case, Kind::AdjustDecide, Some(self.reason), None) {
            return decision;
        }
        let Some((proposal, person)) = desk.proposal(self.proposal) else {
            if self.proposal.0 == 0 || self.proposal >= desk.stamp.number {
                return desk.refuse(&case, ResultCode::UnknownProposal, None);
            }
            let code = match desk.known.and_then(|known| known.record(self.proposal)) {
                None => return Decision::Needs(Need::Record(self.proposal)),
                Some(Record::AdjustmentProposed(..)) => ResultCode::ProposalClosed,
                Some(_) => ResultCode::UnknownProposal,
            };
            return desk.refuse(&case, code, None);
        };
        let approves = self.verdict == Verdict::Approve;
        let Proposal { amount_fen, wallet, direction, .. } = *proposal;
        case.amount_fen = amount_fen;
        let is_proposer = proposal.proposer == case.sale.terminal;
        let closed = person.account.status == AccountStatus::Closed;
        let code = [
            (approves && closed).then_some(ResultCode::AccountClosed),
            (approves && is_proposer).then_some(ResultCode::SamePerson),
            (proposal.expires_ns <= desk.stamp.time_ns).then_some(ResultCode::ProposalExpired),
            approves.then(|| adjust_refusal(person.account, wallet, direction, amount_fen)).flatten(),
        ];
        if let Some(code) = code.into_iter().flatten().min() {
            return desk.refuse(&case, code, Some(person));
        }
        if approves {
            let correction = Correction { amount_fen, wallet, direction, proposal: self.proposal };
            return desk.post_adjustment(&case, person, &correction, self.reason);
        }
        let mut money = desk.memo(&case, ResultCode::Approved, Some(person));
        money.channel_wallet = channel_wallet(case.channel, wallet);
        let record = AdjustmentClosedRecord {
            money,
            proposal: U64::new(self.proposal.0),
            end: AdjustmentClosedRecord::REJECTED,
            reason_bytes: reason_bytes(self.reason),
            reserved: [0; 6],
        };
        desk.office_done(&money, ResultCode::Approved, Record::AdjustmentClosed(record, self.reason))
    }
}

impl<'a> Ask<'a> for AdjustExpire {
    /// The account is known only from the proposal.
    fn also_touches(&self, layout: Layout) -> ShardSet {
        ShardSet::all(layout.shard_count())
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let found = desk.proposal(self.proposal);
        let Some((proposal, person)) = found.filter(|(p, _)| p.expires_ns <= desk.stamp.time_ns) else {
            return desk.unchanged(ResultCode::UnknownProposal, None);
        };
        let money = MoneyRecord {
            debit: U32::new(LedgerAccount::person(person.id).bits()),
            balance_after_fen: I64::new(person.account.system_fen()),
            previous_account: U64::new(person.account.head),
            ..MoneyRecord::of_no_till(desk.date(), proposal.amount_fen, proposal.wallet)
        };
        let record = AdjustmentClosedRecord {
            money,
            proposal: U64::new(self.proposal.0),
            end: AdjustmentClosedRecord::EXPIRED,
            reason_bytes: 0,
            reserved: [0; 6],
        };
        desk.office_done(&money, ResultCode::Approved, Record::AdjustmentClosed(record, &[]))
    }
}

impl<'s, P: Parts + ?Sized> Desk<'s, P> {
    /// A proposal that waits, and whose account it is about. Needs every shard.
    fn proposal(&self, record: RecordNumber) -> Option<(&'s Proposal, Person<'s>)> {
        let proposal =
            (0..self.parts.shard_count()).find_map(|shard| self.parts.shard(shard).proposals.get(record))?;
        Some((proposal, self.person(proposal.account)?))
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn adjustment_closed(
        &mut self,
        r: &AdjustmentClosedRecord,
    ) -> Result<(), LedgerError> {
        let person = self.person(r.money.debit_account())?;
        if r.money.terminal_slot().is_some() {
            self.memo(&r.money)?;
        } else {
            self.post_person(person, &r.money, |_| {})?;
        }
        let shard = self.layout.shard_of_account(person);
        let removed = self.parts.shard_mut(shard).proposals.remove(r.proposal());
        if removed.is_some() { Ok(()) } else { Err(self.bad("proposal")) }
    }
}
