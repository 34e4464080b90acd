//! One block: how it is filled, finished and verified, and the hash chain that runs through all of them.

use crate::page::{
    self, BLOCK_PAGES_MAX, BlockHeader, FLAG_SEAL, OTHER_PAGE_RECORDS_AT, PADDING, PAGE_BYTES, PageHeader,
    RECORD_HEADER_BYTES, records_at,
};
use crate::record::{self, FLAG_FIRST, Record, RecordRef};
use crate::storage::SegmentFile;
use std::ops::Range;
use std::sync::Arc;
use zerocopy::little_endian::{U16, U32};

/// One block, as it lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockInfo {
    /// Dense, from 1; seals count.
    pub sequence: u64,
    /// The segment it is in.
    pub segment: u32,
    /// Its first page there.
    pub page: u32,
    /// 1 to 64.
    pub page_count: u32,
    /// The number of its first record; for a seal, of the next record.
    pub first_number: u64,
    /// Its records; 0 for a seal.
    pub record_count: u32,
    /// Its groups; 0 for a seal.
    pub group_count: u32,
    /// Bytes of its records, headers included, without padding.
    pub record_bytes: u32,
    /// Its link in the hash chain; a seal repeats the one before.
    pub link: [u8; 32],
    /// Whether it is a seal.
    pub seal: bool,
}

/// Where a block goes.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) segment_id: u32,
    /// Its first page.
    pub(crate) page: u32,
    /// Most pages it may grow to.
    pub(crate) page_limit: usize,
    /// The spare segment, if this block is the first in it.
    pub(crate) claim: Option<Arc<dyn SegmentFile>>,
}

/// The memory of one block while it is staged and written. Used again and again.
pub(crate) struct BlockBuffer {
    bytes: Box<[u8]>,
    pub(crate) place: Place,
    page_index: usize,
    /// Where the next record goes, from the block's first byte.
    offset: usize,
    page_end: usize,
    page_first_number: u64,
    page_records: u16,
    pub(crate) first_number: u64,
    pub(crate) record_count: u32,
    pub(crate) group_count: u32,
    record_bytes: u32,
    pub(crate) last_time_ns: u64,
    /// When its first group was staged, on the monotonic clock; for reports.
    pub(crate) begun_ns: u64,
}

/// Bytes that a record takes.
pub(crate) fn record_bytes(record: &Record<'_>) -> usize {
    RECORD_HEADER_BYTES + record.payload.len()
}

/// Pages that a block has once the group is in, if it is filled up to `offset` in its page `page_index`.
fn pages_with(mut page_index: usize, mut offset: usize, group: &[Record<'_>]) -> usize {
    for record in group {
        let len = record_bytes(record);
        if offset + len > PAGE_BYTES {
            page_index += 1;
            offset = OTHER_PAGE_RECORDS_AT;
        }
        offset += len;
    }
    page_index + 1
}

/// Pages of a block that holds this group alone.
pub(crate) fn pages_alone(group: &[Record<'_>]) -> usize {
    pages_with(0, records_at(0), group)
}

impl BlockBuffer {
    pub(crate) fn new(page_count_max: usize) -> Self {
        Self {
            bytes: vec![0; page_count_max * PAGE_BYTES].into_boxed_slice(),
            place: Place { segment_id: 0, page: 0, page_limit: 0, claim: None },
            page_index: 0,
            offset: 0,
            page_end: 0,
            page_first_number: 0,
            page_records: 0,
            first_number: 0,
            record_count: 0,
            group_count: 0,
            record_bytes: 0,
            last_time_ns: 0,
            begun_ns: 0,
        }
    }

    /// Empties the block and gives it its place.
    pub(crate) fn begin(&mut self, place: Place, first_number: u64) {
        self.place = place;
        self.first_number = first_number;
        self.record_count = 0;
        self.group_count = 0;
        self.record_bytes = 0;
        self.begin_page(0, first_number);
    }

    fn begin_page(&mut self, page_index: usize, first_number: u64) {
        self.page_index = page_index;
        self.offset = page_index * PAGE_BYTES + records_at(page_index);
        self.page_end = (page_index + 1) * PAGE_BYTES;
        self.page_first_number = first_number;
        self.page_records = 0;
    }

    /// Pages so far.
    pub(crate) fn page_count(&self) -> usize {
        self.page_index + 1
    }

    /// Pages once the group is in.
    pub(crate) fn pages_with(&self, group: &[Record<'_>]) -> usize {
        pages_with(self.page_index, self.offset - self.page_index * PAGE_BYTES, group)
    }

    /// Whether bytes fit into the page being filled.
    #[inline]
    pub(crate) fn page_has_room(&self, bytes: usize) -> bool {
        self.offset + bytes <= self.page_end
    }

    /// Adds a group that fits. `number` is its first record's.
    #[inline]
    pub(crate) fn add(&mut self, group: &[Record<'_>], mut number: u64, time_ns: u64) {
        let mut remaining = group.len() as u16;
        let mut flags = FLAG_FIRST;
        for record in group {
            let len = record_bytes(record);
            if !self.page_has_room(len) {
                self.end_page();
                self.begin_page(self.page_index + 1, number);
            }
            remaining -= 1;
            let into = &mut self.bytes[self.offset..self.offset + len];
            record::write_header(into, len as u16, record.kind, record.version, remaining, flags, time_ns);
            into[RECORD_HEADER_BYTES..].copy_from_slice(record.payload);
            flags = 0;
            number += 1;
            self.offset += len;
            self.page_records += 1;
            self.record_bytes += len as u32;
        }
        self.record_count += group.len() as u32;
        self.group_count += 1;
        self.last_time_ns = time_ns;
    }

    /// Notes what the page holds; the rest of its header comes with [`finish`](Self::finish).
    fn end_page(&mut self) {
        let mut header = PageHeader::new(0, self.page_first_number);
        header.used_bytes = U16::new((self.offset - self.page_index * PAGE_BYTES) as u16);
        header.record_count = U16::new(self.page_records);
        self.bytes[self.offset..self.page_end].fill(PADDING);
        header.put(&mut self.bytes[self.page_index * PAGE_BYTES..]);
    }

    /// Completes every page for the medium. Gives the block's link.
    pub(crate) fn finish(
        &mut self,
        sequence: u64,
        previous_link: &[u8; 32],
        seed: u32,
        linker: &mut Linker,
    ) -> [u8; 32] {
        self.end_page();
        let page_count = self.page_count();
        let link = {
            let pages = self.bytes[..page_count * PAGE_BYTES].chunks_exact(PAGE_BYTES);
            linker.link(previous_link, self.first_number, self.record_count, pages)
        };
        for (index, page) in self.bytes[..page_count * PAGE_BYTES].chunks_exact_mut(PAGE_BYTES).enumerate() {
            let mut header = PageHeader::of(page);
            header.page_index = index as u8;
            header.page_count = page_count as u8;
            header.block_sequence.set(sequence);
            header.put(page);
            if index == 0 {
                BlockHeader {
                    record_count: U32::new(self.record_count),
                    record_bytes: U32::new(self.record_bytes),
                    group_count: U32::new(self.group_count),
                    zero: U32::ZERO,
                    link,
                }
                .put(page);
            }
            page::finish(page, seed);
        }
        link
    }

    /// The finished bytes.
    pub(crate) fn pages(&self) -> &[u8] {
        &self.bytes[..self.page_count() * PAGE_BYTES]
    }
}

/// Writes the one page of a seal.
pub(crate) fn put_seal(page: &mut [u8], sequence: u64, next_number: u64, link: &[u8; 32], seed: u32) {
    page.fill(PADDING);
    let mut header = PageHeader::new(sequence, next_number);
    header.used_bytes = U16::new(records_at(0) as u16);
    header.flags = U16::new(FLAG_SEAL);
    header.put(page);
    BlockHeader {
        record_count: U32::ZERO,
        record_bytes: U32::ZERO,
        group_count: U32::ZERO,
        zero: U32::ZERO,
        link: *link,
    }
    .put(page);
    page::finish(page, seed);
}

/// Bytes in front of a block's records in what is hashed: the link before, the first number, the count.
const LINK_PREFIX_BYTES: usize = 48;

/// Appends what a block's link is a hash over to `gathered`, and gives the link: a hash over the link before, the first
/// number, the count and the records. Framing (pages, padding, checksums, seals) is left out, so that the same records can
/// be laid out anew under the same proof.
///
/// It is gathered in one piece first: BLAKE3 over a whole block is up to four times as fast as over its pages one after the
/// other.
fn gather<'p>(
    gathered: &mut Vec<u8>,
    previous_link: &[u8; 32],
    first_number: u64,
    record_count: u32,
    pages: impl Iterator<Item = &'p [u8]>,
) -> [u8; 32] {
    let start = gathered.len();
    gathered.extend_from_slice(previous_link);
    gathered.extend_from_slice(&first_number.to_le_bytes());
    gathered.extend_from_slice(&u64::from(record_count).to_le_bytes());
    for (index, page) in pages.enumerate() {
        let used = usize::from(PageHeader::of(page).used_bytes.get());
        gathered.extend_from_slice(&page[records_at(index)..used]);
    }
    *blake3::hash(&gathered[start..]).as_bytes()
}

/// Computes the links of blocks that are written.
pub(crate) struct Linker(Vec<u8>);

impl Linker {
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity((BLOCK_PAGES_MAX + 1) * PAGE_BYTES))
    }

    fn link<'p>(
        &mut self,
        previous_link: &[u8; 32],
        first_number: u64,
        record_count: u32,
        pages: impl Iterator<Item = &'p [u8]>,
    ) -> [u8; 32] {
        self.0.clear();
        gather(&mut self.0, previous_link, first_number, record_count, pages)
    }
}

/// A block that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Followed {
    pub(crate) info: BlockInfo,
    /// Where its records are in what was gathered.
    pub(crate) records: Range<usize>,
}

/// Where the chain stands between two blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) sequence_next: u64,
    pub(crate) number_next: u64,
    pub(crate) link: [u8; 32],
    /// Logged time of the last record.
    pub(crate) time_ns: u64,
}

impl Chain {
    /// Before the first block of a log.
    pub(crate) const GENESIS: Chain = Chain { sequence_next: 1, number_next: 1, link: [0; 32], time_ns: 0 };

    /// Verifies the block that starts at `page` and whose pages have all passed their checksums, and goes on behind it. Its
    /// records are appended to `gathered` in one piece. On an error the chain hasn't moved.
    pub(crate) fn follow<'p>(
        &mut self,
        segment: u32,
        page: u32,
        page_of: impl Fn(usize) -> &'p [u8],
        gathered: &mut Vec<u8>,
    ) -> Result<Followed, &'static str> {
        let first = PageHeader::of(page_of(0));
        let block = BlockHeader::of(page_of(0));
        let page_count = usize::from(first.page_count);
        if !(1..=BLOCK_PAGES_MAX).contains(&page_count) || first.flags.get() > FLAG_SEAL {
            return Err("the block header is out of range");
        }
        if first.block_sequence.get() != self.sequence_next {
            return Err("the block is out of sequence");
        }
        if first.first_number.get() != self.number_next {
            return Err("the block's first number doesn't follow");
        }
        let mut walk = Walk { number: self.number_next, time_ns: self.time_ns, ..Walk::default() };
        for index in 0..page_count {
            let header = PageHeader::of(page_of(index));
            if header.block_sequence != first.block_sequence
                || header.page_count != first.page_count
                || usize::from(header.page_index) != index
                || header.flags != first.flags
            {
                return Err("the page doesn't belong to its block");
            }
            walk.page(page_of(index), &header)?;
        }
        if walk.remaining != 0 {
            return Err("a record group is cut");
        }
        if walk.records != block.record_count.get()
            || walk.bytes != block.record_bytes.get()
            || walk.groups != block.group_count.get()
        {
            return Err("the block's totals don't add up");
        }
        let start = gathered.len();
        let link = if first.is_seal() {
            if walk.records != 0 || page_count != 1 {
                return Err("a seal holds records");
            }
            self.link
        } else {
            if walk.records == 0 {
                return Err("the block is empty");
            }
            gather(gathered, &self.link, self.number_next, walk.records, (0..page_count).map(&page_of))
        };
        if link != block.link {
            return Err("the hash chain is broken");
        }
        let info = BlockInfo {
            sequence: self.sequence_next,
            segment,
            page,
            page_count: page_count as u32,
            first_number: self.number_next,
            record_count: walk.records,
            group_count: walk.groups,
            record_bytes: walk.bytes,
            link,
            seal: first.is_seal(),
        };
        *self = Self {
            sequence_next: self.sequence_next + 1,
            number_next: walk.number,
            link,
            time_ns: walk.time_ns,
        };
        let records = (start + LINK_PREFIX_BYTES).min(gathered.len())..gathered.len();
        Ok(Followed { info, records })
    }
}

/// The records of a page that was verified, or as many as can be read of one that wasn't.
pub(crate) fn records(page: &[u8], first_number: u64) -> impl Iterator<Item = RecordRef<'_>> {
    let header = PageHeader::of(page);
    let used = usize::from(header.used_bytes.get()).min(PAGE_BYTES);
    let mut rest = page.get(header.records_at()..used).unwrap_or_default();
    let mut number = first_number;
    std::iter::from_fn(move || {
        let (record, len) = record::parse(rest, number)?;
        rest = &rest[len..];
        number += 1;
        Some(record)
    })
}

/// The walk over a block's records.
#[derive(Default)]
struct Walk {
    number: u64,
    time_ns: u64,
    remaining: u16,
    records: u32,
    groups: u32,
    bytes: u32,
}

impl Walk {
    fn page(&mut self, page: &[u8], header: &PageHeader) -> Result<(), &'static str> {
        if header.first_number.get() != self.number {
            return Err("the page's first number doesn't follow");
        }
        let used = usize::from(header.used_bytes.get());
        let mut at = header.records_at();
        if used > PAGE_BYTES || used < at {
            return Err("the page's used bytes are out of range");
        }
        let records_before = self.records;
        while at < used {
            let (record, len) = record::parse(&page[at..used], self.number).ok_or("a record is malformed")?;
            if record.first_in_group != (self.remaining == 0) {
                return Err("a record group has no start, or two");
            }
            if record.first_in_group {
                self.groups += 1;
            } else if record.remaining_in_group != self.remaining - 1 {
                return Err("a record group isn't dense");
            }
            if record.time_ns < self.time_ns {
                return Err("logged time goes backwards");
            }
            self.remaining = record.remaining_in_group;
            self.time_ns = record.time_ns;
            self.number += 1;
            self.records += 1;
            self.bytes += len as u32;
            at += len;
        }
        if self.records - records_before != u32::from(header.record_count.get()) {
            return Err("the page's record count doesn't add up");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::FIRST_PAGE_RECORDS_AT;
    use crate::record::Records;

    const SEED: u32 = 0x5EED;

    fn buffer() -> BlockBuffer {
        let mut buffer = BlockBuffer::new(BLOCK_PAGES_MAX);
        buffer.begin(Place { segment_id: 4, page: 9, page_limit: BLOCK_PAGES_MAX, claim: None }, 100);
        buffer
    }

    #[test]
    fn golden_bytes_of_a_block() {
        let mut buffer = buffer();
        let time_ns = 0x0102_0304_0506_0708;
        let group = [
            Record { kind: 0x21, version: 2, payload: &[0xAA; 8] },
            Record { kind: 0x22, version: 3, payload: &[0xBB; 16] },
        ];
        buffer.add(&group, 100, time_ns);
        let link = buffer.finish(77, &[9; 32], SEED, &mut Linker::new());

        let mut records = vec![24, 0, 0x21, 2, 1, 0, 1, 0, 8, 7, 6, 5, 4, 3, 2, 1];
        records.extend([0xAA; 8]);
        records.extend([32, 0, 0x22, 3, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1]);
        records.extend([0xBB; 16]);
        let mut chained = vec![9; 32];
        chained.extend([100, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
        chained.extend(&records);
        let expect_link = *blake3::hash(&chained).as_bytes();
        assert_eq!(link, expect_link);

        let mut page = vec![0, 0, 0, 0, b'Y', b'P', 0, 1, 0xFF, 0, 136, 0, 2, 0, 0, 0];
        page.extend([77, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0]);
        page.extend([2, 0, 0, 0, 56, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        page.extend(expect_link);
        assert_eq!(page.len(), FIRST_PAGE_RECORDS_AT);
        page.extend(&records);
        page.resize(PAGE_BYTES, PADDING);
        let checksum = crc32c::crc32c_append(SEED, &page[4..]);
        page[..4].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(buffer.pages(), page);
    }

    #[test]
    fn golden_bytes_of_a_seal() {
        let mut page = vec![0; PAGE_BYTES];
        put_seal(&mut page, 77, 100, &[9; 32], SEED);
        let mut expect = vec![0, 0, 0, 0, b'Y', b'P', 0, 1, 0xFF, 0, 80, 0, 0, 0, 1, 0];
        expect.extend([77, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0]);
        expect.extend([0; 16]);
        expect.extend([9; 32]);
        expect.resize(PAGE_BYTES, PADDING);
        let checksum = crc32c::crc32c_append(SEED, &expect[4..]);
        expect[..4].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(page, expect);
    }

    #[test]
    fn what_was_added_is_followed() {
        let mut buffer = buffer();
        let payload = [7; 480];
        let mut number = 100;
        for size in [1_usize, 3, 20, 1, 9] {
            let group = vec![Record { kind: 5, version: 1, payload: &payload[..8 * size] }; size];
            assert_eq!(buffer.pages_with(&group), {
                let mut copy = BlockBuffer::new(BLOCK_PAGES_MAX);
                copy.begin(buffer.place.clone(), number);
                copy.page_index = buffer.page_index;
                copy.offset = buffer.offset;
                copy.page_end = buffer.page_end;
                copy.add(&group, number, 1);
                copy.page_count()
            });
            buffer.add(&group, number, number);
            number += size as u64;
        }
        let mut chain = Chain { sequence_next: 7, number_next: 100, link: [1; 32], time_ns: 0 };
        let link = buffer.finish(7, &chain.link, SEED, &mut Linker::new());
        let page_of = |index: usize| &buffer.pages()[index * PAGE_BYTES..(index + 1) * PAGE_BYTES];
        let mut gathered = vec![1, 2, 3];
        let Followed { info, records } = chain.follow(4, 9, page_of, &mut gathered).unwrap();
        assert_eq!((info.link, info.record_count, info.group_count), (link, 34, 5));
        let seen: Vec<_> = Records::new(&gathered[records], 100).map(|record| record.number).collect();
        assert_eq!(seen, Vec::from_iter(100..134));
        assert_eq!((chain.sequence_next, chain.number_next, chain.link), (8, 134, link));
        assert!(info.page_count > 1);
        assert_eq!(
            chain.follow(4, 9, page_of, &mut gathered),
            Err("the block is out of sequence"),
            "the same block doesn't follow itself"
        );
    }
}
