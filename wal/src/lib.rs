//! The write-ahead log of the account engine: append a record group, be told when it is durable, replay, scan.

mod block;
mod clock;
mod config;
mod error;
mod files;
mod lock;
mod log;
mod mapping;
mod page;
mod reader;
mod record;
mod recovery;
mod segment_header;
mod segment_table;
mod simulated;
mod staging;
mod storage;
mod time;
mod writer;

pub use block::BlockInfo;
pub use clock::{Clock, SystemClock};
pub use config::{LogConfig, LogId};
pub use error::{AppendError, WalError};
pub use files::{Map, Through};
pub use lock::DirLock;
pub use log::{Committed, Log};
pub use page::{BLOCK_PAGES_MAX, PAGE_BYTES};
pub use reader::{Blocks, LogReader, Scan, ScanBack, VerifyReport};
pub use record::{PAYLOAD_BYTES_MAX, Priority, Record, RecordRef};
pub use recovery::{RecoveryReport, Tail};
pub use simulated::Simulated;
pub use staging::Stage;
pub use storage::{Access, Page, SegmentFile, Storage};
pub use writer::LogWriter;
