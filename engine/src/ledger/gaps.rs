//! Which of a till's sequences have come: a watermark, and the intervals below it that are missing.

use super::limits::GAPS_MAX;
use super::probes::looks_at;

/// The sequences received in one epoch. Everything from 1 to `highest` has come, but for the gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Gaps {
    pub(super) highest: u32,
    pub(super) count: u32,
    /// First and last missing, both inclusive, rising, not touching each other.
    pub(super) missing: [(u32, u32); GAPS_MAX],
}

impl Gaps {
    pub(super) const EMPTY: Gaps = Gaps { highest: 0, count: 0, missing: [(0, 0); GAPS_MAX] };

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

    /// Whether this sequence has come. One comparison in a healthy system; at most 6 steps with every gap open.
    #[inline]
    pub fn contains(&self, sequence: u32) -> bool {
        if sequence > self.highest || sequence == 0 {
            return false;
        }
        self.count == 0 || self.position(sequence).is_none()
    }

    /// The gap that this sequence is missing in.
    fn position(&self, sequence: u32) -> Option<usize> {
        looks_at(&self.missing);
        let missing = self.missing();
        let at = missing.partition_point(|&(_, last)| last < sequence);
        missing.get(at).filter(|&&(first, _)| first <= sequence).map(|_| at)
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

    /// Marks a sequence as received; false when that would open more than [`GAPS_MAX`] gaps.
    #[inline]
    pub fn insert(&mut self, sequence: u32) -> bool {
        self.insert_next(sequence) || self.insert_out_of_order(sequence)
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

    fn insert_out_of_order(&mut self, sequence: u32) -> bool {
        if sequence == 0 || !self.has_room_for(sequence) {
            return false;
        }
        if sequence > self.highest {
            if sequence > self.highest + 1 {
                looks_at(&self.missing);
                self.missing[self.count as usize] = (self.highest + 1, sequence - 1);
                self.count += 1;
            }
            self.highest = sequence;
            return true;
        }
        let Some(at) = self.position(sequence) else { return true };
        let count = self.count as usize;
        let (first, last) = self.missing[at];
        if first == last {
            self.missing.copy_within(at + 1..count, at);
            self.count -= 1;
            self.missing[count - 1] = (0, 0);
        } else if sequence == first {
            self.missing[at].0 += 1;
        } else if sequence == last {
            self.missing[at].1 -= 1;
        } else {
            self.missing.copy_within(at + 1..count, at + 2);
            self.missing[at] = (first, sequence - 1);
            self.missing[at + 1] = (sequence + 1, last);
            self.count += 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn agrees_with_a_set() {
        // A fixed multiplier walks the sequences in a scrambled order, the same on every run.
        let mut gaps = Gaps::EMPTY;
        let mut set = BTreeSet::new();
        let mut refused = 0;
        for step in 0..4_000_u32 {
            let sequence = 1 + step.wrapping_mul(2_654_435_761) % (200 + step / 8);
            assert_eq!(gaps.contains(sequence), set.contains(&sequence));
            let had_room = gaps.has_room_for(sequence);
            assert_eq!(gaps.insert(sequence), had_room);
            if had_room {
                set.insert(sequence);
            } else {
                refused += 1;
            }
            assert_eq!(gaps.highest(), set.last().copied().unwrap_or(0));
            let missing: Vec<u32> = (1..=gaps.highest()).filter(|s| !set.contains(s)).collect();
            let listed: Vec<u32> = gaps.missing().iter().flat_map(|&(first, last)| first..=last).collect();
            assert_eq!(missing, listed);
            assert_eq!(gaps.contiguous(), missing.first().map_or(gaps.highest(), |first| first - 1));
        }
        assert!(refused > 0);
    }

    #[test]
    fn the_last_sequence_of_an_epoch_fits() {
        let mut gaps = Gaps::EMPTY;
        assert!(gaps.insert(u32::MAX));
        assert_eq!(gaps.missing(), [(1, u32::MAX - 1)]);
        assert!(gaps.insert(1));
        assert!(gaps.contains(u32::MAX));
    }
}
