//! What an operator asks, and why.
//!
//! ```text
//! what is asked │ reason, 128 bytes of text, closed by zero bytes
//! ```
//!
//! The field has room for more than the books keep, so that whoever writes too much is told so.

use core::ops::RangeInclusive;

use crate::error::{DecodeError, EncodeError};
use crate::message::field::text;
use crate::message::{Body, Fixed};
use crate::text::TextError;

/// Bytes of the field.
pub const REASON_FIELD_BYTES: usize = 128;

/// Why an operator does something. It stands in the log, which nothing is taken out of: no personal data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reason<'a>(&'a str);

impl<'a> Reason<'a> {
    /// Takes a text.
    ///
    /// # Errors
    /// [`TextError::TooLong`] above [`REASON_FIELD_BYTES`], [`TextError::NotText`] when it holds a zero character.
    pub fn new(text: &'a str) -> Result<Reason<'a>, TextError> {
        if text.len() > REASON_FIELD_BYTES {
            Err(TextError::TooLong { max: REASON_FIELD_BYTES, have: text.len() })
        } else if text.as_bytes().contains(&0) {
            Err(TextError::NotText)
        } else {
            Ok(Reason(text))
        }
    }

    /// The text.
    pub const fn as_str(&self) -> &'a str {
        self.0
    }
}

/// A request of an operator: what is asked, and why. The reason lies in the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reasoned<'a, T> {
    /// What is asked.
    pub what: T,
    /// Why.
    pub reason: Reason<'a>,
}

impl<'a, T: Fixed> Body<'a> for Reasoned<'a, T> {
    const BYTES: RangeInclusive<usize> =
        size_of::<T::Layout>() + REASON_FIELD_BYTES..=size_of::<T::Layout>() + REASON_FIELD_BYTES;

    type Owned = Reasoned<'static, T>;

    fn owned(&self) -> Option<Reasoned<'static, T>> {
        None
    }

    fn read(body: &'a [u8]) -> Result<Reasoned<'a, T>, DecodeError> {
        let at = size_of::<T::Layout>().min(body.len());
        let (what, field) = body.split_at(at);
        let mut whole = [0; REASON_FIELD_BYTES];
        let length = field.len().min(REASON_FIELD_BYTES);
        whole[..length].copy_from_slice(&field[..length]);
        let length = text(whole, at)?.as_str().len();
        // The same bytes were text a moment ago.
        let reason = Reason(core::str::from_utf8(&field[..length]).unwrap_or_default());
        Ok(Reasoned { what: T::read(what)?, reason })
    }

    fn body_bytes(&self) -> Result<usize, EncodeError> {
        Ok(*Self::BYTES.end())
    }

    fn write(&self, body: &mut [u8]) {
        let (what, field) = body.split_at_mut(size_of::<T::Layout>());
        self.what.write(what);
        let reason = self.reason.0.as_bytes();
        field[..reason.len()].copy_from_slice(reason);
        field[reason.len()..].fill(0);
    }
}
