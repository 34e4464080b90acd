//! Keys: how each is derived from the one above it, and the check value that tells two keys apart.
//!
//! ```text
//! campus master ─┬─ terminal key ─┬─ session keys, up and down      (sign_in, password, wrapped_key)
//!                │                ├─ terminal TAC key               (offline_record)
//!                │                └─ terminal scan key              (self_scan)
//!                ├─ card master ──── card key, from the card's number
//!                ├─ code key, one for each version                  (payment_code)
//!                ├─ holder key                                      (holder_digest)
//!                └─ password pepper: never leaves the server
//! ```
//!
//! Every derivation is one AES-CMAC (RFC 4493) under the upper key over 16 bytes: a label of 8 ASCII bytes, then
//! the identifiers in little-endian. Labels keep one derivation from ever giving another's key.

use core::fmt;

use crate::ids::{CardUid, TerminalId};
use crate::mac::Cmac128;

/// Bytes of every key.
pub const KEY_BYTES: usize = 16;

/// An AES-128 key. Its `Debug` shows the check value, never the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key128([u8; KEY_BYTES]);

impl Key128 {
    /// Takes the key's bytes.
    pub const fn new(bytes: [u8; KEY_BYTES]) -> Key128 {
        Key128(bytes)
    }

    /// The key's bytes.
    pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// The key that 32 hexadecimal digits write, if they do.
    pub fn from_hex(digits: &str) -> Option<Key128> {
        let digits = digits.as_bytes();
        if digits.len() != 2 * KEY_BYTES {
            return None;
        }
        let mut bytes = [0; KEY_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = (high * 16 + low) as u8;
        }
        Some(Key128(bytes))
    }

    /// The first three bytes of AES-CMAC over 16 zero bytes: tells whether two sides hold the same key, and no more.
    pub fn check_value(&self) -> [u8; 3] {
        let mac = Cmac128::new(self).compute(&[0; 16]);
        [mac[0], mac[1], mac[2]]
    }

    fn derive(&self, label: &[u8; 8], id: u64) -> Key128 {
        Key128(Cmac128::new(self).compute(&derivation_input(label, id)))
    }
}

impl fmt::Debug for Key128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.check_value();
        write!(f, "Key128(check value {a:02x}{b:02x}{c:02x})")
    }
}

/// What is authenticated to derive a key.
fn derivation_input(label: &[u8; 8], id: u64) -> [u8; 16] {
    let mut input = [0; 16];
    input[..8].copy_from_slice(label);
    input[8..].copy_from_slice(&id.to_le_bytes());
    input
}

const LABEL_TERMINAL: &[u8; 8] = b"YKtermk1";
const LABEL_TERMINAL_TAC: &[u8; 8] = b"YKtermt1";
const LABEL_TERMINAL_SCAN: &[u8; 8] = b"YKterms1";
const LABEL_CARD_MASTER: &[u8; 8] = b"YKcardm1";
const LABEL_CARD: &[u8; 8] = b"YKcardk1";
const LABEL_CODE: &[u8; 8] = b"YKcodek1";
const LABEL_HOLDER: &[u8; 8] = b"YKholdk1";
const LABEL_PASSWORD_PEPPER: &[u8; 8] = b"YKpassp1";
const LABEL_SESSION_PASSWORD: &[u8; 8] = b"YKsespw1";
const LABEL_SESSION_WRAPPING: &[u8; 8] = b"YKseswk1";

/// The key of a terminal: label `YKtermk1`, terminal u32, key version u32, under the campus master key.
pub fn derive_terminal_key(master: &Key128, terminal: TerminalId, key_version: u32) -> Key128 {
    master.derive(LABEL_TERMINAL, u64::from(terminal.0) | u64::from(key_version) << 32)
}

/// The key under which a terminal authenticates its own offline records: label `YKtermt1`, terminal u64, under the
/// terminal's key.
pub fn derive_terminal_tac_key(terminal_key: &Key128, terminal: TerminalId) -> Key128 {
    terminal_key.derive(LABEL_TERMINAL_TAC, terminal.0.into())
}

/// The key under which a terminal authenticates the codes that it shows while it is offline, and by which it sees that they were
/// paid: label `YKterms1`, terminal u64, under the terminal's key.
pub fn derive_terminal_scan_key(terminal_key: &Key128, terminal: TerminalId) -> Key128 {
    terminal_key.derive(LABEL_TERMINAL_SCAN, terminal.0.into())
}

/// The key from which card keys are derived: label `YKcardm1`, zero, under the campus master key.
pub fn derive_card_master(master: &Key128) -> Key128 {
    master.derive(LABEL_CARD_MASTER, 0)
}

/// The key of a card: label `YKcardk1`, card number u64, under the card master key.
pub fn derive_card_key(card_master: &Key128, card_uid: CardUid) -> Key128 {
    card_master.derive(LABEL_CARD, card_uid.0)
}

/// The payment-code key of this version: label `YKcodek1`, version u64, under the campus master key.
pub fn derive_code_key(master: &Key128, key_version: u32) -> Key128 {
    master.derive(LABEL_CODE, key_version.into())
}

/// The key under which phone gateways digest user ids and phone numbers: label `YKholdk1`, zero, under the campus master
/// key.
pub fn derive_holder_key(master: &Key128) -> Key128 {
    master.derive(LABEL_HOLDER, 0)
}

/// What the server adds to query passwords before it hashes them: label `YKpassp1`, zero, under the campus master key.
pub fn derive_password_pepper(master: &Key128) -> Key128 {
    master.derive(LABEL_PASSWORD_PEPPER, 0)
}

/// What is authenticated under a session's up key to derive the key that its query passwords are sealed under.
pub(crate) fn password_key_input() -> [u8; 16] {
    derivation_input(LABEL_SESSION_PASSWORD, 0)
}

/// What is authenticated under a session's down key to derive the key that a terminal's next key is wrapped under.
pub(crate) fn wrapping_key_input() -> [u8; 16] {
    derivation_input(LABEL_SESSION_WRAPPING, 0)
}

/// What is authenticated under the card master key to derive a card's.
pub(crate) fn card_key_input(card_uid: CardUid) -> [u8; 16] {
    derivation_input(LABEL_CARD, card_uid.0)
}

/// Derives card keys from a card master key whose schedule is made once: for batches.
pub struct CardKeys {
    card_master: Cmac128,
}

impl CardKeys {
    /// Prepares the card master key.
    pub fn new(card_master: &Key128) -> CardKeys {
        CardKeys { card_master: Cmac128::new(card_master) }
    }

    /// The key of a card, as [`derive_card_key`] gives it.
    pub fn card_key(&mut self, card_uid: CardUid) -> Key128 {
        Key128(self.card_master.compute(&card_key_input(card_uid)))
    }
}

impl fmt::Debug for CardKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardKeys")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivations_differ_by_label_and_by_id() {
        let master = Key128::new([7; 16]);
        let keys = [
            derive_terminal_key(&master, TerminalId(1), 0),
            derive_terminal_key(&master, TerminalId(2), 0),
            derive_terminal_key(&master, TerminalId(1), 1),
            derive_terminal_tac_key(&master, TerminalId(1)),
            derive_terminal_scan_key(&master, TerminalId(1)),
            derive_card_master(&master),
            derive_card_key(&master, CardUid(1)),
            derive_code_key(&master, 1),
            derive_holder_key(&master),
            derive_password_pepper(&master),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "key {index} was derived twice");
        }
        assert_eq!(CardKeys::new(&master).card_key(CardUid(1)), derive_card_key(&master, CardUid(1)));
    }

    #[test]
    fn debug_hides_the_key() {
        let key = Key128::from_hex("2b7e151628aed2a6abf7158809cf4f3c").expect("32 digits");
        assert_eq!(key.as_bytes()[0], 0x2b);
        assert!(!format!("{key:?}").contains("2b7e15"));
        assert_eq!(Key128::from_hex("2b"), None);
        assert_eq!(Key128::from_hex("zz7e151628aed2a6abf7158809cf4f3c"), None);
    }
}
