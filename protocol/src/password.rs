//! The query password (查询密码): six digits that a holder knows, for binding a phone and reporting a card lost.
//!
//! It is the last six digits of the holder's identity number; of one that ends in X, the six before the X; whoever has no
//! such number is given one.
//!
//! Frames are authenticated and not encrypted, so a password goes **sealed**: one block of AES-128 under a key of the
//! session, which only its two ends can derive.
//!
//! ```text
//! password key = CMAC(up key, "YKsespw1" ‖ 8 zero bytes)
//! sealed       = AES-128(password key, block)
//!
//! block, 16 bytes: │ password, 6 ASCII digits │ 2 zero bytes │ salt, 8 bytes, drawn anew for each frame │
//! ```
//!
//! With the salt the same password never looks the same twice. That a sealed password isn't sent again is the frame's
//! counter's doing, that it isn't altered its MAC's.
//!
//! **Invariant**: nothing here shows a password, not even its `Debug`.

use core::fmt;

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128Dec, Aes128Enc, Block};

use crate::keys::Key128;

/// Digits of a query password.
pub const PASSWORD_DIGITS: usize = 6;
/// Bytes of a sealed password.
pub const SEALED_PASSWORD_BYTES: usize = 16;
/// Bytes of the salt in it.
pub const SALT_BYTES: usize = 8;

const SALT_OFFSET: usize = SEALED_PASSWORD_BYTES - SALT_BYTES;

/// A query password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password([u8; PASSWORD_DIGITS]);

impl Password {
    /// The password that this text is, if it is six digits.
    pub fn new(text: &str) -> Option<Password> {
        let digits: [u8; PASSWORD_DIGITS] = text.as_bytes().try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Password(digits))
    }

    /// The password that an identity number gives: its last six digits, or the six before an X at its end.
    pub fn of_id_number(id_number: &str) -> Option<Password> {
        let digits = id_number.strip_suffix(['X', 'x']).unwrap_or(id_number);
        Password::new(digits.get(digits.len().checked_sub(PASSWORD_DIGITS)?..)?)
    }

    /// The digits, for whoever hashes them.
    pub const fn digits(&self) -> &[u8; PASSWORD_DIGITS] {
        &self.0
    }

    /// Seals it for one frame, under the session's password key. `salt` is drawn anew for each.
    pub fn seal(&self, password_key: &Key128, salt: [u8; SALT_BYTES]) -> SealedPassword {
        let mut block = Block::default();
        block[..PASSWORD_DIGITS].copy_from_slice(&self.0);
        block[SALT_OFFSET..].copy_from_slice(&salt);
        Aes128Enc::new(password_key.as_bytes().into()).encrypt_block(&mut block);
        SealedPassword(block.into())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A query password as it stands in a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SealedPassword(pub [u8; SEALED_PASSWORD_BYTES]);

impl SealedPassword {
    /// The password; none when what was sealed isn't six digits, or it was sealed under another key.
    pub fn open(&self, password_key: &Key128) -> Option<Password> {
        let mut block = Block::from(self.0);
        Aes128Dec::new(password_key.as_bytes().into()).decrypt_block(&mut block);
        let (digits, zeros) = block[..SALT_OFFSET].split_at(PASSWORD_DIGITS);
        if zeros.iter().any(|&byte| byte != 0) {
            return None;
        }
        core::str::from_utf8(digits).ok().and_then(Password::new)
    }
}

impl fmt::Debug for SealedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedPassword(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_number_gives_its_last_six_digits_or_those_before_the_x() {
        let of = |id_number: &str| Password::of_id_number(id_number).map(|password| password.0);
        assert_eq!(of("420606200209123456"), Some(*b"123456"));
        assert_eq!(of("42060620020912345X"), Some(*b"912345"));
        assert_eq!(of("42060620020912345x"), Some(*b"912345"));
        assert_eq!(of("123456"), Some(*b"123456"));
        for bad in ["", "12345", "12345X", "4206062002091X3456", "42060620020912345六", "十二三四五六"]
        {
            assert_eq!(of(bad), None, "{bad}");
        }
        for bad in ["", "12345", "1234567", "12345X", " 12345", "１２３４５６"] {
            assert!(Password::new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn it_is_sealed_under_one_key_and_never_looks_the_same_twice() {
        let (key, other) = (Key128::new([3; 16]), Key128::new([4; 16]));
        let password = Password::new("091234").expect("six digits");
        let sealed = password.seal(&key, [1; 8]);
        assert_eq!(sealed.open(&key), Some(password));
        assert_eq!(sealed.open(&other), None);
        assert_ne!(sealed, password.seal(&key, [2; 8]));
        for bit in 0..128 {
            let mut altered = sealed;
            altered.0[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(altered.open(&key), None, "bit {bit}: a block changes as a whole");
        }
        assert!(!format!("{password:?} {sealed:?}").contains("091234"));
    }
}
