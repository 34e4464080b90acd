//! The TACs of many records at once, each under its own card's key.
//!
//! One AES-CMAC is a chain: each block waits for the one before, while the processor could work on several. Here
//! [`LANES`] records go through it side by side, block by block, so that their waiting overlaps; key derivation,
//! schedules and subkeys alike. What comes out is what [`crate::mac::Cmac128`] gives one record after the other.

use core::array;

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128Enc, Block};
use zerocopy::IntoBytes;

use crate::keys::{Key128, card_key_input};
use crate::offline_record::{OfflineRecord, TAC_INPUT_BYTES};

/// Records whose chains run side by side: as many as the processor finds independent work in.
pub(crate) const LANES: usize = 16;

const BLOCK_BYTES: usize = 16;
/// Whole blocks of a TAC's input; half a block follows.
const WHOLE_BLOCKS: usize = TAC_INPUT_BYTES / BLOCK_BYTES;

const _: () = assert!(
    !TAC_INPUT_BYTES.is_multiple_of(BLOCK_BYTES),
    "the last block is padded, under the second subkey"
);

/// Card keys, derived from a master key whose schedule and subkey are made once.
pub(crate) struct CardTacs {
    card_master: Aes128Enc,
    subkey: Block,
}

impl CardTacs {
    pub(crate) fn new(card_master: &Key128) -> CardTacs {
        let card_master = Aes128Enc::new(card_master.as_bytes().into());
        let mut zero = Block::default();
        card_master.encrypt_block(&mut zero);
        CardTacs { card_master, subkey: doubled(&zero) }
    }

    /// The TACs of up to [`LANES`] records, under the keys of the cards that they name.
    pub(crate) fn compute(&self, records: &[OfflineRecord]) -> [[u8; 8]; LANES] {
        let count = records.len();
        assert!(count <= LANES, "more records than lanes");
        let mut keys = [Block::default(); LANES];
        for (key, record) in keys.iter_mut().zip(records) {
            *key = card_key_input(record.card()).into();
            add(key, &self.subkey);
        }
        self.card_master.encrypt_blocks(&mut keys[..count]);
        let ciphers: [Aes128Enc; LANES] = array::from_fn(|lane| Aes128Enc::new(&keys[lane]));

        let mut subkeys = [Block::default(); LANES];
        for (cipher, subkey) in ciphers.iter().zip(&mut subkeys[..count]) {
            cipher.encrypt_block(subkey);
        }
        let mut states = [Block::default(); LANES];
        for block in 0..WHOLE_BLOCKS {
            let at = block * BLOCK_BYTES;
            for ((cipher, state), record) in ciphers.iter().zip(&mut states).zip(records) {
                let (input, _) = record.as_bytes()[at..].split_first_chunk().expect("a whole block");
                add(state, &Block::from(*input));
                cipher.encrypt_block(state);
            }
        }
        for (lane, record) in records.iter().enumerate() {
            let mut last = Block::default();
            let rest = &record.as_bytes()[WHOLE_BLOCKS * BLOCK_BYTES..TAC_INPUT_BYTES];
            last[..rest.len()].copy_from_slice(rest);
            last[rest.len()] = 0x80;
            add(&mut last, &doubled(&doubled(&subkeys[lane])));
            add(&mut states[lane], &last);
            ciphers[lane].encrypt_block(&mut states[lane]);
        }
        array::from_fn(|lane| *states[lane].first_chunk().expect("a block is longer than a TAC"))
    }
}

/// `to ^= with`.
fn add(to: &mut Block, with: &Block) {
    let sum = u128::from_ne_bytes((*to).into()) ^ u128::from_ne_bytes((*with).into());
    *to = sum.to_ne_bytes().into();
}

/// CMAC's doubling in GF(2^128).
fn doubled(block: &Block) -> Block {
    let value = u128::from_be_bytes((*block).into());
    // Without a branch: the subkeys are secret.
    let carry = (value >> 127) * 0x87;
    (value << 1 ^ carry).to_be_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::derive_card_key;

    #[test]
    fn every_lane_gives_what_one_record_alone_gives() {
        let card_master = Key128::new([0x5c; 16]);
        let tacs = CardTacs::new(&card_master);
        for count in 0..=LANES {
            let records: Vec<OfflineRecord> = (0..count as u32)
                .map(|lane| OfflineRecord {
                    terminal: (7 + lane).into(),
                    sequence: lane.wrapping_mul(0x9e37_79b9).into(),
                    card_uid: (u64::from(lane).wrapping_mul(0x0123_4567_89ab_cdef)).into(),
                    amount_fen: (850 + i64::from(lane)).into(),
                    offline_since_ns: (u64::MAX - u64::from(lane)).into(),
                    ..OfflineRecord::default()
                })
                .collect();
            let computed = tacs.compute(&records);
            for (lane, record) in records.iter().enumerate() {
                let mut alone = *record;
                alone.sign(&derive_card_key(&card_master, record.card()));
                assert_eq!(computed[lane], alone.tac, "lane {lane} of {count}");
            }
        }
    }
}
