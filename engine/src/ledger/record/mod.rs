//! Records: everything that changes the ledger's state, as it stands in the log.
//!
//! A record is a kind, a version and a payload; the log adds the number and the time. Payloads are fixed
//! little-endian layouts, multiples of 8 bytes, [`super::limits::PAYLOAD_BYTES_MAX`] at most. An unknown kind
//! or version is an error: a log is never read by half.

mod configuration;
mod money;

pub use configuration::{
    AccountOpenedRecord, AccountTermsSetRecord, CardBoundRecord, CardConflictRecord, CutOffRecord,
    MealPeriodSetRecord, MerchantRegisteredRecord, PolicySetRecord, TerminalRegisteredRecord,
};
pub use money::{
    MoneyFlags, MoneyRecord, OfflineDebitRecord, ReversalRecord, SuspenseReason, SuspenseRecord, TopUpRecord,
    Wallet,
};

use protocol::ids::{AccountId, RecordNumber, SaleId};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::error::LedgerError;
use super::limits::{NAME_BYTES_MAX, PAYLOAD_BYTES_MAX, SUSPENSE_BYTES_MAX};

/// The version that this code writes, for every kind.
pub const RECORD_VERSION: u8 = 1;

/// What a record is. Numbers are never reused and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// Posting: a person's wallet → a merchant, online.
    Debit = 1,
    /// Posting within one person: electronic → card, before the tap that needs it, in its group.
    Load = 2,
    /// Posting: top-up clearing → a person's electronic wallet.
    TopUp = 3,
    /// Posting: opening clearing → a person's wallet, from an import.
    Opening = 4,
    /// Posting: a merchant → the person's wallet that was debited.
    Reversal = 5,
    /// Posting: a person's card wallet (or unknown-card clearing) → a merchant (or its held-back part).
    OfflineDebit = 6,
    /// Memo: a refused request.
    Refusal = 32,
    /// Memo: a reversal that came before its original, which is refused from now on.
    ReversalBeforeOriginal = 33,
    /// Memo: a request under a new identity for an effect that already happened; it was answered the same.
    Repeat = 34,
    /// Memo: a request kept out of the books, with its bytes.
    Suspense = 35,
    /// An account is opened.
    AccountOpened = 64,
    /// A card is bound.
    CardBound = 65,
    /// A card number was given twice.
    CardConflict = 66,
    /// An account's status, class and limits are set.
    AccountTermsSet = 67,
    /// A merchant is registered.
    MerchantRegistered = 68,
    /// A terminal is registered.
    TerminalRegistered = 69,
    /// A class's rules are set.
    PolicySet = 70,
    /// A meal period is set.
    MealPeriodSet = 71,
    /// The business date is closed.
    CutOff = 72,
}

impl RecordKind {
    /// The kind with this number.
    pub const fn from_number(number: u8) -> Option<RecordKind> {
        Some(match number {
            1 => RecordKind::Debit,
            2 => RecordKind::Load,
            3 => RecordKind::TopUp,
            4 => RecordKind::Opening,
            5 => RecordKind::Reversal,
            6 => RecordKind::OfflineDebit,
            32 => RecordKind::Refusal,
            33 => RecordKind::ReversalBeforeOriginal,
            34 => RecordKind::Repeat,
            35 => RecordKind::Suspense,
            64 => RecordKind::AccountOpened,
            65 => RecordKind::CardBound,
            66 => RecordKind::CardConflict,
            67 => RecordKind::AccountTermsSet,
            68 => RecordKind::MerchantRegistered,
            69 => RecordKind::TerminalRegistered,
            70 => RecordKind::PolicySet,
            71 => RecordKind::MealPeriodSet,
            72 => RecordKind::CutOff,
            _ => return None,
        })
    }

    /// True when the record moves money between its two ledger accounts (a load: between two wallets).
    pub const fn is_posting(self) -> bool {
        (self as u8) < 32
    }

    /// True when [`super::apply::apply_posting`] takes it: only the touched shards are needed, not the registry.
    pub const fn needs_shards_only(self) -> bool {
        (self as u8) < 64
    }
}

/// A decoded record. What has a variable length borrows its bytes from the command or from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// See [`RecordKind::Debit`].
    Debit(MoneyRecord),
    /// See [`RecordKind::Load`]. Debit and credit are the same person; the wallet is the one loaded (card).
    Load(MoneyRecord),
    /// See [`RecordKind::TopUp`].
    TopUp(TopUpRecord),
    /// See [`RecordKind::Opening`].
    Opening(MoneyRecord),
    /// See [`RecordKind::Reversal`].
    Reversal(ReversalRecord),
    /// See [`RecordKind::OfflineDebit`].
    OfflineDebit(OfflineDebitRecord),
    /// See [`RecordKind::Refusal`].
    Refusal(MoneyRecord),
    /// See [`RecordKind::ReversalBeforeOriginal`].
    ReversalBeforeOriginal(ReversalRecord),
    /// See [`RecordKind::Repeat`].
    Repeat(ReversalRecord),
    /// See [`RecordKind::Suspense`].
    Suspense(SuspenseRecord, &'a [u8]),
    /// See [`RecordKind::AccountOpened`].
    AccountOpened(AccountOpenedRecord),
    /// See [`RecordKind::CardBound`].
    CardBound(CardBoundRecord),
    /// See [`RecordKind::CardConflict`].
    CardConflict(CardConflictRecord),
    /// See [`RecordKind::AccountTermsSet`].
    AccountTermsSet(AccountTermsSetRecord),
    /// See [`RecordKind::MerchantRegistered`].
    MerchantRegistered(MerchantRegisteredRecord, &'a [u8]),
    /// See [`RecordKind::TerminalRegistered`].
    TerminalRegistered(TerminalRegisteredRecord),
    /// See [`RecordKind::PolicySet`].
    PolicySet(PolicySetRecord),
    /// See [`RecordKind::MealPeriodSet`].
    MealPeriodSet(MealPeriodSetRecord, &'a [u8]),
    /// See [`RecordKind::CutOff`].
    CutOff(CutOffRecord),
}

/// Room for the payload of a record that isn't one piece in memory.
pub type PayloadBuffer = [u8; PAYLOAD_BYTES_MAX];

impl<'a> Record<'a> {
    /// The record's kind.
    #[inline]
    pub const fn kind(&self) -> RecordKind {
        match self {
            Record::Debit(_) => RecordKind::Debit,
            Record::Load(_) => RecordKind::Load,
            Record::TopUp(_) => RecordKind::TopUp,
            Record::Opening(_) => RecordKind::Opening,
            Record::Reversal(_) => RecordKind::Reversal,
            Record::OfflineDebit(_) => RecordKind::OfflineDebit,
            Record::Refusal(_) => RecordKind::Refusal,
            Record::ReversalBeforeOriginal(_) => RecordKind::ReversalBeforeOriginal,
            Record::Repeat(_) => RecordKind::Repeat,
            Record::Suspense(..) => RecordKind::Suspense,
            Record::AccountOpened(_) => RecordKind::AccountOpened,
            Record::CardBound(_) => RecordKind::CardBound,
            Record::CardConflict(_) => RecordKind::CardConflict,
            Record::AccountTermsSet(_) => RecordKind::AccountTermsSet,
            Record::MerchantRegistered(..) => RecordKind::MerchantRegistered,
            Record::TerminalRegistered(_) => RecordKind::TerminalRegistered,
            Record::PolicySet(_) => RecordKind::PolicySet,
            Record::MealPeriodSet(..) => RecordKind::MealPeriodSet,
            Record::CutOff(_) => RecordKind::CutOff,
        }
    }

    /// The kind's version that this code writes.
    pub const fn version(&self) -> u8 {
        RECORD_VERSION
    }

    /// The payload as it goes to the log. Records of a fixed layout are lent as they are; those with bytes that
    /// follow are put together in `buffer`.
    #[inline]
    pub fn payload<'b>(&'b self, buffer: &'b mut PayloadBuffer) -> &'b [u8] {
        match self {
            Record::Debit(r) | Record::Load(r) | Record::Opening(r) | Record::Refusal(r) => r.as_bytes(),
            Record::TopUp(r) => r.as_bytes(),
            Record::Reversal(r) | Record::ReversalBeforeOriginal(r) | Record::Repeat(r) => r.as_bytes(),
            Record::OfflineDebit(r) => r.as_bytes(),
            Record::Suspense(r, bytes) => join(buffer, r.as_bytes(), bytes),
            Record::AccountOpened(r) => r.as_bytes(),
            Record::CardBound(r) => r.as_bytes(),
            Record::CardConflict(r) => r.as_bytes(),
            Record::AccountTermsSet(r) => r.as_bytes(),
            Record::MerchantRegistered(r, name) => join(buffer, r.as_bytes(), name),
            Record::TerminalRegistered(r) => r.as_bytes(),
            Record::PolicySet(r) => r.as_bytes(),
            Record::MealPeriodSet(r, name) => join(buffer, r.as_bytes(), name),
            Record::CutOff(r) => r.as_bytes(),
        }
    }

    /// Reads a record back.
    ///
    /// # Errors
    /// An unknown kind or version, or a payload whose length isn't the kind's.
    pub fn decode(kind: u8, version: u8, payload: &'a [u8]) -> Result<Record<'a>, LedgerError> {
        let known = RecordKind::from_number(kind).ok_or(LedgerError::UnknownKind { kind })?;
        if version != RECORD_VERSION {
            return Err(LedgerError::UnknownVersion { kind: known, version });
        }
        Ok(match known {
            RecordKind::Debit => Record::Debit(fixed(known, payload)?),
            RecordKind::Load => Record::Load(fixed(known, payload)?),
            RecordKind::TopUp => Record::TopUp(fixed(known, payload)?),
            RecordKind::Opening => Record::Opening(fixed(known, payload)?),
            RecordKind::Reversal => Record::Reversal(fixed(known, payload)?),
            RecordKind::OfflineDebit => Record::OfflineDebit(fixed(known, payload)?),
            RecordKind::Refusal => Record::Refusal(fixed(known, payload)?),
            RecordKind::ReversalBeforeOriginal => Record::ReversalBeforeOriginal(fixed(known, payload)?),
            RecordKind::Repeat => Record::Repeat(fixed(known, payload)?),
            RecordKind::Suspense => {
                let (r, rest) = head::<SuspenseRecord>(known, payload)?;
                Record::Suspense(r, tail(known, rest, usize::from(r.bytes.get()), SUSPENSE_BYTES_MAX)?)
            }
            RecordKind::AccountOpened => Record::AccountOpened(fixed(known, payload)?),
            RecordKind::CardBound => Record::CardBound(fixed(known, payload)?),
            RecordKind::CardConflict => Record::CardConflict(fixed(known, payload)?),
            RecordKind::AccountTermsSet => Record::AccountTermsSet(fixed(known, payload)?),
            RecordKind::MerchantRegistered => {
                let (r, rest) = head::<MerchantRegisteredRecord>(known, payload)?;
                Record::MerchantRegistered(r, tail(known, rest, usize::from(r.name_bytes), NAME_BYTES_MAX)?)
            }
            RecordKind::TerminalRegistered => Record::TerminalRegistered(fixed(known, payload)?),
            RecordKind::PolicySet => Record::PolicySet(fixed(known, payload)?),
            RecordKind::MealPeriodSet => {
                let (r, rest) = head::<MealPeriodSetRecord>(known, payload)?;
                Record::MealPeriodSet(r, tail(known, rest, usize::from(r.name_bytes), NAME_BYTES_MAX)?)
            }
            RecordKind::CutOff => Record::CutOff(fixed(known, payload)?),
        })
    }

    /// The 80 bytes that money records have in common; none for suspense and configuration.
    pub const fn money(&self) -> Option<&MoneyRecord> {
        match self {
            Record::Debit(r) | Record::Load(r) | Record::Opening(r) | Record::Refusal(r) => Some(r),
            Record::TopUp(r) => Some(&r.money),
            Record::Reversal(r) | Record::ReversalBeforeOriginal(r) | Record::Repeat(r) => Some(&r.money),
            Record::OfflineDebit(r) => Some(&r.money),
            _ => None,
        }
    }

    /// The identity that the record stands under, when a till sent it.
    pub fn sale(&self) -> Option<SaleId> {
        match self {
            Record::Suspense(r, _) => Some(r.sale()),
            _ => self.money().filter(|money| money.terminal_slot().is_some()).map(MoneyRecord::sale),
        }
    }

    /// The record before this one in `account`'s chain (0 at its start); none when the record isn't in it.
    /// A bill is this walk, from the head that the ledger gives.
    pub fn previous_of(&self, account: AccountId) -> Option<RecordNumber> {
        let number = match self {
            Record::AccountOpened(r) if r.account.get() == account.0 => 0,
            Record::CardBound(r) if r.account.get() == account.0 => r.previous_account.get(),
            Record::CardConflict(r) if r.first.get() == account.0 => r.previous_first.get(),
            Record::CardConflict(r) if r.second.get() == account.0 => r.previous_second.get(),
            Record::AccountTermsSet(r) if r.account.get() == account.0 => r.previous_account.get(),
            _ => {
                let money = self.money()?;
                (money.person()? == account).then_some(money.previous_account.get())?
            }
        };
        Some(RecordNumber(number))
    }

    /// The record before this one in its till's chain (0 at its start); none when no till sent it.
    pub fn previous_of_terminal(&self) -> Option<RecordNumber> {
        match self {
            Record::Suspense(r, _) => Some(RecordNumber(r.previous_terminal.get())),
            _ => {
                let money = self.money()?;
                money.terminal_slot().map(|_| money.previous_of_terminal())
            }
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

fn fixed<T: FromBytes + KnownLayout + Immutable + Unaligned>(
    kind: RecordKind,
    payload: &[u8],
) -> Result<T, LedgerError> {
    T::read_from_bytes(payload).map_err(|_| wrong_length(kind, payload))
}

fn head<T: FromBytes + KnownLayout + Immutable + Unaligned>(
    kind: RecordKind,
    payload: &[u8],
) -> Result<(T, &[u8]), LedgerError> {
    T::read_from_prefix(payload).map_err(|_| wrong_length(kind, payload))
}

fn tail(kind: RecordKind, rest: &[u8], bytes: usize, bytes_max: usize) -> Result<&[u8], LedgerError> {
    if bytes > bytes_max || rest.len() != bytes.next_multiple_of(8) {
        return Err(wrong_length(kind, rest));
    }
    Ok(&rest[..bytes])
}
