//! Records: everything that changes the ledger's state, as it stands in the log.
//!
//! A record is a kind, a version and a payload; the log adds the number and the time. Payloads are fixed
//! little-endian layouts, multiples of 8 bytes, [`super::limits::PAYLOAD_BYTES_MAX`] at most. An unknown kind
//! or version is an error: a log is never read by half.
//!
//! `table.rs` has a row for each kind; what a record does to the state stands beside the rule that makes it, in
//! [`super::kind`].

mod card;
mod code_key;
mod configuration;
mod gap;
mod holder;
mod money;
mod office;
mod scan;
mod subsidy;
mod table;
mod tap;
mod till;
mod wallets;

pub use card::{
    AccountClosedRecord, CardIssuedRecord, CardReplacedRecord, CardReturnedRecord, CardsStockedRecord,
};
pub use code_key::CodeKeyRotatedRecord;
pub use configuration::{
    AccountOpenedRecord, AccountTermsSetRecord, CardBoundRecord, CardConflictRecord, CutOffRecord,
    MealPeriodSetRecord, MerchantRegisteredRecord, PolicySetRecord, PriceSetRecord, TerminalRegisteredRecord,
};
pub use gap::{GapClosedRecord, ToldPostedRecord};
pub use holder::{LossRecord, PasswordSetRecord, PhoneSetRecord, VirtualBoundRecord, VirtualUnboundRecord};
pub(super) use money::channel_wallet;
pub use money::{
    Liability, MoneyFlags, MoneyRecord, OfflineDebitRecord, OfflineReview, ReversalRecord, SuspenseReason,
    SuspenseRecord, TopUpRecord, Wallet,
};
pub use office::{
    AccountChangedRecord, AdjustmentClosedRecord, AdjustmentProposedRecord, AdjustmentRecord,
    OfficeRulesSetRecord, TerminalKeyRotatedRecord, TerminalKeyTakenRecord,
};
pub use scan::{ScanPaidRecord, ScanPendingRecord};
pub use subsidy::{
    SubsidyLinesRecord, SubsidyOpenedRecord, SubsidyRecord, SubsidySkippedRecord, SubsidySteppedRecord,
};
pub use table::{Record, RecordKind};
pub use tap::TapConfirmedRecord;
pub use till::{BatchSettledRecord, BlockListActiveRecord, DutyRecord};
pub use wallets::{FullDebitRecord, FullReversalRecord, RefundRecord, Wallets, WalletsRecord};

use protocol::ids::{AccountId, RecordNumber, SaleId};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::error::LedgerError;
use super::limits::PAYLOAD_BYTES_MAX;
use super::outcome_ring::OutcomeMarks;

/// What a layout says of itself, whichever kind of record it stands in.
trait Payload: Sized + FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned {
    /// Bytes of the version before, when that is this layout without its last bytes; all of them when there is none.
    const EARLIER_BYTES: usize = size_of::<Self>();

    /// What is written: the version before, when the bytes that it lacks are all zero.
    #[inline(always)]
    fn written(&self) -> &[u8] {
        let (earlier, rest) = self.as_bytes().split_at(Self::EARLIER_BYTES);
        if rest.iter().all(|&byte| byte == 0) { earlier } else { self.as_bytes() }
    }

    /// The 80 bytes that money records have in common.
    fn money(&self) -> Option<&MoneyRecord> {
        None
    }

    /// The identity that it stands under, when a till sent it.
    fn sale(&self) -> Option<SaleId> {
        self.money().filter(|money| money.terminal_slot().is_some()).map(MoneyRecord::sale)
    }

    /// The record before this one in `account`'s chain; none when this one isn't in it.
    fn previous_of(&self, account: AccountId) -> Option<RecordNumber> {
        let money = self.money()?;
        (money.person()? == account).then_some(RecordNumber(money.previous_account.get()))
    }

    /// The record before this one in its till's chain; none when no till sent it.
    fn previous_of_terminal(&self) -> Option<RecordNumber> {
        let money = self.money()?;
        money.terminal_slot().map(|_| MoneyRecord::previous_of_terminal(money))
    }
}

/// A layout that bytes follow, padded with zeros to a multiple of 8.
trait Followed: Payload {
    /// Most of them.
    const FOLLOWING_BYTES_MAX: usize;

    /// How many there are.
    fn following_bytes(&self) -> usize;
}

impl RecordKind {
    /// True when the record moves money between its two ledger accounts (a load: between two wallets).
    pub const fn is_posting(self) -> bool {
        (self as u8) < 32
    }

    /// True when it changes what tills are told of at their sign-in, so that they have to sign in again.
    pub const fn changes_parameters(self) -> bool {
        matches!(
            self,
            RecordKind::MerchantRegistered
                | RecordKind::TerminalRegistered
                | RecordKind::PolicySet
                | RecordKind::MealPeriodSet
                | RecordKind::PriceSet
                | RecordKind::CutOff
        )
    }

    /// True when it stands in a group beside the record that the answer stands on, before it or behind it: it isn't remembered.
    /// What undoes a tap has the identity of that tap, the others that of the record beside them.
    pub const fn is_companion(self) -> bool {
        matches!(
            self,
            RecordKind::Load
                | RecordKind::Settle
                | RecordKind::Fee
                | RecordKind::Payable
                | RecordKind::TapUndone
                | RecordKind::PaidOut
        )
    }

    /// True when [`super::apply::apply_posting`] takes it: only the touched shards are needed, not the registry.
    pub const fn needs_shards_only(self) -> bool {
        (self as u8) < table::CONFIGURATION
    }
}

/// Room for the payload of a record that isn't one piece in memory.
pub type PayloadBuffer = [u8; PAYLOAD_BYTES_MAX];

impl Record<'_> {
    /// The money record of what may be decided behind another record in its group.
    pub(super) fn money_mut(&mut self) -> Option<&mut MoneyRecord> {
        match self {
            Record::Debit(money) | Record::Load(money) | Record::Refusal(money) => Some(money),
            Record::FullDebit(debit) => Some(&mut debit.money),
            Record::Settle(r) | Record::PaidOut(r) => Some(&mut r.money),
            Record::TapConfirmed(confirmed) => Some(&mut confirmed.money),
            Record::AccountClosed(closed) => Some(&mut closed.money),
            _ => None,
        }
    }

    /// What is remembered of it besides its money record.
    pub(super) fn outcome_marks(&self) -> OutcomeMarks {
        let two_phase = matches!(self, Record::FullDebit(debit) if debit.is_two_phase());
        OutcomeMarks::default().with_if(two_phase, OutcomeMarks::TWO_PHASE)
    }

    /// What went to the pricing account besides the amount, or came back from it: above zero for a surcharge, below for a discount.
    pub fn pricing_fen(&self) -> i64 {
        match self {
            Record::FullDebit(r) => r.pricing_fen.get(),
            Record::FullReversal(r) | Record::Void(r) | Record::TapUndone(r) => r.back.pricing_fen.get(),
            Record::Refund(r) => r.pricing_fen.get(),
            _ => 0,
        }
    }

    /// Whether it is a debit that counts in the window of a meal.
    pub(super) fn is_counted(&self) -> bool {
        matches!(self, Record::FullDebit(debit) if debit.window.get() != 0)
    }

    /// How much of a debit's amount was subsidy.
    pub(super) fn subsidy_used_fen(&self) -> u32 {
        match self {
            Record::FullDebit(r) => u32::try_from(-r.wallets.subsidy_fen.get()).unwrap_or_default(),
            Record::OfflineDebit(r) => r.subsidy_fen.get(),
            _ => 0,
        }
    }
}

fn join<'b>(buffer: &'b mut PayloadBuffer, fixed: &[u8], bytes: &[u8]) -> &'b [u8] {
    let end = fixed.len() + bytes.len();
    let padded = end.next_multiple_of(8);
    buffer[..fixed.len()].copy_from_slice(fixed);
    buffer[fixed.len()..end].copy_from_slice(bytes);
    buffer[end..padded].fill(0);
    &buffer[..padded]
}

fn wrong_length(kind: RecordKind, payload: &[u8]) -> LedgerError {
    LedgerError::WrongLength { kind, bytes: payload.len() }
}

/// A layout of its latest version, or of the one before.
fn fixed<T: Payload>(kind: RecordKind, version: u8, payload: &[u8]) -> Result<T, LedgerError> {
    if version == kind.version() {
        return T::read_from_bytes(payload).map_err(|_| wrong_length(kind, payload));
    }
    if payload.len() != T::EARLIER_BYTES {
        return Err(wrong_length(kind, payload));
    }
    let mut whole = T::new_zeroed();
    whole.as_mut_bytes()[..payload.len()].copy_from_slice(payload);
    Ok(whole)
}

fn followed<T: Followed>(kind: RecordKind, payload: &[u8]) -> Result<(T, &[u8]), LedgerError> {
    let (head, rest) = T::read_from_prefix(payload).map_err(|_| wrong_length(kind, payload))?;
    let bytes = head.following_bytes();
    if bytes > T::FOLLOWING_BYTES_MAX || rest.len() != bytes.next_multiple_of(8) {
        return Err(wrong_length(kind, rest));
    }
    Ok((head, &rest[..bytes]))
}
