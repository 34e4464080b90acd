//! Money on its way back from a merchant to who paid: what [`super::reversal`], [`super::void`] and [`super::refund`] have
//! in common.
//!
//! It goes to the wallet that was debited. What of the transition wallet was settled onto the card since comes back on the
//! card: the transition wallet is never above zero. What was subsidy is subsidy again, as far as the card wallet holds so
//! much.

use protocol::ids::RecordNumber;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U16, U32, U64};

use super::meal_terms::MealTerms;
use super::{Case, Desk, Person, channel_wallet};
use crate::ledger::account::Account;
use crate::ledger::apply::Posting;
use crate::ledger::decision::{Decision, Group, Outcome};
use crate::ledger::error::LedgerError;
use crate::ledger::known::Need;
use crate::ledger::limits::SUBSIDY_FEN_MAX;
use crate::ledger::outcome_ring::{OutcomeMarks, RememberedOutcome};
use crate::ledger::record::{
    FullDebitRecord, FullReversalRecord, MoneyRecord, Record, RecordKind, Wallet, Wallets,
};
use crate::ledger::shard::Parts;

impl<P: Parts + ?Sized> Desk<'_, P> {
    /// The record of giving the request's amount of a debit back, and so much of its pricing.
    pub(super) fn money_back(
        &self,
        case: &Case<'_, '_>,
        person: Person<'_>,
        wallet: Wallet,
        debit: &RememberedOutcome,
        pricing_fen: i64,
    ) -> MoneyRecord {
        MoneyRecord {
            debit: U32::new(debit.credit.bits()),
            credit: U32::new(debit.debit.bits()),
            balance_after_fen: I64::new(person.account.system_fen() + case.amount_fen + pricing_fen),
            previous_account: U64::new(person.account.head),
            previous_counter: self.hot_head(self.layout.shard_of_account(person.id), debit.credit),
            limit_day: U16::new(debit.limit_day),
            channel_wallet: channel_wallet(case.channel, wallet),
            ..self.money(case, ResultCode::Approved)
        }
    }

    /// The whole of a debit given back, into whichever wallets, and the answer to it.
    pub(super) fn whole_back<'a>(
        &self,
        person: Person<'_>,
        money: MoneyRecord,
        wallets: Wallets,
        debit: &RememberedOutcome,
        record: fn(FullReversalRecord) -> Record<'a>,
    ) -> Decision<'a> {
        let terms = MealTerms { pricing_fen: debit.pricing_fen(), window: self.window_of(debit) };
        let back = self.on_terms(person.id, FullDebitRecord::plain(money, wallets), terms);
        let record = record(FullReversalRecord {
            back,
            original_record: U64::new(debit.record),
            original_sequence: U32::new(debit.sequence),
            original_epoch: U16::new(debit.epoch),
            reserved: U16::ZERO,
        });
        let outcome = self.outcome(&money, ResultCode::Approved, self.stamp.number);
        let outcome = Outcome { amount_fen: debit.total_fen(), ..outcome };
        Decision::Done { outcome, group: Group::one(record) }
    }

    /// How much of a debit's price refunds have given back so far, unless that must be asked for.
    pub(super) fn refunded_fen(&self, person: Person<'_>, debit: &RememberedOutcome) -> Result<i64, Need> {
        if !debit.marks.has(OutcomeMarks::REFUNDED) {
            return Ok(0);
        }
        let (head, original) = (person.account.head(), RecordNumber(debit.record));
        self.known
            .and_then(|known| known.refunds)
            .filter(|refunds| refunds.head == head && refunds.original == original)
            .map(|refunds| refunds.refunded_fen)
            .ok_or(Need::Refunds { account: person.id, head, original })
    }
}

/// Whether it took money from a person for a merchant.
pub(in crate::ledger) const fn is_debit(kind: RecordKind) -> bool {
    matches!(
        kind,
        RecordKind::Debit | RecordKind::FullDebit | RecordKind::OfflineDebit | RecordKind::ScanPaid
    )
}

/// What giving back an amount, so much of it subsidy, changes in each wallet.
pub(super) fn given_back(account: &Account, wallet: Wallet, amount_fen: i64, subsidy_fen: i64) -> Wallets {
    let onto_card_fen = match wallet {
        Wallet::Transition => (account.transition_fen + amount_fen).clamp(0, amount_fen),
        _ => amount_fen,
    };
    let room_fen =
        (account.card_fen + onto_card_fen).clamp(0, i64::from(SUBSIDY_FEN_MAX)) - account.subsidy_fen();
    Wallets {
        card_fen: I64::new(onto_card_fen),
        transition_fen: I64::new(amount_fen - onto_card_fen),
        electronic_fen: I64::ZERO,
        subsidy_fen: I64::new(subsidy_fen.min(room_fen)),
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    /// Moves what is given back, so much of the pricing with it, and takes it off the total of the day, and of the window, that the
    /// record names, if it names one.
    pub(super) fn post_back(
        &mut self,
        money: &MoneyRecord,
        wallets: &Wallets,
        MealTerms { pricing_fen, window }: MealTerms,
    ) -> Result<(), LedgerError> {
        let amount_fen = self.amount_fen(money)?;
        let back_fen = amount_fen + pricing_fen;
        let person = self.person(money.credit_account())?;
        let day = money.limit_day.get();
        self.post_wallets(person, money, wallets, back_fen, |account| {
            if day != 0 {
                account.add_spent(day, -back_fen);
            }
        })?;
        self.post_hot(self.layout.shard_of_account(person), money.debit_account(), -amount_fen)?;
        self.count_in_window(person, day, window, -back_fen);
        self.post_pricing(person, -pricing_fen)
    }
}
