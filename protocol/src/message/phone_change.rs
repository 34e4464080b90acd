//! Another phone number for the holder of a virtual card.

use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::{PhoneDigest, VirtualId};
use crate::message::Fixed;
use crate::message::field::{field, virtual_id};

/// Says which phone number the holder of a virtual card has now. Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhoneChange {
    /// The virtual card; not 0.
    pub virtual_id: VirtualId,
    /// The digest of the phone number; not 0.
    pub phone: PhoneDigest,
    /// The gateway's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct PhoneChangeLayout {
    virtual_id: U64,
    phone: U64,
    till_time_ns: U64,
}

impl Fixed for PhoneChange {
    type Layout = PhoneChangeLayout;

    fn from_layout(layout: &PhoneChangeLayout) -> Result<PhoneChange, DecodeError> {
        let phone = layout.phone.get();
        Ok(PhoneChange {
            virtual_id: virtual_id(layout.virtual_id, 0)?,
            phone: if phone == 0 { return Err(field(8, phone)) } else { PhoneDigest(phone) },
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> PhoneChangeLayout {
        PhoneChangeLayout {
            virtual_id: self.virtual_id.0.into(),
            phone: self.phone.0.into(),
            till_time_ns: self.till_time_ns.into(),
        }
    }
}
