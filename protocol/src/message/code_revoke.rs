//! Every payment code of an account that may still be live, revoked.

use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::message::Fixed;
use crate::message::selector::{AccountSelector, SelectorLayout};

/// Revokes every payment code that an account may have shown by now: its phone is gone, or a picture of a code is about.
/// Codes of the step after the next are taken again. Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeRevoke {
    /// Whose codes.
    pub account: AccountSelector,
    /// The asking terminal's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct CodeRevokeLayout {
    account: SelectorLayout,
    till_time_ns: U64,
}

impl Fixed for CodeRevoke {
    type Layout = CodeRevokeLayout;

    fn from_layout(layout: &CodeRevokeLayout) -> Result<CodeRevoke, DecodeError> {
        Ok(CodeRevoke { account: layout.account.read()?, till_time_ns: layout.till_time_ns.get() })
    }

    fn to_layout(&self) -> CodeRevokeLayout {
        CodeRevokeLayout {
            account: SelectorLayout::write(&self.account),
            till_time_ns: self.till_time_ns.into(),
        }
    }
}
