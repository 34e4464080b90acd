//! Digests of what a holder is known by outside of the campus: the app's user id, and the phone number.
//!
//! Neither is told to the engine or kept by it. A phone gateway makes 64 bits of them under the holder key, without which a
//! list of all phone numbers couldn't be tried against a digest either.
//!
//! ```text
//! virtual id   = the first 8 bytes of CMAC(holder key, "YKopenid" ‖ the app's user id, UTF-8)   as a little-endian number
//! phone digest = the first 8 bytes of CMAC(holder key, "YKphone1" ‖ the phone number, ASCII)    as a little-endian number
//! ```

use crate::ids::{PhoneDigest, VirtualId};
use crate::keys::Key128;
use crate::mac::Cmac128;

/// The virtual card of a user of the phone's app, under the holder key: see [`crate::keys::derive_holder_key`].
pub fn virtual_id(holder_key: &Key128, user_id: &str) -> VirtualId {
    VirtualId(digest(holder_key, b"YKopenid", user_id))
}

/// The digest of a phone number, under the holder key.
pub fn phone_digest(holder_key: &Key128, phone: &str) -> PhoneDigest {
    PhoneDigest(digest(holder_key, b"YKphone1", phone))
}

fn digest(holder_key: &Key128, label: &[u8; 8], text: &str) -> u64 {
    let mac = Cmac128::new(holder_key).compute_parts(&[label, text.as_bytes()]);
    u64::from_le_bytes([mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], mac[6], mac[7]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_depends_on_key_label_and_text() {
        let (key, other) = (Key128::new([1; 16]), Key128::new([2; 16]));
        let one = virtual_id(&key, "13800138000").0;
        let others = [
            virtual_id(&other, "13800138000").0,
            virtual_id(&key, "13800138001").0,
            phone_digest(&key, "13800138000").0,
        ];
        assert!(!others.contains(&one) && one == virtual_id(&key, "13800138000").0);
    }
}
