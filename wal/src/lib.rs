//! The write-ahead log of the account engine: append a record group, be told when it is durable, replay, scan.

mod clock;
mod config;
mod error;
mod files;
mod lock;
mod log;
mod page;
mod reader;
mod record;
mod simulated;
mod storage;
mod writer;

pub use clock::{Clock, SystemClock};
pub use config::{LogConfig, LogId};
pub use error::{AppendError, WalError};
pub use files::{Map, Through};
pub use lock::DirLock;
pub use log::{Committed, Log, RecoveryReport, Stage, Tail};
pub use page::{BLOCK_PAGES_MAX, PAGE_BYTES};
pub use reader::{BlockInfo, Blocks, LogReader, Scan, ScanBack, VerifyReport};
pub use record::{PAYLOAD_BYTES_MAX, Priority, Record, RecordRef};
pub use simulated::Simulated;
pub use storage::{Access, Page, SegmentFile, Storage};
pub use writer::LogWriter;
