//! What can go wrong, in one place: [`WalError`] for faults of the log, [`AppendError`] for a group that was not
//! taken.

use std::io;
use std::path::PathBuf;

/// A fault of the log or of the medium under it. None of these is a business refusal.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// The storage failed. While serving, this poisons the log; see [`Log::poisoned`](crate::Log::poisoned).
    #[error("log segment {segment}: {operation} failed: {source}")]
    Io {
        /// What was being done, as a verb phrase ("write block").
        operation: &'static str,
        /// The segment concerned.
        segment: u32,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// The directory of the log, or its lock file, cannot be used.
    #[error("{path}: {source}")]
    Directory {
        /// The path concerned.
        path: PathBuf,
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// An earlier write or sync failed. Final for this process: nothing more is acknowledged.
    #[error("the log is poisoned and acknowledges nothing more: {cause}")]
    Poisoned {
        /// The first failure.
        cause: String,
    },
    /// There is no room for a first segment: the medium or `log_bytes_max` is exhausted.
    #[error("no room for the log: {source}")]
    Full {
        /// The system's own words.
        #[source]
        source: io::Error,
    },
    /// The bytes on the medium are not what was written, and not what a crash can leave behind.
    #[error("log segment {segment} is damaged at byte {offset} (page {page}): {what}")]
    Damaged {
        /// The segment concerned.
        segment: u32,
        /// Byte offset of the page in its segment file.
        offset: u64,
        /// Page index in its segment file; page 0 is the segment header.
        page: u32,
        /// What doesn't fit.
        what: &'static str,
    },
    /// A segment was written by another version of this format.
    #[error("log segment {segment} has format version {found}; this program reads version {supported}")]
    UnsupportedVersion {
        /// The segment concerned.
        segment: u32,
        /// The version found.
        found: u16,
        /// The version this crate reads and writes.
        supported: u16,
    },
    /// A segment of another log lies in this directory.
    #[error("log segment {segment} belongs to another log")]
    ForeignSegment {
        /// The segment concerned.
        segment: u32,
    },
    /// A segment that must be there is not.
    #[error("log segment {segment} is missing")]
    MissingSegment {
        /// The first segment that is missing.
        segment: u32,
    },
    /// The caller's snapshot and the log don't meet: it asks for a record after the next one to be written.
    #[error("replay from record {replay_from} was asked for, but the log ends with record {last_number}")]
    ReplayBeyondEnd {
        /// The record number that was asked for.
        replay_from: u64,
        /// The last record in the log; 0 if there is none.
        last_number: u64,
    },
    /// A setting is outside its range.
    #[error("log setting {setting}: {reason}")]
    InvalidConfig {
        /// The name of the field in [`LogConfig`](crate::LogConfig).
        setting: &'static str,
        /// The range it must keep to.
        reason: &'static str,
    },
    /// Another process holds the data directory.
    #[error("{path} is in use by process {pid}")]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The holder's process id; 0 if it has not written it yet.
        pid: u32,
    },
}

/// Why a record group was not taken. Nothing of the group was staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The log has no room left for this priority. Transient: space may be given, and `Reserved` may still fit.
    #[error("the log is full")]
    Full,
    /// The staging buffer is full, or the next segment is not ready yet. Transient: "busy, try again".
    #[error("the staging buffer is full")]
    StagingFull,
    /// A write or sync failed earlier. Final.
    #[error("the log is poisoned")]
    Poisoned,
    /// The group does not fit into one block.
    #[error("the record group does not fit into one block")]
    GroupTooLarge,
    /// A record's kind is 0, or its payload's length is not a multiple of 8 or above
    /// [`PAYLOAD_BYTES_MAX`](crate::PAYLOAD_BYTES_MAX), or the group is empty.
    #[error("a record of the group is malformed")]
    InvalidRecord,
    /// [`Log::seal`](crate::Log::seal) was called.
    #[error("the log is sealed")]
    Sealed,
}
