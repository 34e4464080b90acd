//! A Bloom filter in blocks: says of most orders that aren't in a run that they aren't, by one look at one cache line.
//!
//! An order's digest chooses a block of 512 bits, its check seven bits of that. At ten bits an order about one order in
//! sixty that isn't there looks as if it were.

use crate::ledger::orders::OrderKey;

/// Bits for each order, while there is room.
const BITS_PER_ORDER: u64 = 10;
/// Bits that an order sets.
const BITS_SET: u32 = 7;
/// Blocks of one filter at most: 64 MiB. A run of more than 53 million orders has fewer bits for each, and is read more
/// often for nothing.
const BLOCKS_MAX: u64 = 1 << 20;

/// One cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Block([u64; 8]);

/// Which orders may be in a run.
pub(super) struct Filter {
    blocks: Vec<Block>,
}

impl Filter {
    /// An empty filter for this many orders.
    pub(super) fn new(orders: u64) -> Filter {
        let blocks = orders.saturating_mul(BITS_PER_ORDER).div_ceil(512).clamp(1, BLOCKS_MAX);
        Filter { blocks: vec![Block([0; 8]); blocks as usize] }
    }

    /// Notes an order.
    pub(super) fn insert(&mut self, key: OrderKey) {
        let block = self.block_of(key);
        for (word, bit) in bits_of(key) {
            self.blocks[block].0[word] |= bit;
        }
    }

    /// False for an order that was never noted; true for every other, and by mistake for a few that weren't.
    pub(super) fn may_hold(&self, key: OrderKey) -> bool {
        let block = &self.blocks[self.block_of(key)].0;
        bits_of(key).all(|(word, bit)| block[word] & bit != 0)
    }

    /// Memory that it takes, bytes.
    pub(super) fn bytes(&self) -> u64 {
        (self.blocks.len() * size_of::<Block>()) as u64
    }

    fn block_of(&self, key: OrderKey) -> usize {
        ((u128::from(key.digest) * self.blocks.len() as u128) >> 64) as usize
    }
}

/// The bits of a block that an order sets: a word and a bit of it, by nine bits of its check each.
fn bits_of(key: OrderKey) -> impl Iterator<Item = (usize, u64)> {
    (0..BITS_SET).map(move |i| {
        let nine = key.check >> (9 * i);
        ((nine >> 6 & 7) as usize, 1 << (nine & 63))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(i: u32) -> OrderKey {
        let mut number = [0; 32];
        number[..4].copy_from_slice(&i.to_le_bytes());
        OrderKey::new(5, &number)
    }

    #[test]
    fn what_was_noted_is_held_and_little_else_looks_like_it() {
        let mut filter = Filter::new(50_000);
        (0..50_000).for_each(|i| filter.insert(key(i)));
        assert!((0..50_000).all(|i| filter.may_hold(key(i))));
        let by_mistake = (50_000..150_000).filter(|&i| filter.may_hold(key(i))).count();
        assert!(by_mistake < 3_000, "{by_mistake} of 100,000 look as if they were there");
        assert_eq!(filter.bytes(), 62_528);
        assert!(!Filter::new(0).may_hold(key(1)));
    }
}
