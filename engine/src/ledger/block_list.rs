//! The block-list: which cards no till takes, and every move of it, numbered in order.
//!
//! A card comes onto it when it is reported lost, replaced, given back, left by its account for another one, or given to
//! two; it leaves when its loss report is lifted. Online the account itself says all this: the list is what tills that are
//! offline judge by, and what says since when a card was not to be taken.
//!
//! ```text
//! version 1     2     3     4 …                 a till that has version 2 needs the moves 3 and 4;
//!         +7    +9    −7    +8                  one that has a version older than the moves kept needs the full list
//! ```
//!
//! **Invariants**
//! - Versions count from 1 without holes; a move always changes the list: no card is blocked twice, or freed unblocked.
//! - It depends on the records alone, not on the shard count: it is the same after replay, and after a snapshot.

use std::collections::VecDeque;

use protocol::ids::CardUid;

use super::keyed::Keyed;
use super::limits::BLOCK_MOVES_MAX;

/// One move of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockMove {
    /// The version that the list has with it: from 1.
    pub version: u32,
    /// The card.
    pub card_uid: CardUid,
    /// Whether it is blocked from here on; freed otherwise.
    pub blocked: bool,
}

/// Since when a card is blocked, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockedSince {
    /// The version that blocked it.
    pub version: u32,
    /// Logged time of that move, nanoseconds since 1970-01-01 UTC.
    pub time_ns: u64,
    /// Whether it was lost: another may have it. Otherwise it was broken, given back, left or given to two.
    pub lost: bool,
}

/// The list.
#[derive(Clone, Debug)]
pub struct BlockList {
    blocked: Keyed<BlockedSince>,
    /// The latest [`BLOCK_MOVES_MAX`], in order of version.
    moves: VecDeque<BlockMove>,
}

impl BlockList {
    /// An empty list with room for so many blocked cards.
    pub(super) fn new(blocked_max: u32) -> Self {
        Self { blocked: Keyed::new(blocked_max), moves: VecDeque::with_capacity(BLOCK_MOVES_MAX) }
    }

    /// The version that it has now; 0 before the first move.
    pub fn version(&self) -> u32 {
        self.moves.back().map_or(0, |newest| newest.version)
    }

    /// Since when a card is blocked, if it is.
    pub fn blocked(&self, card_uid: CardUid) -> Option<BlockedSince> {
        self.blocked.get(card_uid.0).copied()
    }

    /// The moves that lead from this version to the newest, in order. None when they aren't all kept any more, and for a
    /// version that this list never had: then the full list is needed.
    pub fn moves_after(&self, version: u32) -> Option<impl Iterator<Item = &BlockMove>> {
        let lacking = self.version().checked_sub(version)? as usize;
        let first = self.moves.len().checked_sub(lacking)?;
        Some(self.moves.range(first..))
    }

    /// Every blocked card, in order of number: the list of [`Self::version`].
    pub fn full(&self) -> Vec<CardUid> {
        self.blocked.in_order().into_iter().map(|(uid, _)| CardUid(uid)).collect()
    }

    /// Whether [`Self::block`] of this card would succeed.
    pub(super) fn may_block(&self, card_uid: u64) -> bool {
        card_uid == 0 || self.blocked.get(card_uid).is_some() || self.blocked.has_room_for(card_uid)
    }

    /// Blocks a card, unless it is blocked or is no card (0). False when there is no room for it.
    #[must_use]
    pub(super) fn block(&mut self, card_uid: u64, time_ns: u64, lost: bool) -> bool {
        if card_uid == 0 || self.blocked.get(card_uid).is_some() {
            return true;
        }
        let since = BlockedSince { version: self.version() + 1, time_ns, lost };
        let blocked = self.blocked.insert(card_uid, since);
        if blocked {
            self.push(card_uid, true);
        }
        blocked
    }

    /// Frees a card, if it is blocked.
    pub(super) fn free(&mut self, card_uid: u64) {
        if self.blocked.remove(card_uid) {
            self.push(card_uid, false);
        }
    }

    fn push(&mut self, card_uid: u64, blocked: bool) {
        let version = self.version() + 1;
        if self.moves.len() == BLOCK_MOVES_MAX {
            self.moves.pop_front();
        }
        self.moves.push_back(BlockMove { version, card_uid: CardUid(card_uid), blocked });
    }

    /// Every blocked card with its move, in order of number.
    pub(super) fn blocked_in_order(&self) -> Vec<(u64, &BlockedSince)> {
        self.blocked.in_order()
    }

    /// The moves kept, in order of version.
    pub(super) fn moves(&self) -> impl ExactSizeIterator<Item = &BlockMove> {
        self.moves.iter()
    }

    /// Puts back a blocked card as it was written out. False when there is no room for it, or it is there.
    #[must_use]
    pub(super) fn restore_blocked(&mut self, card_uid: u64, since: BlockedSince) -> bool {
        self.blocked.insert(card_uid, since)
    }

    /// Puts back the next move as it was written out. False when it doesn't follow the one before.
    #[must_use]
    pub(super) fn restore_move(&mut self, kept: BlockMove) -> bool {
        let follows = self.moves.back().is_none_or(|newest| newest.version + 1 == kept.version);
        if follows && kept.version > 0 && self.moves.len() < BLOCK_MOVES_MAX {
            self.moves.push_back(kept);
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(list: &BlockList, version: u32) -> Option<Vec<(u32, u64, bool)>> {
        let moves = list.moves_after(version)?;
        Some(moves.map(|step| (step.version, step.card_uid.0, step.blocked)).collect())
    }

    #[test]
    fn every_move_has_the_next_version_and_what_changes_nothing_is_none() {
        let mut list = BlockList::new(64);
        assert_eq!((list.version(), after(&list, 0)), (0, Some(vec![])));
        assert!(list.block(7, 100, true) && list.block(9, 200, true));
        assert!(list.block(7, 300, false) && list.block(0, 300, true));
        list.free(7);
        list.free(7);
        list.free(5);
        assert_eq!(after(&list, 0), Some(vec![(1, 7, true), (2, 9, true), (3, 7, false)]));
        assert_eq!(after(&list, 2), Some(vec![(3, 7, false)]));
        assert_eq!(after(&list, 3), Some(vec![]));
        assert_eq!(after(&list, 4), None, "a version that it never had");
        assert_eq!(list.full(), [CardUid(9)]);
        assert_eq!(list.blocked(CardUid(9)), Some(BlockedSince { version: 2, time_ns: 200, lost: true }));
        assert_eq!(list.blocked(CardUid(7)), None);
    }

    #[test]
    fn older_moves_than_are_kept_need_the_full_list() {
        let mut list = BlockList::new(64);
        for _ in 0..BLOCK_MOVES_MAX {
            assert!(list.block(7, 1, true));
            list.free(7);
        }
        let newest = 2 * BLOCK_MOVES_MAX as u32;
        assert_eq!((list.version(), list.full()), (newest, vec![]));
        let oldest_kept = newest - BLOCK_MOVES_MAX as u32;
        assert_eq!(after(&list, oldest_kept).map(|moves| moves.len()), Some(BLOCK_MOVES_MAX));
        assert_eq!(after(&list, oldest_kept - 1), None);
    }

    #[test]
    fn a_full_list_says_so_before_and_changes_nothing() {
        let mut list = BlockList::new(2);
        assert!(list.block(1, 0, true) && list.block(2, 0, false));
        assert!(list.may_block(2) && list.may_block(0) && !list.may_block(3));
        assert!(!list.block(3, 0, true));
        assert_eq!((list.version(), list.full()), (2, vec![CardUid(1), CardUid(2)]));
        list.free(1);
        assert!(list.may_block(3) && list.block(3, 0, true));
    }
}
