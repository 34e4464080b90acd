//! Short text in a fixed field: UTF-8, closed by zero bytes, never longer than the field.

use core::fmt;

/// UTF-8 text of at most `N` bytes, kept as it stands on the wire: the text, then zero bytes to the end.
///
/// Two equal texts have equal bytes, so it may be hashed and compared as bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FixedText<const N: usize> {
    bytes: [u8; N],
}

/// A student or staff number (学工号): up to 16 bytes of text.
pub type StudentNumber = FixedText<16>;
/// A payment channel's own order number: up to 32 bytes of text.
pub type OrderNumber = FixedText<32>;
/// What a till says about its firmware at sign-in: up to 24 bytes of text.
pub type Firmware = FixedText<24>;
/// Why an operator closes a hole in a till's sequences: up to 32 bytes of text.
pub type GapReason = FixedText<32>;

/// Why bytes or a string are no text for a fixed field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The text is longer than the field.
    #[error("text of {have} bytes doesn't fit a field of {max}")]
    TooLong {
        /// Bytes the field holds.
        max: usize,
        /// Bytes the text has.
        have: usize,
    },
    /// The bytes aren't UTF-8, or a byte other than zero follows the closing zero.
    #[error("not UTF-8 text closed by zero bytes")]
    NotText,
}

impl<const N: usize> FixedText<N> {
    /// No text: all zero bytes.
    pub const EMPTY: FixedText<N> = FixedText { bytes: [0; N] };

    /// Takes a string.
    ///
    /// # Errors
    /// [`TextError::TooLong`] above `N` bytes, [`TextError::NotText`] when it holds a zero character.
    pub fn new(text: &str) -> Result<FixedText<N>, TextError> {
        if text.len() > N {
            return Err(TextError::TooLong { max: N, have: text.len() });
        }
        if text.as_bytes().contains(&0) {
            return Err(TextError::NotText);
        }
        let mut bytes = [0; N];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(FixedText { bytes })
    }

    /// Takes the bytes of a field.
    ///
    /// # Errors
    /// [`TextError::NotText`] unless they are UTF-8 closed by nothing but zero bytes.
    pub fn from_bytes(bytes: [u8; N]) -> Result<FixedText<N>, TextError> {
        let text_len = bytes.iter().position(|&byte| byte == 0).unwrap_or(N);
        let (text, padding) = bytes.split_at(text_len);
        if padding.iter().any(|&byte| byte != 0) || core::str::from_utf8(text).is_err() {
            return Err(TextError::NotText);
        }
        Ok(FixedText { bytes })
    }

    /// The field's bytes, zero-padded.
    pub const fn as_bytes(&self) -> &[u8; N] {
        &self.bytes
    }

    /// The text without its padding.
    pub fn as_str(&self) -> &str {
        let text_len = self.bytes.iter().position(|&byte| byte == 0).unwrap_or(N);
        // Both constructors have checked it; a lossy fallback would only hide a broken invariant.
        core::str::from_utf8(&self.bytes[..text_len]).expect("checked when it was made")
    }

    /// True when there is no text.
    pub fn is_empty(&self) -> bool {
        self.bytes[0] == 0
    }
}

impl<const N: usize> Default for FixedText<N> {
    fn default() -> Self {
        FixedText::EMPTY
    }
}

impl<const N: usize> fmt::Display for FixedText<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for FixedText<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> core::str::FromStr for FixedText<N> {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        FixedText::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_text_and_refuses_the_rest() {
        let number = StudentNumber::new("2023001").expect("fits");
        assert_eq!(number.as_str(), "2023001");
        assert_eq!(StudentNumber::from_bytes(*number.as_bytes()), Ok(number));
        assert_eq!(FixedText::<4>::new("abcde"), Err(TextError::TooLong { max: 4, have: 5 }));
        assert_eq!(FixedText::<4>::new("a\0b"), Err(TextError::NotText));
        assert_eq!(FixedText::<4>::from_bytes(*b"a\0b\0"), Err(TextError::NotText));
        assert_eq!(FixedText::<4>::from_bytes([0xFF, 0, 0, 0]), Err(TextError::NotText));
        assert_eq!(FixedText::<3>::new("卡").expect("three bytes").as_str(), "卡");
        assert!(FixedText::<3>::EMPTY.is_empty());
    }
}
