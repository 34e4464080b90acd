//! A till's next key, wrapped for one session.
//!
//! Frames are authenticated and not encrypted, so a key goes **wrapped**: one block of AES-128 under a key of the session, which
//! only its two ends can derive.
//!
//! ```text
//! wrapping key = CMAC(down key, "YKseswk1" ‖ 8 zero bytes)
//! wrapped      = AES-128(wrapping key, terminal key)
//! ```
//!
//! That it isn't altered is the frame's MAC's doing; the check value beside it says whether it came out right. Whoever has the till's
//! earlier key and has listened to the session can unwrap the next one: a stolen key is replaced by hand.

use core::fmt;

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128Dec, Aes128Enc, Block};

use crate::keys::{KEY_BYTES, Key128};

/// A terminal key as it stands in a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WrappedKey(pub [u8; KEY_BYTES]);

impl WrappedKey {
    /// Wraps a key under a session's wrapping key.
    pub fn wrap(key: &Key128, wrapping_key: &Key128) -> WrappedKey {
        let mut block = Block::from(*key.as_bytes());
        Aes128Enc::new(wrapping_key.as_bytes().into()).encrypt_block(&mut block);
        WrappedKey(block.into())
    }

    /// The key; none when its check value is another: it was wrapped in another session.
    pub fn unwrap(&self, wrapping_key: &Key128, check_value: [u8; 3]) -> Option<Key128> {
        let mut block = Block::from(self.0);
        Aes128Dec::new(wrapping_key.as_bytes().into()).decrypt_block(&mut block);
        let key = Key128::new(block.into());
        (key.check_value() == check_value).then_some(key)
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappedKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_out_of_its_own_session_alone() {
        let (key, wrapping_key) = (Key128::new([1; 16]), Key128::new([2; 16]));
        let wrapped = WrappedKey::wrap(&key, &wrapping_key);
        assert_ne!(wrapped.0, *key.as_bytes());
        assert_eq!(wrapped.unwrap(&wrapping_key, key.check_value()), Some(key.clone()));
        assert_eq!(wrapped.unwrap(&Key128::new([3; 16]), key.check_value()), None);
        assert_eq!(wrapped.unwrap(&wrapping_key, Key128::new([3; 16]).check_value()), None);
        assert_eq!(format!("{wrapped:?}"), "WrappedKey(..)");
    }
}
