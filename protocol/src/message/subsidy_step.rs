//! The next step of a subsidy batch.

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::channel::numbered;
use crate::error::DecodeError;
use crate::message::Fixed;
use crate::message::field::{field, zero};

numbered! {
    /// What is to become of a batch.
    SubsidyAction {
        /// It may be issued. That takes another operator than who opened it.
        Approve = 1, "approve";
        /// It is never issued.
        Reject = 2, "reject";
        /// Every line is paid, one after the other.
        Issue = 3, "issue";
        /// What is left of it is taken back; what wasn't issued never is.
        Withdraw = 4, "withdraw";
    }
}

/// Takes a batch to its next step. Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubsidyStep {
    /// The batch.
    pub batch: u32,
    /// Where to.
    pub action: SubsidyAction,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SubsidyStepLayout {
    batch: U32,
    action: u8,
    reserved: [u8; 3],
}

impl Fixed for SubsidyStep {
    type Layout = SubsidyStepLayout;

    fn from_layout(layout: &SubsidyStepLayout) -> Result<SubsidyStep, DecodeError> {
        zero(&layout.reserved, 5)?;
        Ok(SubsidyStep {
            batch: layout.batch.get(),
            action: SubsidyAction::from_number(layout.action).ok_or_else(|| field(4, layout.action))?,
        })
    }

    fn to_layout(&self) -> SubsidyStepLayout {
        SubsidyStepLayout { batch: self.batch.into(), action: self.action.number(), reserved: [0; 3] }
    }
}
