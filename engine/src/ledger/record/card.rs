//! Records of a person's card, asked for by a counter: issued, replaced, returned, taken back as the account is closed.
//!
//! Each begins with the money record of who asked, and under which identity; it moves nothing. Its debit is the person,
//! its amount the fee that was asked for, or what was paid out.

use protocol::card::CardKind;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{MoneyRecord, Payload};

/// An account without a card gets one.
///
/// ```text
/// 0 money   80 card_uid u64   88 kind u8   89 zero   90 expires_day u16   92 zero u32   96
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct CardIssuedRecord {
    /// Who asked, and whose card it is.
    pub money: MoneyRecord,
    /// The card.
    pub card_uid: U64,
    /// What it was issued as: [`protocol::card::CardKind`].
    pub kind: u8,
    /// Zero.
    pub reserved: u8,
    /// The first +08:00 day on which it isn't taken any more, in days since 2000-01-01; 0 = never.
    pub expires_day: U16,
    /// Zero.
    pub reserved_2: U32,
}

const _: () = assert!(size_of::<CardIssuedRecord>() == 96);

/// A new card takes the place of the account's current one, which stays in the directory for its late records.
///
/// ```text
/// 0 money   80 old u64   88 new u64   96 old_counter u32   100 reason u8   101 kind u8   102 expires_day u16   104
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct CardReplacedRecord {
    /// Who asked, and whose card it is.
    pub money: MoneyRecord,
    /// The card until now.
    pub old: U64,
    /// The card from now on.
    pub new: U64,
    /// The highest counter that an approved online tap of the old card brought.
    pub old_counter: U32,
    /// Why: [`protocol::card::ReplaceReason`].
    pub reason: u8,
    /// What the new one was given out as: [`protocol::card::CardKind`], less one.
    pub kind: u8,
    /// The first +08:00 day on which it isn't taken any more, in days since 2000-01-01; 0 = never.
    pub expires_day: U16,
}

impl CardReplacedRecord {
    /// What the new card was given out as.
    pub const fn kind_of_card(&self) -> u8 {
        self.kind.saturating_add(CardKind::Standard.number())
    }
}

const _: () = assert!(size_of::<CardReplacedRecord>() == 104);

/// An account gives its current card back, and has none from now on.
///
/// ```text
/// 0 money   80 card_uid u64   88 block_list_version u32   92 way u8   93 zero, 3 bytes   96
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct CardReturnedRecord {
    /// Who asked, and whose card it was.
    pub money: MoneyRecord,
    /// The card.
    pub card_uid: U64,
    /// The version of the block-list that this opens; 0 = none.
    pub block_list_version: U32,
    /// By which way money was given back with it; 0 = none was.
    pub way: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

const _: () = assert!(size_of::<CardReturnedRecord>() == 96);

/// An account is closed, and has no card from now on. What was paid out stands before it in its group.
///
/// ```text
/// 0 money   80 card_uid u64   88 way u8   89 zero, 7 bytes   96
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct AccountClosedRecord {
    /// Who asked, and whose account it was. Its amount is what the holder was paid.
    pub money: MoneyRecord,
    /// The card that came back; 0 = none.
    pub card_uid: U64,
    /// How the holder was paid: [`protocol::card::PayoutWay`].
    pub way: u8,
    /// Zero.
    pub reserved: [u8; 7],
}

const _: () = assert!(size_of::<AccountClosedRecord>() == 96);

/// Blank cards come into stock. It moves nothing, and is about nobody.
///
/// ```text
/// 0 money   80 first u64   88 count u16   90 zero, 6 bytes   96
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct CardsStockedRecord {
    /// Who asked.
    pub money: MoneyRecord,
    /// The first number.
    pub first: U64,
    /// How many, from the first on.
    pub count: U16,
    /// Zero.
    pub reserved: [u8; 6],
}

const _: () = assert!(size_of::<CardsStockedRecord>() == 96);

impl Payload for CardsStockedRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl Payload for AccountClosedRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl Payload for CardIssuedRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl Payload for CardReplacedRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl Payload for CardReturnedRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}
