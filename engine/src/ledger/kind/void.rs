//! A till undoes a whole sale whose answer it saw, on the business date on which it was made: the cashier keyed it in wrong.
//! A void has an identity of its own, and names its original by epoch and sequence on the same till.
//!
//! | original | answer | record |
//! |---|---|---|
//! | approved online debit, or what was paid by self-scan, of the open business date | `Approved` | void: back to the wallet debited, off the day's total |
//! | with another amount | `IdentityConflict` | refusal |
//! | offline fact | `VoidOfOfflineFact` | refusal |
//! | of another merchant, which the till sold for before | `OtherMerchant` | refusal |
//! | anything else, not come, itself, or of a greater epoch | `NothingToVoid` | refusal |
//! | voided | `AlreadyVoided` | refusal |
//! | reversed, or reversed before it came | `VoidAfterReversal` | refusal |
//! | refunded, wholly or in part | `VoidAfterRefund` | refusal |
//! | of a closed business date | `VoidTooLate` | refusal |
//! | of an older epoch, or out of the ring | the log is asked first | |
//!
//! Its own identity comes first, and the amount is compared with whatever is remembered of the original. The date stands in
//! the original's record, which is asked for ([`Need::Record`]). Sequence 0 of either is `SequenceZero`. The status of account
//! and merchant doesn't matter. A tap that is open is closed by it. From then on the sale is answered as `Reversed`. To which wallets the money goes back: see
//! [`super::give_back`].

use protocol::ids::{Epoch, RecordNumber, SaleId, Sequence};
use protocol::result_code::ResultCode;

use super::give_back::given_back;
use super::original::digest_of;
use super::refund::merchant_of;
use super::{Ask, Case, Desk};
use crate::ledger::apply::Posting;
use crate::ledger::command::{Channel, Sale};
use crate::ledger::decision::Decision;
use crate::ledger::error::LedgerError;
use crate::ledger::known::Need;
use crate::ledger::limits::BALANCE_FEN_MAX;
use crate::ledger::outcome_ring::{OutcomeMarks, RememberedOutcome};
use crate::ledger::record::{FullReversalRecord, MoneyRecord, Record, RecordKind, Wallet};
use crate::ledger::shard::{Layout, Parts, ShardSet};

/// A till undoes a whole sale of the open business date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Void<'a> {
    /// Its own identity.
    pub sale: Sale<'a>,
    /// The sale's epoch, on the same till.
    pub original_epoch: Epoch,
    /// The sale's sequence.
    pub original_sequence: Sequence,
    /// The sale's amount.
    pub amount_fen: i64,
}

impl<'a> Ask<'a> for Void<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    /// Its account is known only from its original.
    fn also_touches(&self, layout: Layout) -> ShardSet {
        ShardSet::all(layout.shard_count())
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(self.amount_fen) };
        let original = SaleId {
            terminal: self.sale.terminal,
            epoch: self.original_epoch,
            sequence: self.original_sequence,
        };
        let case = Case {
            till,
            sale: &self.sale,
            digest: digest_of(DOMAIN_VOID, original, self.amount_fen),
            channel: Channel::Till,
            amount_fen: self.amount_fen,
        };
        let permitted = till.config.is_attended();
        desk.undo(&case, original, permitted, ResultCode::NothingToVoid, |sale| desk.void(&case, sale))
    }
}

/// Domain of the digests of bodies: it stands in records and never changes.
const DOMAIN_VOID: u64 = 23;

impl<P: Parts + ?Sized> Desk<'_, P> {
    fn void<'a>(&self, case: &Case<'_, 'a>, outcome: &RememberedOutcome) -> Decision<'a> {
        let named = outcome.debit.as_person().and_then(|id| self.person(id));
        let refuse = |code| self.refuse(case, code, named);
        if merchant_of(outcome).is_some_and(|merchant| merchant != case.till.config.merchant) {
            return self.refuse(case, ResultCode::OtherMerchant, None);
        }
        if outcome.is_tombstone() {
            return refuse(ResultCode::VoidAfterReversal);
        }
        let wallet = Wallet::from_number(outcome.channel_wallet >> 4);
        let (person, wallet) = match (outcome.kind, named, wallet) {
            (Some(RecordKind::OfflineDebit), ..) => return refuse(ResultCode::VoidOfOfflineFact),
            (
                Some(RecordKind::Debit | RecordKind::FullDebit | RecordKind::ScanPaid),
                Some(person),
                Some(wallet),
            ) => (person, wallet),
            _ => return refuse(ResultCode::NothingToVoid),
        };
        if outcome.marks.has(OutcomeMarks::VOIDED) {
            return refuse(ResultCode::AlreadyVoided);
        }
        if outcome.is_gone() {
            return refuse(ResultCode::VoidAfterReversal);
        }
        match self.refunded_fen(person, outcome) {
            Err(need) => return Decision::Needs(need),
            Ok(0) => {}
            Ok(_) => return refuse(ResultCode::VoidAfterRefund),
        }
        let number = RecordNumber(outcome.record);
        let Some(record) = self.known.and_then(|known| known.record(number)) else {
            return Decision::Needs(Need::Record(number));
        };
        if record.money().map(MoneyRecord::date) != Some(self.date()) {
            return refuse(ResultCode::VoidTooLate);
        }
        let account = person.account;
        let wallets = given_back(account, wallet, outcome.total_fen(), outcome.subsidy_fen());
        if account.card_fen + wallets.card_fen.get() > BALANCE_FEN_MAX {
            return refuse(ResultCode::BalanceOverflow);
        }
        let money = self.money_back(case, person, wallet, outcome, outcome.pricing_fen());
        self.whole_back(person, money, wallets, outcome, Record::Void)
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn void(&mut self, void: &FullReversalRecord) -> Result<(), LedgerError> {
        let terms = self.terms_of(&void.back)?;
        self.post_back(&void.back.money, &void.back.wallets, terms)?;
        self.close_tap_of(&void.back.money, void.original_record.get())?;
        let marks = OutcomeMarks::REVERSED.with(OutcomeMarks::VOIDED);
        self.mark_undone(&void.back.money, void.original(), marks)?;
        self.remember_terms(&void.back.money, terms.pricing_fen, false)
    }
}
