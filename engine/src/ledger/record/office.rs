//! Records of what operators do: who and why stand in each.
//!
//! Each begins with the money record of who asked, and under which identity; the reason follows, UTF-8, padded with zeros.
//! What happens by itself at its time has no till, and no reason.

use protocol::ids::RecordNumber;
use zerocopy::little_endian::{I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Followed, MoneyRecord, Payload, Wallets};
use crate::ledger::limits::REASON_BYTES_MAX;

/// Status, class and the holder's own limits of an account, from now on. It moves nothing; its debit is the person.
///
/// ```text
/// 0 money   80 debit_max_fen u32   84 day_max_fen u32   88 status u8   89 class u8   90 reason_bytes u8   91 zero, 5 bytes   96
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct AccountChangedRecord {
    /// Who asked, and whose account it is.
    pub money: MoneyRecord,
    /// The holder's own limit for one debit; 0 = the class's.
    pub debit_max_fen: U32,
    /// The holder's own limit for a day; 0 = the class's.
    pub day_max_fen: U32,
    /// [`crate::ledger::account::AccountStatus`].
    pub status: u8,
    /// The account's class.
    pub class: u8,
    /// Bytes of the reason that follows.
    pub reason_bytes: u8,
    /// Zero.
    pub reserved: [u8; 5],
}

const _: () = assert!(size_of::<AccountChangedRecord>() == 96);

/// A balance is corrected: a person's wallet against the clearing account of adjustments.
///
/// ```text
/// 0 money   80 wallets   112 proposal u64   120 reason_bytes u8   121 zero, 7 bytes   128
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct AdjustmentRecord {
    /// Who posted it: the second person, where two were needed. The person is credited or debited.
    pub money: MoneyRecord,
    /// What changes in the person's account: one wallet, by the amount.
    pub wallets: Wallets,
    /// The record that proposed it; 0 = one person may do it alone.
    pub proposal: U64,
    /// Bytes of the reason that follows.
    pub reason_bytes: u8,
    /// Zero.
    pub reserved: [u8; 7],
}

const _: () = assert!(size_of::<AdjustmentRecord>() == 128);

/// A correction that needs a second person is proposed. It moves nothing; its debit is the person.
///
/// ```text
/// 0 money   80 expires_ns u64   88 direction u8   89 reason_bytes u8   90 zero, 6 bytes   96
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct AdjustmentProposedRecord {
    /// Who proposed it, by how much, in which wallet of whom.
    pub money: MoneyRecord,
    /// From this logged time on it can't be approved any more.
    pub expires_ns: U64,
    /// [`protocol::request::AdjustDirection`].
    pub direction: u8,
    /// Bytes of the reason that follows.
    pub reason_bytes: u8,
    /// Zero.
    pub reserved: [u8; 6],
}

const _: () = assert!(size_of::<AdjustmentProposedRecord>() == 96);

/// A proposed correction won't be made: rejected, or its time has passed. It moves nothing; its debit is the person.
///
/// ```text
/// 0 money   80 proposal u64   88 end u8   89 reason_bytes u8   90 zero, 6 bytes   96
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct AdjustmentClosedRecord {
    /// Who rejected it; no till when its time has passed.
    pub money: MoneyRecord,
    /// The record that proposed it.
    pub proposal: U64,
    /// [`AdjustmentClosedRecord::REJECTED`] or [`AdjustmentClosedRecord::EXPIRED`].
    pub end: u8,
    /// Bytes of the reason that follows.
    pub reason_bytes: u8,
    /// Zero.
    pub reserved: [u8; 6],
}

const _: () = assert!(size_of::<AdjustmentClosedRecord>() == 96);

impl AdjustmentClosedRecord {
    /// Somebody said no.
    pub const REJECTED: u8 = 1;
    /// Nobody said yes in time.
    pub const EXPIRED: u8 = 2;

    /// The record that proposed it.
    pub fn proposal(&self) -> RecordNumber {
        RecordNumber(self.proposal.get())
    }
}

/// A terminal's next key is in use. It moves nothing.
///
/// ```text
/// 0 money   80 terminal u32   84 key_version u32   88 reason_bytes u8   89 zero, 7 bytes   96
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct TerminalKeyRotatedRecord {
    /// Who asked.
    pub money: MoneyRecord,
    /// Whose key.
    pub terminal: U32,
    /// The version from now on: the one before and 1.
    pub key_version: U32,
    /// Bytes of the reason that follows.
    pub reason_bytes: u8,
    /// Zero.
    pub reserved: [u8; 7],
}

const _: () = assert!(size_of::<TerminalKeyRotatedRecord>() == 96);

/// A terminal has signed in under the key in use: the one before isn't taken any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct TerminalKeyTakenRecord {
    /// Which terminal.
    pub terminal: U32,
    /// The version of the key.
    pub key_version: U32,
}

const _: () = assert!(size_of::<TerminalKeyTakenRecord>() == 8);

impl Payload for TerminalKeyTakenRecord {}

/// The rules of the office are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct OfficeRulesSetRecord {
    /// The largest amount that one operator may adjust alone.
    pub adjust_alone_max_fen: I64,
    /// How long a proposal waits for a second person, in seconds of logged time.
    pub proposal_s: U32,
    /// The most that one operator may adjust alone in a day; 0 = no such limit.
    pub adjust_alone_day_max_fen: U32,
    /// 1 when counters give out cards that are in stock alone.
    pub cards_from_stock: u8,
    /// Zero.
    pub reserved: [u8; 7],
}

const _: () = assert!(size_of::<OfficeRulesSetRecord>() == 24);

impl Payload for OfficeRulesSetRecord {
    /// Version 1 ended with what one operator may adjust alone in a day.
    const EARLIER_BYTES: usize = 16;
}

/// Records that begin with a money record and are followed by a reason.
macro_rules! with_reason {
    ($($record:ident),*) => {$(
        impl Payload for $record {
            fn money(&self) -> Option<&MoneyRecord> {
                Some(&self.money)
            }
        }

        impl Followed for $record {
            const FOLLOWING_BYTES_MAX: usize = REASON_BYTES_MAX;

            fn following_bytes(&self) -> usize {
                usize::from(self.reason_bytes)
            }
        }
    )*};
}

with_reason!(
    AccountChangedRecord,
    AdjustmentRecord,
    AdjustmentProposedRecord,
    AdjustmentClosedRecord,
    TerminalKeyRotatedRecord
);
