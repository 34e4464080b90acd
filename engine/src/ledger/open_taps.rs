//! Two-phase taps of which nobody knows yet whether the chip was written: one an account at most.
//!
//! A tap is opened by its own record ([`super::kind::card_tap`]) and closed by the first of these: its till's confirmation
//! ([`super::kind::tap_confirm`]) or reversal, the card's next presentation ([`super::kind::presentation`]), or a change of
//! the account's card. An account that has one is marked, so that who has none is never looked up here.

use protocol::ids::{AccountId, CardCounter, Epoch, SaleId, Sequence, TerminalId};

use super::account::{Account, Marks};
use super::command::TerminalSlot;
use super::ledger_account::LedgerAccount;
use super::meals::Window;
use super::shard::{Layout, Parts, Shard};

/// What a chip is to hold once it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chip {
    /// What the card wallet holds after the tap.
    pub balance_fen: i64,
    /// The tap's counter.
    pub counter: CardCounter,
}

/// An approved tap that is neither confirmed nor resolved. All that undoing it takes is here: by then its till may have
/// forgotten it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenTap {
    pub(super) record: u64,
    pub(super) amount_fen: i64,
    pub(super) chip_balance_fen: i64,
    pub(super) counter: u32,
    pub(super) terminal: u32,
    pub(super) sequence: u32,
    /// The merchant who was paid.
    pub(super) credit: LedgerAccount,
    /// How much of what was paid was subsidy.
    pub(super) subsidy_fen: u32,
    /// What was paid on top of the amount; below zero for a discount.
    pub(super) pricing_fen: i32,
    pub(super) epoch: u16,
    pub(super) slot: u16,
    pub(super) limit_day: u16,
    /// The meal period that it counts in.
    pub(super) window: Window,
    /// An offline sale of the same card brought the tap's counter: that is what the chip was written by.
    pub(super) contradicted: bool,
}

const _: () = assert!(size_of::<OpenTap>() <= 64);

impl OpenTap {
    /// The key of an account's row: account 0 has one, too.
    pub(super) const fn key(account: AccountId) -> u64 {
        account.0 as u64 + 1
    }

    /// The account of a row with this key.
    pub(super) const fn account_of(key: u64) -> AccountId {
        // A key is an account's number and one.
        AccountId((key - 1) as u32)
    }

    /// The tap itself.
    pub const fn sale(&self) -> SaleId {
        SaleId {
            terminal: TerminalId(self.terminal),
            epoch: Epoch(self.epoch),
            sequence: Sequence(self.sequence),
        }
    }

    /// The record that holds it.
    pub const fn record(&self) -> u64 {
        self.record
    }

    /// What the chip is to be written with.
    pub const fn chip(&self) -> Chip {
        Chip { balance_fen: self.chip_balance_fen, counter: CardCounter(self.counter) }
    }

    pub(super) const fn slot(&self) -> TerminalSlot {
        TerminalSlot(self.slot)
    }

    /// Whether the chip wasn't written, as a presentation with this counter shows. The counter is that of the presentation's
    /// own transaction: one more than stands on the chip.
    pub(super) const fn is_undone_by(&self, presented: CardCounter) -> bool {
        presented.0 <= self.counter || self.contradicted
    }
}

/// The open tap of an account, if it has one. Its shard must be held.
pub fn open_tap<P: Parts + ?Sized>(parts: &P, account: AccountId) -> Option<&OpenTap> {
    parts.shard(Layout::new(parts.shard_count()).shard_of_account(account)).taps.get(OpenTap::key(account))
}

impl Shard {
    /// Takes the open tap of an account out, if it has one. The account's mark is the caller's.
    pub(super) fn take_tap(&mut self, account: AccountId) -> Option<OpenTap> {
        let key = OpenTap::key(account);
        let tap = self.taps.get(key).copied()?;
        self.taps.remove(key);
        Some(tap)
    }

    /// Whether an account may have an open tap: instead of the one it has, or there is room.
    pub(super) fn has_room_for_tap(&self, account: AccountId) -> bool {
        let key = OpenTap::key(account);
        self.taps.get(key).is_some() || self.taps.has_room_for(key)
    }
}

impl Account {
    /// Whether a tap of its card is open.
    pub const fn has_open_tap(&self) -> bool {
        self.marks.has(Marks::OPEN_TAP)
    }

    /// Whether a tap of its card must look further: one is open, or the card expires.
    #[inline]
    pub(super) const fn asks_more(&self) -> bool {
        self.marks.has(Marks::ASKS_MORE)
    }

    /// The chip was written by a tap: its counter is the card's.
    pub(super) fn take_counter(&mut self, tap: &OpenTap) {
        self.card_counter = self.card_counter.max(tap.counter);
        self.card_seen = self.card_seen.max(tap.counter);
    }
}
