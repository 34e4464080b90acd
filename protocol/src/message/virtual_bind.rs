//! A virtual card bound to an account.

use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::VirtualId;
use crate::message::Fixed;
use crate::message::field::{text, virtual_id};
use crate::password::SealedPassword;
use crate::text::StudentNumber;

/// Binds a virtual card to the account of a student number whose query password is known. Consumes a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualBind {
    /// The holder's student or staff number.
    pub student: StudentNumber,
    /// The virtual card; not 0.
    pub virtual_id: VirtualId,
    /// The holder's query password, sealed for this frame.
    pub password: SealedPassword,
    /// The gateway's clock: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct VirtualBindLayout {
    student: [u8; 16],
    virtual_id: U64,
    password: [u8; 16],
    till_time_ns: U64,
}

impl Fixed for VirtualBind {
    type Layout = VirtualBindLayout;

    fn from_layout(layout: &VirtualBindLayout) -> Result<VirtualBind, DecodeError> {
        Ok(VirtualBind {
            student: text(layout.student, 0)?,
            virtual_id: virtual_id(layout.virtual_id, 16)?,
            password: SealedPassword(layout.password),
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> VirtualBindLayout {
        VirtualBindLayout {
            student: *self.student.as_bytes(),
            virtual_id: self.virtual_id.0.into(),
            password: self.password.0,
            till_time_ns: self.till_time_ns.into(),
        }
    }
}
