//! One record: a 16-byte header that this crate owns and a payload that it doesn't look into.
//!
//! ```text
//!  0       2      3      4         6       8                16
//!  +-------+------+------+---------+-------+----------------+---------------- - -
//!  | len   | kind | ver. | remain- | flags | time_ns        | payload, len - 16
//!  | u16   | u8   | u8   | ing u16 | u16   | u64            | bytes
//!  +-------+------+------+---------+-------+----------------+---------------- - -
//! ```

use crate::page::{FIRST_PAGE_CAPACITY, RECORD_HEADER_BYTES};

/// Largest payload of one record, in bytes: a record lies within one page.
pub const PAYLOAD_BYTES_MAX: usize = FIRST_PAGE_CAPACITY - RECORD_HEADER_BYTES;

/// Flag bit of a record that opens its group.
pub(crate) const FLAG_FIRST: u16 = 1;

/// One record to append. Its number, time and place in the group are given by the log.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// What the payload is; opaque here. 0 is reserved.
    pub kind: u8,
    /// The version of the payload's layout; opaque here.
    pub version: u8,
    /// A multiple of 8 bytes, at most [`PAYLOAD_BYTES_MAX`].
    pub payload: &'a [u8],
}

/// How badly a group is wanted when the log is nearly full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Refused once only the reserve is left.
    Normal,
    /// May use the reserve: reversals, captures, the cut-off.
    Reserved,
}

/// A record as it lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// Dense, from 1.
    pub number: u64,
    /// As appended.
    pub kind: u8,
    /// As appended.
    pub version: u8,
    /// Logged time: nanoseconds since 1970-01-01 UTC, never less than the previous record's; one for a whole group.
    pub time_ns: u64,
    /// Whether this record opens its group.
    pub first_in_group: bool,
    /// Records of the group that follow this one; 0 for the last.
    pub remaining_in_group: u16,
    /// As appended.
    pub payload: &'a [u8],
}

impl RecordRef<'_> {
    /// Whether this record closes its group.
    pub fn last_in_group(&self) -> bool {
        self.remaining_in_group == 0
    }
}

/// Records that stand next to each other in the log: those of one block, verified, in order.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    number: u64,
}

impl<'a> Records<'a> {
    /// The records that these bytes hold, headers included and nothing between them.
    pub(crate) fn new(bytes: &'a [u8], first_number: u64) -> Self {
        Self { bytes, number: first_number }
    }

    /// The number of the next record.
    pub fn next_number(&self) -> u64 {
        self.number
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = RecordRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<RecordRef<'a>> {
        let (record, len) = parse(self.bytes, self.number)?;
        self.bytes = &self.bytes[len..];
        self.number += 1;
        Some(record)
    }
}

/// Writes a record's header into the first 16 bytes of `into`.
pub(crate) fn write_header(
    into: &mut [u8],
    len: u16,
    kind: u8,
    version: u8,
    remaining: u16,
    flags: u16,
    time_ns: u64,
) {
    let word = u64::from(len)
        | u64::from(kind) << 16
        | u64::from(version) << 24
        | u64::from(remaining) << 32
        | u64::from(flags) << 48;
    into[..8].copy_from_slice(&word.to_le_bytes());
    into[8..16].copy_from_slice(&time_ns.to_le_bytes());
}

/// Reads the record at the start of `bytes`. Gives it with its whole length, or `None` if no record can lie there.
#[inline]
pub(crate) fn parse(bytes: &[u8], number: u64) -> Option<(RecordRef<'_>, usize)> {
    let word = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    let time_ns = u64::from_le_bytes(bytes.get(8..16)?.try_into().ok()?);
    let len = (word & 0xFFFF) as usize;
    let kind = (word >> 16) as u8;
    let flags = (word >> 48) as u16;
    if len < RECORD_HEADER_BYTES
        || len > bytes.len()
        || !len.is_multiple_of(8)
        || kind == 0
        || flags > FLAG_FIRST
    {
        return None;
    }
    let record = RecordRef {
        number,
        kind,
        version: (word >> 24) as u8,
        time_ns,
        first_in_group: flags & FLAG_FIRST != 0,
        remaining_in_group: (word >> 32) as u16,
        payload: &bytes[RECORD_HEADER_BYTES..len],
    };
    Some((record, len))
}
