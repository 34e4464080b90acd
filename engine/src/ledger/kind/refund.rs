//! A merchant gives a debit back, wholly or in part, as often as something of it is left. A refund has an identity of its own,
//! and names its original by terminal, epoch and sequence: a sale of its own till, or of another till of its merchant.
//!
//! | original | answer | record |
//! |---|---|---|
//! | approved debit, online, offline or by self-scan, of which so much is left | `Approved` | refund |
//! | of a till that sells for another merchant now, or credited to another | `OtherMerchant` | refusal |
//! | a refusal, no debit, not come, itself, or of a terminal that isn't registered | `NothingToRefund` | refusal |
//! | offline fact that no account paid, but the school for a blocked card | `NothingToRefund` | refusal |
//! | a refund | `RefundOfRefund` | refusal |
//! | a reversal, a void, a top-up taken back | `RefundOfReversal` | refusal |
//! | voided | `RefundAfterVoid` | refusal |
//! | reversed, or reversed before it came | `RefundAfterReversal` | refusal |
//! | less of it is left | `RefundAboveOriginal` | refusal |
//! | offline fact that is held back for review | `RefundUnderReview` | refusal |
//! | of an older epoch, or out of the ring | the log of its till is asked first | |
//!
//! Its own identity comes first, then its fields; sequence 0 of either is `SequenceZero`. The status of account and merchant
//! doesn't matter, and no time is too late.
//!
//! **What is left**: a debit remembers only that something of it was given back. How much stands in the newest refund of it,
//! which is in the payer's chain above the debit ([`crate::ledger::refunds`]), and is asked for there
//! ([`crate::ledger::known::Need::Refunds`]). So nothing has to be remembered for as long as a debit can be refunded.
//!
//! A tap that is open is closed by a refund of it, whether the chip was written or not.
//!
//! **Of a priced debit** the amounts are of the price, and so is what is left; the part of the surcharge or the discount that goes
//! with them comes on top ([`super::pricing`]).
//!
//! **Where it goes**: see [`super::give_back`]; what was subsidy comes back last. It raises a day's limit only on the day on
//! which the debit counts. Into a **closed account** nothing is paid that its holder can't have: what of it stands above zero
//! there, and isn't subsidy, becomes payable to the holder in the same group.

use protocol::ids::{MerchantId, RecordNumber, SaleId, TerminalId};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U16, U32, U64};

use super::give_back::{given_back, is_debit};
use super::identity::Standing;
use super::meal_terms::MealTerms;
use super::original::digest_of;
use super::pricing::pricing_back_fen;
use super::{Ask, Case, Desk, Person, Till, channel_wallet};
use crate::ledger::account::AccountStatus;
use crate::ledger::apply::Posting;
use crate::ledger::command::{Channel, Sale, TerminalSlot};
use crate::ledger::decision::{Decision, Group};
use crate::ledger::error::LedgerError;
use crate::ledger::known::Need;
use crate::ledger::ledger_account::{Clearing, LedgerAccount, LedgerClass};
use crate::ledger::limits::BALANCE_FEN_MAX;
use crate::ledger::meals::Window;
use crate::ledger::outcome_ring::{OutcomeMarks, RememberedOutcome};
use crate::ledger::record::{MoneyRecord, Record, RecordKind, RefundRecord, Wallet, Wallets, WalletsRecord};
use crate::ledger::shard::{Layout, Parts, ShardSet};

/// A merchant gives a debit back, wholly or in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refund<'a> {
    /// Its own identity.
    pub sale: Sale<'a>,
    /// The debit.
    pub original: SaleId,
    /// The slot of the debit's till, if it is registered.
    pub original_slot: Option<TerminalSlot>,
    /// What is given back of it.
    pub amount_fen: i64,
}

impl<'a> Ask<'a> for Refund<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    /// Its account is known only from its original.
    fn also_touches(&self, layout: Layout) -> ShardSet {
        ShardSet::all(layout.shard_count())
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(self.amount_fen) };
        let case = Case {
            till,
            sale: &self.sale,
            digest: digest_of(
                DOMAIN_REFUND + u64::from(self.original.terminal.0),
                self.original,
                self.amount_fen,
            ),
            channel: Channel::Till,
            amount_fen: self.amount_fen,
        };
        if let Some(decision) = desk.known(&case) {
            return decision;
        }
        if let Some(code) = desk.bad_field(&case, till.config.is_attended()) {
            return desk.transient(&case, code);
        }
        if self.original.sequence.0 == 0 {
            return desk.transient(&case, ResultCode::SequenceZero);
        }
        if self.original == self.sale.id() {
            return desk.refuse(&case, ResultCode::NothingToRefund, None);
        }
        let Some(sold_at) = self.original_slot.and_then(|slot| desk.registered(slot, self.original.terminal))
        else {
            return desk.refuse(&case, ResultCode::NothingToRefund, None);
        };
        // Before anything is looked for: a till could make the log be walked for every sale of everybody's.
        if sold_at.config.merchant != till.config.merchant {
            return desk.refuse(&case, ResultCode::OtherMerchant, None);
        }
        match desk.standing(sold_at, self.original.epoch, self.original.sequence) {
            Standing::Remembered(outcome) => desk.refund(&case, self.original, sold_at, &outcome),
            Standing::NeedsHistory => {
                Decision::Needs(Need::Sale { sale: self.original, head: sold_at.entry.head() })
            }
            Standing::Fresh | Standing::TooManyGaps | Standing::OlderUnknown => {
                desk.refuse(&case, ResultCode::NothingToRefund, None)
            }
        }
    }
}

/// Domain of the digests of bodies, the original's terminal added: it stands in records and never changes.
const DOMAIN_REFUND: u64 = 22 << 32;

impl<'s, P: Parts + ?Sized> Desk<'s, P> {
    /// A till, whether it may trade or not.
    pub(super) fn registered(&self, slot: TerminalSlot, terminal: TerminalId) -> Option<Till<'s>> {
        let config = self.registry.terminal(slot).filter(|config| config.terminal == terminal)?;
        let entry = self.layout.terminal(self.parts, slot)?;
        Some(Till { config, entry })
    }

    fn refund<'a>(
        &self,
        case: &Case<'_, 'a>,
        original: SaleId,
        sold_at: Till<'_>,
        outcome: &RememberedOutcome,
    ) -> Decision<'a> {
        let named = outcome.debit.as_person().and_then(|id| self.person(id));
        let refuse = |code| self.refuse(case, code, named);
        let credited = merchant_of(outcome);
        if credited.is_some_and(|merchant| merchant != case.till.config.merchant) {
            // Who paid another merchant is none of this one's business.
            return self.refuse(case, ResultCode::OtherMerchant, None);
        }
        if outcome.is_tombstone() {
            return refuse(ResultCode::RefundAfterReversal);
        }
        match outcome.kind {
            Some(kind) if is_debit(kind) => {}
            Some(RecordKind::Refund) => return refuse(ResultCode::RefundOfRefund),
            Some(
                RecordKind::Reversal
                | RecordKind::FullReversal
                | RecordKind::ReversalBeforeOriginal
                | RecordKind::Void
                | RecordKind::TopUpUndo,
            ) => return refuse(ResultCode::RefundOfReversal),
            _ => return refuse(ResultCode::NothingToRefund),
        }
        if outcome.marks.has(OutcomeMarks::VOIDED) {
            return refuse(ResultCode::RefundAfterVoid);
        }
        if outcome.is_gone() {
            return refuse(ResultCode::RefundAfterReversal);
        }
        if case.amount_fen > outcome.amount_fen() {
            return refuse(ResultCode::RefundAboveOriginal);
        }
        if matches!(outcome.credit.class(), LedgerClass::HeldBack(_)) {
            return refuse(ResultCode::RefundUnderReview);
        }
        let wallet = Wallet::from_number(outcome.channel_wallet >> 4);
        let (Some(person), Some(wallet)) = (named, wallet) else {
            return refuse(ResultCode::NothingToRefund);
        };
        let before_fen = match self.refunded_fen(person, outcome) {
            Ok(before_fen) => before_fen,
            Err(need) => return Decision::Needs(need),
        };
        if before_fen + case.amount_fen > outcome.amount_fen() {
            return refuse(ResultCode::RefundAboveOriginal);
        }
        let pricing_fen = pricing_back_fen(outcome, before_fen, case.amount_fen);
        let back_fen = case.amount_fen + pricing_fen;
        let all_before_fen = before_fen + pricing_back_fen(outcome, 0, before_fen);
        let subsidy_fen =
            subsidy_back_fen(outcome, all_before_fen + back_fen) - subsidy_back_fen(outcome, all_before_fen);
        let account = person.account;
        let wallets = given_back(account, wallet, back_fen, subsidy_fen);
        if account.card_fen + wallets.card_fen.get() > BALANCE_FEN_MAX {
            return refuse(ResultCode::BalanceOverflow);
        }
        let same_day = outcome.limit_day == self.today;
        let window = if same_day { self.window_of(outcome) } else { Window::NONE };
        let money = MoneyRecord {
            limit_day: U16::new(if same_day { self.today } else { 0 }),
            ..self.money_back(case, person, wallet, outcome, pricing_fen)
        };
        let refund = Record::Refund(RefundRecord {
            money,
            wallets,
            original_record: U64::new(outcome.record),
            refunded_before_fen: I64::new(before_fen),
            original_terminal: U32::new(original.terminal.0),
            original_sequence: U32::new(original.sequence.0),
            original_epoch: U16::new(original.epoch.0),
            original_slot: U16::new(sold_at.config.slot.0),
            window: U32::new(window.number().into()),
            pricing_fen: I64::new(pricing_fen),
            previous_pricing: self.pricing_head(person.id, pricing_fen),
        });
        let mut outcome = self.outcome(&money, ResultCode::Approved, self.stamp.number);
        outcome.amount_fen = back_fen;
        let group = match self.payable(&money, person, &wallets, back_fen) {
            None => Group::one(refund),
            Some(payable) => {
                outcome.observed = RecordNumber(self.stamp.number.0 + 1);
                Group::two(refund, payable)
            }
        };
        Decision::Done { outcome, group }
    }

    /// What of a refund into a closed account its holder can be paid, as the record that follows the refund's.
    fn payable<'a>(
        &self,
        refund: &MoneyRecord,
        person: Person<'_>,
        back: &Wallets,
        all_back_fen: i64,
    ) -> Option<Record<'a>> {
        let account = person.account;
        if account.status != AccountStatus::Closed {
            return None;
        }
        let back_fen = back.card_fen.get() - back.subsidy_fen.get();
        let own_on_card_fen = account.card_fen - account.subsidy_fen() + back_fen;
        let own_fen = account.system_fen() - account.subsidy_fen() + all_back_fen - back.subsidy_fen.get();
        let payable_fen = back_fen.min(own_on_card_fen).min(own_fen);
        if payable_fen <= 0 {
            return None;
        }
        let clearing = LedgerAccount::clearing(Clearing::Payable);
        let money = MoneyRecord {
            debit: refund.credit,
            credit: U32::new(clearing.bits()),
            amount_fen: I64::new(payable_fen),
            balance_after_fen: I64::new(refund.balance_after_fen.get() - payable_fen),
            previous_account: U64::new(self.stamp.number.0),
            previous_counter: self.hot_head(self.layout.shard_of_account(person.id), clearing),
            previous_terminal: U64::new(self.stamp.number.0),
            limit_day: U16::ZERO,
            channel_wallet: channel_wallet(Channel::Till, Wallet::Card),
            ..*refund
        };
        let wallets = Wallets { card_fen: I64::new(-payable_fen), ..Wallets::default() };
        Some(Record::Payable(WalletsRecord { money, wallets }))
    }
}

/// The merchant on either side.
pub(super) fn merchant_of(outcome: &RememberedOutcome) -> Option<MerchantId> {
    [outcome.debit, outcome.credit].into_iter().find_map(|account| match account.class() {
        LedgerClass::Merchant(merchant) | LedgerClass::HeldBack(merchant) => Some(merchant),
        _ => None,
    })
}

/// How much of what the payer was given back of a debit is subsidy: that comes last.
fn subsidy_back_fen(debit: &RememberedOutcome, back_fen: i64) -> i64 {
    (back_fen - (debit.total_fen() - debit.subsidy_fen())).max(0)
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn refund(&mut self, refund: &RefundRecord) -> Result<(), LedgerError> {
        let pricing_fen = self.pricing_of(&refund.money, refund.pricing_fen, refund.previous_pricing)?;
        let window = Window::from_number(refund.window.get()).ok_or_else(|| self.bad("window"))?;
        self.post_back(&refund.money, &refund.wallets, MealTerms { pricing_fen, window })?;
        self.close_tap_of(&refund.money, refund.original_record.get())?;
        self.post_till(&refund.money)?;
        self.remember_terms(&refund.money, pricing_fen, false)?;
        let original = refund.original();
        let slot = TerminalSlot(refund.original_slot.get());
        let number = self.number;
        let sold_at = self
            .layout
            .terminal_mut(self.parts, slot)
            .filter(|entry| entry.terminal == original.terminal)
            .ok_or(LedgerError::NotKnown { number, what: "the original's terminal" })?;
        if let Some(outcome) = sold_at.ring.get_mut(original.epoch, original.sequence) {
            outcome.marks = outcome.marks.with(OutcomeMarks::REFUNDED);
        }
        Ok(())
    }

    pub(in crate::ledger) fn payable(&mut self, payable: &WalletsRecord) -> Result<(), LedgerError> {
        let money = &payable.money;
        let amount_fen = self.amount_fen(money)?;
        let person = self.person(money.debit_account())?;
        self.post_wallets(person, money, &payable.wallets, -amount_fen, |_| {})?;
        self.post_hot(self.layout.shard_of_account(person), money.credit_account(), amount_fen)?;
        // The refund before it in the group has the identity.
        self.till(money)?;
        Ok(())
    }
}
