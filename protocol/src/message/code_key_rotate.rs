//! The next payment-code key taken into use.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::channel::numbered;
use crate::error::DecodeError;
use crate::message::Fixed;
use crate::message::field::{field, zero};

numbered! {
    /// What becomes of the codes made under the key before.
    EarlierCodes {
        /// They are taken until they expire, and those of a gateway that hasn't heard of the new key for two minutes.
        RunOut = 1, "run-out";
        /// None of them is taken from now on: the key is known to somebody.
        Refused = 2, "refused";
    }
}

/// Takes the next payment-code key into use. Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeKeyRotate {
    /// The version from now on: the current one and 1.
    pub key_version: u32,
    /// What becomes of the codes made under the key before.
    pub earlier_codes: EarlierCodes,
    /// The counter's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct CodeKeyRotateLayout {
    key_version: U32,
    earlier_codes: u8,
    reserved: [u8; 3],
    till_time_ns: U64,
}

impl Fixed for CodeKeyRotate {
    type Layout = CodeKeyRotateLayout;

    fn from_layout(layout: &CodeKeyRotateLayout) -> Result<CodeKeyRotate, DecodeError> {
        zero(&layout.reserved, 5)?;
        Ok(CodeKeyRotate {
            key_version: layout.key_version.get(),
            earlier_codes: EarlierCodes::from_number(layout.earlier_codes)
                .ok_or_else(|| field(4, layout.earlier_codes))?,
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> CodeKeyRotateLayout {
        CodeKeyRotateLayout {
            key_version: self.key_version.into(),
            earlier_codes: self.earlier_codes.number(),
            reserved: [0; 3],
            till_time_ns: self.till_time_ns.into(),
        }
    }
}
