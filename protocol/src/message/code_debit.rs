//! A debit of the account behind a payment code.

use zerocopy::little_endian::{I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::message::Fixed;
use crate::message::field::zero;

/// Debits the account behind a payment code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeDebit {
    /// The code as scanned: 20 ASCII digits. The decoder takes any bytes; see [`crate::payment_code`].
    pub code: [u8; 20],
    /// The amount in fen. The ledger judges its range.
    pub amount_fen: i64,
    /// The till's clock at the scan: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct CodeDebitLayout {
    code: [u8; 20],
    reserved: U32,
    amount_fen: I64,
    till_time_ns: U64,
}

impl Fixed for CodeDebit {
    type Layout = CodeDebitLayout;

    fn from_layout(layout: &CodeDebitLayout) -> Result<CodeDebit, DecodeError> {
        zero(layout.reserved.as_bytes(), 20)?;
        Ok(CodeDebit {
            code: layout.code,
            amount_fen: layout.amount_fen.get(),
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> CodeDebitLayout {
        CodeDebitLayout {
            code: self.code,
            reserved: U32::ZERO,
            amount_fen: self.amount_fen.into(),
            till_time_ns: self.till_time_ns.into(),
        }
    }
}
