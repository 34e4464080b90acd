//! A terminal's key: an administrator takes the next into use, and the terminal fetches it.

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::TerminalId;
use crate::keys::KEY_BYTES;
use crate::message::Fixed;
use crate::message::field::{code, field, zero};
use crate::result_code::ResultCode;
use crate::wrapped_key::WrappedKey;

/// Takes a terminal's next key into use. Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalKeyRotate {
    /// Whose; not 0.
    pub terminal: TerminalId,
    /// The version from now on: one more than until now.
    pub key_version: u32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct TerminalKeyRotateLayout {
    terminal: U32,
    key_version: U32,
}

impl Fixed for TerminalKeyRotate {
    type Layout = TerminalKeyRotateLayout;

    fn from_layout(layout: &TerminalKeyRotateLayout) -> Result<TerminalKeyRotate, DecodeError> {
        let terminal = layout.terminal.get();
        if terminal == 0 {
            return Err(field(0, terminal));
        }
        Ok(TerminalKeyRotate { terminal: TerminalId(terminal), key_version: layout.key_version.get() })
    }

    fn to_layout(&self) -> TerminalKeyRotateLayout {
        TerminalKeyRotateLayout { terminal: self.terminal.0.into(), key_version: self.key_version.into() }
    }
}

/// Answers a terminal that asks for its newest key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalKeyAnswer {
    /// [`ResultCode::Approved`].
    pub code: ResultCode,
    /// The version of the key.
    pub key_version: u32,
    /// The key, under the session's wrapping key.
    pub wrapped: WrappedKey,
    /// The key's check value.
    pub check_value: [u8; 3],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct TerminalKeyAnswerLayout {
    code: U16,
    action: u8,
    reserved: u8,
    key_version: U32,
    wrapped: [u8; KEY_BYTES],
    check_value: [u8; 3],
    reserved_tail: [u8; 5],
}

impl Fixed for TerminalKeyAnswer {
    type Layout = TerminalKeyAnswerLayout;

    fn from_layout(layout: &TerminalKeyAnswerLayout) -> Result<TerminalKeyAnswer, DecodeError> {
        zero(&[layout.reserved], 3)?;
        zero(layout.reserved_tail.as_bytes(), 27)?;
        Ok(TerminalKeyAnswer {
            code: code(layout.code, layout.action)?,
            key_version: layout.key_version.get(),
            wrapped: WrappedKey(layout.wrapped),
            check_value: layout.check_value,
        })
    }

    fn to_layout(&self) -> TerminalKeyAnswerLayout {
        TerminalKeyAnswerLayout {
            code: self.code.number().into(),
            action: self.code.action().number(),
            reserved: 0,
            key_version: self.key_version.into(),
            wrapped: self.wrapped.0,
            check_value: self.check_value,
            reserved_tail: [0; 5],
        }
    }
}
