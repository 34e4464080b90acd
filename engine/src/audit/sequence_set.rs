//! Which sales were seen: a set of identities that stays small because tills count without holes.

use std::collections::HashMap;

use protocol::ids::{Epoch, SaleId, TerminalId};

const CHUNK_SEQUENCES: u32 = 512;

/// A set of [`SaleId`]: one bit a sale, in chunks of 512 sequences of one till's epoch.
#[derive(Debug, Default)]
pub(super) struct SequenceSet {
    chunks: HashMap<(TerminalId, Epoch, u32), [u64; CHUNK_SEQUENCES as usize / 64]>,
}

impl SequenceSet {
    /// Adds a sale. False when it was in the set before.
    pub(super) fn insert(&mut self, sale: SaleId) -> bool {
        let (key, word, bit) = Self::place(sale);
        let chunk = self.chunks.entry(key).or_default();
        let fresh = chunk[word] & bit == 0;
        chunk[word] |= bit;
        fresh
    }

    /// Whether a sale is in the set.
    pub(super) fn contains(&self, sale: SaleId) -> bool {
        let (key, word, bit) = Self::place(sale);
        self.chunks.get(&key).is_some_and(|chunk| chunk[word] & bit != 0)
    }

    fn place(sale: SaleId) -> ((TerminalId, Epoch, u32), usize, u64) {
        let within = sale.sequence.0 % CHUNK_SEQUENCES;
        let key = (sale.terminal, sale.epoch, sale.sequence.0 / CHUNK_SEQUENCES);
        (key, (within / 64) as usize, 1 << (within % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ids::Sequence;

    #[test]
    fn each_sale_is_new_once() {
        let mut set = SequenceSet::default();
        for terminal in [1, 2] {
            for epoch in [0, 9] {
                for sequence in [1, 63, 64, 511, 512, 513, u32::MAX] {
                    let sale = SaleId {
                        terminal: TerminalId(terminal),
                        epoch: Epoch(epoch),
                        sequence: Sequence(sequence),
                    };
                    assert!(!set.contains(sale) && set.insert(sale) && set.contains(sale), "{sale}");
                    assert!(!set.insert(sale), "{sale}");
                }
            }
        }
    }
}
