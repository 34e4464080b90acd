//! A virtual card unbound.

use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::VirtualId;
use crate::message::Fixed;
use crate::message::field::virtual_id;

/// Unbinds a virtual card from its account; its payment codes are void at once. Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualUnbind {
    /// The virtual card; not 0.
    pub virtual_id: VirtualId,
    /// The gateway's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct VirtualUnbindLayout {
    virtual_id: U64,
    till_time_ns: U64,
}

impl Fixed for VirtualUnbind {
    type Layout = VirtualUnbindLayout;

    fn from_layout(layout: &VirtualUnbindLayout) -> Result<VirtualUnbind, DecodeError> {
        Ok(VirtualUnbind {
            virtual_id: virtual_id(layout.virtual_id, 0)?,
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> VirtualUnbindLayout {
        VirtualUnbindLayout { virtual_id: self.virtual_id.0.into(), till_time_ns: self.till_time_ns.into() }
    }
}
