//! Counts the places of tables, and the cache lines, that a command looks at: what tests hold against the bounds in
//! [`super::limits`].
//!
//! Every table calls [`looks_at`] where it reads or writes a place. Outside of tests that is nothing at all.
//!
//! A place counts once for a command, however often it is looked at: the second look finds its lines near. Its lines are
//! as many as a value of its size can lie across, wherever it begins, so that a bound doesn't depend on the allocator.

#[cfg(test)]
pub(super) use counting::{count, looks_at, looks_at_head};

/// A place of a table is looked at.
#[cfg(not(test))]
#[inline(always)]
pub(super) const fn looks_at<T: ?Sized>(_: &T) {}

/// Only the first cache line of a place that begins one is looked at.
#[cfg(not(test))]
#[inline(always)]
pub(super) const fn looks_at_head<T>(_: &T) {}

#[cfg(test)]
mod counting {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use crate::ledger::limits::Looks;

    /// Bytes of a cache line.
    const LINE_BYTES: usize = 64;

    thread_local! {
        /// Lines of each place that was looked at, by its address; none while nothing is counted.
        static PLACES: RefCell<Option<BTreeMap<usize, usize>>> = const { RefCell::new(None) };
    }

    pub(in crate::ledger) fn looks_at<T: ?Sized>(place: &T) {
        let furthest_start = LINE_BYTES - align_of_val(place).min(LINE_BYTES);
        note(place, (furthest_start + size_of_val(place)).div_ceil(LINE_BYTES));
    }

    pub(in crate::ledger) fn looks_at_head<T>(place: &T) {
        assert!(align_of_val(place) >= LINE_BYTES, "its first line is another's too");
        note(place, 1);
    }

    fn note<T: ?Sized>(place: &T, lines: usize) {
        PLACES.with_borrow_mut(|places| {
            if let Some(places) = places {
                let most = places.entry(core::ptr::from_ref(place).addr()).or_insert(0);
                *most = lines.max(*most);
            }
        });
    }

    /// Does `work`, and gives what it looked at on this thread.
    pub(in crate::ledger) fn count<R>(work: impl FnOnce() -> R) -> (R, Looks) {
        PLACES.set(Some(BTreeMap::new()));
        let done = work();
        let places = PLACES.take().unwrap_or_default();
        (done, Looks { probes: places.len(), lines: places.values().sum() })
    }

    #[test]
    fn a_place_counts_once_with_as_many_lines_as_it_can_lie_across() {
        #[repr(align(64))]
        struct Whole([u8; 128]);
        let (whole, word, words) = (Whole([0; 128]), 0_u64, [0_u64; 3]);
        let ((), looks) = count(|| {
            looks_at(&whole);
            looks_at(&word);
            looks_at(&words);
            looks_at(&words);
            looks_at_head(&whole);
        });
        assert_eq!(looks, Looks { probes: 3, lines: 2 + 1 + 2 });
        assert_eq!(count(|| looks_at_head(&whole)).1, Looks { probes: 1, lines: 1 });
        looks_at(&whole.0);
        assert_eq!(count(|| ()).1, Looks { probes: 0, lines: 0 });
    }
}
