//! A bucketised cuckoo table: 64-bit key → 32-bit value, two cache lines at most to look one up, at any load.
//!
//! ```text
//! bucket, 64 bytes: │ key ×5 │ value ×5 │ 4 spare │
//! a key is in bucket A(key) or in bucket B(key), or nowhere
//! ```
//!
//! Its size is fixed at start. Inserting may move others between their two buckets, along a path that is searched
//! first without changing anything: so whether a key fits is known before it is decided to put it there, and the
//! search is bounded. Nothing depends on the order of insertion but the places inside.

use super::fold::spread;
use super::limits::{DIRECTORY_LINES_MAX, TABLE_SEARCH_MAX as SEARCH_MAX};
use super::prefetch::prefetch;
use super::probes::looks_at;

/// Entries of one bucket.
const WAYS: usize = 5;

/// The key of a vacant place. A table never takes it: no card has the number 0, and a digest that is 0 is refused
/// like one for which there is no room.
const VACANT: u64 = 0;

const _: () = assert!(size_of::<Bucket>() == 64 && DIRECTORY_LINES_MAX == 2);

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Bucket {
    keys: [u64; WAYS],
    values: [u32; WAYS],
}

impl Bucket {
    const EMPTY: Bucket = Bucket { keys: [VACANT; WAYS], values: [0; WAYS] };

    fn find(&self, key: u64) -> Option<usize> {
        looks_at(self);
        self.keys.iter().position(|&held| held == key)
    }

    fn vacancy(&self) -> Option<usize> {
        self.find(VACANT)
    }
}

/// One step of the search: the bucket, the step it was reached from, and the way whose entry would move here.
#[derive(Clone, Copy)]
struct Reached {
    bucket: usize,
    from: usize,
    way: usize,
}

/// The table.
#[derive(Clone, Debug)]
pub(super) struct Cuckoo {
    buckets: Vec<Bucket>,
    entries: usize,
}

impl Cuckoo {
    /// A table that takes `entries_max` entries at a load of at most 85 %.
    pub(super) fn new(entries_max: usize) -> Self {
        let buckets = (entries_max * 100).div_ceil(WAYS * 85).max(2);
        Self { buckets: vec![Bucket::EMPTY; buckets], entries: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.entries
    }

    /// Lines of the whole table.
    pub(super) const fn lines(&self) -> usize {
        self.buckets.len()
    }

    /// The key's two buckets, each a line. They may be the same one.
    #[inline]
    pub(super) fn pair(&self, key: u64) -> [usize; DIRECTORY_LINES_MAX] {
        let hash = spread(key, 0);
        let count = self.buckets.len() as u64;
        // The high bits of a product scale a 32-bit hash to the count without a division.
        [(((hash >> 32) * count) >> 32) as usize, (((hash & 0xffff_ffff) * count) >> 32) as usize]
    }

    /// The value of a key. Both buckets are read, side by side: one wait for memory, and no branch on which place it
    /// was, which couldn't be predicted.
    #[inline]
    pub(super) fn get(&self, key: u64) -> Option<u32> {
        let [a, b] = self.pair(key);
        let (a, b) = (&self.buckets[a], &self.buckets[b]);
        looks_at(a);
        looks_at(b);
        let mut found = u64::MAX;
        for way in 0..WAYS {
            found = if a.keys[way] == key { u64::from(a.values[way]) } else { found };
            found = if b.keys[way] == key { u64::from(b.values[way]) } else { found };
        }
        if key == VACANT { None } else { u32::try_from(found).ok() }
    }

    /// Asks for both buckets of a key, so that they are near when it is looked up.
    #[inline]
    pub(super) fn prefetch(&self, key: u64) {
        for at in self.pair(key) {
            prefetch(&self.buckets[at]);
        }
    }

    /// Changes the value of a key that is there.
    pub(super) fn set(&mut self, key: u64, value: u32) -> bool {
        if key == VACANT {
            return false;
        }
        for at in self.pair(key) {
            if let Some(way) = self.buckets[at].find(key) {
                self.buckets[at].values[way] = value;
                return true;
            }
        }
        false
    }

    pub(super) fn remove(&mut self, key: u64) {
        if key == VACANT {
            return;
        }
        for at in self.pair(key) {
            if let Some(way) = self.buckets[at].find(key) {
                self.buckets[at].keys[way] = VACANT;
                self.buckets[at].values[way] = 0;
                self.entries -= 1;
                return;
            }
        }
    }

    /// Whether [`Self::insert`] of this key, which isn't there, would succeed.
    pub(super) fn has_room_for(&self, key: u64) -> bool {
        if key == VACANT {
            return false;
        }
        if self.pair(key).into_iter().any(|at| self.buckets[at].vacancy().is_some()) {
            return true;
        }
        let mut reached = [Reached { bucket: 0, from: 0, way: 0 }; SEARCH_MAX];
        self.search(key, &mut reached).is_some()
    }

    /// Puts a key there; false when it is there already, or no place was found.
    pub(super) fn insert(&mut self, key: u64, value: u32) -> bool {
        if key == VACANT || self.get(key).is_some() {
            return false;
        }
        for at in self.pair(key) {
            if let Some(vacancy) = self.buckets[at].vacancy() {
                self.buckets[at].keys[vacancy] = key;
                self.buckets[at].values[vacancy] = value;
                self.entries += 1;
                return true;
            }
        }
        let mut reached = [Reached { bucket: 0, from: 0, way: 0 }; SEARCH_MAX];
        let Some((mut at, mut vacancy)) = self.search(key, &mut reached) else { return false };
        // From the vacancy back to one of the key's own buckets, each entry moves one place along.
        while reached[at].from != at {
            let Reached { bucket, from, way } = reached[at];
            let source = reached[from].bucket;
            self.buckets[bucket].keys[vacancy] = self.buckets[source].keys[way];
            self.buckets[bucket].values[vacancy] = self.buckets[source].values[way];
            (at, vacancy) = (from, way);
        }
        let bucket = &mut self.buckets[reached[at].bucket];
        bucket.keys[vacancy] = key;
        bucket.values[vacancy] = value;
        self.entries += 1;
        true
    }

    /// Breadth first from the key's buckets to the nearest vacancy: the step it is at, and its way there.
    fn search(&self, key: u64, reached: &mut [Reached; SEARCH_MAX]) -> Option<(usize, usize)> {
        let mut count = 0;
        for bucket in self.pair(key) {
            reached[count] = Reached { bucket, from: count, way: 0 };
            count += 1;
        }
        let mut at = 0;
        while at < count {
            let here = reached[at].bucket;
            if let Some(vacancy) = self.buckets[here].vacancy() {
                return Some((at, vacancy));
            }
            for way in 0..WAYS {
                let [a, b] = self.pair(self.buckets[here].keys[way]);
                let other = if a == here { b } else { a };
                // A bucket is reached once: a path that met itself would move an entry twice.
                if count < SEARCH_MAX && reached[..count].iter().all(|step| step.bucket != other) {
                    reached[count] = Reached { bucket: other, from: at, way };
                    count += 1;
                }
            }
            at += 1;
        }
        None
    }

    /// Every entry, in the order of places.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u64, u32)> {
        self.buckets
            .iter()
            .flat_map(|bucket| bucket.keys.into_iter().zip(bucket.values).filter(|&(key, _)| key != VACANT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_its_size_everything_is_found() {
        for entries in [1, 2, 10, 1_000, 50_000] {
            let mut table = Cuckoo::new(entries);
            let key = |i: u32| u64::from(i) * 7 + 19_000_000;
            for i in 0..u32::try_from(entries).unwrap() {
                assert!(table.has_room_for(key(i)));
                assert!(table.insert(key(i), i), "{i} of {entries}");
            }
            assert_eq!(table.len(), entries);
            for i in 0..u32::try_from(entries).unwrap() {
                assert_eq!(table.get(key(i)), Some(i));
            }
            assert_eq!(table.get(1), None);
            assert_eq!(table.entries().count(), entries);
        }
    }

    #[test]
    fn beyond_its_size_it_says_full_and_keeps_what_it_has() {
        let mut table = Cuckoo::new(500);
        let mut kept = 0;
        for key in 1..2_000 {
            assert_eq!(table.has_room_for(key), table.insert(key, 7));
            kept = table.len();
        }
        assert!((500..2_000).contains(&kept));
        assert_eq!((1..2_000).filter(|&key| table.get(key) == Some(7)).count(), kept);
        let one = (1..2_000).find(|&key| table.get(key).is_some()).unwrap();
        table.remove(one);
        assert_eq!(table.get(one), None);
        assert_eq!(table.len(), kept - 1);
    }

    /// A full table of 10,000 and one of 1,000,000: nothing is anywhere but in the two lines of its key.
    fn lines_at_full_load(entries: u32) {
        let mut table = Cuckoo::new(entries as usize);
        let key = |i: u32| u64::from(i) * 37 + 20_000_000;
        for i in 0..entries {
            assert!(table.insert(key(i), i), "{i} of {entries}");
        }
        for i in 0..entries {
            let lines = table.pair(key(i));
            assert_eq!(lines.len(), DIRECTORY_LINES_MAX);
            assert!(lines.into_iter().any(|at| table.buckets[at].find(key(i)).is_some()), "{i} of {entries}");
        }
    }

    #[test]
    fn a_look_up_reads_as_many_lines_in_a_large_table_as_in_a_small_one() {
        lines_at_full_load(10_000);
        lines_at_full_load(10_000_000);
    }

    #[test]
    fn values_change_in_place() {
        let mut table = Cuckoo::new(10);
        assert!(table.insert(9, 3));
        assert!(!table.insert(9, 4));
        assert!(table.set(9, u32::MAX));
        assert_eq!(table.get(9), Some(u32::MAX));
        assert!(!table.set(8, 1));
    }

    #[test]
    fn the_key_zero_is_none() {
        let mut table = Cuckoo::new(10);
        assert!(!table.has_room_for(0));
        assert!(!table.insert(0, 3));
        assert!(!table.set(0, 4));
        table.remove(0);
        assert_eq!(table.get(0), None);
        assert_eq!(table.len(), 0);
    }
}
