//! The stock of blank cards: which numbers lie at the counters and are nobody's.
//!
//! ```text
//! card number = block × 1,024 + bit          block │ 1,024 bits      in order of block, none without a bit
//! ```
//!
//! Numbers come in ranges and leave one by one, in whatever order, so a block of a thousand is one row with a bit for each, and goes with
//! its last. Finding one is a search by halves among [`STOCK_BLOCKS_MAX`] rows.

use protocol::ids::CardUid;

use super::limits::{STOCK_BLOCKS_MAX, STOCK_CARDS_MAX};

/// Bits of a block.
const BLOCK_CARDS: u64 = 1_024;
/// Words of a block.
pub(super) const BLOCK_WORDS: usize = BLOCK_CARDS as usize / 64;

const _: () = assert!(STOCK_CARDS_MAX as u64 <= BLOCK_CARDS, "a range lies in two blocks at most");

/// A thousand numbers, and which of them are in stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StockBlock {
    pub(super) block: u64,
    pub(super) bits: [u64; BLOCK_WORDS],
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardStock {
    blocks: Vec<StockBlock>,
}

/// Where a number's bit is: block, word and bit.
const fn place_of(card: CardUid) -> (u64, usize, u64) {
    let bit = card.0 % BLOCK_CARDS;
    (card.0 / BLOCK_CARDS, (bit / 64) as usize, 1 << (bit % 64))
}

impl CardStock {
    fn find(&self, block: u64) -> Result<usize, usize> {
        self.blocks.binary_search_by_key(&block, |row| row.block)
    }

    /// Whether a number is in stock.
    pub fn has(&self, card: CardUid) -> bool {
        let (block, word, bit) = place_of(card);
        self.find(block).is_ok_and(|at| self.blocks[at].bits[word] & bit != 0)
    }

    /// How many numbers are in stock.
    pub fn count(&self) -> u64 {
        self.blocks.iter().flat_map(|row| row.bits).map(|word| u64::from(word.count_ones())).sum()
    }

    /// Whether there are rows for a range, whose last number is `last`.
    pub fn has_room_for(&self, first: CardUid, last: CardUid) -> bool {
        let blocks = place_of(first).0..=place_of(last).0;
        let new = blocks.filter(|block| self.find(*block).is_err()).count();
        self.blocks.len() + new <= STOCK_BLOCKS_MAX
    }

    /// Puts a number into stock; false when there is no row for it.
    pub(super) fn put(&mut self, card: CardUid) -> bool {
        let (block, word, bit) = place_of(card);
        let at = match self.find(block) {
            Ok(at) => at,
            Err(_) if self.blocks.len() >= STOCK_BLOCKS_MAX => return false,
            Err(at) => {
                self.blocks.insert(at, StockBlock { block, bits: [0; BLOCK_WORDS] });
                at
            }
        };
        self.blocks[at].bits[word] |= bit;
        true
    }

    /// A number leaves the stock, if it is there.
    pub(super) fn take(&mut self, card: CardUid) {
        let (block, word, bit) = place_of(card);
        if let Ok(at) = self.find(block) {
            self.blocks[at].bits[word] &= !bit;
            if self.blocks[at].bits == [0; BLOCK_WORDS] {
                self.blocks.remove(at);
            }
        }
    }

    /// Its rows, in order.
    pub(super) fn blocks(&self) -> &[StockBlock] {
        &self.blocks
    }

    /// Takes a row back; false when it isn't behind the last, or one too many.
    pub(super) fn restore(&mut self, row: StockBlock) -> bool {
        let follows = self.blocks.last().is_none_or(|last| last.block < row.block);
        let fits = follows && row.bits != [0; BLOCK_WORDS] && self.blocks.len() < STOCK_BLOCKS_MAX;
        if fits {
            self.blocks.push(row);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_holds_what_a_set_holds() {
        let (mut stock, mut set) = (CardStock::default(), BTreeSet::new());
        let mut state = 20_261_126_u64;
        for step in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let card = (state >> 33) % 5_000 + if state >> 63 == 0 { 1 } else { u64::MAX - 5_000 };
            if step % 3 == 0 {
                stock.take(CardUid(card));
                set.remove(&card);
            } else {
                assert!(stock.put(CardUid(card)));
                set.insert(card);
            }
            assert_eq!(stock.has(CardUid(card)), set.contains(&card));
        }
        assert_eq!(stock.count(), set.len() as u64);
        let mut again = CardStock::default();
        assert!(stock.blocks().iter().all(|row| again.restore(*row)));
        assert_eq!(again, stock);
        set.iter().for_each(|card| stock.take(CardUid(*card)));
        assert_eq!(stock, CardStock::default(), "nothing is left of what has gone");
    }

    #[test]
    fn it_is_full_by_blocks_and_has_room_where_one_is_begun() {
        let mut stock = CardStock::default();
        let card = |block: usize, bit| CardUid(block as u64 * BLOCK_CARDS + bit);
        for block in 1..=STOCK_BLOCKS_MAX {
            assert!(stock.has_room_for(card(block, 9), card(block, 9)));
            assert!(stock.put(card(block, 9)));
        }
        assert!(stock.has_room_for(card(1, 0), card(2, 1_023)));
        assert!(!stock.has_room_for(card(0, 1), card(0, 1)));
        assert!(!stock.has_room_for(card(STOCK_BLOCKS_MAX, 1_000), card(STOCK_BLOCKS_MAX + 1, 0)));
        assert!(!stock.put(card(0, 1)));
        stock.take(card(7, 9));
        assert!(stock.put(card(0, 1)));
    }
}
