//! Page 0 of a segment: who it is and where in the chain it starts. All within the first sector, so that it is there
//! wholly or not at all; the rest of the page is zero.
//!
//! ```text
//!   0                8      10     12         16                              32         36         40
//!   +----------------+------+------+----------+-------------------------------+----------+----------+
//!   | "YIKALOG\0"    | vers.| 0    | pages    | log id: 16 bytes              | segment  | 0        |
//!   |                | u16  | u16  | u32      |                               | id u32   | u32      |
//!   +----------------+------+------+----------+-------------------------------+----------+----------+
//!  40               48               56               64                       96         100
//!   +----------------+----------------+----------------+------------------------+----------+
//!   | first block    | first number   | last time_ns   | previous link: 32 bytes| crc32c of|
//!   | sequence u64   | u64            | u64            |                        | 0..96 u32|
//!   +----------------+----------------+----------------+------------------------+----------+
//! ```

use crate::error::WalError;
use crate::page::{PAGE_BYTES, is_zero};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The version of everything this crate puts on the medium.
pub(crate) const FORMAT_VERSION: u16 = 1;

const MAGIC: [u8; 8] = *b"YIKALOG\0";
const HEADER_BYTES: usize = 100;
const CHECKSUM_AT: usize = 96;

/// The header of a segment in use. A spare has a page of zeros instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) log_id: [u8; 16],
    pub(crate) segment_id: u32,
    pub(crate) page_count: u32,
    /// The sequence of the first block that this segment can hold.
    pub(crate) first_block: u64,
    /// The number of the first record that this segment can hold.
    pub(crate) first_number: u64,
    /// The logged time of the last record before this segment.
    pub(crate) last_time_ns: u64,
    /// The link of the last block before this segment.
    pub(crate) previous_link: [u8; 32],
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Layout {
    magic: [u8; 8],
    version: U16,
    zero: U16,
    page_count: U32,
    log_id: [u8; 16],
    segment_id: U32,
    zero_too: U32,
    first_block: U64,
    first_number: U64,
    last_time_ns: U64,
    previous_link: [u8; 32],
    checksum: U32,
}

const _: () = assert!(size_of::<Layout>() == HEADER_BYTES);

impl SegmentHeader {
    /// Writes the whole page.
    pub(crate) fn put(&self, page: &mut [u8]) {
        let mut layout = Layout {
            magic: MAGIC,
            version: U16::new(FORMAT_VERSION),
            zero: U16::ZERO,
            page_count: U32::new(self.page_count),
            log_id: self.log_id,
            segment_id: U32::new(self.segment_id),
            zero_too: U32::ZERO,
            first_block: U64::new(self.first_block),
            first_number: U64::new(self.first_number),
            last_time_ns: U64::new(self.last_time_ns),
            previous_link: self.previous_link,
            checksum: U32::ZERO,
        };
        layout.checksum = U32::new(crc32c::crc32c(&layout.as_bytes()[..CHECKSUM_AT]));
        page.fill(0);
        page[..HEADER_BYTES].copy_from_slice(layout.as_bytes());
    }

    /// Reads the page; `None` if it is a spare's.
    pub(crate) fn parse(page: &[u8], segment_id: u32) -> Result<Option<Self>, WalError> {
        if is_zero(&page[..PAGE_BYTES]) {
            return Ok(None);
        }
        let damaged = |what| WalError::Damaged { segment: segment_id, offset: 0, page: 0, what };
        let layout = Layout::read_from_bytes(&page[..HEADER_BYTES])
            .map_err(|_| damaged("the segment header is cut"))?;
        if layout.magic != MAGIC {
            return Err(damaged("the segment header has no magic: not a log segment"));
        }
        if layout.version.get() != FORMAT_VERSION {
            return Err(WalError::UnsupportedVersion {
                segment: segment_id,
                found: layout.version.get(),
                supported: FORMAT_VERSION,
            });
        }
        if layout.checksum.get() != crc32c::crc32c(&page[..CHECKSUM_AT])
            || !is_zero(&page[HEADER_BYTES..PAGE_BYTES])
        {
            return Err(damaged("the segment header fails its checksum"));
        }
        if layout.segment_id.get() != segment_id {
            return Err(damaged("the segment header names another segment"));
        }
        Ok(Some(Self {
            log_id: layout.log_id,
            segment_id,
            page_count: layout.page_count.get(),
            first_block: layout.first_block.get(),
            first_number: layout.first_number.get(),
            last_time_ns: layout.last_time_ns.get(),
            previous_link: layout.previous_link,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (SegmentHeader, Vec<u8>) {
        let header = SegmentHeader {
            log_id: [0x11; 16],
            segment_id: 3,
            page_count: 32,
            first_block: 0x0102_0304_0506_0708,
            first_number: 0x1112_1314_1516_1718,
            last_time_ns: 0x2122_2324_2526_2728,
            previous_link: [0x33; 32],
        };
        let mut page = vec![0xEE; PAGE_BYTES];
        header.put(&mut page);
        (header, page)
    }

    #[test]
    fn golden_bytes_of_a_segment_header() {
        let (header, page) = sample();
        let mut expect = b"YIKALOG\0\x01\0\0\0\x20\0\0\0".to_vec();
        expect.extend([0x11; 16]);
        expect.extend([3, 0, 0, 0, 0, 0, 0, 0]);
        expect.extend([8, 7, 6, 5, 4, 3, 2, 1]);
        expect.extend([0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11]);
        expect.extend([0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21]);
        expect.extend([0x33; 32]);
        expect.extend(crc32c::crc32c(&expect).to_le_bytes());
        assert_eq!(page[..HEADER_BYTES], expect);
        assert!(is_zero(&page[HEADER_BYTES..]));
        assert_eq!(SegmentHeader::parse(&page, 3).unwrap(), Some(header));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (_, page) = sample();
        for at in 0..PAGE_BYTES {
            for bit in 0..8 {
                let mut damaged = page.clone();
                damaged[at] ^= 1 << bit;
                assert!(SegmentHeader::parse(&damaged, 3).is_err(), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn a_page_of_zeros_is_a_spare() {
        assert_eq!(SegmentHeader::parse(&[0; PAGE_BYTES], 3).unwrap(), None);
    }

    #[test]
    fn another_version_is_told_apart_from_damage() {
        let (_, mut page) = sample();
        page[8] = 2;
        assert!(matches!(
            SegmentHeader::parse(&page, 3),
            Err(WalError::UnsupportedVersion { segment: 3, found: 2, supported: 1 })
        ));
    }
}
