//! Records of money and of what a till asked: postings, refusals, memos.
//!
//! Every one begins with the same 80 bytes, so that a walk along an account's or a till's chain reads one layout:
//!
//! ```text
//!  0        4        8     10    12    14    16       20       24
//!  ┌────────┬────────┬─────┬─────┬─────┬─────┬────────┬────────┬────────────────┐
//!  │terminal│sequence│epoch│date │code │slot │ debit  │ credit │   amount_fen   │
//!  ├────────┴────────┼─────┴─────┴─────┴─────┼────────┴────────┼────────────────┤ 32
//!  │balance_after_fen│   previous_account    │previous_counter │previous_terminal│
//!  ├─────────────────┼────────┬─────┬──┬──┬──┴─────────────────┴────────────────┘ 64
//!  │     digest      │ token  │ day │cw│fl│        cw: channel low nibble, wallet high nibble
//!  └─────────────────┴────────┴─────┴──┴──┘ 80     fl: flags
//! ```
//!
//! Kinds with more to say add a tail: top-ups the order number, reversals the sale they name, offline facts the card, the
//! till's time and, from version 2 on, what of it was subsidy, what the chip told of its transaction before, and for
//! what else it is reviewed; for those of several wallets see [`super::wallets`].
//!
//! ```text
//! offline debit  money 80 │ 80 card_uid u64 │ 88 till_time_ns u64 │ 96 previous till u32 │ 100 sequence u32 │ 104 card counter u32
//!                │ 108 epoch u16 │ 110 review u16 │ 112 subsidy_fen u32 │ 116 previous amount_fen u32 = 120
//! ```

use protocol::ids::{
    AccountId, BusinessDate, CardCounter, CardUid, Epoch, RecordNumber, SaleId, Sequence, TerminalId,
};
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{Followed, Payload};
use crate::ledger::command::{Channel, Previous, TerminalSlot};
use crate::ledger::ledger_account::LedgerAccount;
use crate::ledger::limits::SUSPENSE_BYTES_MAX;

/// A person's wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Wallet {
    /// Taps are recorded here.
    Card = 1,
    /// Codes, scans and phones are recorded here; at most zero until settled onto the card.
    Transition = 2,
    /// Top-ups land here.
    Electronic = 3,
}

impl Wallet {
    /// The wallet with this number.
    pub const fn from_number(number: u8) -> Option<Wallet> {
        match number {
            1 => Some(Wallet::Card),
            2 => Some(Wallet::Transition),
            3 => Some(Wallet::Electronic),
            _ => None,
        }
    }
}

/// What a money record says besides its numbers, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MoneyFlags(pub u8);

impl MoneyFlags {
    /// `token` is a card counter that the account remembers from now on.
    pub const CARD: MoneyFlags = MoneyFlags(1);
    /// `token` is the step and nonce of a payment code that is used up by this record.
    pub const CODE: MoneyFlags = MoneyFlags(1 << 1);
    /// Offline fact above the class's limit for one offline sale.
    pub const OVER_SALE_LIMIT: MoneyFlags = MoneyFlags(1 << 2);
    /// Offline fact that takes its own day above the class's limit for a day offline.
    pub const OVER_DAY_LIMIT: MoneyFlags = MoneyFlags(1 << 3);
    /// Offline fact that takes the system balance, less holds, under the class's floor.
    pub const BELOW_FLOOR: MoneyFlags = MoneyFlags(1 << 4);
    /// Offline fact dated ahead of logged time by more than the drift allowed.
    pub const CLOCK: MoneyFlags = MoneyFlags(1 << 5);
    /// Offline fact of a card that no account has.
    pub const UNKNOWN_CARD: MoneyFlags = MoneyFlags(1 << 6);
    /// Offline fact of an account that isn't open, of a card that has expired, or for a merchant that is closed.
    pub const NOT_OPEN: MoneyFlags = MoneyFlags(1 << 7);
    /// Online tap with the holder's query password: see [`MoneyRecord::is_by_password`]. It is the bit of
    /// [`MoneyFlags::OVER_SALE_LIMIT`], which no online debit has.
    pub const PASSWORD: MoneyFlags = MoneyFlags::OVER_SALE_LIMIT;
    /// Any of the reasons for which an offline fact is held for review.
    pub const REVIEW: MoneyFlags = MoneyFlags(0b1111_1100);

    /// True when any bit of `other` is set.
    pub const fn has(self, other: MoneyFlags) -> bool {
        self.0 & other.0 != 0
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, other: MoneyFlags) -> MoneyFlags {
        MoneyFlags(self.0 | other.0)
    }

    /// `other` added when `condition` holds.
    #[must_use]
    pub const fn with_if(self, condition: bool, other: MoneyFlags) -> MoneyFlags {
        if condition { self.with(other) } else { self }
    }
}

/// The 80 bytes that every money record begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct MoneyRecord {
    /// The till, with `epoch` and `sequence` the identity of the request. 0 for an opening balance.
    pub terminal: U32,
    /// The till's counter; 0 for an opening balance.
    pub sequence: U32,
    /// The till's epoch.
    pub epoch: U16,
    /// The open business date at the append.
    pub business_date: U16,
    /// The result code as answered.
    pub code: U16,
    /// The till's dense slot; 65,535 for none.
    pub slot: U16,
    /// Ledger account debited (what is owed to it falls). In memos: the person concerned, if known.
    pub debit: U32,
    /// Ledger account credited. In memos: none.
    pub credit: U32,
    /// What was posted; in memos, what was asked.
    pub amount_fen: I64,
    /// The person's system balance (sum of the wallets) after this record; 0 without a person.
    pub balance_after_fen: I64,
    /// The record before this one in the person's chain; 0 at its start or without a person.
    pub previous_account: U64,
    /// The record before this one in the chain of the hot side's *part* (a shard's own); 0 at its start.
    pub previous_counter: U64,
    /// The record before this one in the till's chain; 0 at its start or without a till.
    pub previous_terminal: U64,
    /// Digest of the request's body; a retry has the same.
    pub digest: U64,
    /// By the flags: a card counter, or a code's step (low 28 bits) and nonce (high 4). Where codes are revoked, without a
    /// flag, the last step whose are.
    pub token: U32,
    /// The +08:00 day whose total this counts in, in days since 2000-01-01.
    pub limit_day: U16,
    /// Channel (low nibble) and the person's wallet concerned (high nibble, 0 = none).
    pub channel_wallet: u8,
    /// [`MoneyFlags`].
    pub flags: u8,
}

const _: () = assert!(size_of::<MoneyRecord>() == 80);

pub(in crate::ledger) const fn channel_wallet(channel: Channel, wallet: Wallet) -> u8 {
    channel as u8 | (wallet as u8) << 4
}

impl Payload for MoneyRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(self)
    }
}

impl MoneyRecord {
    /// The slot of a record that no till sent.
    pub const NO_SLOT: u16 = u16::MAX;

    /// An approved posting of a person's money that no till asked for: without its two sides, its balance and its place in
    /// chains.
    pub(crate) fn of_no_till(date: BusinessDate, amount_fen: i64, wallet: Wallet) -> MoneyRecord {
        MoneyRecord {
            terminal: U32::ZERO,
            sequence: U32::ZERO,
            epoch: U16::ZERO,
            business_date: U16::new(date.0),
            code: U16::new(ResultCode::Approved.number()),
            slot: U16::new(MoneyRecord::NO_SLOT),
            debit: U32::new(LedgerAccount::NONE.bits()),
            credit: U32::new(LedgerAccount::NONE.bits()),
            amount_fen: I64::new(amount_fen),
            balance_after_fen: I64::ZERO,
            previous_account: U64::ZERO,
            previous_counter: U64::ZERO,
            previous_terminal: U64::ZERO,
            digest: U64::ZERO,
            token: U32::ZERO,
            limit_day: U16::ZERO,
            channel_wallet: channel_wallet(Channel::Operator, wallet),
            flags: 0,
        }
    }

    /// The identity of the request.
    pub fn sale(&self) -> SaleId {
        SaleId {
            terminal: TerminalId(self.terminal.get()),
            epoch: Epoch(self.epoch.get()),
            sequence: Sequence(self.sequence.get()),
        }
    }

    /// The till's slot, unless no till sent it.
    pub fn terminal_slot(&self) -> Option<TerminalSlot> {
        (self.slot.get() != Self::NO_SLOT).then(|| TerminalSlot(self.slot.get()))
    }

    /// The account debited; in memos the person concerned.
    pub fn debit_account(&self) -> LedgerAccount {
        LedgerAccount::from_bits(self.debit.get())
    }

    /// The account credited; in a tender's memo the merchant.
    pub fn credit_account(&self) -> LedgerAccount {
        LedgerAccount::from_bits(self.credit.get())
    }

    /// The person on either side.
    pub fn person(&self) -> Option<AccountId> {
        self.debit_account().as_person().or_else(|| self.credit_account().as_person())
    }

    /// The open business date at the append.
    pub fn date(&self) -> BusinessDate {
        BusinessDate(self.business_date.get())
    }

    /// The result code as answered, if this version knows it.
    pub fn result_code(&self) -> Option<ResultCode> {
        ResultCode::from_number(self.code.get())
    }

    /// The channel, if this version knows it.
    pub fn channel(&self) -> Option<Channel> {
        Channel::from_number(self.channel_wallet & 0x0f)
    }

    /// The person's wallet concerned.
    pub fn wallet(&self) -> Option<Wallet> {
        Wallet::from_number(self.channel_wallet >> 4)
    }

    /// The flags.
    pub fn money_flags(&self) -> MoneyFlags {
        MoneyFlags(self.flags)
    }

    /// Whether the holder's query password came along, so that no limit of amounts applied. An offline fact, which has the same bit
    /// for something else, never raises the card's counter.
    #[inline]
    pub const fn is_by_password(&self) -> bool {
        let marked = MoneyFlags::CARD.with(MoneyFlags::PASSWORD).0;
        self.flags & marked == marked
    }

    /// The card counter, when the record carries one.
    pub fn card_counter(&self) -> Option<CardCounter> {
        self.money_flags().has(MoneyFlags::CARD).then(|| CardCounter(self.token.get()))
    }

    /// Step and nonce of the payment code used up, when there is one.
    pub fn code_step_nonce(&self) -> Option<(u32, u8)> {
        let token = self.token.get();
        self.money_flags().has(MoneyFlags::CODE).then_some((token & 0x0fff_ffff, (token >> 28) as u8))
    }

    /// The record before this one in the person's chain.
    pub fn previous_of_account(&self) -> RecordNumber {
        RecordNumber(self.previous_account.get())
    }

    /// The record before this one in the till's chain.
    pub fn previous_of_terminal(&self) -> RecordNumber {
        RecordNumber(self.previous_terminal.get())
    }
}

/// A top-up, or a tender, which moves no money here: the money record and the channel's order number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct TopUpRecord {
    /// Debit: clearing; credit: the person; wallet: electronic. Of a tender the credit is the merchant, without a debit.
    pub money: MoneyRecord,
    /// The channel's order number, UTF-8, padded with zeros.
    pub order_number: [u8; 32],
}

const _: () = assert!(size_of::<TopUpRecord>() == 112);

impl TopUpRecord {
    /// Whether it counted this order of this channel.
    pub fn is_of(&self, channel: Channel, order_number: &[u8; 32]) -> bool {
        self.money.channel() == Some(channel) && self.order_number == *order_number
    }
}

impl Payload for TopUpRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

/// A reversal, a reversal before its original, a top-up's undoing, or a memo that repeats an earlier effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct ReversalRecord {
    /// A reversal's debit is the merchant, its credit the person, its wallet the one that was debited.
    pub money: MoneyRecord,
    /// The record of the original (of the top-up that is repeated); 0 before it came.
    pub original_record: U64,
    /// The original's sequence, on the same till; 0 for a repeated top-up.
    pub original_sequence: U32,
    /// The original's epoch.
    pub original_epoch: U16,
    /// Zero.
    pub reserved: U16,
}

const _: () = assert!(size_of::<ReversalRecord>() == 96);

impl Payload for ReversalRecord {
    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

impl ReversalRecord {
    /// The identity of the sale that is named.
    pub fn original(&self) -> SaleId {
        SaleId {
            terminal: TerminalId(self.money.terminal.get()),
            epoch: Epoch(self.original_epoch.get()),
            sequence: Sequence(self.original_sequence.get()),
        }
    }
}

/// An offline fact: the money record, the card and the till's own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct OfflineDebitRecord {
    /// Debit: the person's card wallet, unknown-card clearing, or, when the holder doesn't bear it, lost-cards clearing;
    /// credit: the merchant, or its held-back part.
    /// `token` is the card's counter, but without the flag [`MoneyFlags::CARD`]: only online taps raise it.
    pub money: MoneyRecord,
    /// The card that paid.
    pub card_uid: U64,
    /// When the till says it was.
    pub till_time_ns: U64,
    /// Who bears it: [`Liability`].
    pub liability: u8,
    /// More reasons for which it is held for review: [`OfflineReview`].
    pub review: u8,
    /// The epoch of the card's transaction before this one, as the chip told.
    pub previous_epoch: U16,
    /// Where that was made; 0 for none.
    pub previous_till: U32,
    /// Its sequence.
    pub previous_sequence: U32,
    /// Its card counter.
    pub previous_card_counter: U32,
    /// How much of the amount was subsidy, which is used first.
    pub subsidy_fen: U32,
    /// The amount of the card's transaction before this one, in fen.
    pub previous_amount_fen: U32,
}

const _: () = assert!(size_of::<OfflineDebitRecord>() == 120);

/// Reasons for which an offline fact is held for review that its flags have no room for, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfflineReview(pub u8);

impl OfflineReview {
    /// The till judged the card by a block-list that was too old.
    pub const LIST_AGE: OfflineReview = OfflineReview(1);
    /// The till had sold offline for too many days.
    pub const DAYS_OFFLINE: OfflineReview = OfflineReview(1 << 1);
    /// It never came: its card told of it with a later sale, and a counter had it posted.
    pub const TOLD: OfflineReview = OfflineReview(1 << 2);

    /// True when any bit of `other` is set.
    pub const fn has(self, other: OfflineReview) -> bool {
        self.0 & other.0 != 0
    }
}

impl Payload for OfflineDebitRecord {
    /// Version 1 ended with the till's time.
    const EARLIER_BYTES: usize = 96;

    fn money(&self) -> Option<&MoneyRecord> {
        Some(&self.money)
    }
}

/// Who bears an offline debit. Numbers stand in records and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Liability {
    /// The card's holder: the card wasn't lost yet. Or nobody knows whose card it is.
    Holder = 0,
    /// The school: the card was lost, and the till couldn't know: its block-list was older than that, but no older than it may
    /// be.
    School = 1,
    /// The merchant: the card was lost, and the till had no block-list, too old a one, or one with the card.
    Merchant = 2,
}

impl Liability {
    /// The one with this number.
    pub const fn from_number(number: u8) -> Option<Liability> {
        match number {
            0 => Some(Liability::Holder),
            1 => Some(Liability::School),
            2 => Some(Liability::Merchant),
            _ => None,
        }
    }
}

impl OfflineDebitRecord {
    /// Who bears it, if this version knows that.
    pub const fn liability(&self) -> Option<Liability> {
        Liability::from_number(self.liability)
    }

    /// The card that paid.
    pub fn card(&self) -> CardUid {
        CardUid(self.card_uid.get())
    }

    /// The card's transaction before this one, if the chip told of one.
    pub fn previous(&self) -> Option<Previous> {
        (self.previous_till.get() != 0).then(|| Previous {
            terminal: TerminalId(self.previous_till.get()),
            epoch: Epoch(self.previous_epoch.get()),
            sequence: Sequence(self.previous_sequence.get()),
            card_counter: CardCounter(self.previous_card_counter.get()),
            amount_fen: self.previous_amount_fen.get(),
        })
    }

    /// Why it is held for review beside what its flags say.
    pub fn offline_review(&self) -> OfflineReview {
        OfflineReview(self.review)
    }

    /// Whether it is held for review.
    pub fn is_for_review(&self) -> bool {
        self.money.money_flags().has(MoneyFlags::REVIEW) || self.review != 0
    }
}

/// Why a request was kept out of the books, with its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SuspenseReason {
    /// The same identity came before with another body.
    IdentityConflict = 1,
    /// The authentication code of an uploaded record is wrong.
    NotAuthentic = 2,
    /// An uploaded record names a sale that was reversed.
    Reversed = 3,
    /// An uploaded record names another terminal than the session's.
    WrongTerminal = 4,
    /// An uploaded record would take a balance out of the range of amounts.
    BalanceOverflow = 5,
}

impl SuspenseReason {
    /// The reason with this number.
    pub const fn from_number(number: u8) -> Option<SuspenseReason> {
        match number {
            1 => Some(SuspenseReason::IdentityConflict),
            2 => Some(SuspenseReason::NotAuthentic),
            3 => Some(SuspenseReason::Reversed),
            4 => Some(SuspenseReason::WrongTerminal),
            5 => Some(SuspenseReason::BalanceOverflow),
            _ => None,
        }
    }
}

/// A request kept out of the books; its bytes follow, padded with zeros to a multiple of 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct SuspenseRecord {
    /// The session's till.
    pub terminal: U32,
    /// The sequence that the request names.
    pub sequence: U32,
    /// The epoch that the request names.
    pub epoch: U16,
    /// The open business date at the append.
    pub business_date: U16,
    /// The result code as answered.
    pub code: U16,
    /// The till's dense slot.
    pub slot: U16,
    /// Digest of the request's body.
    pub digest: U64,
    /// The record before this one in the till's chain.
    pub previous_terminal: U64,
    /// The amount that the request names, as it came.
    pub amount_fen: I64,
    /// [`SuspenseReason`].
    pub reason: u8,
    /// Zero.
    pub reserved: u8,
    /// Bytes that follow.
    pub bytes: U16,
    /// Zero.
    pub reserved_2: U32,
}

const _: () = assert!(size_of::<SuspenseRecord>() == 48);

impl Payload for SuspenseRecord {
    fn sale(&self) -> Option<SaleId> {
        Some(SuspenseRecord::sale(self))
    }

    fn previous_of_terminal(&self) -> Option<RecordNumber> {
        Some(RecordNumber(self.previous_terminal.get()))
    }
}

impl Followed for SuspenseRecord {
    const FOLLOWING_BYTES_MAX: usize = SUSPENSE_BYTES_MAX;

    fn following_bytes(&self) -> usize {
        usize::from(self.bytes.get())
    }
}

impl SuspenseRecord {
    /// Whether the request was about the sale of [`Self::sale`]: a record that names another terminal wasn't.
    pub fn is_of_sale(&self) -> bool {
        self.reason != SuspenseReason::WrongTerminal as u8
    }

    /// The identity that the request names on the session's till.
    pub fn sale(&self) -> SaleId {
        SaleId {
            terminal: TerminalId(self.terminal.get()),
            epoch: Epoch(self.epoch.get()),
            sequence: Sequence(self.sequence.get()),
        }
    }
}
