//! The 4 KiB page.

/// Bytes of a page: the unit of checksums and of placement.
pub const PAGE_BYTES: usize = 4096;
/// Most pages of one block.
pub const BLOCK_PAGES_MAX: usize = 16;
/// Bytes of a record's header.
pub(crate) const RECORD_HEADER_BYTES: usize = 16;
/// Where records start in the first page of a block.
pub(crate) const FIRST_PAGE_RECORDS_AT: usize = 80;
/// Bytes for records in the first page of a block.
pub(crate) const FIRST_PAGE_CAPACITY: usize = PAGE_BYTES - FIRST_PAGE_RECORDS_AT;
