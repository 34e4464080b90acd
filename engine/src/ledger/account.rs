//! One person's account: 128 bytes, two cache lines.

use protocol::ids::{CardCounter, CardUid, RecordNumber};

use super::calendar::{day_of, month_end};
use super::limits::SUBSIDY_FEN_MAX;
use super::prefetch::prefetch;
use super::record::{Wallet, Wallets};

/// Whether an account may pay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AccountStatus {
    /// It may.
    #[default]
    Open = 0,
    /// Frozen by an operator: neither debits nor top-ups.
    Frozen = 1,
    /// Closed: neither debits nor top-ups; late offline facts and reversals still post.
    Closed = 2,
}

impl AccountStatus {
    /// The status with this number.
    pub const fn from_number(number: u8) -> Option<AccountStatus> {
        match number {
            0 => Some(AccountStatus::Open),
            1 => Some(AccountStatus::Frozen),
            2 => Some(AccountStatus::Closed),
            _ => None,
        }
    }
}

/// What is true of an account, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks(pub(super) u8);

impl Marks {
    /// The balance of an earlier system was taken over.
    pub(super) const OPENING_POSTED: Marks = Marks(1);
    /// A two-phase tap of the current card is open: see [`super::open_taps`].
    pub(super) const OPEN_TAP: Marks = Marks(1 << 1);
    /// The current card expires some day: see [`super::card_past`].
    pub(super) const CARD_EXPIRES: Marks = Marks(1 << 2);
    /// What a tap must look further for.
    pub(super) const ASKS_MORE: Marks = Marks::OPEN_TAP.with(Marks::CARD_EXPIRES);

    /// A virtual card is bound to it.
    pub(super) const BOUND: Marks = Marks(1 << 3);
    /// One was, and none is now.
    pub(super) const UNBOUND: Marks = Marks(1 << 4);

    /// True when any bit of `other` is set.
    pub(super) const fn has(self, other: Marks) -> bool {
        self.0 & other.0 != 0
    }

    /// Both together.
    #[must_use]
    pub(super) const fn with(self, other: Marks) -> Marks {
        Marks(self.0 | other.0)
    }

    /// These without the others.
    #[must_use]
    pub(super) const fn without(self, other: Marks) -> Marks {
        Marks(self.0 & !other.0)
    }
}

/// Whether a payment code may still be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CodeUse {
    Free,
    Used,
    /// All codes of its step were revoked.
    Revoked,
    /// So old that its step's used-set is gone.
    TooOld,
}

/// Steps whose used codes an account remembers.
const CODE_STEPS: usize = 3;
/// Every code of a step is used up: by its holder, who revoked them all.
const REVOKED: u16 = u16::MAX;

/// A person's account. All sums in fen.
///
/// The subsidy part of the card wallet is never more than what is in it, and nothing when that is below zero.
///
/// The totals of the two latest days it paid on are kept: debits count on the day they are decided, offline
/// facts on the day of the till's time (at latest the day they arrive), reversals take off the day of their
/// original. What belongs to an older day than both is added to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Account {
    pub(super) card_fen: i64,
    pub(super) transition_fen: i64,
    pub(super) electronic_fen: i64,
    pub(super) held_fen: i64,
    pub(super) head: u64,
    pub(super) card_uid: u64,
    pub(super) day_spent_fen: [i64; 2],
    pub(super) card_counter: u32,
    pub(super) debit_max_fen: u32,
    pub(super) day_max_fen: u32,
    /// Step of the newest code used; `code_used[i]` is the set of nonces used of step `code_step - i`.
    pub(super) code_step: u32,
    pub(super) days: [u16; 2],
    pub(super) code_used: [u16; CODE_STEPS],
    /// The first day that isn't in the month of the newest record any more.
    pub(super) month_end: u16,
    pub(super) class: u8,
    pub(super) status: AccountStatus,
    pub(super) card_lost: bool,
    pub(super) marks: Marks,
    pub(super) month_start: u64,
    pub(super) student_number: [u8; 16],
    /// The part of the card wallet that the school gave: it is used first, and never paid out.
    pub(super) subsidy_fen: u32,
    /// The highest counter that any record of the current card brought, online or offline.
    pub(super) card_seen: u32,
}

const _: () = assert!(size_of::<Account>() == 128);

impl Account {
    pub(super) const fn new(student_number: [u8; 16], class: u8) -> Self {
        Self {
            card_fen: 0,
            transition_fen: 0,
            electronic_fen: 0,
            held_fen: 0,
            head: 0,
            card_uid: 0,
            day_spent_fen: [0; 2],
            card_counter: 0,
            debit_max_fen: 0,
            day_max_fen: 0,
            code_step: 0,
            days: [0; 2],
            code_used: [0; CODE_STEPS],
            month_end: 0,
            class,
            status: AccountStatus::Open,
            card_lost: false,
            marks: Marks(0),
            month_start: 0,
            student_number,
            subsidy_fen: 0,
            card_seen: 0,
        }
    }

    /// Asks for both lines.
    #[inline]
    pub(super) fn prefetch(&self) {
        prefetch(&self.card_fen);
        prefetch(&self.student_number);
    }

    /// What is in a wallet.
    pub const fn wallet_fen(&self, wallet: Wallet) -> i64 {
        match wallet {
            Wallet::Card => self.card_fen,
            Wallet::Transition => self.transition_fen,
            Wallet::Electronic => self.electronic_fen,
        }
    }

    pub(super) const fn wallet_fen_mut(&mut self, wallet: Wallet) -> &mut i64 {
        match wallet {
            Wallet::Card => &mut self.card_fen,
            Wallet::Transition => &mut self.transition_fen,
            Wallet::Electronic => &mut self.electronic_fen,
        }
    }

    /// The sum of the wallets. Each stays within ± [`super::limits::BALANCE_FEN_MAX`], so it can't overflow.
    pub const fn system_fen(&self) -> i64 {
        self.card_fen + self.transition_fen + self.electronic_fen
    }

    /// The part of the card wallet that the school gave.
    pub const fn subsidy_fen(&self) -> i64 {
        self.subsidy_fen as i64
    }

    /// How much of an amount that the card wallet pays is subsidy: that is used first.
    pub(super) fn subsidy_of(&self, amount_fen: i64) -> i64 {
        amount_fen.min(self.subsidy_fen())
    }

    /// What is left of the school's part: what phone spending waits to settle is spent already, the school's part first, whether a
    /// tap has settled it or not.
    pub(super) fn school_fen(&self) -> i64 {
        let settled_fen = (-self.transition_fen).min(self.card_fen).max(0);
        self.subsidy_fen() - self.subsidy_of(settled_fen)
    }

    /// Changes the wallets by what a record says. False when the subsidy part can't be what it would become.
    #[must_use]
    pub(super) fn change_wallets(&mut self, change: &Wallets) -> bool {
        self.card_fen += change.card_fen.get();
        self.transition_fen += change.transition_fen.get();
        self.electronic_fen += change.electronic_fen.get();
        let subsidy_fen = u32::try_from(self.subsidy_fen() + change.subsidy_fen.get())
            .ok()
            .filter(|&subsidy_fen| subsidy_fen <= SUBSIDY_FEN_MAX);
        self.subsidy_fen = subsidy_fen.unwrap_or_default();
        subsidy_fen.is_some()
    }

    /// Open holds.
    pub const fn held_fen(&self) -> i64 {
        self.held_fen
    }

    /// What may be spent: the sum less open holds.
    pub const fn available_fen(&self) -> i64 {
        self.system_fen() - self.held_fen
    }

    /// The newest record that names this account.
    pub const fn head(&self) -> RecordNumber {
        RecordNumber(self.head)
    }

    /// The newest record before the month of the newest; 0 when there is none.
    pub const fn month_start(&self) -> RecordNumber {
        RecordNumber(self.month_start)
    }

    /// The card it may be paid with; 0 = none.
    pub const fn card_uid(&self) -> CardUid {
        CardUid(self.card_uid)
    }

    /// The highest counter that an approved online tap of the current card brought.
    pub const fn card_counter(&self) -> CardCounter {
        CardCounter(self.card_counter)
    }

    /// The highest counter that any record of the current card brought, online or offline.
    pub const fn card_seen(&self) -> CardCounter {
        CardCounter(self.card_seen)
    }

    /// Takes another card that may expire, or none (0): its counters begin anew, and it isn't lost. True when a tap of the card before was
    /// open, which stands from now on: whoever changes the card takes it out of its table.
    #[must_use]
    pub(super) const fn change_card(&mut self, card_uid: u64, expires: bool) -> bool {
        let had_tap = self.marks.has(Marks::OPEN_TAP);
        self.card_uid = card_uid;
        self.card_counter = 0;
        self.card_seen = 0;
        self.card_lost = false;
        self.marks = self.marks.without(Marks::ASKS_MORE);
        if expires {
            self.marks = self.marks.with(Marks::CARD_EXPIRES);
        }
        had_tap
    }

    /// Its class.
    pub const fn class(&self) -> u8 {
        self.class
    }

    /// Whether it may pay.
    pub const fn status(&self) -> AccountStatus {
        self.status
    }

    /// Whether its current card is reported lost.
    pub const fn card_lost(&self) -> bool {
        self.card_lost
    }

    /// The student or staff number, UTF-8, padded with zeros.
    pub const fn student_number(&self) -> &[u8; 16] {
        &self.student_number
    }

    /// What was spent on a +08:00 day, as far as it is remembered: 0 for a day that isn't.
    #[inline]
    pub const fn spent_on_fen(&self, day: u16) -> i64 {
        if self.days[0] == day {
            self.day_spent_fen[0]
        } else if self.days[1] == day {
            self.day_spent_fen[1]
        } else {
            0
        }
    }

    #[inline]
    pub(super) const fn add_spent(&mut self, day: u16, amount_fen: i64) {
        if self.days[0] == day {
            self.day_spent_fen[0] += amount_fen;
        } else if self.days[1] == day {
            self.day_spent_fen[1] += amount_fen;
        } else if amount_fen <= 0 {
            // A reversal on a forgotten day has nothing to take off.
        } else if day > self.days[0] {
            self.days = [day, self.days[0]];
            self.day_spent_fen = [amount_fen, self.day_spent_fen[0]];
        } else if day > self.days[1] {
            self.days[1] = day;
            self.day_spent_fen[1] = amount_fen;
        }
    }

    pub(super) fn code_use(&self, step: u32, nonce: u8) -> CodeUse {
        if step > self.code_step {
            return CodeUse::Free;
        }
        match self.code_used.get((self.code_step - step) as usize) {
            Some(&REVOKED) => CodeUse::Revoked,
            Some(used) if used & (1 << (nonce & 15)) != 0 => CodeUse::Used,
            Some(_) => CodeUse::Free,
            None => CodeUse::TooOld,
        }
    }

    pub(super) fn mark_code_used(&mut self, step: u32, nonce: u8) {
        if step > self.code_step {
            let mut used = [0; CODE_STEPS];
            for (age, old) in self.code_used.iter().enumerate() {
                if let Some(moved) = used.get_mut((step - self.code_step) as usize + age) {
                    *moved = *old;
                }
            }
            self.code_used = used;
            self.code_step = step;
        }
        if let Some(used) = self.code_used.get_mut((self.code_step - step) as usize) {
            *used |= 1 << (nonce & 15);
        }
    }

    /// No code of this step or of one before it is taken any more.
    pub(super) fn revoke_codes(&mut self, step: u32) {
        if step >= self.code_step {
            self.code_step = step;
            self.code_used = [REVOKED; CODE_STEPS];
            return;
        }
        for used in self.code_used.iter_mut().skip((self.code_step - step) as usize) {
            *used = REVOKED;
        }
    }

    /// Puts a record at the head of the chain, and moves the month's skip pointer when a month has begun.
    #[inline]
    pub(super) fn link(&mut self, number: u64, time_ns: u64) {
        let day = day_of(time_ns);
        if day >= self.month_end {
            self.month_start = self.head;
            self.month_end = month_end(day);
        }
        self.head = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_codes_shift_with_their_steps() {
        let mut account = Account::new([0; 16], 0);
        account.mark_code_used(100, 0);
        account.mark_code_used(99, 15);
        assert_eq!(account.code_use(100, 0), CodeUse::Used);
        assert_eq!(account.code_use(99, 15), CodeUse::Used);
        assert_eq!(account.code_use(100, 1), CodeUse::Free);
        account.mark_code_used(101, 3);
        assert_eq!(account.code_use(100, 0), CodeUse::Used);
        assert_eq!(account.code_use(99, 15), CodeUse::Used);
        assert_eq!(account.code_use(98, 0), CodeUse::TooOld);
        account.mark_code_used(110, 0);
        assert_eq!(account.code_use(109, 0), CodeUse::Free);
        assert_eq!(account.code_use(101, 3), CodeUse::TooOld);
    }

    #[test]
    fn revoked_codes_stay_so_and_later_ones_are_free() {
        for used in [None, Some(100), Some(101), Some(102)] {
            let mut account = Account::new([0; 16], 0);
            if let Some(step) = used {
                account.mark_code_used(step, 3);
            }
            account.revoke_codes(101);
            assert_eq!([100, 101].map(|step| account.code_use(step, 3)), [CodeUse::Revoked; 2], "{used:?}");
            let later = if used == Some(102) { CodeUse::Used } else { CodeUse::Free };
            assert_eq!((account.code_use(102, 3), account.code_use(102, 4)), (later, CodeUse::Free));
            account.mark_code_used(102, 4);
            assert_eq!(account.code_use(102, 4), CodeUse::Used);
            assert_eq!([100, 101].map(|step| account.code_use(step, 9)), [CodeUse::Revoked; 2], "{used:?}");
        }
    }

    #[test]
    fn two_days_are_remembered() {
        let mut account = Account::new([0; 16], 0);
        account.add_spent(10, 5);
        account.add_spent(8, 3);
        account.add_spent(9, 4);
        assert_eq!([8, 9, 10].map(|day| account.spent_on_fen(day)), [0, 4, 5]);
        account.add_spent(11, 1);
        account.add_spent(10, -2);
        account.add_spent(9, -4);
        assert_eq!([9, 10, 11].map(|day| account.spent_on_fen(day)), [0, 3, 1]);
    }
}
