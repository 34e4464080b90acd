//! The 4 KiB page: its header, its seeded checksum, and what can be told of a page whose checksum fails.
//!
//! ```text
//!  0          4      6   7   8   9    10     12      14      16               24               32
//!  +----------+------+---+---+---+----+------+-------+-------+----------------+----------------+- - -
//!  | crc32c   | magic|idx|cnt|sec|!sec| used | recs  | flags | block sequence | first number   |
//!  | u32      | "YP" |u8 |u8 |u8 |u8  | u16  | u16   | u16   | u64            | u64            |
//!  +----------+------+---+---+---+----+------+-------+-------+----------------+----------------+- - -
//! ```
//!
//! The first page of a block goes on with the block header:
//!
//! ```text
//!  32         36         40         44         48                                               80
//!  +----------+----------+----------+----------+------------------------------------------------+- - -
//!  | records  | bytes of | groups   | 0        | link: 32 bytes                                 |
//!  | u32      | records  | u32      | u32      |                                                |
//!  +----------+----------+----------+----------+------------------------------------------------+- - -
//! ```
//!
//! `sec` names the 512-byte sectors that hold at least two non-zero bytes, and `!sec` is its complement. A page that
//! was torn on its way to the medium lacks whole sectors, and the mask proves it; a page with one damaged byte can't
//! look like that, because no single byte empties such a sector and none keeps the two masks complementary.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of a page: the unit of checksums and of placement.
pub const PAGE_BYTES: usize = 4096;
/// Most pages of one block.
pub const BLOCK_PAGES_MAX: usize = 64;
/// Bytes of a sector: what the medium writes wholly or not at all.
pub(crate) const SECTOR_BYTES: usize = 512;
/// Bytes of a record's header.
pub(crate) const RECORD_HEADER_BYTES: usize = 16;
/// Where records start in the first page of a block.
pub(crate) const FIRST_PAGE_RECORDS_AT: usize = 80;
/// Where records start in any other page.
pub(crate) const OTHER_PAGE_RECORDS_AT: usize = 32;
/// Bytes for records in the first page of a block.
pub(crate) const FIRST_PAGE_CAPACITY: usize = PAGE_BYTES - FIRST_PAGE_RECORDS_AT;
/// What fills a page after its last record: not zero, so that a lost sector shows.
pub(crate) const PADDING: u8 = 0xA5;
/// Flag bit of the one page of a seal.
pub(crate) const FLAG_SEAL: u16 = 1;

const MAGIC: [u8; 2] = *b"YP";

/// The header of every page but a segment's first.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct PageHeader {
    pub(crate) checksum: U32,
    pub(crate) magic: [u8; 2],
    pub(crate) page_index: u8,
    pub(crate) page_count: u8,
    pub(crate) sectors: u8,
    pub(crate) sectors_inverse: u8,
    /// Where the last record ends.
    pub(crate) used_bytes: U16,
    pub(crate) record_count: U16,
    pub(crate) flags: U16,
    pub(crate) block_sequence: U64,
    /// The number of the first record in this page.
    pub(crate) first_number: U64,
}

/// What follows the page header in a block's first page.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct BlockHeader {
    pub(crate) record_count: U32,
    /// Without padding and page headers.
    pub(crate) record_bytes: U32,
    pub(crate) group_count: U32,
    pub(crate) zero: U32,
    pub(crate) link: [u8; 32],
}

const _: () = assert!(size_of::<PageHeader>() == OTHER_PAGE_RECORDS_AT);
const _: () = assert!(size_of::<PageHeader>() + size_of::<BlockHeader>() == FIRST_PAGE_RECORDS_AT);

impl PageHeader {
    /// A header that [`finish`] completes.
    pub(crate) fn new(block_sequence: u64, first_number: u64) -> Self {
        Self {
            checksum: U32::ZERO,
            magic: MAGIC,
            page_index: 0,
            page_count: 1,
            sectors: 0,
            sectors_inverse: 0,
            used_bytes: U16::ZERO,
            record_count: U16::ZERO,
            flags: U16::ZERO,
            block_sequence: U64::new(block_sequence),
            first_number: U64::new(first_number),
        }
    }

    /// Copies the header out of a page.
    pub(crate) fn of(page: &[u8]) -> Self {
        let mut header = Self::new(0, 0);
        header.as_mut_bytes().copy_from_slice(&page[..OTHER_PAGE_RECORDS_AT]);
        header
    }

    /// Writes the header into a page.
    pub(crate) fn put(&self, page: &mut [u8]) {
        page[..OTHER_PAGE_RECORDS_AT].copy_from_slice(self.as_bytes());
    }

    /// Where the page's records start.
    pub(crate) fn records_at(&self) -> usize {
        records_at(usize::from(self.page_index))
    }

    /// Whether the page is a seal.
    pub(crate) fn is_seal(&self) -> bool {
        self.flags.get() & FLAG_SEAL != 0
    }
}

impl BlockHeader {
    /// Copies the header out of a block's first page.
    pub(crate) fn of(page: &[u8]) -> Self {
        let mut header = Self {
            record_count: U32::ZERO,
            record_bytes: U32::ZERO,
            group_count: U32::ZERO,
            zero: U32::ZERO,
            link: [0; 32],
        };
        header.as_mut_bytes().copy_from_slice(&page[OTHER_PAGE_RECORDS_AT..FIRST_PAGE_RECORDS_AT]);
        header
    }

    /// Writes the header into a block's first page.
    pub(crate) fn put(&self, page: &mut [u8]) {
        page[OTHER_PAGE_RECORDS_AT..FIRST_PAGE_RECORDS_AT].copy_from_slice(self.as_bytes());
    }
}

/// Where records start in the page of this index in its block.
pub(crate) fn records_at(page_index: usize) -> usize {
    if page_index == 0 { FIRST_PAGE_RECORDS_AT } else { OTHER_PAGE_RECORDS_AT }
}

/// The checksum seed of a segment: a page of another log or segment never passes.
pub(crate) fn seed(log_id: &[u8; 16], segment_id: u32) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(log_id), &segment_id.to_le_bytes())
}

/// Completes a page whose other header fields stand: sector masks and checksum.
pub(crate) fn finish(page: &mut [u8], seed: u32) {
    // Whatever the mask and checksum fields hold by now, the magic alone makes their own sector a strong one.
    let mut sectors = 0_u8;
    for (index, sector) in page.chunks_exact(SECTOR_BYTES).enumerate() {
        sectors |= u8::from(is_strong(sector)) << index;
    }
    page[8] = sectors;
    page[9] = !sectors;
    let checksum = crc32c::crc32c_append(seed, &page[4..]);
    page[..4].copy_from_slice(&checksum.to_le_bytes());
}

/// Whether a page is exactly as [`finish`] left it.
pub(crate) fn is_intact(page: &[u8], seed: u32) -> bool {
    page[4..6] == MAGIC && crc32c::crc32c_append(seed, &page[4..]).to_le_bytes() == page[..4]
}

/// What can be told of a page on the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageState {
    /// Exactly as written.
    Intact,
    /// Nothing but zeros: never written, or wholly lost.
    Zero,
    /// Whole sectors that were written are zero: torn on its way to the medium.
    Torn,
    /// Anything else: damage.
    Bad,
}

/// Tells what became of a page.
pub(crate) fn classify(page: &[u8], seed: u32) -> PageState {
    if is_intact(page, seed) {
        return PageState::Intact;
    }
    if is_zero(page) {
        return PageState::Zero;
    }
    if is_zero(&page[..SECTOR_BYTES]) {
        return PageState::Torn;
    }
    let (sectors, sectors_inverse) = (page[8], page[9]);
    if page[4..6] != MAGIC || sectors != !sectors_inverse {
        return PageState::Bad;
    }
    let lost = page
        .chunks_exact(SECTOR_BYTES)
        .enumerate()
        .any(|(index, sector)| sectors >> index & 1 == 1 && is_zero(sector));
    if lost { PageState::Torn } else { PageState::Bad }
}

/// Whether bytes are all zero.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().all(|word| u64::from_ne_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}

/// Whether a sector holds at least two non-zero bytes.
fn is_strong(sector: &[u8]) -> bool {
    sector.iter().filter(|byte| **byte != 0).take(2).count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(byte: u8) -> Vec<u8> {
        let mut page = vec![byte; PAGE_BYTES];
        PageHeader::new(7, 9).put(&mut page);
        finish(&mut page, 42);
        page
    }

    #[test]
    fn a_page_is_intact_under_its_own_seed_only() {
        let page = page_of(PADDING);
        assert_eq!(classify(&page, 42), PageState::Intact);
        assert_eq!(classify(&page, 43), PageState::Bad);
    }

    #[test]
    fn any_lost_sectors_look_torn() {
        for lost in 1..=255_u8 {
            let mut page = page_of(PADDING);
            for index in (0..8).filter(|index| lost >> index & 1 == 1) {
                page[index * SECTOR_BYTES..(index + 1) * SECTOR_BYTES].fill(0);
            }
            let expect = if lost == 255 { PageState::Zero } else { PageState::Torn };
            assert_eq!(classify(&page, 42), expect, "lost sectors {lost:08b}");
        }
    }

    #[test]
    fn a_single_damaged_byte_never_looks_torn() {
        // A page of zeros with one non-zero byte in the last sector is the hardest: emptying it must not look like loss.
        let mut page = page_of(0);
        page[PAGE_BYTES - 1] = 1;
        finish(&mut page, 42);
        for at in 0..PAGE_BYTES {
            for bit in 0..8 {
                let mut damaged = page.clone();
                damaged[at] ^= 1 << bit;
                assert_eq!(classify(&damaged, 42), PageState::Bad, "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn golden_bytes_of_a_page_header() {
        let mut page = page_of(PADDING);
        let mut header = PageHeader::of(&page);
        header.page_index = 1;
        header.page_count = 3;
        header.used_bytes = U16::new(0x0123);
        header.record_count = U16::new(0x0045);
        header.flags = U16::new(FLAG_SEAL);
        header.block_sequence = U64::new(0x1122_3344_5566_7788);
        header.first_number = U64::new(0x99AA_BBCC_DDEE_FF00);
        header.put(&mut page);
        finish(&mut page, seed(&[7; 16], 5));
        assert_eq!(
            page[4..32],
            [
                b'Y', b'P', 1, 3, 0xFF, 0, 0x23, 0x01, 0x45, 0, 1, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33,
                0x22, 0x11, 0x00, 0xFF, 0xEE, 0xDD, 0xCC, 0xBB, 0xAA, 0x99
            ]
        );
        assert_eq!(PageHeader::of(&page).records_at(), OTHER_PAGE_RECORDS_AT);
    }
}
