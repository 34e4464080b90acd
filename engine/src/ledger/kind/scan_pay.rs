//! What an offline till shows, paid by phone (扫一扫). The sale is the till's: it is posted under the identity that the scanned
//! code names, so that it is one sale by whichever way it comes. The request has an identity of its own, the gateway's,
//! under which every outcome is remembered: the posting and that memo are one group.
//!
//! | the scanned sale | answer | record |
//! |---|---|---|
//! | not come yet, or told by the till's upload and not paid | `Approved`, or as below | scan paid, scan told |
//! | the same, while the till seems to be connected | `ApprovedFlagged` | scan paid (marked), scan told |
//! | paid by the same account with the same amount | `Approved` (`repeat`), no second posting | scan told |
//! | paid by another account, or sold otherwise | `ScanPaidBefore` | refusal |
//! | taken back by the till | `ScanWithdrawn` | refusal |
//! | of another amount, refused, or anything else | `ScanConflict` | refusal |
//! | paid by the same request, and taken back by the till since | `Reversed` | none |
//! | forgotten by memory, and the code has expired | `ScanExpired`; the log isn't asked | refusal |
//! | would open more gaps of its till than are remembered | `TooManyGaps` | none |
//!
//! Its own identity comes first, then the fields; `SequenceZero` for either. A code whose MAC is wrong, of a till that isn't
//! registered, is disabled or sells nothing, or of the asking gateway itself, is `ScanNotAuthentic` before anything else is looked at. One that is
//! older than [`SCAN_AGE_MAX_NS`] by logged time, or ahead of it by more than the clocks may differ, is `ScanExpired`; then the
//! rules of every debit, by the scanned till's merchant: see [`super::debit`]. Of all these the lowest number is the answer.
//! Wallet: transition.
//!
//! **Told before it is paid**: an upload that says "self-scan" leaves a memo, [`RecordKind::ScanPending`], and is answered
//! `PaymentPending`. It is never credited but by the payment, which its code's age bounds. A reversal takes it back.

use protocol::ids::{RecordNumber, SaleId};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U16, U32, U64};

use super::debit::Limits;
use super::identity::Standing;
use super::meal_terms::MealTerms;
use super::{Ask, Case, Desk, Person, Till};
use crate::ledger::apply::Posting;
use crate::ledger::command::{AccountSelector, Channel, Sale, TerminalSlot};
use crate::ledger::decision::{Decision, Group, Outcome};
use crate::ledger::directory::Directory;
use crate::ledger::error::LedgerError;
use crate::ledger::fold::Fold;
use crate::ledger::known::Need;
use crate::ledger::lead::Lead;
use crate::ledger::limits::{CLOCK_DRIFT_MAX_NS, SCAN_AGE_MAX_NS};
use crate::ledger::outcome_ring::RememberedOutcome;
use crate::ledger::record::{
    MoneyFlags, MoneyRecord, Record, RecordKind, ReversalRecord, ScanPaidRecord, ScanPendingRecord, Wallet,
};
use crate::ledger::shard::{Layout, Parts, ShardSet};
use crate::ledger::touch::touch_selector;

/// Pays what an offline till shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanPay<'a> {
    /// Its own identity, at the gateway.
    pub sale: Sale<'a>,
    /// Who pays.
    pub account: AccountSelector,
    /// The identity in the code.
    pub scanned: SaleId,
    /// The slot of the till in the code.
    pub scanned_slot: TerminalSlot,
    /// What is to be paid.
    pub amount_fen: i64,
    /// When the till showed the code, by its clock, nanoseconds since 1970-01-01 UTC.
    pub till_time_ns: u64,
    /// Whether the code's MAC was right.
    pub authentic: bool,
    /// Whether the till seems to be connected.
    pub till_connected: bool,
}

impl<'a> Ask<'a> for ScanPay<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn lead(&self, directory: &Directory) -> Lead {
        Lead::of_selector(directory, &self.account)
    }

    fn prefetch_route(&self, directory: &Directory) {
        touch_selector(directory, &self.account);
    }

    /// The scanned till's.
    fn also_touches(&self, layout: Layout) -> ShardSet {
        ShardSet::one(layout.shard_of_terminal(self.scanned_slot))
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(self.amount_fen) };
        let case = Case {
            till,
            sale: &self.sale,
            digest: self.digest(),
            channel: Channel::Scan,
            amount_fen: self.amount_fen,
        };
        if let Some(decision) = desk.known(&case) {
            return desk.as_the_sale_stands(decision, self);
        }
        if let Some(code) = desk.bad_field(&case, till.config.pays_scans()) {
            return desk.transient(&case, code);
        }
        if self.scanned.sequence.0 == 0 {
            return desk.transient(&case, ResultCode::SequenceZero);
        }
        let sold = self.sold();
        let (Some(seller), true) =
            (desk.till(&sold).filter(|seller| seller.config.sells() && self.is_of_another()), self.authentic)
        else {
            return desk.refuse(&case, ResultCode::ScanNotAuthentic, None);
        };
        let before = match desk.standing(seller, sold.epoch, sold.sequence) {
            // One of an older epoch that nobody knows was shown just before the till was reset.
            Standing::Fresh | Standing::OlderUnknown => None,
            Standing::Remembered(outcome) => Some(outcome),
            // Whatever the log says of it, nothing is posted any more.
            Standing::NeedsHistory if self.is_expired(desk.stamp.time_ns) => None,
            Standing::NeedsHistory => return desk.needs_scanned(self, seller),
            Standing::TooManyGaps => return desk.transient(&case, ResultCode::TooManyGaps),
        };
        desk.pay_scanned(&case, self, seller, before.as_ref())
    }
}

/// Domain of the digests of requests' bodies, and of the sales that were scanned: they stand in records and never change.
const DOMAIN_SCAN_PAY: u64 = 19;
const DOMAIN_SCANNED: u64 = 20;

/// A payment by phone and its till's upload have the same digest: the till doesn't know who pays.
pub(super) fn scanned_digest(amount_fen: i64) -> u64 {
    Fold::new(DOMAIN_SCANNED).word(amount_fen.cast_unsigned()).finish()
}

impl ScanPay<'_> {
    fn digest(&self) -> u64 {
        let SaleId { terminal, epoch, sequence } = self.scanned;
        let fold = Fold::new(DOMAIN_SCAN_PAY)
            .word(u64::from(terminal.0) << 32 | u64::from(sequence.0))
            .word(u64::from(epoch.0))
            .word(self.amount_fen.cast_unsigned())
            .word(self.till_time_ns);
        self.account.fold(fold).finish()
    }

    /// The sale in the code, at its till.
    const fn sold(&self) -> Sale<'static> {
        let SaleId { terminal, epoch, sequence } = self.scanned;
        Sale { slot: self.scanned_slot, terminal, epoch, sequence, raw: &[] }
    }

    fn is_of_another(&self) -> bool {
        self.scanned.terminal != self.sale.terminal
    }

    fn is_expired(&self, now_ns: u64) -> bool {
        let age_ns = now_ns.saturating_sub(self.till_time_ns);
        let ahead_ns = self.till_time_ns.saturating_sub(now_ns);
        age_ns > SCAN_AGE_MAX_NS || ahead_ns > CLOCK_DRIFT_MAX_NS
    }
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    fn needs_scanned<'a>(&self, pay: &ScanPay<'_>, seller: Till<'_>) -> Decision<'a> {
        Decision::Needs(Need::Sale { sale: pay.scanned, head: seller.entry.head() })
    }

    /// The answer to a request that came before: no sale is told as paid that its till took back since.
    fn as_the_sale_stands<'a>(&self, decision: Decision<'a>, pay: &ScanPay<'_>) -> Decision<'a> {
        let Decision::NoRecord(told) = &decision else { return decision };
        let sold = pay.sold();
        let Some(seller) = self.registered(sold.slot, sold.terminal).filter(|_| told.code.is_approved())
        else {
            return decision;
        };
        match self.standing(seller, sold.epoch, sold.sequence) {
            Standing::Remembered(outcome) if outcome.is_gone() => {
                let observed = told.observed.max(seller.entry.head());
                let code = ResultCode::Reversed;
                Decision::NoRecord(Outcome { code, observed, repeat: false, ..*told })
            }
            Standing::NeedsHistory => self.needs_scanned(pay, seller),
            _ => decision,
        }
    }

    /// `before` is what became of the scanned sale until now.
    fn pay_scanned<'a>(
        &self,
        case: &Case<'_, 'a>,
        pay: &ScanPay<'a>,
        seller: Till<'_>,
        before: Option<&RememberedOutcome>,
    ) -> Decision<'a> {
        let (sale, digest) = (pay.sold(), scanned_digest(pay.amount_fen));
        let sold =
            Case { till: seller, sale: &sale, digest, channel: Channel::Scan, amount_fen: pay.amount_fen };
        let selected = self.select(&pay.account);
        let person = selected.ok();
        let same = before.filter(|outcome| outcome.digest == digest && !outcome.is_gone());
        let paid = same.filter(|outcome| outcome.is_posting());
        if let (Some(paid), Some(person)) = (paid, person)
            && paid.debit.as_person() == Some(person.id)
        {
            return self.told_as_paid(case, pay, person, paid);
        }
        let sold_otherwise = match before {
            None => None,
            Some(outcome) if outcome.is_gone() => Some(ResultCode::ScanWithdrawn),
            Some(outcome) if outcome.kind == Some(RecordKind::ScanPending) && same.is_some() => None,
            Some(_) if paid.is_some() => Some(ResultCode::ScanPaidBefore),
            Some(_) => Some(ResultCode::ScanConflict),
        };
        let expired = pay.is_expired(self.stamp.time_ns).then_some(ResultCode::ScanExpired);
        let forbidden = person.and_then(|person| {
            self.forbidden(&sold, person, Wallet::Transition, Limits::Usual, MealTerms::NONE)
        });
        let code = [expired, sold_otherwise, selected.err(), forbidden].into_iter().flatten().min();
        match (code, person) {
            (None, Some(person)) => self.post_scanned(case, &sold, pay, person),
            (code, person) => self.refuse(case, code.unwrap_or(ResultCode::UnknownAccount), person),
        }
    }

    /// The posting under the sale's identity, and the memo under the request's.
    fn post_scanned<'a>(
        &self,
        case: &Case<'_, 'a>,
        sold: &Case<'_, '_>,
        pay: &ScanPay<'a>,
        person: Person<'_>,
    ) -> Decision<'a> {
        let code = if pay.till_connected { ResultCode::ApprovedFlagged } else { ResultCode::Approved };
        let money = MoneyRecord {
            code: U16::new(code.number()),
            ..self.debit_money(sold, person, Wallet::Transition, MoneyFlags::default(), 0)
        };
        let paid = ScanPaidRecord {
            money,
            till_time_ns: U64::new(pay.till_time_ns),
            gateway: U32::new(case.sale.terminal.0),
            till_connected: pay.till_connected.into(),
            reserved: [0; 3],
        };
        let posted = self.stamp.number;
        let mut memo = self.memo(case, code, Some(person));
        memo.balance_after_fen = money.balance_after_fen;
        memo.previous_account = U64::new(posted.0);
        let outcome = self.outcome(&memo, code, RecordNumber(posted.0 + 1));
        let group = Group::two(Record::ScanPaid(paid), Record::ScanTold(told(pay, memo, posted.0)));
        Decision::Done { outcome, group }
    }

    /// The same account asks again under another identity: it is told that it has paid.
    fn told_as_paid<'a>(
        &self,
        case: &Case<'_, 'a>,
        pay: &ScanPay<'a>,
        person: Person<'_>,
        paid: &RememberedOutcome,
    ) -> Decision<'a> {
        // The code of a posting is one of the approved.
        let code = ResultCode::from_number(paid.code).unwrap_or(ResultCode::Approved);
        let memo = self.memo(case, code, Some(person));
        let outcome = Outcome { repeat: true, ..self.outcome(&memo, code, self.stamp.number) };
        Decision::Done { outcome, group: Group::one(Record::ScanTold(told(pay, memo, paid.record))) }
    }
}

/// The memo of a request for a scanned sale that record `paid` is.
fn told(pay: &ScanPay<'_>, memo: MoneyRecord, paid: u64) -> ReversalRecord {
    ReversalRecord {
        money: memo,
        original_record: U64::new(paid),
        original_sequence: U32::new(pay.scanned.sequence.0),
        original_epoch: U16::new(pay.scanned.epoch.0),
        reserved: U16::ZERO,
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn scan_paid(&mut self, paid: &ScanPaidRecord) -> Result<(), LedgerError> {
        self.debit(&paid.money)
    }

    pub(in crate::ledger) fn scan_told(&mut self, told: &ReversalRecord) -> Result<(), LedgerError> {
        self.memo(&told.money)
    }

    pub(in crate::ledger) fn scan_pending(&mut self, pending: &ScanPendingRecord) -> Result<(), LedgerError> {
        self.memo(&pending.money)
    }
}
