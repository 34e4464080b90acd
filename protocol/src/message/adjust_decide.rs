//! The second operator's word about a proposed adjustment.

use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::channel::numbered;
use crate::error::DecodeError;
use crate::ids::RecordNumber;
use crate::message::Fixed;
use crate::message::field::{field, zero};

numbered! {
    /// What a second person says of what a first one proposed.
    Verdict {
        /// It is done.
        Approve = 1, "approve";
        /// It isn't, for good.
        Reject = 2, "reject";
    }
}

/// Approves or rejects a proposed adjustment. Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdjustDecide {
    /// The record by which it was proposed.
    pub proposal: RecordNumber,
    /// Which of both.
    pub verdict: Verdict,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct AdjustDecideLayout {
    proposal: U64,
    verdict: u8,
    reserved: [u8; 7],
}

impl Fixed for AdjustDecide {
    type Layout = AdjustDecideLayout;

    fn from_layout(layout: &AdjustDecideLayout) -> Result<AdjustDecide, DecodeError> {
        zero(&layout.reserved, 9)?;
        Ok(AdjustDecide {
            proposal: RecordNumber(layout.proposal.get()),
            verdict: Verdict::from_number(layout.verdict).ok_or_else(|| field(8, layout.verdict))?,
        })
    }

    fn to_layout(&self) -> AdjustDecideLayout {
        AdjustDecideLayout {
            proposal: self.proposal.0.into(),
            verdict: self.verdict.number(),
            reserved: [0; 7],
        }
    }
}
