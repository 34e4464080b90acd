//! What is known of a card's number besides whose it is: as what it was given out, since when it is in nobody's hands, and
//! whose it was before. Only a card that has any of it has a row.

use protocol::ids::AccountId;

use super::calendar::{day_begins_ns, day_of};
use super::limits::CARD_REUSE_DAYS;

/// A card's row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CardPast {
    /// When its holder got it, nanoseconds since 1970-01-01 UTC; 0 for its first one.
    pub(super) since_ns: u64,
    /// When the holder before got it; 0 for its first one.
    pub(super) former_since_ns: u64,
    /// When it came back, or expired if that was earlier; 0 = somebody has it, or it never came back.
    pub(super) ended_ns: u64,
    /// When it came back from the holder before, or expired, or was reported lost; 0 without one.
    pub(super) former_ended_ns: u64,
    /// The holder before, if it had one.
    pub(super) former: Option<AccountId>,
    /// The first +08:00 day on which it isn't taken any more; 0 = never.
    pub(super) expires_day: u16,
    /// What it was last given out as: [`protocol::card::CardKind`].
    pub(super) kind: u8,
}

impl CardPast {
    /// Whether it has expired by a day.
    pub const fn has_expired(&self, day: u16) -> bool {
        self.expires_day != 0 && self.expires_day <= day
    }

    /// Whether somebody new may have it on a day.
    pub(super) fn may_be_given_out(&self, day: u16) -> bool {
        self.came_back() && day >= day_of(self.ended_ns).saturating_add(CARD_REUSE_DAYS)
    }

    /// Whether it was somebody else's before.
    pub(super) const fn had_another(&self) -> bool {
        self.former.is_some()
    }

    /// Whether it came back to the counter.
    pub(super) const fn came_back(&self) -> bool {
        self.ended_ns != 0
    }

    /// It comes back at a time.
    pub(super) fn come_back(&mut self, time_ns: u64) {
        self.ended_ns = match self.expires_day {
            0 => time_ns,
            day => time_ns.min(day_begins_ns(day)),
        };
    }

    /// Whether who had it at a time, on this day of theirs, couldn't pay with it any more: it had expired, or come back.
    pub(super) const fn had_ended(&self, time_ns: u64, day: u16) -> bool {
        if time_ns < self.since_ns {
            time_ns >= self.former_ended_ns
        } else {
            self.has_expired(day) || self.came_back() && time_ns >= self.ended_ns
        }
    }

    /// Who had it at a time, when `holder` is who has it, or had it last; none for what is further back than its holder
    /// before.
    pub(super) fn holder_at(&self, holder: AccountId, time_ns: u64) -> Option<AccountId> {
        if time_ns >= self.since_ns {
            Some(holder)
        } else {
            self.former.filter(|_| time_ns >= self.former_since_ns)
        }
    }
}
