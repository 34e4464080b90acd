//! Stored offline records sent in, and the result of each.

use core::ops::RangeInclusive;

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::{DecodeError, EncodeError};
use crate::ids::{Epoch, RecordNumber, SaleId, Sequence, TerminalId};
use crate::message::Body;
use crate::message::field::zero;
use crate::message::layout::{
    counted_body_bytes, head_and_items, item_body_bytes, items, put_head_and_items,
};
use crate::offline_record::OfflineRecord;
use crate::result_code::ResultCode;

/// Most records in one upload.
pub const UPLOAD_RECORDS_MAX: usize = 2_000;

/// Records of an upload, and lines of its answer: one for each.
const RECORDS: RangeInclusive<usize> = 1..=UPLOAD_RECORDS_MAX;

/// Sends offline records. Not atomic: each record gets its own result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upload<'a> {
    /// The till's number for this batch; echoed in the answer.
    pub batch: u32,
    /// 1 to [`UPLOAD_RECORDS_MAX`](crate::command_table::UPLOAD_RECORDS_MAX) records, zero-copy: they lie in the
    /// frame.
    pub records: &'a [OfflineRecord],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct UploadLayout {
    batch: U32,
    count: U16,
    reserved: U16,
}

impl<'a> Body<'a> for Upload<'a> {
    const BYTES: RangeInclusive<usize> = item_body_bytes::<UploadLayout, OfflineRecord>(RECORDS);

    type Owned = Upload<'static>;

    fn owned(&self) -> Option<Upload<'static>> {
        None
    }

    fn read(body: &'a [u8]) -> Result<Upload<'a>, DecodeError> {
        let (layout, records) = head_and_items::<UploadLayout>(body)?;
        zero(layout.reserved.as_bytes(), 6)?;
        Ok(Upload { batch: layout.batch.get(), records: items(records, layout.count, 4)? })
    }

    fn body_bytes(&self) -> Result<usize, EncodeError> {
        counted_body_bytes::<UploadLayout, OfflineRecord>(self.records, RECORDS)
    }

    fn write(&self, body: &mut [u8]) {
        let head = UploadLayout {
            batch: self.batch.into(),
            // `body_bytes` has bounded the count, here and below.
            count: U16::new(self.records.len() as u16),
            reserved: U16::ZERO,
        };
        put_head_and_items(body, &head, self.records);
    }
}

/// The result of one uploaded record, as it lies in a batch answer.
///
/// ```text
///  0 sequence u32   4 epoch u16   6 code u16   8 record u64
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct BatchLine {
    /// The record's sequence.
    pub sequence: U32,
    /// The record's epoch.
    pub epoch: U16,
    /// The result code's number; read it with [`BatchLine::result`].
    pub code: U16,
    /// The log record that holds the sale, 0 for none.
    pub record: U64,
}

const _: () = assert!(size_of::<BatchLine>() == 16);

impl BatchLine {
    /// One record's result.
    pub fn new(epoch: Epoch, sequence: Sequence, code: ResultCode, record: RecordNumber) -> BatchLine {
        BatchLine {
            sequence: sequence.0.into(),
            epoch: epoch.0.into(),
            code: code.number().into(),
            record: record.0.into(),
        }
    }

    /// The result code; `None` for a number this version doesn't know.
    pub fn result(&self) -> Option<ResultCode> {
        ResultCode::from_number(self.code.get())
    }

    /// The identity of the sale, on the terminal that uploaded it.
    pub fn sale(&self, terminal: TerminalId) -> SaleId {
        SaleId { terminal, epoch: Epoch(self.epoch.get()), sequence: Sequence(self.sequence.get()) }
    }
}

/// Answers an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchAnswer<'a> {
    /// The till's number for the batch.
    pub batch: u32,
    /// The server's clock: nanoseconds since 1970 UTC.
    pub server_time_ns: u64,
    /// One line for each record, in the order sent.
    pub lines: &'a [BatchLine],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct BatchAnswerLayout {
    batch: U32,
    count: U16,
    reserved: U16,
    server_time_ns: U64,
}

impl<'a> Body<'a> for BatchAnswer<'a> {
    const BYTES: RangeInclusive<usize> = item_body_bytes::<BatchAnswerLayout, BatchLine>(RECORDS);

    type Owned = BatchAnswer<'static>;

    fn owned(&self) -> Option<BatchAnswer<'static>> {
        None
    }

    fn read(body: &'a [u8]) -> Result<BatchAnswer<'a>, DecodeError> {
        let (layout, lines) = head_and_items::<BatchAnswerLayout>(body)?;
        zero(layout.reserved.as_bytes(), 6)?;
        Ok(BatchAnswer {
            batch: layout.batch.get(),
            server_time_ns: layout.server_time_ns.get(),
            lines: items(lines, layout.count, 4)?,
        })
    }

    fn body_bytes(&self) -> Result<usize, EncodeError> {
        counted_body_bytes::<BatchAnswerLayout, BatchLine>(self.lines, RECORDS)
    }

    fn write(&self, body: &mut [u8]) {
        let head = BatchAnswerLayout {
            batch: self.batch.into(),
            count: U16::new(self.lines.len() as u16),
            reserved: U16::ZERO,
            server_time_ns: self.server_time_ns.into(),
        };
        put_head_and_items(body, &head, self.lines);
    }
}
