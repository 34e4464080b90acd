//! Which of a till's sequences have come: a watermark, and the intervals below it that are missing, each with its age. An
//! interval is closed by what comes late, by an operator ([`super::kind::gap_close`]), or by what a card told
//! ([`super::kind::told_post`]). A new epoch begins with none: those of
//! the older one are forgotten.

use super::limits::GAPS_MAX;
use super::probes::looks_at;

/// Gaps of a row: as many as a cache line has room for.
const ROW: usize = 8;

/// The sequences received in one epoch. Everything from 1 to `highest` has come, but for the gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Gaps {
    pub(super) highest: u32,
    pub(super) count: u32,
    /// First and last missing, both inclusive, rising, not touching each other.
    pub(super) missing: [(u32, u32); GAPS_MAX],
    /// When each of them was noticed, by logged time: seconds since 1970-01-01 UTC.
    pub(super) since_s: [u32; GAPS_MAX],
}

/// Sequences that haven't come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
    /// When they were noticed, by logged time: seconds since 1970-01-01 UTC.
    pub since_s: u32,
}

/// Whether sequences can be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// They are missing, all of one interval, whose age this is.
    Open { since_s: u32 },
    /// Some of them have come, or were closed before.
    NotOpen,
    /// They would leave an interval on either side, and there is room for none more.
    NoRoom,
}

impl Gaps {
    pub(super) const EMPTY: Gaps =
        Gaps { highest: 0, count: 0, missing: [(0, 0); GAPS_MAX], since_s: [0; GAPS_MAX] };

    /// The highest sequence received.
    pub const fn highest(&self) -> u32 {
        self.highest
    }

    /// The highest sequence up to which none is missing.
    pub fn contiguous(&self) -> u32 {
        self.missing().first().map_or(self.highest, |&(first, _)| first - 1)
    }

    /// The intervals missing below the highest: first and last, both inclusive, rising.
    pub fn missing(&self) -> &[(u32, u32)] {
        &self.missing[..self.count as usize]
    }

    /// The same with their ages.
    pub fn open(&self) -> impl Iterator<Item = Gap> {
        let gap = |(&(first, last), &since_s)| Gap { first, last, since_s };
        self.missing().iter().zip(&self.since_s).map(gap)
    }

    /// Whether this sequence has come. One comparison in a healthy system.
    #[inline]
    pub fn contains(&self, sequence: u32) -> bool {
        if sequence > self.highest || sequence == 0 {
            return false;
        }
        self.count == 0 || self.position(sequence).is_none()
    }

    /// The gap that this sequence is missing in: first which row of them, in five steps at most, then which of the row.
    fn position(&self, sequence: u32) -> Option<usize> {
        let (rows, []) = self.missing.as_chunks::<ROW>() else { unreachable!("a row divides their number") };
        let full = self.count as usize / ROW;
        let row = rows[..full].partition_point(|row| {
            looks_at(row);
            row[ROW - 1].1 < sequence
        });
        looks_at(rows.get(row)?);
        let from = row * ROW;
        let behind = &self.missing()[from..];
        let at = behind.iter().take(ROW).position(|&(_, last)| last >= sequence)?;
        (behind[at].0 <= sequence).then_some(from + at)
    }

    /// Whether [`Self::insert`] would succeed.
    #[inline]
    pub fn has_room_for(&self, sequence: u32) -> bool {
        if (self.count as usize) < GAPS_MAX || self.contains(sequence) {
            return true;
        }
        if sequence > self.highest {
            return sequence == self.highest + 1;
        }
        // Every gap is open: a sequence inside one must not split it.
        self.position(sequence).is_some_and(|at| {
            let (first, last) = self.missing[at];
            first == sequence || last == sequence
        })
    }

    /// Marks a sequence as received at a logged time; false when that would open more than [`GAPS_MAX`] gaps.
    #[inline]
    pub fn insert(&mut self, sequence: u32, now_s: u32) -> bool {
        self.insert_next(sequence) || self.insert_out_of_order(sequence, now_s)
    }

    /// Whether a sequence follows the highest.
    #[inline]
    pub(super) const fn is_next(&self, sequence: u32) -> bool {
        sequence != 0 && sequence - 1 == self.highest
    }

    /// Marks a sequence as received if it follows the highest; false if it doesn't.
    #[inline]
    pub(super) fn insert_next(&mut self, sequence: u32) -> bool {
        let follows = self.is_next(sequence);
        if follows {
            self.highest = sequence;
        }
        follows
    }

    fn insert_out_of_order(&mut self, sequence: u32, now_s: u32) -> bool {
        if sequence == 0 || !self.has_room_for(sequence) {
            return false;
        }
        if sequence > self.highest {
            if sequence > self.highest + 1 {
                let at = self.count as usize;
                looks_at(&self.missing[at]);
                looks_at(&self.since_s[at]);
                self.missing[at] = (self.highest + 1, sequence - 1);
                self.since_s[at] = now_s;
                self.count += 1;
            }
            self.highest = sequence;
            return true;
        }
        if let Some(at) = self.position(sequence) {
            self.take_out(at, sequence, sequence);
        }
        true
    }

    /// Takes sequences out of the gap that they are missing in; there is room for what they leave.
    fn take_out(&mut self, at: usize, from: u32, to: u32) {
        let count = self.count as usize;
        let (first, last) = self.missing[at];
        match (from == first, to == last) {
            (true, false) => return self.missing[at].0 = to + 1,
            (false, true) => return self.missing[at].1 = from - 1,
            _ => {}
        }
        // Those behind it move, one line after another.
        looks_at(&self.missing);
        looks_at(&self.since_s);
        if (from, to) == (first, last) {
            self.missing.copy_within(at + 1..count, at);
            self.since_s.copy_within(at + 1..count, at);
            self.count -= 1;
            self.missing[count - 1] = (0, 0);
            self.since_s[count - 1] = 0;
        } else {
            self.missing.copy_within(at + 1..count, at + 2);
            self.since_s.copy_within(at..count, at + 1);
            self.missing[at] = (first, from - 1);
            self.missing[at + 1] = (to + 1, last);
            self.count += 1;
        }
    }

    /// Whether these sequences can be closed.
    pub(super) fn closing(&self, from: u32, to: u32) -> Closing {
        let Some(at) = self.position(from).filter(|&at| from <= to && to <= self.missing[at].1) else {
            return Closing::NotOpen;
        };
        let (first, last) = self.missing[at];
        if (self.count as usize) == GAPS_MAX && from != first && to != last {
            return Closing::NoRoom;
        }
        Closing::Open { since_s: self.since_s[at] }
    }

    /// Closes sequences as if they had come; false when that can't be.
    pub(super) fn close(&mut self, from: u32, to: u32) -> bool {
        let Closing::Open { .. } = self.closing(from, to) else { return false };
        if let Some(at) = self.position(from) {
            self.take_out(at, from, to);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn agrees_with_a_set() {
        // A fixed multiplier walks the sequences in a scrambled order, the same on every run.
        let mut gaps = Gaps::EMPTY;
        let mut set = BTreeSet::new();
        let (mut refused, mut closed) = (0, 0);
        let mut noticed = BTreeMap::new();
        for step in 0..6_000_u32 {
            let sequence = 1 + step.wrapping_mul(2_654_435_761) % (1_200 + step / 4);
            assert_eq!(gaps.contains(sequence), set.contains(&sequence));
            let last = sequence + step % 3;
            if step % 5 == 4 && (sequence..=last).all(|s| s < gaps.highest() && !set.contains(&s)) {
                let room = gaps.closing(sequence, last) != Closing::NoRoom;
                assert_eq!(gaps.close(sequence, last), room);
                if room {
                    closed += 1;
                    set.extend(sequence..=last);
                }
                continue;
            }
            if step % 5 == 4 {
                assert!(!gaps.close(sequence, last), "{sequence} to {last} isn't open");
            }
            let had_room = gaps.has_room_for(sequence);
            let highest = gaps.highest();
            assert_eq!(gaps.insert(sequence, step), had_room);
            if had_room {
                noticed.extend((highest + 1..sequence).map(|missing| (missing, step)));
                set.insert(sequence);
            } else {
                refused += 1;
            }
            assert_eq!(gaps.highest(), set.last().copied().unwrap_or(0));
            let missing: Vec<u32> = (1..=gaps.highest()).filter(|s| !set.contains(s)).collect();
            let listed: Vec<u32> = gaps.missing().iter().flat_map(|&(first, last)| first..=last).collect();
            assert_eq!(missing, listed);
            for gap in gaps.open() {
                assert!((gap.first..=gap.last).all(|s| noticed[&s] == gap.since_s), "{gap:?}");
            }
            assert_eq!(gaps.contiguous(), missing.first().map_or(gaps.highest(), |first| first - 1));
        }
        assert!(refused > 0 && closed > 0, "{refused} refused, {closed} closed");
    }

    #[test]
    fn the_last_sequence_of_an_epoch_fits() {
        let mut gaps = Gaps::EMPTY;
        assert!(gaps.insert(u32::MAX, 7));
        assert_eq!(gaps.missing(), [(1, u32::MAX - 1)]);
        assert!(gaps.insert(1, 8));
        assert_eq!(gaps.open().collect::<Vec<_>>(), [Gap { first: 2, last: u32::MAX - 1, since_s: 7 }]);
        assert!(gaps.contains(u32::MAX));
    }
}
