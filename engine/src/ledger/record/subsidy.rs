//! Records of subsidy batches: opened, their lines, each step, what was paid to whom and taken back.
//!
//! ```text
//! opened     money 80 │ 80 batch u32 │ 84 lines u32 │ 88 deadline_day u16 │ 90 mode u8 │ 91 title_bytes u8 │ 92 0 │ title    96 +
//! lines      money 80 │ 80 batch u32 │ 84 first u32 │ 88 count u8 │ 89 0 │ (account u32, amount_fen u32) × count            96 +
//! stepped    money 80 │ 80 batch u32 │ 84 state u8 │ 85 reason_bytes u8 │ 86 0 │ reason                                      88 +
//! claimed    money 80 │ wallets 32 │ 112 batch u32 │ 116 mode u8 │ 117 0                                                    120
//! taken back money 80 │ wallets 32 │ 112 batch u32 │ 116 cause u8 │ 117 0                                                   120
//! skipped    money 80 │ 80 batch u32 │ 84 0                                                                                  88
//! ```

use protocol::request::SUBSIDY_PAGE_LINES_MAX;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Followed, MoneyRecord, Payload, Wallets};
use crate::ledger::limits::REASON_BYTES_MAX;

/// A batch is opened; its title follows, UTF-8. Its amount is what it is to pay in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct SubsidyOpenedRecord {
    /// Who opened it. It moves nothing and is nobody's.
    pub money: MoneyRecord,
    /// The batch; not 0.
    pub batch: U32,
    /// How many lines will come.
    pub lines: U32,
    /// The last day on which it is issued or withdrawn, in days since 2000-01-01 at +08:00.
    pub deadline_day: U16,
    /// [`protocol::request::SubsidyMode`].
    pub mode: u8,
    /// Bytes of the title that follows.
    pub title_bytes: u8,
    /// Zero.
    pub reserved: U32,
}

const _: () = assert!(size_of::<SubsidyOpenedRecord>() == 96);

/// A page of a batch's lines; they follow as [`protocol::request::SubsidyLine`]. Its amount is their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct SubsidyLinesRecord {
    /// Who sent it. It moves nothing and is nobody's.
    pub money: MoneyRecord,
    /// The batch.
    pub batch: U32,
    /// How many lines came before.
    pub first: U32,
    /// How many follow.
    pub count: u8,
    /// Zero.
    pub reserved: [u8; 7],
}

const _: () = assert!(size_of::<SubsidyLinesRecord>() == 96);

/// A batch takes a step; the reason follows, UTF-8. By an operator, or by itself: then without a till and a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct SubsidySteppedRecord {
    /// Who said so. It moves nothing and is nobody's.
    pub money: MoneyRecord,
    /// The batch.
    pub batch: U32,
    /// How far it has come by it: [`protocol::answer::SubsidyState`].
    pub state: u8,
    /// Bytes of the reason that follows.
    pub reason_bytes: u8,
    /// Zero.
    pub reserved: U16,
}

const _: () = assert!(size_of::<SubsidySteppedRecord>() == 88);

/// A subsidy that comes into a card wallet, or is taken back from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct SubsidyRecord {
    /// Subsidy clearing on one side, the person on the other.
    pub money: MoneyRecord,
    /// The card wallet changes by the amount, its subsidy part by as much, less what a debt on the card takes of what comes.
    pub wallets: Wallets,
    /// The batch that pays, or that takes back; 0 = none.
    pub batch: U32,
    /// Of what comes, how it was loaded: [`SubsidyRecord::BESIDE`], [`SubsidyRecord::CLEAR`]. Of what is taken back, why:
    /// [`SubsidyRecord::CLEARED`], [`SubsidyRecord::WITHDRAWN`].
    pub mode: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

const _: () = assert!(size_of::<SubsidyRecord>() == 120);

impl SubsidyRecord {
    /// Beside what is left of earlier batches.
    pub const BESIDE: u8 = 1;
    /// In the place of what was left of earlier batches.
    pub const CLEAR: u8 = 2;
    /// To make place for the batch that it names, which pays in the same group.
    pub const CLEARED: u8 = 1;
    /// Because the batch that it names is withdrawn.
    pub const WITHDRAWN: u8 = 2;
}

impl Payload for SubsidyRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

/// A line of a batch that can't be paid: its code says why, its debit is the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct SubsidySkippedRecord {
    /// What isn't paid to whom, and why.
    pub money: MoneyRecord,
    /// The batch.
    pub batch: U32,
    /// Zero.
    pub reserved: U32,
}

const _: () = assert!(size_of::<SubsidySkippedRecord>() == 88);

impl Payload for SubsidySkippedRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl Payload for SubsidyOpenedRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl Followed for SubsidyOpenedRecord {
    const FOLLOWING_BYTES_MAX: usize = REASON_BYTES_MAX;

    fn following_bytes(&self) -> usize {
        usize::from(self.title_bytes)
    }
}

impl Payload for SubsidyLinesRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl Followed for SubsidyLinesRecord {
    const FOLLOWING_BYTES_MAX: usize = SUBSIDY_PAGE_LINES_MAX * 8;

    fn following_bytes(&self) -> usize {
        usize::from(self.count) * 8
    }
}

impl Payload for SubsidySteppedRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl Followed for SubsidySteppedRecord {
    const FOLLOWING_BYTES_MAX: usize = REASON_BYTES_MAX;

    fn following_bytes(&self) -> usize {
        usize::from(self.reason_bytes)
    }
}
