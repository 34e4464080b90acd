//! The record of a sale that a till made while it was offline.
//!
//! ```text
//!  0 terminal u32            32 amount_fen i64           68 previous epoch u16
//!  4 sequence u32            40 till_time_ns u64         70 TAC key u8
//!  8 epoch u16               48 previous terminal u32    71 layout u8 = 1
//! 10 flags u16               52 previous sequence u32    72 block-list version u32
//! 12 card counter u32        56 previous amount_fen i64  76 block-list age, seconds u32
//! 16 card uid u64            64 previous counter u32     80 offline since, ns u64
//! 24 balance_before_fen i64                              88 TAC, 8 bytes
//! ```
//!
//! TAC = first 8 bytes of AES-CMAC over bytes 0 to 87, under the card's key or the terminal's TAC key.
//!
//! A sale that was paid by [`self_scan`](crate::self_scan) has no card: its flag is set, the card's number and counter are 0,
//! and the terminal's TAC key signs.

use core::fmt;

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::card_tacs::{CardTacs, LANES};
use crate::ids::{CardCounter, CardUid, Epoch, SaleId, Sequence, TerminalId};
use crate::keys::{CardKeys, Key128, derive_terminal_tac_key};
use crate::mac::{Cmac128, equal_truncated};

/// Bytes of a record.
pub const OFFLINE_RECORD_BYTES: usize = 96;
/// Bytes of a record that its TAC covers.
pub const TAC_INPUT_BYTES: usize = 88;
/// The layout drawn above.
pub const OFFLINE_RECORD_LAYOUT: u8 = 1;
/// [`OfflineRecord::tac_key`]: the card's own key, see [`crate::keys::derive_card_key`].
pub const TAC_KEY_CARD: u8 = 1;
/// [`OfflineRecord::tac_key`]: the terminal's, see [`crate::keys::derive_terminal_tac_key`].
pub const TAC_KEY_TERMINAL: u8 = 2;

/// [`OfflineRecord::flags`]: paid by self-scan, as far as the till knows.
pub const FLAG_SELF_SCAN: u16 = 1;

/// A stored sale. All fields are little-endian and may be made with `.into()` from their plain numbers.
#[derive(Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct OfflineRecord {
    /// The till.
    pub terminal: U32,
    /// The till's sequence for this sale.
    pub sequence: U32,
    /// The till's epoch at the sale.
    pub epoch: U16,
    /// [`FLAG_SELF_SCAN`], or zero.
    pub flags: U16,
    /// The card's transaction counter for this sale.
    pub card_counter: U32,
    /// The card's number.
    pub card_uid: U64,
    /// The balance on the chip before the sale, in fen.
    pub balance_before_fen: I64,
    /// The amount, in fen, above zero.
    pub amount_fen: I64,
    /// The till's clock at the sale: nanoseconds since 1970 UTC.
    pub till_time_ns: U64,
    /// Where the card's transaction before this one was made, as the chip tells; 0 for none.
    pub previous_terminal: U32,
    /// That transaction's sequence.
    pub previous_sequence: U32,
    /// That transaction's amount, in fen.
    pub previous_amount_fen: I64,
    /// That transaction's card counter.
    pub previous_card_counter: U32,
    /// That transaction's epoch.
    pub previous_epoch: U16,
    /// Which key made the TAC: [`TAC_KEY_CARD`] or [`TAC_KEY_TERMINAL`].
    pub tac_key: u8,
    /// [`OFFLINE_RECORD_LAYOUT`].
    pub layout: u8,
    /// The version of the block-list that the till judged the card by.
    pub block_list_version: U32,
    /// How old that list was at the sale, in seconds.
    pub block_list_age_s: U32,
    /// When the till last heard from the server before the sale: nanoseconds since 1970 UTC.
    pub offline_since_ns: U64,
    /// The transaction authentication code.
    pub tac: [u8; 8],
}

const _: () = assert!(size_of::<OfflineRecord>() == OFFLINE_RECORD_BYTES);

impl OfflineRecord {
    /// The identity of the sale.
    pub fn sale(&self) -> SaleId {
        SaleId {
            terminal: TerminalId(self.terminal.get()),
            epoch: Epoch(self.epoch.get()),
            sequence: Sequence(self.sequence.get()),
        }
    }

    /// The card.
    pub fn card(&self) -> CardUid {
        CardUid(self.card_uid.get())
    }

    /// The card's counter for this sale.
    pub fn counter(&self) -> CardCounter {
        CardCounter(self.card_counter.get())
    }

    /// Gives the TAC, under the key that `tac_key` names: the caller passes that key.
    pub fn sign(&mut self, tac_key: &Key128) {
        self.tac = Cmac128::new(tac_key).compute_truncated(&self.as_bytes()[..TAC_INPUT_BYTES]);
    }

    /// True when the layout is known, the reserved bits are zero, and the TAC is the named key's.
    ///
    /// Takes constant time in the TAC's bytes. The verifier belongs to one terminal; a record of another fails
    /// under its terminal key, and passes under the card's.
    pub fn verify_tac(&self, verifier: &mut TacVerifier) -> bool {
        if !self.is_well_formed() {
            return false;
        }
        let input = &self.as_bytes()[..TAC_INPUT_BYTES];
        let tac = match self.tac_key {
            TAC_KEY_CARD => Cmac128::new(&verifier.card_keys.card_key(self.card())).compute_truncated(input),
            TAC_KEY_TERMINAL => verifier.terminal.compute_truncated(input),
            _ => return false,
        };
        if equal_truncated(tac, self.tac) {
            return true;
        }
        match &mut verifier.earlier {
            Some(earlier) if self.tac_key == TAC_KEY_TERMINAL => {
                equal_truncated(earlier.compute_truncated(input), self.tac)
            }
            _ => false,
        }
    }

    /// Whether the till says that it was paid by self-scan.
    pub fn is_self_scan(&self) -> bool {
        self.flags.get() == FLAG_SELF_SCAN
    }

    /// The layout is known, the reserved bits are zero, and nobody but the terminal vouches for a sale without a card.
    fn is_well_formed(&self) -> bool {
        let without_card =
            self.tac_key == TAC_KEY_TERMINAL && self.card_uid.get() == 0 && self.card_counter.get() == 0;
        let flags_fit = self.flags.get() == 0 || self.is_self_scan() && without_card;
        self.layout == OFFLINE_RECORD_LAYOUT && flags_fit
    }
}

impl fmt::Debug for OfflineRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfflineRecord")
            .field("sale", &format_args!("{}", self.sale()))
            .field("card_uid", &self.card_uid.get())
            .field("card_counter", &self.card_counter.get())
            .field("amount_fen", &self.amount_fen.get())
            .field("till_time_ns", &self.till_time_ns.get())
            .finish_non_exhaustive()
    }
}

/// The keys that judge the records of one terminal, prepared once.
pub struct TacVerifier {
    card_keys: CardKeys,
    card_tacs: CardTacs,
    terminal: Cmac128,
    /// Under the terminal's earlier key, while that is believed.
    earlier: Option<Cmac128>,
}

impl TacVerifier {
    /// For the records of `terminal`, whose own key is `terminal_key`.
    pub fn new(card_master: &Key128, terminal_key: &Key128, terminal: TerminalId) -> TacVerifier {
        TacVerifier {
            card_keys: CardKeys::new(card_master),
            card_tacs: CardTacs::new(card_master),
            terminal: Cmac128::new(&derive_terminal_tac_key(terminal_key, terminal)),
            earlier: None,
        }
    }

    /// Believes records under an earlier key of the terminal's as well.
    #[must_use]
    pub fn or_under(self, earlier_key: &Key128, terminal: TerminalId) -> TacVerifier {
        let earlier = Some(Cmac128::new(&derive_terminal_tac_key(earlier_key, terminal)));
        TacVerifier { earlier, ..self }
    }

    /// Judges many records, each as [`OfflineRecord::verify_tac`] does, at a fraction of its time for those that the
    /// card's own key signed. Gives one verdict for each record, in order.
    ///
    /// # Panics
    /// When there isn't room for exactly one verdict a record.
    pub fn verify_all(&mut self, records: &[OfflineRecord], verdicts: &mut [bool]) {
        assert_eq!(records.len(), verdicts.len(), "one verdict for each record");
        for (records, verdicts) in records.chunks(LANES).zip(verdicts.chunks_mut(LANES)) {
            let tacs = self.card_tacs.compute(records);
            for ((record, verdict), tac) in records.iter().zip(verdicts).zip(tacs) {
                *verdict = match record.tac_key {
                    TAC_KEY_CARD => record.is_well_formed() && equal_truncated(tac, record.tac),
                    _ => record.verify_tac(self),
                };
            }
        }
    }
}

impl fmt::Debug for TacVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TacVerifier")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::derive_card_key;

    #[test]
    fn the_terminals_earlier_key_is_believed_where_it_is_named() {
        let (card_master, terminal) = (Key128::new([3; 16]), TerminalId(9));
        let [earlier, current, other] = [4, 5, 6].map(|byte| Key128::new([byte; 16]));
        let mut record = OfflineRecord {
            terminal: 9.into(),
            layout: OFFLINE_RECORD_LAYOUT,
            tac_key: TAC_KEY_TERMINAL,
            ..OfflineRecord::default()
        };
        record.sign(&derive_terminal_tac_key(&earlier, terminal));
        let verifier = || TacVerifier::new(&card_master, &current, terminal);
        assert!(!record.verify_tac(&mut verifier()));
        assert!(!record.verify_tac(&mut verifier().or_under(&other, terminal)));
        let mut both = verifier().or_under(&earlier, terminal);
        assert!(record.verify_tac(&mut both));
        record.sign(&derive_terminal_tac_key(&current, terminal));
        assert!(record.verify_tac(&mut both));
        // A card's own key has no earlier one.
        let mut of_card = OfflineRecord { tac_key: TAC_KEY_CARD, ..record };
        of_card.sign(&derive_terminal_tac_key(&earlier, terminal));
        assert!(!of_card.verify_tac(&mut both));
    }

    #[test]
    fn any_changed_bit_breaks_the_tac() {
        let card_master = Key128::new([3; 16]);
        let terminal_key = Key128::new([4; 16]);
        let mut verifier = TacVerifier::new(&card_master, &terminal_key, TerminalId(9));
        for tac_key in [TAC_KEY_CARD, TAC_KEY_TERMINAL] {
            let mut record = OfflineRecord {
                terminal: 9.into(),
                sequence: 5.into(),
                card_uid: 77.into(),
                amount_fen: 850.into(),
                layout: OFFLINE_RECORD_LAYOUT,
                tac_key,
                ..OfflineRecord::default()
            };
            let key = match tac_key {
                TAC_KEY_CARD => derive_card_key(&card_master, CardUid(77)),
                _ => derive_terminal_tac_key(&terminal_key, TerminalId(9)),
            };
            record.sign(&key);
            assert!(record.verify_tac(&mut verifier));
            let scanned = OfflineRecord { flags: FLAG_SELF_SCAN.into(), ..record };
            let mut signed = scanned;
            signed.sign(&key);
            assert!(!signed.verify_tac(&mut verifier), "a self-scan has no card");
            signed = OfflineRecord { card_uid: 0.into(), ..scanned };
            signed.sign(&key);
            assert_eq!(signed.verify_tac(&mut verifier), tac_key == TAC_KEY_TERMINAL);
            for bit in 0..OFFLINE_RECORD_BYTES * 8 {
                let mut bytes: [u8; OFFLINE_RECORD_BYTES] =
                    record.as_bytes().try_into().expect("a record's bytes");
                bytes[bit / 8] ^= 1 << (bit % 8);
                let changed = OfflineRecord::read_from_bytes(&bytes).expect("a record's bytes");
                assert!(!changed.verify_tac(&mut verifier), "bit {bit} isn't covered");
                let mut together = [true; 2];
                verifier.verify_all(&[record, changed], &mut together);
                assert_eq!(together, [true, false], "bit {bit}, judged beside a right record");
            }
        }
    }
}
