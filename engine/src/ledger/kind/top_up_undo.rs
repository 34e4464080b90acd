//! A counter takes back a top-up that it took: the cash goes back over the counter, the amount leaves the electronic wallet.
//!
//! | original | answer | record |
//! |---|---|---|
//! | this counter's own top-up in cash, of the open business date, not undone | `Approved` | top-up undo |
//! | the same, but less is left by now, in the electronic wallet or in all | `InsufficientFunds` | refusal |
//! | the same with another amount | `IdentityConflict` | refusal |
//! | undone before, of another channel or date, no top-up, not come, itself, or of a greater epoch | `NotUndoable` | refusal |
//! | of an older epoch, or out of the ring | the log is asked first | |
//!
//! Its own identity comes first, and the amount is compared with whatever is remembered of the original. The date stands in the
//! original's record, which is asked for ([`Need::Record`]). Sequence 0 of either is `SequenceZero`; `NotPermitted` for a
//! terminal that isn't a counter. The status of the account doesn't matter. The order stays used: when its channel tells it
//! again, it isn't credited a second time.

use protocol::ids::{Epoch, RecordNumber, SaleId, Sequence};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U16, U32, U64};

use super::original::digest_of;
use super::{Ask, Case, Desk, channel_wallet};
use crate::ledger::apply::Posting;
use crate::ledger::command::{Channel, Sale};
use crate::ledger::decision::{Decision, Group};
use crate::ledger::error::LedgerError;
use crate::ledger::known::Need;
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::outcome_ring::{OutcomeMarks, RememberedOutcome};
use crate::ledger::record::{MoneyRecord, Record, RecordKind, ReversalRecord, Wallet};
use crate::ledger::shard::{Layout, Parts, ShardSet};

/// A counter takes a top-up back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopUpUndo<'a> {
    /// Its own identity.
    pub sale: Sale<'a>,
    /// The top-up's epoch, on the same counter.
    pub original_epoch: Epoch,
    /// The top-up's sequence.
    pub original_sequence: Sequence,
    /// The top-up's amount.
    pub amount_fen: i64,
}

impl<'a> Ask<'a> for TopUpUndo<'a> {
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
            digest: self.digest(),
            channel: Channel::Counter,
            amount_fen: self.amount_fen,
        };
        let permitted = till.config.undoes_top_ups();
        desk.undo(&case, self.original(), permitted, ResultCode::NotUndoable, |top_up| {
            desk.undo_top_up(&case, self, top_up)
        })
    }
}

/// Domain of the digests of bodies: it stands in records and never changes.
const DOMAIN_TOP_UP_UNDO: u64 = 8;

impl TopUpUndo<'_> {
    const fn original(&self) -> SaleId {
        SaleId { terminal: self.sale.terminal, epoch: self.original_epoch, sequence: self.original_sequence }
    }

    fn digest(&self) -> u64 {
        digest_of(DOMAIN_TOP_UP_UNDO, self.original(), self.amount_fen)
    }
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    fn undo_top_up<'a>(
        &self,
        case: &Case<'_, 'a>,
        undo: &TopUpUndo<'_>,
        outcome: &RememberedOutcome,
    ) -> Decision<'a> {
        let named = outcome.debit.as_person().or_else(|| outcome.credit.as_person());
        let person = named.and_then(|id| self.person(id));
        let in_cash = Channel::from_number(outcome.channel_wallet & 0x0f) == Some(Channel::Counter);
        let (Some(RecordKind::TopUp), Some(person), true, false) =
            (outcome.kind, person, in_cash, outcome.is_gone())
        else {
            return self.refuse(case, ResultCode::NotUndoable, person);
        };
        let number = RecordNumber(outcome.record);
        let Some(record) = self.known.and_then(|known| known.record(number)) else {
            return Decision::Needs(Need::Record(number));
        };
        if record.money().map(MoneyRecord::date) != Some(self.date()) {
            return self.refuse(case, ResultCode::NotUndoable, Some(person));
        }
        let account = person.account;
        // What was paid by code since then still stands in the electronic wallet, but was spent.
        if account.electronic_fen.min(account.available_fen()) < undo.amount_fen {
            return self.refuse(case, ResultCode::InsufficientFunds, Some(person));
        }
        let clearing = LedgerAccount::clearing(Clearing::TopUp);
        let money = MoneyRecord {
            debit: U32::new(LedgerAccount::person(person.id).bits()),
            credit: U32::new(clearing.bits()),
            balance_after_fen: I64::new(account.system_fen() - undo.amount_fen),
            previous_account: U64::new(account.head),
            previous_counter: self.hot_head(self.layout.shard_of_account(person.id), clearing),
            channel_wallet: channel_wallet(case.channel, Wallet::Electronic),
            ..self.money(case, ResultCode::Approved)
        };
        let record = Record::TopUpUndo(ReversalRecord {
            money,
            original_record: U64::new(outcome.record),
            original_sequence: U32::new(undo.original_sequence.0),
            original_epoch: U16::new(undo.original_epoch.0),
            reserved: U16::ZERO,
        });
        let outcome = self.outcome(&money, ResultCode::Approved, self.stamp.number);
        Decision::Done { outcome, group: Group::one(record) }
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn top_up_undo(&mut self, undo: &ReversalRecord) -> Result<(), LedgerError> {
        let money = &undo.money;
        let amount_fen = self.amount_fen(money)?;
        let person = self.person(money.debit_account())?;
        let wallet = self.wallet(money)?;
        self.post_person(person, money, |account| *account.wallet_fen_mut(wallet) -= amount_fen)?;
        self.post_hot(self.layout.shard_of_account(person), money.credit_account(), amount_fen)?;
        self.mark_undone(money, undo.original(), OutcomeMarks::REVERSED)
    }
}
