//! The answer to bytes, or to a request, that weren't acted on.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::message::Fixed;
use crate::message::field::{FLAGS_OFFSET, code, field, with_voice};
use crate::result_code::ResultCode;
use crate::voice::Voice;

/// Answers a request that wasn't carried out because of the frame, the session or the server's state.
///
/// Nothing was recorded, and no sequence is used up. After a code of the session group (1xx) the server closes
/// the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why: a code of the session or the capacity group.
    pub code: ResultCode,
    /// Where the fault lies: bytes from the start of the refused frame; 0 when not in the bytes.
    pub offset: u32,
    /// The offending value, 0 when there is none to show.
    pub value: u64,
}

impl Refusal {
    /// A refusal that isn't about certain bytes.
    pub const fn new(code: ResultCode) -> Refusal {
        Refusal { code, offset: 0, value: 0 }
    }

    /// What the till says about it: nothing of it depends on what was asked.
    const fn flags(&self) -> u8 {
        with_voice(0, Voice::of_failure(self.code))
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Refusal {
        Refusal { code: error.code(), offset: error.offset(), value: error.value() }
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct RefusedLayout {
    code: U16,
    action: u8,
    flags: u8,
    offset: U32,
    value: U64,
}

impl Fixed for Refusal {
    type Layout = RefusedLayout;

    fn from_layout(layout: &RefusedLayout) -> Result<Refusal, DecodeError> {
        let refusal = Refusal {
            code: code(layout.code, layout.action)?,
            offset: layout.offset.get(),
            value: layout.value.get(),
        };
        if layout.flags != refusal.flags() {
            return Err(field(FLAGS_OFFSET, layout.flags));
        }
        Ok(refusal)
    }

    fn to_layout(&self) -> RefusedLayout {
        RefusedLayout {
            code: self.code.number().into(),
            action: self.code.action().number(),
            flags: self.flags(),
            offset: self.offset.into(),
            value: self.value.into(),
        }
    }
}
