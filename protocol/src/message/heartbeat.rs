//! A heartbeat and its answer.

use zerocopy::little_endian::{I64, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::DecodeError;
use crate::ids::BusinessDate;
use crate::message::Fixed;
use crate::message::field::zero;

/// Compares the clocks and keeps the session alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The till's clock when it sent: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct HeartbeatLayout {
    till_time_ns: U64,
}

impl Fixed for Heartbeat {
    type Layout = HeartbeatLayout;

    fn from_layout(layout: &HeartbeatLayout) -> Result<Heartbeat, DecodeError> {
        Ok(Heartbeat { till_time_ns: layout.till_time_ns.get() })
    }

    fn to_layout(&self) -> HeartbeatLayout {
        HeartbeatLayout { till_time_ns: self.till_time_ns.into() }
    }
}

/// Answers a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatAnswer {
    /// The server's clock: nanoseconds since 1970 UTC.
    pub server_time_ns: u64,
    /// The till's clock less the server's, in nanoseconds: positive when the till is ahead.
    pub clock_offset_ns: i64,
    /// The business date now open.
    pub business_date: BusinessDate,
    /// The version of the till's parameters; sign in again to get newer ones.
    pub parameter_version: u32,
    /// The version of the block-list.
    pub block_list_version: u32,
    /// The version of the key that payment codes are made under from now on.
    pub code_key_version: u32,
    /// The version of the terminal's own key from now on: fetch one that is newer than the till's.
    pub key_version: u32,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct HeartbeatAnswerLayout {
    server_time_ns: U64,
    clock_offset_ns: I64,
    parameter_version: U32,
    block_list_version: U32,
    business_date: U16,
    reserved: U16,
    code_key_version: U32,
    key_version: U32,
    reserved_tail: U32,
}

impl Fixed for HeartbeatAnswer {
    type Layout = HeartbeatAnswerLayout;

    fn from_layout(layout: &HeartbeatAnswerLayout) -> Result<HeartbeatAnswer, DecodeError> {
        zero(layout.reserved.as_bytes(), 26)?;
        zero(layout.reserved_tail.as_bytes(), 36)?;
        Ok(HeartbeatAnswer {
            server_time_ns: layout.server_time_ns.get(),
            clock_offset_ns: layout.clock_offset_ns.get(),
            business_date: BusinessDate(layout.business_date.get()),
            parameter_version: layout.parameter_version.get(),
            block_list_version: layout.block_list_version.get(),
            code_key_version: layout.code_key_version.get(),
            key_version: layout.key_version.get(),
        })
    }

    fn to_layout(&self) -> HeartbeatAnswerLayout {
        HeartbeatAnswerLayout {
            server_time_ns: self.server_time_ns.into(),
            clock_offset_ns: self.clock_offset_ns.into(),
            parameter_version: self.parameter_version.into(),
            block_list_version: self.block_list_version.into(),
            business_date: self.business_date.0.into(),
            reserved: U16::ZERO,
            code_key_version: self.code_key_version.into(),
            key_version: self.key_version.into(),
            reserved_tail: U32::ZERO,
        }
    }
}
