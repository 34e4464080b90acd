//! The write-ahead log of the account engine: append a record group, be told when it is durable, replay, scan.
//!
//! It is the journal itself: records are never thrown away, are numbered densely from 1, and stay readable by number. It
//! is *not* a database, an index, a queue between processes or a consensus log, and it knows nothing of accounts:
//! payloads and their kinds are opaque.
//!
//! ```text
//!  threads that decide          one at a time                     the medium
//!  ┌──────────────┐  append    ┌───────────────────┐  commit     ┌─────────┬─────────┬─────────┐
//!  │ Stage (lock) │──memcpy──▶ │ open block, pages │──checksum─▶ │ segment │ segment │  spare  │
//!  └──────────────┘            │ formatted, placed │  link, one  │ 0       │ 1       │ zeros   │
//!        ▲  number, time       └───────────────────┘  durable    └────┬────┴────┬────┴─────────┘
//!        │                                            write           │  map    │
//!        └── on_durable(number) ◀─────────────────────────┘           ▼         ▼
//!                                                            LogReader: record, scan, blocks, verify
//! ```
//!
//! The way of a group: [`Log::stage`] gives the lock, the number and the time; [`Stage::append`] formats the group into
//! the open block; [`Log::commit`] (on any thread, or on [`LogWriter`]'s) writes one block and raises
//! [`Log::durable`]; a [`LogReader`] sees it from then on. There is no timer: a block is what was staged while the one
//! before was being written.
//!
//! # Invariants
//! - One block is in flight. Not a byte of block N+1 is written before the sync of block N has returned.
//! - A group lies in one block, wholly or not at all, under one logged time. Log order is append order.
//! - What is staged has its place on the medium already: a commit never finds the log full.
//! - A settled page is never written again, and only settled pages are lent. Hence lent bytes never change.
//! - Readers in this process stop at the durable position; another process trusts a block only when a valid successor or
//!   a seal follows it.
//! - Recovery gives a valid prefix with every acknowledged record, durable before the first new one is accepted, or refuses
//!   and says where. It never repairs.
//! - The first failed write or sync is final. Nothing is retried, nothing more is acknowledged.
//! - Appending and committing allocate nothing; staging, segments and reserve are bounded by [`LogConfig`].
//! - Time, storage and the log's identity come in as arguments. There is no randomness.
//! - Memory is mapped in one file (`mapping.rs`), the only one with `unsafe`.
//!
//! The bytes, the recovery cases and the assumptions about the medium stand in the crate's `README.md`.

mod belt;
mod block;
mod block_report;
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
pub use block_report::BlockReport;
pub use clock::{Clock, SystemClock};
pub use config::{LogConfig, LogId};
pub use error::{AppendError, WalError};
pub use files::{Map, Through};
pub use lock::DirLock;
pub use log::{Committed, Log};
pub use page::{BLOCK_PAGES_MAX, PAGE_BYTES};
pub use reader::{Blocks, LogReader, Scan, ScanBack, VerifyReport};
pub use record::{PAYLOAD_BYTES_MAX, Priority, Record, RecordRef, Records};
pub use recovery::{RecoveryReport, Tail};
pub use simulated::Simulated;
pub use staging::Stage;
pub use storage::{Access, Pace, PaceStep, Page, SegmentFile, Storage, at_once};
pub use writer::LogWriter;
