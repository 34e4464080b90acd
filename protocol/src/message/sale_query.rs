//! The question after an earlier sale. Its answer is that sale's own.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::{Epoch, Sequence};
use crate::message::Fixed;
use crate::message::field::zero;

/// Asks for the outcome of an earlier sale of the same till. Answered as that sale was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaleQuery {
    /// The epoch of the sale.
    pub epoch: Epoch,
    /// The sequence of the sale.
    pub sequence: Sequence,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SaleQueryLayout {
    sequence: U32,
    epoch: U16,
    reserved: U16,
}

impl Fixed for SaleQuery {
    type Layout = SaleQueryLayout;

    fn from_layout(layout: &SaleQueryLayout) -> Result<SaleQuery, DecodeError> {
        zero(layout.reserved.as_bytes(), 6)?;
        Ok(SaleQuery { epoch: Epoch(layout.epoch.get()), sequence: Sequence(layout.sequence.get()) })
    }

    fn to_layout(&self) -> SaleQueryLayout {
        SaleQueryLayout { sequence: self.sequence.0.into(), epoch: self.epoch.0.into(), reserved: U16::ZERO }
    }
}
