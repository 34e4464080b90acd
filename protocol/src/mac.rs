//! AES-CMAC (RFC 4493) with the key's schedule made once and the state used again for every message.

use core::fmt;

use aes::Aes128Enc;
use cmac::{Cmac, KeyInit, Mac};

use crate::keys::Key128;

/// AES-CMAC under one key, ready for any number of messages.
#[derive(Clone)]
pub struct Cmac128 {
    state: Cmac<Aes128Enc>,
}

impl Cmac128 {
    /// Makes the key's schedule.
    pub fn new(key: &Key128) -> Cmac128 {
        Cmac128 { state: Cmac::new(key.as_bytes().into()) }
    }

    /// The whole MAC of a message: 16 bytes.
    pub fn compute(&mut self, message: &[u8]) -> [u8; 16] {
        self.state.update(message);
        self.state.finalize_reset().into_bytes().into()
    }

    /// The whole MAC of several parts, as if they were one message.
    pub fn compute_parts(&mut self, parts: &[&[u8]]) -> [u8; 16] {
        for part in parts {
            self.state.update(part);
        }
        self.state.finalize_reset().into_bytes().into()
    }

    /// The MAC's first 8 bytes.
    pub fn compute_truncated(&mut self, message: &[u8]) -> [u8; 8] {
        let mac = self.compute(message);
        [mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], mac[6], mac[7]]
    }
}

impl fmt::Debug for Cmac128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cmac128")
    }
}

/// Compares two truncated MACs as one number, so the time doesn't tell how many bytes agree.
pub fn equal_truncated(a: [u8; 8], b: [u8; 8]) -> bool {
    u64::from_le_bytes(a) ^ u64::from_le_bytes(b) == 0
}

/// Compares two whole MACs as one number, so the time doesn't tell how many bytes agree.
pub fn equal_whole(a: [u8; 16], b: [u8; 16]) -> bool {
    u128::from_le_bytes(a) ^ u128::from_le_bytes(b) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4493, section 4: the four examples, one after another on the same state.
    #[test]
    fn rfc_4493_examples() {
        let message = Key128::from_hex("6bc1bee22e409f96e93d7e117393172a").expect("hex").as_bytes().to_vec();
        let mut long = message;
        for line in [
            "ae2d8a571e03ac9c9eb76fac45af8e51",
            "30c81c46a35ce411e5fbc1191a0a52ef",
            "f69f2445df4f9b17ad2b417be66c3710",
        ] {
            long.extend_from_slice(Key128::from_hex(line).expect("hex").as_bytes());
        }
        let mut mac = Cmac128::new(&Key128::from_hex("2b7e151628aed2a6abf7158809cf4f3c").expect("hex"));
        for (length, expected) in [
            (0, "bb1d6929e95937287fa37d129b756746"),
            (16, "070a16b46b4d4144f79bdd9dd04a287c"),
            (40, "dfa66747de9ae63030ca32611497c827"),
            (64, "51f0bebf7e3b9d92fc49741779363cfe"),
        ] {
            let expected = *Key128::from_hex(expected).expect("hex").as_bytes();
            assert_eq!(mac.compute(&long[..length]), expected, "{length} bytes");
            let (left, right) = long[..length].split_at(length / 3);
            assert_eq!(mac.compute_parts(&[left, right]), expected, "{length} bytes in two parts");
        }
    }
}
