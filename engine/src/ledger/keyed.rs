//! Rows found by a 64-bit key, as many as fit at start: two cache lines to find one at any load, and the row's own.
//!
//! For what doesn't fit an account's or a till's own entry and only a few of them have. A key is the thing's number, or
//! a digest of it whose row confirms it; 0 is no key. Which slot a row has says nothing: whoever writes rows out, or
//! folds them into a digest, takes them in order of key.

use super::cuckoo::Cuckoo;
use super::probes::looks_at;

/// In a table of few buckets a key may find no place though others are free: smaller ones are made as large as for this
/// many.
const INDEX_ROWS_MIN: usize = 64;

/// The table.
#[derive(Clone, Debug)]
pub(super) struct Keyed<Row> {
    index: Cuckoo,
    slots: Vec<Row>,
    /// Slots whose row was removed.
    vacant: Vec<u32>,
    rows_max: usize,
}

impl<Row> Keyed<Row> {
    /// A table of so many rows at most; all memory that it ever takes is taken here.
    pub(super) fn new(rows_max: u32) -> Self {
        let rows_max = rows_max as usize;
        Self {
            index: Cuckoo::new(rows_max.max(INDEX_ROWS_MIN)),
            slots: Vec::with_capacity(rows_max),
            vacant: Vec::with_capacity(rows_max),
            rows_max,
        }
    }

    /// Rows in it.
    pub(super) const fn len(&self) -> usize {
        self.index.len()
    }

    /// The row of a key.
    #[inline]
    pub(super) fn get(&self, key: u64) -> Option<&Row> {
        self.slots.get(self.index.get(key)? as usize).inspect(|&row| looks_at(row))
    }

    /// The row of a key, to be changed.
    #[inline]
    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut Row> {
        self.slots.get_mut(self.index.get(key)? as usize).inspect(|row| looks_at(&**row))
    }

    /// Whether [`Self::insert`] of this key, which isn't there, would succeed.
    pub(super) fn has_room_for(&self, key: u64) -> bool {
        self.len() < self.rows_max && self.index.has_room_for(key)
    }

    /// Puts a row there; false when the key has one, is 0, or there is no room.
    pub(super) fn insert(&mut self, key: u64, row: Row) -> bool {
        if self.len() >= self.rows_max {
            return false;
        }
        let slot = self.vacant.last().copied().unwrap_or(self.slots.len() as u32);
        if !self.index.insert(key, slot) {
            return false;
        }
        if self.vacant.pop().is_some() {
            self.slots[slot as usize] = row;
        } else {
            self.slots.push(row);
        }
        true
    }

    /// Takes the row of a key out, if it has one.
    pub(super) fn remove(&mut self, key: u64) -> bool {
        let Some(slot) = self.index.get(key) else { return false };
        self.index.remove(key);
        self.vacant.push(slot);
        true
    }

    /// Every row with its key, in order of key.
    pub(super) fn in_order(&self) -> Vec<(u64, &Row)> {
        let mut slots: Vec<_> = self.index.entries().collect();
        slots.sort_unstable();
        slots.into_iter().map(|(key, slot)| (key, &self.slots[slot as usize])).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ledger::fold::spread;
    use crate::ledger::probes::count;

    #[test]
    fn it_holds_what_a_map_holds_and_no_more_than_its_rows() {
        const ROWS_MAX: u32 = 100;
        let mut table = Keyed::new(ROWS_MAX);
        let mut map = BTreeMap::new();
        for step in 0..10_000_u64 {
            let key = 1 + spread(step, 0) % 150;
            if spread(step, 1).is_multiple_of(3) {
                assert_eq!(table.remove(key), map.remove(&key).is_some(), "step {step}: remove {key}");
            } else {
                let fits = !map.contains_key(&key) && map.len() < ROWS_MAX as usize;
                assert_eq!(table.insert(key, step), fits, "step {step}: insert {key}");
                if fits {
                    map.insert(key, step);
                }
            }
            assert_eq!(table.len(), map.len(), "step {step}");
            assert_eq!(table.get(key), map.get(&key), "step {step}: get {key}");
        }
        let held: Vec<_> = map.iter().map(|(&key, row)| (key, row)).collect();
        assert_eq!(table.in_order(), held);
        assert!(table.slots.len() <= ROWS_MAX as usize, "vacant slots are used again");
    }

    #[test]
    fn a_key_has_one_row_and_0_is_no_key() {
        let mut table = Keyed::new(4);
        assert!(table.insert(7, 1));
        assert!(!table.insert(7, 3) && !table.insert(0, 3));
        assert_eq!((table.get(7), table.get(0)), (Some(&1), None));
    }

    #[test]
    fn full_tables_of_any_size_take_as_many_lines_to_find_a_row_in() {
        for rows in [1_000, 100_000_u32] {
            let mut table = Keyed::new(rows);
            for key in 1..=u64::from(rows) {
                assert!(table.insert(key, [key; 8]), "{key} of {rows}");
            }
            for key in (1..=u64::from(rows)).step_by(97) {
                let (row, looks) = count(|| table.get(key).copied());
                assert_eq!(row, Some([key; 8]));
                // The index's two, and a row of 64 bytes wherever it begins.
                assert!(looks.probes <= 3 && looks.lines <= 4, "{key} of {rows}: {looks:?}");
            }
        }
    }
}
