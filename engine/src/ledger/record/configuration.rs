//! Records of what configures: accounts, cards, merchants, terminals, policies, meal periods, the cut-off.
//!
//! All little-endian, sizes multiples of 8. A name follows its record, padded with zeros to a multiple of 8.

use protocol::ids::{AccountId, RecordNumber};
use zerocopy::little_endian::{I16, I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Followed, Payload};
use crate::ledger::limits::NAME_BYTES_MAX;

/// A person's account is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct AccountOpenedRecord {
    /// The student or staff number, UTF-8, padded with zeros.
    pub student_number: [u8; 16],
    /// The account's number: always the next one.
    pub account: U32,
    /// The account's class.
    pub class: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

const _: () = assert!(size_of::<AccountOpenedRecord>() == 24);

impl Payload for AccountOpenedRecord {
    fn previous_of(&self, account: AccountId) -> Option<RecordNumber> {
        (self.account.get() == account.0).then_some(RecordNumber(0))
    }
}

/// A card becomes the account's current one. The one before stays in the directory for its late records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct CardBoundRecord {
    /// The card.
    pub card_uid: U64,
    /// The record before this one in the account's chain.
    pub previous_account: U64,
    /// The account.
    pub account: U32,
    /// Zero.
    pub reserved: U32,
}

const _: () = assert!(size_of::<CardBoundRecord>() == 24);

impl Payload for CardBoundRecord {
    fn previous_of(&self, account: AccountId) -> Option<RecordNumber> {
        (self.account.get() == account.0).then_some(RecordNumber(self.previous_account.get()))
    }
}

/// A card number given to two accounts: from here on it belongs to neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct CardConflictRecord {
    /// The card.
    pub card_uid: U64,
    /// The record before this one in the first account's chain.
    pub previous_first: U64,
    /// The record before this one in the second account's chain.
    pub previous_second: U64,
    /// The account that had the card.
    pub first: U32,
    /// The account that it was to be given to.
    pub second: U32,
}

const _: () = assert!(size_of::<CardConflictRecord>() == 32);

impl Payload for CardConflictRecord {
    fn previous_of(&self, account: AccountId) -> Option<RecordNumber> {
        if self.first.get() == account.0 {
            Some(RecordNumber(self.previous_first.get()))
        } else if self.second.get() == account.0 {
            Some(RecordNumber(self.previous_second.get()))
        } else {
            None
        }
    }
}

/// Status, class and the holder's own limits of an account are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct AccountTermsSetRecord {
    /// The record before this one in the account's chain.
    pub previous_account: U64,
    /// The account.
    pub account: U32,
    /// The holder's own limit for one debit; 0 = the class's.
    pub debit_max_fen: U32,
    /// The holder's own limit for a day; 0 = the class's.
    pub day_max_fen: U32,
    /// [`crate::ledger::account::AccountStatus`].
    pub status: u8,
    /// 1 while the current card is reported lost.
    pub card_lost: u8,
    /// The account's class.
    pub class: u8,
    /// Zero.
    pub reserved: u8,
}

const _: () = assert!(size_of::<AccountTermsSetRecord>() == 24);

impl Payload for AccountTermsSetRecord {
    fn previous_of(&self, account: AccountId) -> Option<RecordNumber> {
        (self.account.get() == account.0).then_some(RecordNumber(self.previous_account.get()))
    }
}

/// A merchant is registered, or registered anew; the name follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct MerchantRegisteredRecord {
    /// The merchant.
    pub merchant: U32,
    /// 1 while it trades.
    pub enabled: u8,
    /// Bytes of the name that follows, UTF-8.
    pub name_bytes: u8,
    /// Zero.
    pub reserved: U16,
}

const _: () = assert!(size_of::<MerchantRegisteredRecord>() == 8);

impl Payload for MerchantRegisteredRecord {}

impl Followed for MerchantRegisteredRecord {
    const FOLLOWING_BYTES_MAX: usize = NAME_BYTES_MAX;

    fn following_bytes(&self) -> usize {
        usize::from(self.name_bytes)
    }
}

/// A terminal is registered, or registered anew under its old slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct TerminalRegisteredRecord {
    /// The terminal.
    pub terminal: U32,
    /// Who is owed what it sells.
    pub merchant: U32,
    /// The version of its master key.
    pub key_version: U32,
    /// Its dense slot: always the next one, or its own again.
    pub slot: U16,
    /// [`crate::ledger::registry::TerminalKind`].
    pub kind: u8,
    /// 1 while it may trade.
    pub enabled: u8,
}

const _: () = assert!(size_of::<TerminalRegisteredRecord>() == 16);

impl Payload for TerminalRegisteredRecord {}

/// The rules of an account class are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct PolicySetRecord {
    /// The balance, less holds, that no online debit may go under.
    pub floor_fen: I64,
    /// Limit of one online debit.
    pub debit_max_fen: U32,
    /// Limit of a day's debits.
    pub day_max_fen: U32,
    /// An offline fact above this is flagged.
    pub offline_debit_max_fen: U32,
    /// An offline fact that takes its day above this is flagged.
    pub offline_day_max_fen: U32,
    /// The class.
    pub class: u8,
    /// [`crate::ledger::registry::AuthoriseRule`].
    pub rule: u8,
    /// 1 when payment codes are taken only of accounts that a virtual card is bound to.
    pub codes_need_phone: u8,
    /// Zero.
    pub reserved: [u8; 5],
    /// Limit of one payment by code; 0 = as of one debit.
    pub code_max_fen: U32,
    /// Limit of a meal period's debits; 0 = none.
    pub meal_max_fen: U32,
}

const _: () = assert!(size_of::<PolicySetRecord>() == 40);

impl Payload for PolicySetRecord {
    /// Version 1 had no limit for payment codes.
    const EARLIER_BYTES: usize = 32;
}

/// What a class pays beside the price in a meal period is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct PriceSetRecord {
    /// On top of the price, in hundredths of a percent of it; a discount is below zero.
    pub rate: I16,
    /// The class.
    pub class: u8,
    /// The meal period's number; [`crate::ledger::prices::OTHER_TIME`] for the time outside of every one.
    pub period: u8,
    /// Zero.
    pub reserved: [u8; 4],
}

const _: () = assert!(size_of::<PriceSetRecord>() == 8);

impl Payload for PriceSetRecord {}

/// A meal period is set; the name follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct MealPeriodSetRecord {
    /// First minute of the day (+08:00) that belongs to it.
    pub start_minute: U16,
    /// First minute that doesn't any more. Start = end: the period is taken away.
    pub end_minute: U16,
    /// The period's number.
    pub period: u8,
    /// Bytes of the name that follows, UTF-8.
    pub name_bytes: u8,
    /// Zero.
    pub reserved: U16,
}

const _: () = assert!(size_of::<MealPeriodSetRecord>() == 8);

impl Payload for MealPeriodSetRecord {}

impl Followed for MealPeriodSetRecord {
    const FOLLOWING_BYTES_MAX: usize = NAME_BYTES_MAX;

    fn following_bytes(&self) -> usize {
        usize::from(self.name_bytes)
    }
}

/// The business date is closed; what follows belongs to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct CutOffRecord {
    /// The date closed; 0 when the books are opened for the first time.
    pub closed: U16,
    /// The date opened.
    pub opened: U16,
    /// Zero.
    pub reserved: U32,
}

const _: () = assert!(size_of::<CutOffRecord>() == 8);

impl Payload for CutOffRecord {}
