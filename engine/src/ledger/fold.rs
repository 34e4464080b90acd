//! A 64-bit digest of words, the same on every machine and in every version: it stands in records.
//!
//! It tells an honest till's two requests apart; it isn't a MAC. What comes in has been authenticated before.

const SEEDS: [u64; 3] = [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3];

/// Both halves of the 128-bit product, folded together.
const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128) * (b as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

/// A digest over words, begun with a domain so that two uses never agree by accident.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fold {
    state: u64,
    words: u64,
}

impl Fold {
    pub(super) const fn new(domain: u64) -> Self {
        Self { state: SEEDS[0] ^ domain, words: 0 }
    }

    #[must_use]
    pub(super) const fn word(self, word: u64) -> Self {
        Self { state: fold(self.state ^ SEEDS[1], word ^ SEEDS[2]), words: self.words + 1 }
    }

    /// Bytes as little-endian words, the last padded with zeros, then their count.
    #[must_use]
    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self = self.word(u64::from_le_bytes(word));
        }
        self.word(bytes.len() as u64)
    }

    pub(super) const fn finish(self) -> u64 {
        fold(self.state ^ SEEDS[2], self.words ^ SEEDS[1])
    }
}

/// One word spread over all 64 bits.
pub(super) const fn spread(word: u64, seed: u64) -> u64 {
    let a = fold(word ^ SEEDS[0] ^ seed, SEEDS[1]);
    fold(a ^ SEEDS[2], word.rotate_left(32) ^ seed ^ SEEDS[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_pinned_because_they_stand_in_logs() {
        assert_eq!(Fold::new(1).finish(), 0x4cbe_0faf_8b47_3ea6);
        assert_eq!(Fold::new(1).word(2).word(3).finish(), 0xc0fb_e210_dbf8_a269);
        assert_eq!(Fold::new(3).bytes(b"order 17").finish(), 0x3557_7226_66ba_abaa);
        assert_ne!(Fold::new(1).word(2).word(3).finish(), Fold::new(1).word(3).word(2).finish());
        assert_ne!(Fold::new(1).bytes(b"a").finish(), Fold::new(1).bytes(b"a\0").finish());
        assert_ne!(Fold::new(1).word(2).finish(), Fold::new(2).word(2).finish());
    }
}
