//! The block-list as tills hold it: which cards they don't take while they are offline.
//!
//! ```text
//! line, 16 bytes: │ card_uid u64 │ version u32 │ blocked u8 │ 0, 3 bytes │
//! ```

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::ids::CardUid;
use crate::keys::Key128;
use crate::mac::Cmac128;

/// One line of a page: a card of the whole list, or a move that leads from one version to the next.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct BlockListLine {
    /// The card.
    pub card_uid: U64,
    /// The version that the list has with this line; 0 in the whole list.
    pub version: U32,
    /// 1 when the card is blocked from here on, 0 when it is freed.
    pub blocked: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

const _: () = assert!(size_of::<BlockListLine>() == 16);

impl BlockListLine {
    /// A card of the whole list.
    pub fn card(card_uid: CardUid) -> BlockListLine {
        BlockListLine { card_uid: card_uid.0.into(), blocked: 1, ..BlockListLine::default() }
    }

    /// A move.
    pub fn step(version: u32, card_uid: CardUid, blocked: bool) -> BlockListLine {
        BlockListLine {
            card_uid: card_uid.0.into(),
            version: version.into(),
            blocked: blocked.into(),
            reserved: [0; 3],
        }
    }
}

/// What tells whether two lists are the same: AES-CMAC under a key of zeros, so no secret, over version u32, count of cards
/// u32, and each card u64, in rising order.
pub fn digest(version: u32, cards: impl ExactSizeIterator<Item = CardUid>) -> [u8; 16] {
    let mut bytes = Vec::with_capacity(8 + 8 * cards.len());
    bytes.extend(version.to_le_bytes());
    // More than 2^32 cards have no numbers.
    bytes.extend((cards.len() as u32).to_le_bytes());
    cards.for_each(|card| bytes.extend(card.0.to_le_bytes()));
    Cmac128::new(&Key128::new([0; 16])).compute(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_says_version_and_every_card() {
        let of = |version, cards: &[u64]| digest(version, cards.iter().map(|&card| CardUid(card)));
        let digests = [of(0, &[]), of(1, &[]), of(1, &[7]), of(1, &[7, 9]), of(2, &[7, 9]), of(1, &[7, 10])];
        for (at, digest) in digests.iter().enumerate() {
            assert!(!digests[..at].contains(digest), "{at}");
        }
        let mut bytes = Vec::new();
        bytes.extend([2, 0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(digests[4], Cmac128::new(&Key128::new([0; 16])).compute(&bytes));
    }
}
